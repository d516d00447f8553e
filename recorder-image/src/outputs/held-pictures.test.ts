import { describe, expect, test } from 'vitest'
import { type Mp4Track, movieTimescale } from '../media/mp4-head.ts'
import { heldPictures, type PicturePart } from './held-pictures.ts'

const zeroMillis = Date.parse('2026-01-01T08:00:00.000Z')
const iso = (second: number) => new Date(zeroMillis + second * 1000).toISOString()
const entry = Buffer.from('....avc1')

/** Pictures every second of a file that begins at a second of the recording; the first is a key frame. */
function part(begin: number, pictures: number, more: Partial<Mp4Track> = {}, points?: [number, number][]): PicturePart {
  const count = Array.from({ length: pictures }, (_, at) => at)
  return {
    file: {
      startTime: iso(begin),
      times: (points ?? [[0, begin]]).map(([mediaSeconds, second]) => ({ mediaSeconds, time: iso(second) })),
    },
    track: {
      ...{ kind: 'video', timescale: 90_000, sampleEntries: [entry], width: 640, height: 360, end: pictures * 90_000 },
      sizes: Uint32Array.from(count, () => 10),
      offsets: Float64Array.from(count, (at) => begin * 1000 + at * 10),
      starts: Float64Array.from(count, (at) => at * 90_000),
      keys: Uint32Array.of(0),
      edit: { delay: 0, mediaTime: 0, duration: pictures * movieTimescale },
      ...more,
    },
  }
}

/** From which second on which byte of the body is shown, and until when. */
function shownIn(track: Mp4Track): { seconds: number[]; offsets: number[]; end: number; keys: number[] } {
  const { starts, shownAfter, offsets, end, timescale, keys } = track
  const seconds = [...starts].map((start, at) => (start + (shownAfter?.[at] ?? 0)) / timescale)
  return { seconds, offsets: [...offsets], end: end / timescale, keys: [...keys!] }
}
const made = (parts: PicturePart[], seconds: number) => shownIn(heldPictures(parts, { zeroMillis, seconds })!)

describe('the pictures of a stream over a whole recording', () => {
  test('of one who came late and left early hold the first until they come, and the last to the end', () => {
    expect(made([part(5, 3)], 60)).toEqual({
      ...{ seconds: [0, 5, 6, 7], offsets: [5000, 5000, 5010, 5020], end: 60, keys: [0, 1] },
    })
  })

  test('of one who was there from the beginning have each picture once', () => {
    expect(made([part(0, 2)], 2)).toEqual({ seconds: [0, 1], offsets: [0, 10], end: 2, keys: [0] })
  })

  test('of one who left for three hours and came back begin again with a key frame', () => {
    expect(made([part(0, 2), part(10_800, 2)], 10_802)).toEqual({
      ...{ seconds: [0, 1, 10_800, 10_801], offsets: [0, 10, 10_800_000, 10_800_010], end: 10_802, keys: [0, 2] },
    })
  })

  test('put time that was cut out of a file in again', () => {
    const cut: [number, number][] = [
      [0, 0],
      [2, 2],
      [2, 32],
      [4, 34],
    ]
    expect(made([part(0, 4, {}, cut)], 40).seconds).toEqual([0, 1, 32, 33])
  })

  test('of one who was recorded twice at once, by two attempts, are those of the later one', () => {
    expect(made([part(0, 6), part(3, 3)], 6)).toEqual({
      ...{ seconds: [0, 1, 2, 3, 4, 5], offsets: [0, 10, 20, 3000, 3010, 3020], end: 6, keys: [0, 3] },
    })
  })

  test('of a file that hides what is before its beginning, and shows pictures in another order than they are decoded, are shown when they were', () => {
    const reordered = { shownAfter: Uint32Array.of(90_000, 180_000, 0), edit: { delay: 0, mediaTime: 90_000, duration: 1 } }
    expect(made([part(10, 3, reordered)], 20).seconds).toEqual([0, 10, 12, 11])
  })

  test('have each description of a picture once', () => {
    const other = Buffer.from('....avc3')
    const track = heldPictures([part(0, 1), part(1, 1), part(2, 1, { sampleEntries: [other] })], { zeroMillis, seconds: 3 })!
    expect(track.sampleEntries).toEqual([entry, other])
    expect([...track.entries!]).toEqual([0, 0, 1])
  })

  test('are none where there is no picture', () => {
    expect(heldPictures([], { zeroMillis, seconds: 9 })).toBeUndefined()
    expect(heldPictures([part(0, 0)], { zeroMillis, seconds: 9 })).toBeUndefined()
  })
})
