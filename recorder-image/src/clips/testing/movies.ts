/** Movies to cut, at random: what matters are their times and their order. */
import fc from 'fast-check'
import type { Mp4Track } from '../../media/mp4-head.ts'
import { codecOfEntry } from '../../media/video-sample-entry.ts'

export interface PictureOrder {
  /** In milliseconds, rising, from 0. */
  times: readonly number[]
  /** A key frame every so many. */
  group: number
  /** Every second pair of a group is shown in the other order than it is decoded. */
  swap: boolean
  /** Of H.265: two of a group, but of the first, are shown before the key frame that they are decoded after. */
  open: boolean
}

export const pictureOrders: fc.Arbitrary<PictureOrder> = fc
  .record({
    steps: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 }),
    group: fc.integer({ min: 1, max: 12 }),
    swap: fc.boolean(),
    open: fc.boolean(),
  })
  .map(({ steps, ...order }) => {
    let time = 0
    return { ...order, times: [0, ...steps.map((step) => (time += step))] }
  })

/** In seconds of the movie. */
export const stretches = fc
  .record({ from: fc.integer({ min: 0, max: 4000 }), length: fc.integer({ min: 1, max: 3000 }) })
  .map(({ from, length }) => ({ from: from / 1000, to: (from + length) / 1000 }))

/** Picture number n lies at 1000 n and has 100 + n bytes. The sample entries take turns with the groups. */
export function pictures({ times, group, swap, open }: PictureOrder, sampleEntries: readonly Buffer[]): Mp4Track {
  const shown = times.map((time) => time * 90)
  if (swap) {
    for (let at = 1; at + 1 < shown.length; at += 3) {
      if (at % group !== 0 && (at + 1) % group !== 0) [shown[at], shown[at + 1]] = [shown[at + 1]!, shown[at]!]
    }
  }
  if (open && codecOfEntry(sampleEntries[0]!) === 'h265') {
    const leading = Math.min(2, group - 1)
    for (let key = group; key + leading < shown.length; key += group) {
      for (let at = key; at < key + leading; at++) [shown[at], shown[at + 1]] = [shown[at + 1]!, shown[at]!]
      const [first, second] = [key + 1, key + 2]
      if (leading === 2 && shown[first]! > shown[second]!) [shown[first], shown[second]] = [shown[second]!, shown[first]!]
    }
  }
  const starts = times.map((time) => time * 90)
  const late = Math.max(0, ...starts.map((start, at) => start - shown[at]!))
  const end = times.at(-1)! * 90 + 3000
  return {
    ...{ kind: 'video', timescale: 90_000, sampleEntries, width: 320, height: 180 },
    sizes: Uint32Array.from(times, (_, at) => 100 + at),
    offsets: Float64Array.from(times, (_, at) => at * 1000),
    starts: Float64Array.from(starts),
    ...(late > 0 || swap ? { shownAfter: Uint32Array.from(shown, (time, at) => time + late - starts[at]!) } : {}),
    entries: Uint8Array.from(times, (_, at) => Math.floor(at / group) % sampleEntries.length),
    end,
    keys: Uint32Array.from(times.flatMap((_, at) => (at % group === 0 ? [at] : []))),
    edit: { delay: 0, mediaTime: late, duration: Math.round((end * 48_000) / 90_000) },
  }
}

/** When each sample is presented, in seconds of the movie; what is hidden is below 0. */
export const presented = ({ starts, shownAfter, timescale, edit }: Mp4Track) =>
  Array.from(starts, (start, at) => edit.delay / 48_000 + (start + (shownAfter?.[at] ?? 0) - edit.mediaTime) / timescale)
