import { filled } from '../timeline/numbers.ts'
import type { Presentation, VideoPresentation } from '../timeline/presentation.ts'
import { aacConfig, channels, mp3BitRate, type SoundKind, sampleRate } from './audio-format.ts'
import type { VideoColumns } from './media-columns.ts'
import type { MediaIndex } from './media-index.ts'
import { type Mp4Track, movieTimescale, mp4a, opusEntry } from './mp4-head.ts'
import { framesKept, placesOfFrames } from './sound-frames.ts'
import { type ParameterSets, videoCodecString, videoSampleEntry } from './video-sample-entry.ts'

/** The tracks of a file: what its index says is in the body, at the times that were decided for it. Video first. */
export function mp4Tracks(presentation: Presentation, index: MediaIndex, sound: SoundKind): Mp4Track[] {
  return [videoTrack(presentation, index), audioTrack(presentation, index, sound)].filter((track) => track !== undefined)
}

/** What is told of the pictures of a file. */
export function videoFacts(index: MediaIndex): { codec: string; width: number; height: number } | undefined {
  const largest = index.configs.toSorted((a, b) => b.width * b.height - a.width * a.height)[0]
  if (largest === undefined) return undefined
  const { width, height } = largest
  return { codec: videoCodecString(largest, parameterSetsOf(index)), width, height }
}

/** Players that know of one sample entry only find the parameter sets of the others in the samples. */
const parameterSetsOf = ({ configs }: MediaIndex): ParameterSets => (configs.length > 1 ? 'in band' : 'apart')

function videoTrack(presentation: Presentation, index: MediaIndex): Mp4Track | undefined {
  const { video } = presentation
  const facts = videoFacts(index)
  if (video === undefined || facts === undefined) return undefined
  const { bytes, setBytes, configs, offsets, keys } = index.video
  const sets = parameterSetsOf(index)
  const delayTicks = Math.round((video.startMicros - presentation.startMicros) * 0.09)
  const isHeld = delayTicks > video.lastTicks
  const times = isHeld ? heldFromStart(video, delayTicks) : video
  const { samples } = times
  const { timescale, starts, shownAfter, shift, end } = inTimescale(times)
  const sizes = new Uint32Array(samples.length)
  const places = new Float64Array(samples.length)
  const entries = new Uint8Array(samples.length)
  for (let at = 0; at < samples.length; at++) {
    const sample = samples[at]!
    // The parameter sets lie in front of a sample: where they are not to be in it, it begins behind them.
    const skipped = sets === 'apart' ? setBytes.at(sample) : 0
    sizes[at] = bytes.at(sample) - skipped
    places[at] = offsets.at(sample) + skipped
    entries[at] = configs.at(sample)
  }
  return {
    kind: 'video',
    timescale,
    sampleEntries: index.configs.map((config) => videoSampleEntry(config, sets)),
    width: facts.width,
    height: facts.height,
    sizes,
    offsets: places,
    starts,
    ...(shownAfter === undefined ? {} : { shownAfter }),
    entries,
    end,
    keys: Uint32Array.from(keysAmong(samples, keys)),
    edit: {
      delay: isHeld ? 0 : movieTicks(video.startMicros - presentation.startMicros),
      mediaTime: shift,
      duration: Math.round((end * movieTimescale) / timescale),
    },
  }
}

/** Places of the key frames. */
function keysAmong(samples: Uint32Array, keys: VideoColumns['keys']): number[] {
  const places: number[] = []
  for (let at = 0; at < samples.length; at++) if (keys.at(samples[at]!) === 1) places.push(at)
  return places
}

type PictureTimes = Pick<VideoPresentation, 'samples' | 'ticks' | 'decodeTicks' | 'lastTicks'>

/** The first picture is shown from the start of the file on: once for as long as nothing came, then again at its own time. */
function heldFromStart({ samples, ticks, decodeTicks, lastTicks }: PictureTimes, delayTicks: number): PictureTimes {
  const later = (times: Float64Array) =>
    concat(
      new Float64Array(1),
      times.map((tick) => tick + delayTicks),
    )
  return { samples: concat(samples.slice(0, 1), samples), ticks: later(ticks), decodeTicks: later(decodeTicks), lastTicks }
}

