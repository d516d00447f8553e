import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildMp4Head, type Mp4Track } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { compareTables } from '../media/mp4-tables.ts'
import { cutMovie } from './cut-movie.ts'
import { fetchesOf } from './ranges.ts'

const entry = (type: string) => Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from(type), Buffer.alloc(8)])

/** Pictures at `times` (ms), a key frame every `group`; `swap`: every second pair is shown in the other order than it is decoded. */
function pictures(times: readonly number[], group: number, swap: boolean): Mp4Track {
  const shown = times.map((time) => time * 90)
  if (swap) {
    for (let at = 1; at + 1 < shown.length; at += 3) {
      if (at % group !== 0 && (at + 1) % group !== 0) [shown[at], shown[at + 1]] = [shown[at + 1]!, shown[at]!]
    }
  }
  const starts = times.map((time) => time * 90)
  const late = Math.max(0, ...starts.map((start, at) => start - shown[at]!))
  const end = times.at(-1)! * 90 + 3000
  return {
    ...{ kind: 'video', timescale: 90_000, sampleEntries: [entry('avc1')], width: 320, height: 180 },
    sizes: Uint32Array.from(times, (_, at) => 100 + at),
    offsets: Float64Array.from(times, (_, at) => at * 1000),
    starts: Float64Array.from(starts),
    ...(swap ? { shownAfter: Uint32Array.from(shown, (time, at) => time + late - starts[at]!) } : {}),
    entries: new Uint8Array(times.length),
    end,
    keys: Uint32Array.from(times.flatMap((_, at) => (at % group === 0 ? [at] : []))),
    edit: { delay: 0, mediaTime: swap ? late : 0, duration: Math.round((end * 48_000) / 90_000) },
  }
}

const sound = (frames: number): Mp4Track => ({
  ...{ kind: 'audio', timescale: 48_000, sampleEntries: [entry('mp4a')], width: 0, height: 0 },
  sizes: new Uint32Array(frames).fill(50),
  offsets: Float64Array.from({ length: frames }, (_, at) => at * 1000 + 900),
  starts: Float64Array.from({ length: frames }, (_, at) => at * 1024),
  entries: new Uint8Array(frames),
  end: frames * 1024,
  edit: { delay: 0, mediaTime: 1024, duration: (frames - 1) * 1024 },
})

/** When each sample is presented, in seconds of the movie; what is hidden is below 0. */
const presented = ({ starts, shownAfter, timescale, edit }: Mp4Track) =>
  Array.from(starts, (start, at) => edit.delay / 48_000 + (start + (shownAfter?.[at] ?? 0) - edit.mediaTime) / timescale)

const movies = fc
  .record({
    steps: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 40 }),
    group: fc.integer({ min: 1, max: 12 }),
    swap: fc.boolean(),
    frames: fc.integer({ min: 1, max: 60 }),
    from: fc.integer({ min: 0, max: 4000 }),
    length: fc.integer({ min: 1, max: 3000 }),
  })
  .map(({ steps, group, swap, frames, from, length }) => {
    let time = 0
    const times = [0, ...steps.map((step) => (time += step))]
    return { tracks: [pictures(times, group, swap), sound(frames)], from: from / 1000, to: (from + length) / 1000 }
  })

describe('what is cut out of a movie', () => {
  test('shows each picture of its time when it was shown, after those it is decoded from, and hides what was before', () => {
    fc.assert(
      fc.property(movies, ({ tracks, from, to }) => {
        const cut = cutMovie(tracks, from, to)
        const [source] = tracks
        const found = cut.tracks.find(({ kind }) => kind === 'video')
        const times = presented(source!)
        const ends = times.map((time) => Math.min(...times.filter((other) => other > time), source!.edit.duration / 48_000))
        const wanted = times
          .map((time, at) => ({ time, end: ends[at]!, bytes: source!.sizes[at]! }))
          .filter(({ time, end }) => time < to - 1e-5 && end > from + 1e-5)
          .sort((a, b) => a.time - b.time)
        if (found === undefined) {
          expect(wanted).toEqual([])
          return
        }
        const length = found.edit.delay / 48_000 + found.edit.duration / 48_000
        const shown = presented(found)
          .map((time, at) => ({ time, bytes: found.sizes[at]! }))
          .filter(({ time }) => time > -1e-5 && time < length - 1e-5)
          .sort((a, b) => a.time - b.time)
        expect(shown.map(({ bytes }) => bytes)).toEqual(wanted.map(({ bytes }) => bytes))
        for (const [at, { time }] of shown.entries()) expect(time).toBeCloseTo(Math.max(0, wanted[at]!.time - from), 4)
        expect(found.keys![0]).toBe(0)
      }),
    )
  })

  test('is where it is said to be, in a head that reads back as it was written', () => {
    fc.assert(
      fc.property(movies, ({ tracks, from, to }) => {
        const { tracks: cut, ranges, bodyBytes } = cutMovie(tracks, from, to)
        const head = buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks: cut })
        expect(compareTables(head, bodyBytes, cut)).toEqual([])
        const read = readMp4Tracks(head)
        expect(read.map(({ offsets }) => offsets.map((offset) => offset - head.length))).toEqual(
          cut.map(({ offsets }) => offsets),
        )
        expect(read.map(({ edit, timescale, end, keys }) => ({ edit, timescale, end, keys }))).toEqual(
          cut.map(({ edit, timescale, end, keys }) => ({ edit, timescale, end, keys })),
        )
        const kept = fetchesOf(ranges).flatMap((fetch) => fetch.kept)
        expect(kept.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(bodyBytes)
      }),
    )
  })

  test('is nothing behind the end of the movie', () => {
    expect(cutMovie([pictures([0, 100], 1, false), sound(10)], 60, 61)).toEqual({ tracks: [], ranges: [], bodyBytes: 0 })
  })
})
