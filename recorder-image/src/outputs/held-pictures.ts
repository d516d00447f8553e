import type { ManifestFile } from '@trtc-recorder/api'
import { type Mp4Track, movieTimescale } from '../media/mp4-head.ts'

/** Ticks a second: fine enough for any picture, and a picture that is held for 66 hours is still a signed number of 32 bits. */
const timescale = 9000

/** The pictures of one file. */
export interface PicturePart {
  file: Pick<ManifestFile, 'times' | 'startTime'>
  /** Its offsets count in the body that all parts are in. */
  track: Mp4Track
}

export interface Span {
  /** In milliseconds since 1970. */
  zeroMillis: number
  seconds: number
}

/**
 * One track of the pictures of several files, each where its wall-clock time lies in the recording, without touching a sample. Where there is none the last one is held,
 * and before the first that one, as the files themselves do it: a player that knows nothing of beginnings shows the right picture at any time. Parts
 * in the order of their beginning; where two were recorded at once, the later one counts. Undefined where there is no picture. Pure.
 */
export function heldPictures(parts: readonly PicturePart[], { zeroMillis, seconds }: Span): Mp4Track | undefined {
  const placed = parts
    .map((part) => ({ ...part, times: ticksOf(part, zeroMillis) }))
    .filter(({ times }) => times.shown.length > 0)
  const kept = placed.map(({ times }, at) => countBefore(times.shown, placed[at + 1]?.times.shown[0]))
  const [first] = placed
  if (first === undefined) return undefined
  // Shown from zero on, and again at its own time: whoever jumps to behind that need not begin at zero.
  const held = first.times.shown[0]! > 0 ? 1 : 0
  const samples = kept.reduce((sum, count) => sum + count, held)
  const entries = new SampleEntries()
  const track = {
    sizes: new Uint32Array(samples),
    offsets: new Float64Array(samples),
    starts: new Float64Array(samples),
    shownAfter: new Uint32Array(samples),
    entries: new Uint8Array(samples),
  }
  const keys: number[] = []
  let at = 0
  const add = ({ sizes, offsets, entries: described, sampleEntries }: Mp4Track, sample: number, start: number, shown: number) => {
    track.sizes[at] = sizes[sample]!
    track.offsets[at] = offsets[sample]!
    track.entries[at] = entries.numberOf(sampleEntries[described?.[sample] ?? 0]!)
    track.starts[at] = at === 0 ? 0 : Math.max(start, track.starts[at - 1]! + 1)
    track.shownAfter[at] = at === 0 ? 0 : Math.max(0, shown - track.starts[at]!)
    at++
  }
  if (held === 1) {
    keys.push(0)
    add(first.track, 0, 0, 0)
  }
  for (const [number, { track: source, times }] of placed.entries()) {
    const begin = at
    for (let sample = 0; sample < kept[number]!; sample++) add(source, sample, times.decoded[sample]!, times.shown[sample]!)
    const isKey = source.keys ?? Array.from(source.sizes.keys())
    for (const key of isKey) if (key < kept[number]!) keys.push(begin + key)
  }
  const end = Math.max(Math.round(seconds * timescale), track.starts.at(-1)! + track.shownAfter.at(-1)! + 1)
  const { shownAfter, ...rest } = track
  return {
    ...{ kind: 'video', timescale, ...rest, sampleEntries: entries.all, keys: Uint32Array.from(keys), end },
    ...(shownAfter.every((ticks) => ticks === 0) ? {} : { shownAfter }),
    width: Math.max(...placed.map(({ track: { width } }) => width)),
    height: Math.max(...placed.map(({ track: { height } }) => height)),
    edit: { delay: 0, mediaTime: 0, duration: Math.round((end * movieTimescale) / timescale) },
  }
}

/** When each sample is decoded and shown, in ticks of the recording. */
function ticksOf({ file, track }: PicturePart, zeroMillis: number): { decoded: Float64Array; shown: Float64Array } {
  const { starts, shownAfter, edit } = track
  const millisAt = wallClock(file)
  const tick = (mediaTicks: number) => {
    const seconds = edit.delay / movieTimescale + (mediaTicks - edit.mediaTime) / track.timescale
    return Math.round(((millisAt(seconds) - zeroMillis) / 1000) * timescale)
  }
  return { decoded: starts.map(tick), shown: starts.map((start, at) => tick(start + (shownAfter?.[at] ?? 0))) }
}

/** What wall-clock time a time in a file is, in milliseconds since 1970. At a cut, the time behind it. */
function wallClock({ times, startTime }: PicturePart['file']): (mediaSeconds: number) => number {
  const points = times.length === 0 ? [{ mediaSeconds: 0, time: startTime }] : times
  const known = points.map(({ mediaSeconds, time }) => ({ mediaSeconds, millis: Date.parse(time) }))
  return (mediaSeconds) => {
    let [low, high] = [0, known.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (known[middle]!.mediaSeconds <= mediaSeconds) low = middle
      else high = middle - 1
    }
    const [before, after] = [known[low]!, known[low + 1]]
    const inLine = mediaSeconds - before.mediaSeconds
    const pace = after === undefined ? 1000 : (after.millis - before.millis) / (after.mediaSeconds - before.mediaSeconds)
    return before.millis + inLine * (inLine < 0 ? 1000 : pace)
  }
}

/** How many are shown before a time; all where there is none. What is decoded later needs none of the earlier ones' successors. */
function countBefore(shown: Float64Array, tick: number | undefined): number {
  if (tick === undefined) return shown.length
  const first = shown.findIndex((one) => one >= tick)
  return first < 0 ? shown.length : first
}

/** Each description once. */
class SampleEntries {
  readonly all: Buffer[] = []
  #last: Buffer | undefined
  #lastNumber = 0

  numberOf(entry: Buffer): number {
    if (entry === this.#last) return this.#lastNumber
    const known = this.all.findIndex((other) => other.equals(entry))
    this.#lastNumber = known < 0 ? this.all.push(entry) - 1 : known
    this.#last = entry
    return this.#lastNumber
  }
}
