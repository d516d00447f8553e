import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pictureSize } from '../media/h264.ts'
import { buildMp4Head, type Mp4Track } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { compareTables } from '../media/mp4-tables.ts'
import type { VideoConfig } from '../media/video-codec.ts'
import { readAvcEntry, videoSampleEntry } from '../media/video-sample-entry.ts'
import { cutSoundTrack } from './cut-movie.ts'
import { layOut, type Piece, writePieces } from './exact-body.ts'
import { type Encoded, exactStretch, exactTrack, leadOf } from './exact-pictures.ts'
import { pictureOrders, pictures, presented, stretches } from './testing/movies.ts'

/** Two sizes; the last byte makes one differ from another. */
const sps = { small: '6742c00ada7b011000000300100000030320f1226a', large: '6742c01fd9005005bb0110000003001000000303c0f1832480' }
const config = (size: keyof typeof sps, number: number): VideoConfig => {
  const units = [Buffer.from(sps[size], 'hex'), Buffer.from([0x68, 0xce, 0x3c, number])]
  return { codec: 'h264', ...pictureSize(units[0]!), units }
}
const [sent, other, anew] = [config('small', 1), config('large', 2), config('small', 3)]

test('an entry of H.264 says what it was made of', () => {
  expect(readAvcEntry(videoSampleEntry(sent, 'apart'))).toEqual(sent)
  expect(readAvcEntry(videoSampleEntry(other, 'in band'))).toEqual(other)
})

/** In one size, or in two that take turns. */
const entriesOf = (sizes: number) =>
  sizes > 1 ? [sent, other].map((one) => videoSampleEntry(one, 'in band')) : [videoSampleEntry(sent, 'apart')]

/** Beside the pictures of its time, of which there are ten a second. */
const soundOffset = (at: number) => Math.floor((at * 1024) / 4800) * 1000 + 500 + (at % 8) * 50
const sound = (frames: number): Mp4Track => ({
  ...{ kind: 'audio', timescale: 48_000, sampleEntries: [videoSampleEntry(sent, 'apart')], width: 0, height: 0 },
  sizes: new Uint32Array(frames).fill(50),
  offsets: Float64Array.from({ length: frames }, (_, at) => soundOffset(at)).sort(),
  starts: Float64Array.from({ length: frames }, (_, at) => at * 1024),
  entries: new Uint8Array(frames),
  end: frames * 1024,
  edit: { delay: 0, mediaTime: 300, duration: frames * 1024 - 300 },
})

const movies = fc
  .record({ order: pictureOrders, sizes: fc.integer({ min: 1, max: 2 }), stretch: stretches })
  .map(({ order, sizes, stretch }) => ({ track: pictures(order, entriesOf(sizes)), ...order, ...stretch }))

/** An encoder whose pictures are of 10000 bytes and what they were. */
const encode = (wanted: number[]): Encoded => ({
  config: anew,
  sizes: Uint32Array.from(wanted, (at) => 10_000 + at),
  offsets: Float64Array.from(wanted, (_, n) => n * 20_000),
  keys: Uint32Array.of(0),
})

