import { toLengthPrefixed } from '../media/annexb.ts'
import { type Mp4Track, movieTimescale } from '../media/mp4-head.ts'
import type { VideoConfig } from '../media/video-codec.ts'
import { readAvcEntry, videoSampleEntry } from '../media/video-sample-entry.ts'
import { type DecodablePictures, decodablePictures, samplesOf, shownAt, type TickStretch, tickStretch } from './cut-movie.ts'

/** The pictures of a stretch of time, and where copying them may begin. Numbers are those of the track, in the order of decoding. */
export interface ExactStretch extends DecodablePictures {
  stretch: TickStretch
  /**
   * Key frames of the stretch that part its pictures as they are decoded and as they are shown: none before is shown later, none behind is shown earlier. What is behind
   * such a one can be copied, if it needs nothing from before; `shown` may be the first.
   */
  seams: number[]
}

/** Pure. Undefined where no picture is shown then. */
export function exactStretch(track: Mp4Track, fromSeconds: number, toSeconds: number): ExactStretch | undefined {
  const stretch = tickStretch(track, fromSeconds, toSeconds)
  const pictures = stretch && decodablePictures(track, stretch.fromTick, stretch.toTick)
  return stretch && pictures && { ...pictures, stretch, seams: seamsIn(pictures) }
}

function seamsIn({ track, shown, last }: DecodablePictures): number[] {
  const keys = track.keys ?? Uint32Array.from({ length: last - shown + 1 }, (_, at) => shown + at)
  const within = keys.filter((key) => key >= shown && key <= last)
  if (track.shownAfter === undefined) return [...within]
  const earliestBehind = new Float64Array(track.starts.length + 1).fill(Number.POSITIVE_INFINITY)
  for (let at = track.starts.length - 1; at >= 0; at--) {
    earliestBehind[at] = Math.min(earliestBehind[at + 1]!, shownAt(track, at))
  }
  const isKey = new Set(within)
  const seams: number[] = []
  let latestBefore = Number.NEGATIVE_INFINITY
  for (let at = 0; at <= last; at++) {
    const time = shownAt(track, at)
    if (isKey.has(at) && latestBefore < time && time < earliestBehind[at + 1]!) seams.push(at)
    latestBefore = Math.max(latestBefore, time)
  }
  return seams
}

/** Pictures that have to be encoded anew. */
export interface Lead {
  /** What is decoded for them: samples from `first` on, before `end`. */
  first: number
  end: number
  /** When each of those is shown among them: 0 for the earliest. */
  ranks: Uint32Array
  /** Of which rank the first is that is wanted. */
  fromRank: number
  /** Those that are wanted, in the order in which they are shown. */
  wanted: number[]
}

/** What is in front of the seam, or all where there is none. Pure. */
export function leadOf({ track, stretch, first, shown, last }: ExactStretch, seam: number | undefined): Lead {
  const end = seam ?? last + 1
  const order = Array.from({ length: end - first }, (_, at) => first + at)
  if (track.shownAfter !== undefined) order.sort((a, b) => shownAt(track, a) - shownAt(track, b) || a - b)
  const ranks = new Uint32Array(order.length)
  for (const [rank, at] of order.entries()) ranks[at - first] = rank
  const fromRank = ranks[shown - first]!
  const wanted = order.slice(fromRank).filter((at) => at === shown || shownAt(track, at) < stretch.toTick)
  return { first, end, ranks, fromRank, wanted }
}

/** Pictures as an encoder gave them, each shown as it is decoded. Offsets count in the file that they are in. */
export interface Encoded {
  config: VideoConfig
  sizes: Uint32Array
  offsets: Float64Array
  keys: Uint32Array
}

/** The pictures of a clip of which none is hidden. */
export interface ExactTrack {
  /** Sizes are those in the clip; where its samples come to lie is not decided yet. */
  track: Mp4Track
  /** How many are encoded anew; those that follow are copied. */
  encoded: number
  /** Where each is: of the encoded in their file, of the copied in the file that is cut. */
  sources: Float64Array
  /** Parameter sets that are put in front of a sample. */
  sets: ReadonlyMap<number, Buffer>
}

