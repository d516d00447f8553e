import { type Mp4Track, movieTimescale } from '../media/mp4-head.ts'
import { codecOfEntry } from '../media/video-sample-entry.ts'
import { type Bytes, placesIn, rangesOf } from './ranges.ts'

/** What of a movie is presented in a stretch of it, and what has to be decoded before that. */
export interface CutMovie {
  /** Their offsets are in the new body. */
  tracks: Mp4Track[]
  /** The new body: these bytes of the file, one after the other. */
  ranges: Bytes[]
  bodyBytes: number
}

/** Frames of sound before the first that is heard, from which a decoder gets its state: of AAC one overlaps, Opus needs 80 ms (RFC 7845, 4.6). */
const leadSeconds = { mp4a: 0.02, Opus: 0.08 }

/**
 * Cuts the tracks of a movie to what is presented between two times of it, in seconds, without touching a sample. Pictures begin with the key
 * frame before that, sound with the frames that a decoder needs first; an edit list hides both. Offsets count from the start of the file. Pure.
 */
export function cutMovie(tracks: readonly Mp4Track[], fromSeconds: number, toSeconds: number): CutMovie {
  const cuts = tracks.map((track) => cutTrack(track, fromSeconds, toSeconds)).filter((track) => track !== undefined)
  const ranges = rangesOf(cuts)
  const placed = cuts.map((track) => ({ ...track, offsets: placesIn(ranges, track.offsets) }))
  return { tracks: placed, ranges, bodyBytes: ranges.reduce((sum, { start, end }) => sum + end - start, 0) }
}

/** A stretch of the presentation of a track, in its ticks. */
export interface TickStretch {
  /** Where the stretch begins and ends, within what the track has. */
  fromTick: number
  toTick: number
  /** Where it was asked to begin: before the first tick, where the track begins later. */
  askedTick: number
  /** How much later than that the track begins. */
  lateSeconds: number
}

/** Undefined where the track has nothing then. */
export function tickStretch({ edit, timescale }: Mp4Track, fromSeconds: number, toSeconds: number): TickStretch | undefined {
  const beginSeconds = edit.delay / movieTimescale
  const from = Math.max(fromSeconds, beginSeconds)
  const to = Math.min(toSeconds, (edit.delay + edit.duration) / movieTimescale)
  const tick = (seconds: number) => edit.mediaTime + Math.round((seconds - beginSeconds) * timescale)
  const [fromTick, toTick] = [tick(from), tick(to)]
  return toTick <= fromTick ? undefined : { fromTick, toTick, askedTick: tick(fromSeconds), lateSeconds: from - fromSeconds }
}

function cutTrack(track: Mp4Track, fromSeconds: number, toSeconds: number): Mp4Track | undefined {
  if (track.kind === 'audio') return cutSoundTrack(track, fromSeconds, toSeconds)
  const stretch = tickStretch(track, fromSeconds, toSeconds)
  const cut = stretch && cutPictures(track, stretch.fromTick, stretch.toTick)
  return stretch && cut && withCut(track, cut, stretch)
}

/** `lead`: with the frames that a decoder needs to give the first one as it was; without, no sound is in front of that. Offsets are those of the track. */
export function cutSoundTrack(
  track: Mp4Track,
  fromSeconds: number,
  toSeconds: number,
  { lead = true }: { lead?: boolean } = {},
): Mp4Track | undefined {
  const stretch = tickStretch(track, fromSeconds, toSeconds)
  const cut = stretch && cutSound(track, stretch.fromTick, stretch.toTick, lead)
  return stretch && cut && withCut(track, cut, stretch)
}

function withCut(track: Mp4Track, cut: Cut, { fromTick, toTick, lateSeconds }: TickStretch): Mp4Track {
  const { timescale } = track
  // The first picture may come later than what was asked for.
  const late = (cut.presentedFrom - fromTick) / timescale
  const movieTicks = (seconds: number) => Math.round(seconds * movieTimescale)
  return {
    ...track,
    ...cut.samples,
    edit: {
      delay: movieTicks(lateSeconds + late),
      mediaTime: cut.mediaTime,
      duration: movieTicks((toTick - cut.presentedFrom) / timescale),
    },
  }
}

