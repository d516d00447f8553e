import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildMp4Head, type Mp4Track } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { compareTables } from '../media/mp4-tables.ts'
import { cutMovie } from './cut-movie.ts'
import { fetchesOf } from './ranges.ts'
import { pictureOrders, pictures, presented, stretches } from './testing/movies.ts'

const entry = (type: string) => Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from(type), Buffer.alloc(8)])

const sound = (frames: number): Mp4Track => ({
  ...{ kind: 'audio', timescale: 48_000, sampleEntries: [entry('mp4a')], width: 0, height: 0 },
  sizes: new Uint32Array(frames).fill(50),
  offsets: Float64Array.from({ length: frames }, (_, at) => at * 1000 + 900),
  starts: Float64Array.from({ length: frames }, (_, at) => at * 1024),
  entries: new Uint8Array(frames),
  end: frames * 1024,
  edit: { delay: 0, mediaTime: 1024, duration: (frames - 1) * 1024 },
})

const movies = fc
  .record({ order: pictureOrders, frames: fc.integer({ min: 1, max: 60 }), stretch: stretches })
  .map(({ order, frames, stretch }) => ({
    tracks: [pictures(order, [entry(order.open ? 'hvc1' : 'avc1')]), sound(frames)],
    ...stretch,
  }))

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

  test('has of H.265 nothing of what leads its first key frame, which no decoder shows there', () => {
    fc.assert(
      fc.property(movies, ({ tracks, from, to }) => {
        const found = cutMovie(tracks, from, to).tracks.find(({ kind }) => kind === 'video')
        if (found?.sampleEntries[0]?.toString('latin1', 4, 8) !== 'hvc1') return
        const [key, ...rest] = presented(found).slice(0, found.keys![1])
        expect(rest.filter((time) => time < key!)).toEqual([])
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
    expect(
      cutMovie([pictures({ times: [0, 100], group: 1, swap: false, open: false }, [entry('avc1')]), sound(10)], 60, 61),
    ).toEqual({
      tracks: [],
      ranges: [],
      bodyBytes: 0,
    })
  })
})
