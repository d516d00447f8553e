import type { TimelineEvent } from '@trtc-recorder/api'
import type { AudioAxis } from '../timeline/audio-axis.ts'
import { type Presentation, present } from '../timeline/presentation.ts'
import { avcCodec, avcDecoderConfiguration, pictureSize } from './annexb.ts'
import { aac, aacConfig, audioFormatOf, channels, mp3BitRate, sampleRate } from './audio-format.ts'
import type { FinishedMedia, MediaFileIdentity } from './media-file.ts'
import { type MediaIndex, readMediaIndex } from './media-index.ts'
import type { MediaPaths } from './media-paths.ts'
import { buildMp3Head } from './mp3-head.ts'
import { avc1, buildMp4Head, type Mp4Track, movieTimescale, mp4a } from './mp4-head.ts'
import { checkMedia } from './self-check.ts'

export interface UnfinishedMedia {
  paths: MediaPaths
  identity: MediaFileIdentity
  /** Where the sound came to lie; undefined in mode 01. */
  axis: AudioAxis | undefined
  problems: readonly string[]
  /** Pictures that came without a key frame before them. */
  undecodable: number
  ffmpegPath: string
}

/** Makes the head of a file from what is on disk, and checks that the two together are a whole file. */
export async function finishMedia(media: UnfinishedMedia): Promise<FinishedMedia> {
  try {
    return await finishFrom(media, await readMediaIndex(media.paths.index))
  } catch (error) {
    const problem = `${media.paths.index} could not be made into a file: ${(error as Error).message}`
    return emptyMedia({ ...media, problems: [...media.problems, problem] }, 0)
  }
}

async function finishFrom(media: UnfinishedMedia, index: MediaIndex): Promise<FinishedMedia> {
  const { identity, axis } = media
  const { ssrcs, rtpTimestamps, receiveTimesMicros } = index.video
  const presentation = present(
    { ssrcs: ssrcs.values, rtpTimestamps: rtpTimestamps.values, receiveTimesMicros: receiveTimesMicros.values },
    axis ?? { spans: [], gaps: [] },
  )
  const { bodyBytes } = index
  if (presentation === undefined) return emptyMedia(media, bodyBytes)

  const { startMicros } = presentation
  // MP3 has no presentation times: it lasts as long as what was encoded.
  const endMicros = identity.mode === '00' ? startMicros + (presentation.audio?.axisSamples ?? 0) / 0.048 : presentation.endMicros
  const startTime = wallTime(startMicros)
  const finished: FinishedMedia = {
    head: new Uint8Array(),
    bodyBytes,
    startTime,
    endTime: wallTime(endMicros),
    durationSeconds: Math.round((endMicros - startMicros) / 1000) / 1000,
    events: eventsOf(identity, presentation, index),
  }
  const config = index.configs[0]
  if (presentation.video !== undefined && config !== undefined) {
    finished.video = { codec: avcCodec(config.sps), ...pictureSize(config.sps) }
  }
  if (presentation.audio !== undefined) {
    finished.audio = { codec: audioFormatOf(identity.mode).codec, sampleRate, channels }
  }

  let tracks: Mp4Track[] = []
  if (identity.mode === '00') {
    finished.head = buildMp3Head(index.audio.sizes.length, presentation.audio?.axisSamples ?? 0)
  } else {
    tracks = [videoTrack(presentation, index), audioTrack(presentation, index)].filter((track) => track !== undefined)
    finished.head = buildMp4Head({ creationTime: startTime, bodyBytes, tracks })
  }

  const problems = [...media.problems, ...missing(media, presentation)]
  problems.push(
    ...(await checkMedia({
      mode: identity.mode,
      head: finished.head,
      bodyPath: media.paths.body,
      bodyBytes,
      tracks,
      config: config && { sps: config.sps, pps: config.pps },
      durationSeconds: finished.durationSeconds,
      ffmpegPath: media.ffmpegPath,
    })),
  )
  if (problems.length > 0) finished.problem = problems.join('; ')
  return finished
}

function videoTrack(presentation: Presentation, index: MediaIndex): Mp4Track | undefined {
  const { video } = presentation
  const config = index.configs[0]
  if (video === undefined || config === undefined) return undefined
  const shown = video.samples
  const { bytes, offsets, keys } = index.video
  const { width, height } = pictureSize(config.sps)
  const end = video.ticks[shown.length - 1]! + video.lastTicks
  return {
    kind: 'video',
    timescale: 90_000,
    sampleEntry: avc1(width, height, avcDecoderConfiguration({ ...config, width, height })),
    width,
    height,
    sizes: shown.map((sample) => bytes.at(sample)),
    offsets: Float64Array.from(shown, (sample) => offsets.at(sample)),
    starts: video.ticks,
    end,
    keys: shown
      .map((sample, at) => (keys.at(sample) === 1 ? at + 1 : 0))
      .filter((number) => number > 0)
      .map((number) => number - 1),
    edit: {
      delay: movieTicks(video.startMicros - presentation.startMicros),
      mediaTime: 0,
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

/** What the mode promises and is not there at all. */
function missing({ identity, undecodable }: UnfinishedMedia, presentation: Presentation): string[] {
  const problems: string[] = []
  if (presentation.video === undefined && undecodable > 0) {
    problems.push(`no key frame came: ${undecodable} pictures of ${identity.userId} could not be used`)
  }
  return problems
}

/** A file in which nothing ever arrived is still a file, and says so. */
function emptyMedia({ identity, problems, undecodable }: UnfinishedMedia, bodyBytes: number): FinishedMedia {
  const opened = wallTime(identity.openedMicros)
  const head = identity.mode === '00' ? buildMp3Head(0, 0) : buildMp4Head({ creationTime: opened, bodyBytes, tracks: [] })
  const nothing =
    undecodable > 0
      ? `no key frame came: ${undecodable} pictures of ${identity.userId} could not be used`
      : `no media came from ${identity.userId}`
  return {
    head,
    bodyBytes,
    startTime: opened,
    endTime: opened,
    durationSeconds: 0,
    events: [],
    problem: [...problems, nothing].join('; '),
  }
}

function eventsOf({ userId, stream }: MediaFileIdentity, presentation: Presentation, index: MediaIndex): TimelineEvent[] {
  const of = { userId, stream }
  const gaps: TimelineEvent[] = presentation.gaps.map(({ kind, startMicros, seconds }) => ({
    ...{ time: time(startMicros), ...of, event: 'gap' as const, kind, seconds: Math.round(seconds * 1000) / 1000 },
  }))
  const { video } = presentation
  const sizes: TimelineEvent[] = []
  let last = ''
  for (const config of video === undefined ? [] : index.configs) {
    const size = pictureSize(config.sps)
    const at = video!.samples.indexOf(config.firstSample)
    const before = last
    last = `${size.width}x${size.height}`
    if (at === -1 || before === '' || before === last) continue
    sizes.push({ time: time(video!.startMicros + video!.ticks[at]! / 0.09), ...of, event: 'resolution', ...size })
  }
  return [...gaps, ...sizes].sort((a, b) => a.time.localeCompare(b.time))
}

const wallTime = (micros: number) => new Date(Math.round(micros / 1000))
const time = (micros: number) => wallTime(micros).toISOString()