/**
 * Encoded pictures, and copied ones from `seam` on, each at its time since the beginning of the stretch, the first from there on. Two sets of parameters in a track
 * are an `avc3` with an entry for each (ADR 40); of what is copied they are known from its entry, and put in front of every key frame. Pure.
 */
export function exactTrack(
  exact: ExactStretch,
  lead: Lead | undefined,
  encoded: Encoded | undefined,
  seam: number | undefined,
): ExactTrack {
  const { track, stretch, last } = exact
  const copied = seam === undefined ? undefined : samplesOf(track, seam, last)
  const count = encoded?.sizes.length ?? 0
  const shown = [
    ...(lead?.wanted ?? []),
    ...(seam === undefined ? [] : Array.from({ length: last + 1 - seam }, (_, at) => seam + at)),
  ]
  const times = Float64Array.from(shown, (at) => shownAt(track, at) - stretch.askedTick)
  // It began before; or there was none before it, and then it is shown from the start on, as in a recording.
  times[0] = 0
  const { entries, sampleEntries, configs } = entriesOf(track, encoded, copied)
  const keys = [...(encoded?.keys ?? []), ...(copied?.keys ?? []).map((key) => key + count)]
  const sets = new Map<number, Buffer>()
  if (configs !== undefined) for (const key of keys) sets.set(key, toLengthPrefixed(configs[entries[key]!]!.units))
  const sizes = Uint32Array.from(
    [...(encoded?.sizes ?? []), ...(copied?.sizes ?? [])],
    (bytes, at) => bytes + (sets.get(at)?.length ?? 0),
  )
  const { starts, shownAfter, shift } = decodingTimes(times)
  const lasts = stretch.toTick - stretch.askedTick
  return {
    track: {
      ...{ kind: 'video', timescale: track.timescale, width: track.width, height: track.height },
      ...{ sampleEntries, entries, sizes, starts, ...(shownAfter === undefined ? {} : { shownAfter }) },
      offsets: new Float64Array(sizes.length),
      ...(track.keys === undefined && encoded === undefined ? {} : { keys: Uint32Array.from(keys) }),
      end: Math.max(lasts + shift, starts.at(-1)! + 1),
      edit: { delay: 0, mediaTime: shift, duration: Math.round((lasts * movieTimescale) / track.timescale) },
    },
    encoded: count,
    sources: Float64Array.from([...(encoded?.offsets ?? []), ...(copied?.offsets ?? [])]),
    sets,
  }
}

/** The entries that are used. `configs`: what each says, where there is more than one kind and the sets have to be in the samples. */
function entriesOf(track: Mp4Track, encoded: Encoded | undefined, copied: ReturnType<typeof samplesOf> | undefined) {
  if (copied === undefined) {
    const sampleEntries = encoded === undefined ? [] : [videoSampleEntry(encoded.config, 'apart')]
    return { sampleEntries, entries: new Uint8Array(encoded?.sizes.length ?? 0), configs: undefined }
  }
  const described = copied.entries ?? new Uint8Array(copied.sizes.length)
  if (encoded === undefined) return { sampleEntries: track.sampleEntries, entries: described, configs: undefined }
  const used = [...new Set(described)]
  const configs = [encoded.config, ...used.map((entry) => readAvcEntry(track.sampleEntries[entry]!))]
  const entries = new Uint8Array(encoded.sizes.length + described.length)
  entries.set(
    described.map((entry) => used.indexOf(entry) + 1),
    encoded.sizes.length,
  )
  return { sampleEntries: configs.map((config) => videoSampleEntry(config, 'in band')), entries, configs }
}

/**
 * When each is decoded: when it is shown, or, where one behind it is shown earlier, just before that. So nothing is shown later than it should be, and no edit list has
 * to say so; only where pictures are ticks apart all are shifted by a few.
 */
function decodingTimes(times: Float64Array): { starts: Float64Array; shownAfter?: Uint32Array; shift: number } {
  const starts = times.slice()
  for (let at = starts.length - 2; at >= 0; at--) starts[at] = Math.min(starts[at]!, starts[at + 1]! - 1)
  const shift = Math.max(0, -starts[0]!)
  if (starts.every((start, at) => start === times[at])) return { starts, shift }
  return {
    starts: starts.map((start) => start + shift),
    shownAfter: Uint32Array.from(times, (time, at) => time - starts[at]!),
    shift,
  }
}