describe('the pictures of an exact clip', () => {
  test('are those of its time, each when it was shown, without an edit list; those before the seam anew, the others as they were, and each key frame of two kinds has its sets', () => {
    fc.assert(
      fc.property(movies, ({ track, from, to, swap }) => {
        const times = presented(track)
        const ends = times.map((time) => Math.min(...times.filter((one) => one > time), track.edit.duration / 48_000))
        const wanted = times
          .map((time, at) => ({ time, end: ends[at]!, at }))
          .filter(({ time, end }) => time < to - 1e-5 && end > from + 1e-5)
          .sort((a, b) => a.time - b.time)
        const exact = exactStretch(track, from, to)
        if (exact === undefined) {
          expect(wanted).toEqual([])
          return
        }
        const [seam] = exact.seams
        const lead = seam === exact.shown ? undefined : leadOf(exact, seam)
        const encoded = lead && encode(lead.wanted)
        const made = exactTrack(exact, lead, encoded, seam)
        const { tracks, pieces, bodyBytes } = layOut(made, undefined)
        const cut = tracks[0]!
        const kind = (at: number) => (at < made.encoded ? 10_000 : 100)
        const own = (at: number) => cut.sizes[at]! - (made.sets.get(at)?.length ?? 0) - kind(at)
        const found = presented(cut)
          .map((time, at) => ({ time, was: own(at), at }))
          .sort((a, b) => a.time - b.time)
        const lasts = cut.edit.duration / 48_000
        const inTime = found.filter(({ time }) => time < lasts - 1e-5)
        expect(inTime.map(({ was }) => was)).toEqual(wanted.map(({ at }) => at))
        for (const [n, { time }] of inTime.entries()) expect(time).toBeCloseTo(n === 0 ? 0 : wanted[n]!.time - from, 4)
        // Whoever heeds no edit list sees them so, too; behind the end at most what others need.
        expect(cut.edit.delay).toBe(0)
        expect(cut.edit.mediaTime).toBeLessThan(40)
        expect(found.length - inTime.length).toBeLessThanOrEqual(swap ? 1 : 0)

        const isTwo = made.encoded > 0 && made.encoded < cut.sizes.length
        for (const [at, { units }] of [...cut.keys!].map(
          (key) => [key, readAvcEntry(cut.sampleEntries[cut.entries![key]!]!)] as const,
        )) {
          const sets = made.sets.get(at)
          const expected = Buffer.concat(units.flatMap((unit) => [Buffer.from([0, 0, 0, unit.length]), unit]))
          expect(sets).toEqual(isTwo ? expected : undefined)
        }
        const types = cut.sampleEntries.map((entry) => entry.toString('latin1', 4, 8))
        if (isTwo) expect(types.every((type) => type === 'avc3') && types.length > 1).toBe(true)
        const head = buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks })
        expect(compareTables(head, bodyBytes, tracks)).toEqual([])
        expect(readMp4Tracks(head)[0]!.keys).toEqual(cut.keys)
        expect(pieces.reduce((sum, piece) => sum + bytesOf(piece), 0)).toBe(bodyBytes)
      }),
    )
  })
})

const bytesOf = (piece: Piece) => (piece.of === 'sets' ? piece.bytes.length : piece.end - piece.start)

test('what is encoded lies among its sound as it is played, and the rest as it was', async () => {
  const times = Array.from({ length: 30 }, (_, at) => at * 100)
  const exact = exactStretch(pictures({ times, group: 20, swap: false, open: false }, entriesOf(1)), 1.05, 2.5)!
  const [seam] = exact.seams
  const lead = leadOf(exact, seam)
  expect([exact.first, exact.shown, seam, lead.fromRank, lead.wanted.length]).toEqual([0, 10, 20, 10, 10])
  const made = exactTrack(exact, lead, encode(lead.wanted), seam)
  const { tracks, pieces } = layOut(made, cutSoundTrack(sound(150), 1.05, 2.5, { lead: false })!)
  const [shown, heard] = tracks as [Mp4Track, Mp4Track]
  for (let at = 0; at < made.encoded; at++) {
    const isBefore = (start: number) => (start - heard.edit.mediaTime) / 48_000 < shown.starts[at]! / 90_000 - 1e-9
    for (const [frame, start] of heard.starts.entries()) expect(heard.offsets[frame]! < shown.offsets[at]!).toBe(isBefore(start))
  }

  // The pieces are written in their order, and each byte of the source is asked for once.
  const written: Buffer[] = []
  let asked = 0
  const source = {
    bytes: 1e6,
    async read(start: number, end: number) {
      asked += end - start
      return filled(end - start, (at) => start + at)
    },
  }
  const file = (write: (bytes: Buffer) => void) =>
    ({
      writeFile: async (bytes: Buffer) => write(Buffer.from(bytes)),
      read: async (into: Buffer, _at: number, length: number, position: number) => {
        filled(length, (at) => position + at + 7).copy(into)
        return { bytesRead: length }
      },
    }) as never
  await writePieces(
    pieces,
    source,
    file(() => {}),
    file((bytes) => written.push(bytes)),
  )
  const body = Buffer.concat(written)
  for (const [at, offset] of shown.offsets.entries()) {
    const own = made.sets.get(at)?.length ?? 0
    const start = made.sources[at]! + (at < made.encoded ? 7 : 0)
    expect(body[offset + own], `picture ${at}`).toBe(start % 251)
  }
  const first = Math.floor((1.05 * 48_000 + 300) / 1024)
  const places = sound(150).offsets
  for (const [at, offset] of heard.offsets.entries()) expect(body[offset]).toBe(places[first + at]! % 251)
  expect(asked).toBeLessThan(25_000 - places[first]! + 1000)
})

const filled = (bytes: number, at: (at: number) => number) => Buffer.from(Array.from({ length: bytes }, (_, n) => at(n) % 251))