/** Some readers take the time from one sample to the next for a signed number of 32 bits. */
const maxStep = 2 ** 31 - 1
/** Times of 90 kHz in as fine a timescale as the longest step fits into: up to 6.6 hours, 66 hours or 24 days. */
function inTimescale({ ticks, decodeTicks, lastTicks }: PictureTimes) {
  let longest = lastTicks
  // B pictures are decoded before pictures that are shown before them: all are shown so much later that none is shown before it is decoded.
  let shift = 0
  for (let at = 0; at < ticks.length; at++) {
    const step = at > 0 ? decodeTicks[at]! - decodeTicks[at - 1]! : 0
    if (step > longest) longest = step
    const early = decodeTicks[at]! - ticks[at]!
    if (early > shift) shift = early
  }
  const divisor = [1, 10, 90].find((divisor) => longest / divisor < maxStep) ?? 90
  const starts = new Float64Array(ticks.length)
  for (let at = 1; at < ticks.length; at++) starts[at] = Math.max(Math.round(decodeTicks[at]! / divisor), starts[at - 1]! + 1)
  return {
    timescale: 90_000 / divisor,
    starts,
    shownAfter:
      shift === 0
        ? undefined
        : filled(new Uint32Array(ticks.length), (at) => Math.max(0, Math.round((ticks[at]! + shift) / divisor) - starts[at]!)),
    shift: Math.round(shift / divisor),
    end: Math.max(Math.round((decodeTicks.at(-1)! + lastTicks) / divisor), starts.at(-1)! + 1),
  }
}

function audioTrack(presentation: Presentation, index: MediaIndex, sound: SoundKind): Mp4Track | undefined {
  const { audio } = presentation
  const count = index.audio.sizes.length
  if (audio === undefined || count === 0) return undefined
  const { silence, leadFrames } = sound
  const delaySamples = Math.max(0, Math.round((audio.startMicros - presentation.startMicros) * 0.048))
  const lead = leadingSilence(index, leadFrames + Math.floor(delaySamples / silence.samples))
  // Of a file that an earlier release began there may be none.
  const unheard = Math.min(leadFrames, lead.sizes.length) * silence.samples
  const leadSamples = lead.sizes.length * silence.samples - unheard
  const mediaTime = sound.primingSamples + unheard
  const places = placesOfFrames(audio, index.audio, sound)
  const frames = framesKept(places, index.audio)
  const [before, total] = [lead.sizes.length, lead.sizes.length + frames.length]
  const [starts, sizes, offsets] = [new Float64Array(total), new Uint32Array(total), new Float64Array(total)]
  sizes.set(lead.sizes)
  offsets.set(lead.offsets)
  for (let at = 1; at < before; at++) starts[at] = at * silence.samples
  const startOf = (frame: number) => unheard + leadSamples + startOfFrame(places, sound, frame)
  for (let at = before; at < total; at++) {
    const frame = frames[at - before]!
    starts[at] = at === 0 ? 0 : Math.max(startOf(frame), starts[at - 1]! + 1)
    sizes[at] = index.audio.sizes.at(frame)
    offsets[at] = index.audio.offsets.at(frame)
  }
  const end = Math.max(startOf(count), starts.at(-1)! + 1)
  return {
    kind: 'audio',
    timescale: sampleRate,
    sampleEntries: [
      sound.format === undefined ? opusEntry(channels, mediaTime) : mp4a(channels, sampleRate, aacConfig, mp3BitRate),
    ],
    width: 0,
    height: 0,
    sizes,
    offsets,
    starts,
    end,
    edit: {
      // Less than a frame, unless there is no silence to fill it with.
      delay: delaySamples - leadSamples,
      mediaTime,
      duration: Math.min(leadSamples + audio.samples, end - mediaTime),
    },
  }
}

/** Where a frame begins, in samples of the track without what is in front of its sound; of the one after the last, where that ends. */
function startOfFrame(places: Float64Array, sound: SoundKind, frame: number): number {
  const start = Math.round(places[frame]!)
  if (sound.format === undefined) return start
  return frame === 0 ? 0 : sound.primingSamples + start
}

/** So many frames of silence, or as many as there are. */
function leadingSilence({ silence }: MediaIndex, frames: number): { sizes: Uint32Array; offsets: Float64Array } {
  return { sizes: silence.sizes.values.subarray(0, frames), offsets: silence.offsets.values.subarray(0, frames) }
}

function concat<T extends Uint32Array | Float64Array>(one: T, other: T): T {
  if (one.length === 0) return other
  const joined = new (one.constructor as new (length: number) => T)(one.length + other.length)
  joined.set(one)
  joined.set(other, one.length)
  return joined
}

const movieTicks = (micros: number) => Math.round((micros * movieTimescale) / 1_000_000)