interface Cut {
  samples: Pick<Mp4Track, 'sizes' | 'offsets' | 'starts' | 'end'> & Partial<Pick<Mp4Track, 'shownAfter' | 'entries' | 'keys'>>
  /** Where presentation begins: by the ticks of the source, and of the cut. */
  presentedFrom: number
  mediaTime: number
}

/** Pictures of a stretch, by their numbers in the order of decoding. */
export interface StretchPictures {
  /** The key frame that decoding begins with, the picture that is shown when the stretch begins, and the last that is decoded. */
  first: number
  shown: number
  last: number
}

/** When a picture is shown, in ticks of its track. */
export const shownAt = ({ starts, shownAfter }: Pick<Mp4Track, 'starts' | 'shownAfter'>, at: number) =>
  starts[at]! + (shownAfter?.[at] ?? 0)

/** The pictures of a stretch, in a track without those that a decoder which begins with their key frame cannot show. */
export interface DecodablePictures extends StretchPictures {
  track: Mp4Track
}

/**
 * Undefined where no picture is shown then. Of H.265, pictures that are decoded after the key frame and shown before it are left out: none of them is shown in the stretch, nothing that
 * is needs them (ITU-T H.265, 3.1, trailing picture), and they may refer to what is in front of the key frame.
 */
export function decodablePictures(track: Mp4Track, fromTick: number, toTick: number): DecodablePictures | undefined {
  const pictures = picturesIn(track, fromTick, toTick)
  if (pictures === undefined) return undefined
  const { first, shown, last } = pictures
  const leading = leadingOf(track, first, last)
  if (leading.length === 0) return { track, ...pictures }
  const before = (picture: number) => leading.filter((at) => at < picture).length
  return { track: withoutSamples(track, new Set(leading)), first, shown: shown - before(shown), last: last - before(last) }
}

function leadingOf(track: Mp4Track, key: number, last: number): number[] {
  const { sampleEntries, entries, shownAfter, keys } = track
  if (shownAfter === undefined || codecOfEntry(sampleEntries[entries?.[key] ?? 0]!) !== 'h265') return []
  const end = Math.min(last + 1, keys?.find((other) => other > key) ?? track.sizes.length)
  const behind = Array.from({ length: Math.max(0, end - key - 1) }, (_, at) => key + 1 + at)
  return behind.filter((at) => shownAt(track, at) < shownAt(track, key))
}

function withoutSamples(track: Mp4Track, left: ReadonlySet<number>): Mp4Track {
  const isThere = (_: unknown, at: number) => !left.has(at)
  const { sizes, offsets, starts, shownAfter, entries, keys } = track
  const places = new Uint32Array(sizes.length)
  for (let at = 1; at < places.length; at++) places[at] = places[at - 1]! + (left.has(at - 1) ? 0 : 1)
  return {
    ...{ ...track, sizes: sizes.filter(isThere), offsets: offsets.filter(isThere), starts: starts.filter(isThere) },
    ...(shownAfter === undefined ? {} : { shownAfter: shownAfter.filter(isThere) }),
    ...(entries === undefined ? {} : { entries: entries.filter(isThere) }),
    ...(keys === undefined ? {} : { keys: keys.map((key) => places[key]!) }),
  }
}

