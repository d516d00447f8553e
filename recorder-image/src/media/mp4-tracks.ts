import type { Presentation } from '../timeline/presentation.ts'
import { avcDecoderConfiguration, pictureSize } from './annexb.ts'
import { aac, aacConfig, channels, mp3BitRate, sampleRate } from './audio-format.ts'
import type { MediaIndex } from './media-index.ts'
import { avc1, type Mp4Track, movieTimescale, mp4a } from './mp4-head.ts'

/** The tracks of a file: what its index says is in the body, at the times that were decided for it. Video first. */
export function mp4Tracks(presentation: Presentation, index: MediaIndex): Mp4Track[] {
  return [videoTrack(presentation, index), audioTrack(presentation, index)].filter((track) => track !== undefined)
}

function videoTrack(presentation: Presentation, index: MediaIndex): Mp4Track | undefined {
  const { video } = presentation
  const config = index.configs[0]
  if (video === undefined || config === undefined) return undefined
  const shown = video.samples
  const { bytes, offsets, keys } = index.video
  const { width, height } = pictureSize(config.sps)
  const end = video.decodeTicks[shown.length - 1]! + video.lastTicks
  // B pictures are decoded before pictures that are shown before them: all are shown so much later that none is shown before it is decoded.
  const shift = video.decodeTicks.reduce((most, tick, at) => Math.max(most, tick - video.ticks[at]!), 0)
  return {
    kind: 'video',
    timescale: 90_000,
    sampleEntry: avc1(width, height, avcDecoderConfiguration({ ...config, width, height })),
    width,
    height,
    sizes: shown.map((sample) => bytes.at(sample)),
    offsets: Float64Array.from(shown, (sample) => offsets.at(sample)),
    starts: video.decodeTicks,
    ...(shift === 0 ? {} : { shownAfter: Uint32Array.from(video.ticks, (tick, at) => tick + shift - video.decodeTicks[at]!) }),
    end,
    keys: shown
      .map((sample, at) => (keys.at(sample) === 1 ? at + 1 : 0))
      .filter((number) => number > 0)
      .map((number) => number - 1),
    edit: {
      delay: movieTicks(video.startMicros - presentation.startMicros),
      mediaTime: shift,
      duration: Math.round((end * movieTimescale) / 90_000),
    },
  }
}

function audioTrack(presentation: Presentation, index: MediaIndex): Mp4Track | undefined {
  const { audio } = presentation
  const sizes = index.audio.sizes.values
  const offsets = index.audio.offsets.values
  const count = sizes.length
  if (audio === undefined || count === 0) return undefined
  const { samplesPerFrame, primingSamples } = aac
  // Frame n holds the axis from n · 1024 − 1024 on; the first one is priming, which the edit leaves out.
  const starts = new Float64Array(count)
  const startOf = (frame: number) => primingSamples + Math.round(audio.place(frame * samplesPerFrame - primingSamples))
  for (let frame = 1; frame < count; frame++) starts[frame] = Math.max(startOf(frame), starts[frame - 1]! + 1)
  const end = Math.max(startOf(count), starts[count - 1]! + 1)
  return {
    kind: 'audio',
    timescale: sampleRate,
    sampleEntry: mp4a(channels, sampleRate, aacConfig, mp3BitRate),
    width: 0,
    height: 0,
    sizes,
    offsets,
    starts,
    end,
    edit: {
      delay: movieTicks(audio.startMicros - presentation.startMicros),
      mediaTime: primingSamples,
      duration: Math.min(audio.samples, end - primingSamples),
    },
  }
}

const movieTicks = (micros: number) => Math.round((micros * movieTimescale) / 1_000_000)