/** Undefined where no picture is shown then. */
function picturesIn(track: Mp4Track, fromTick: number, toTick: number): StretchPictures | undefined {
  const { starts, keys } = track
  let shown = -1
  let last = -1
  for (let at = 0; at < starts.length; at++) {
    const time = shownAt(track, at)
    if (time < toTick) last = at
    // The latest of those before; else the earliest of those behind.
    const isBefore = time <= fromTick
    const best = shown === -1 ? undefined : shownAt(track, shown)
    if (best === undefined || (isBefore ? best > fromTick || time > best : best > fromTick && time < best)) shown = at
  }
  if (shown === -1 || shownAt(track, shown) >= toTick) return undefined
  const isBefore = (key: number) => key <= shown && shownAt(track, key) <= shownAt(track, shown)
  return { first: keys?.findLast(isBefore) ?? (keys === undefined ? shown : 0), shown, last }
}

/** The picture that is shown when the stretch begins is shown from there on; those it is decoded from pass in a millisecond each. */
function cutPictures(whole: Mp4Track, fromTick: number, toTick: number): Cut | undefined {
  const pictures = decodablePictures(whole, fromTick, toTick)
  if (pictures === undefined) return undefined
  const { track, first, shown, last } = pictures
  const presentedFrom = Math.max(fromTick, shownAt(track, shown))
  const times =
    track.shownAfter === undefined
      ? passing(track, first, shown, last, presentedFrom)
      : reordered(track, first, shown, last, presentedFrom)
  const { end, ...rest } = times
  return {
    samples: {
      ...samplesOf(track, first, last),
      ...rest,
      end: Math.max(end + toTick - presentedFrom, times.starts.at(-1)! + 1),
    },
    presentedFrom,
    mediaTime: end,
  }
}

interface Times {
  starts: Float64Array
  shownAfter?: Uint32Array
  /** Where presentation begins. */
  end: number
}

function passing({ starts, timescale }: Mp4Track, first: number, shown: number, last: number, presentedFrom: number): Times {
  const step = Math.max(1, Math.floor(timescale / 1000))
  const begins = (shown - first) * step
  return {
    starts: Float64Array.from({ length: last - first + 1 }, (_, at) =>
      first + at <= shown ? at * step : begins + starts[first + at]! - presentedFrom,
    ),
    end: begins,
  }
}

/** Where pictures are not decoded in the order in which they are shown, those that are hidden keep their times. */
function reordered({ starts, shownAfter }: Mp4Track, first: number, shown: number, last: number, presentedFrom: number): Times {
  const after = shownAfter!.slice(first, last + 1)
  after[shown - first] = presentedFrom - starts[shown]!
  return {
    starts: starts.slice(first, last + 1).map((start) => start - starts[first]!),
    shownAfter: after,
    end: presentedFrom - starts[first]!,
  }
}

function cutSound(track: Mp4Track, fromTick: number, toTick: number, withLead: boolean): Cut | undefined {
  const { starts, timescale, sampleEntries } = track
  const entry = sampleEntries[0]?.toString('latin1', 4, 8)
  const lead = withLead ? (entry === 'Opus' ? leadSeconds.Opus : leadSeconds.mp4a) * timescale : 0
  let first = -1
  let last = -1
  for (let at = 0; at < starts.length; at++) {
    if (starts[at]! <= fromTick - lead) first = at
    if (starts[at]! < toTick) last = at
  }
  first = Math.max(0, first)
  if (last < first) return undefined
  const presentedFrom = Math.max(fromTick, starts[first]!)
  const from = starts[first]!
  return {
    samples: {
      ...samplesOf(track, first, last),
      starts: starts.slice(first, last + 1).map((start) => start - from),
      end: Math.max(toTick - from, starts[last]! - from + 1),
    },
    presentedFrom,
    mediaTime: presentedFrom - from,
  }
}

export function samplesOf({ sizes, offsets, entries, keys }: Mp4Track, first: number, last: number) {
  return {
    sizes: sizes.slice(first, last + 1),
    offsets: offsets.slice(first, last + 1),
    ...(entries === undefined ? {} : { entries: entries.slice(first, last + 1) }),
    ...(keys === undefined ? {} : { keys: keys.filter((key) => key >= first && key <= last).map((key) => key - first) }),
  }
}
