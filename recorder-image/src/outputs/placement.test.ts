import fc from 'fast-check'
import { expect, test } from 'vitest'
import { piecesOf, placed } from './placement.ts'

const zeroMillis = Date.parse('2026-03-01T10:00:00.000Z')
const at = (seconds: number) => new Date(zeroMillis + seconds * 1000).toISOString()

async function* inChunks(samples: Int16Array, bytes: number) {
  for (let from = 0; from < samples.length; from += bytes) yield samples.slice(from, from + bytes)
}

/** All samples of a recording of so many seconds at 1000 Hz; sample n of the file is n + 1. */
async function laid(file: Parameters<typeof piecesOf>[0], seconds: number, chunk = 700): Promise<number[]> {
  const samples = Int16Array.from({ length: Math.round(file.durationSeconds * 1000) }, (_, n) => n + 1)
  const all = new Array(seconds * 1000).fill(0)
  for await (const { at, samples: some } of placed(piecesOf(file, zeroMillis, 1000), inChunks(samples, chunk))) {
    some.forEach((sample, n) => {
      all[at + n] = sample
    })
  }
  return all
}

test('a file lies where it began, sample by sample, and there is silence before and after', async () => {
  const all = await laid({ startTime: at(1.5), durationSeconds: 2, times: [] }, 5)
  expect(all.slice(0, 1500).every((sample) => sample === 0)).toBe(true)
  expect(all.slice(1500, 3500)).toEqual(Array.from({ length: 2000 }, (_, n) => n + 1))
  expect(all.slice(3500).every((sample) => sample === 0)).toBe(true)
})

test('what was taken out of a file is silence again, and what came after it lies at its own time', async () => {
  const times = [
    { mediaSeconds: 0, time: at(0) },
    { mediaSeconds: 1, time: at(1) },
    { mediaSeconds: 1, time: at(3) },
    { mediaSeconds: 2, time: at(4) },
  ]
  const all = await laid({ startTime: at(0), durationSeconds: 2, times }, 5)
  expect([all[999], all[1000], all[2999], all[3000], all[3999], all[4000]]).toEqual([1000, 0, 0, 1001, 2000, 0])
})

test('a file whose clock ran at another pace is led back to the wall clock', async () => {
  const times = [
    { mediaSeconds: 0, time: at(0) },
    { mediaSeconds: 4, time: at(4.04) },
  ]
  const all = await laid({ startTime: at(0), durationSeconds: 4, times }, 5)
  expect(all[4039]).toBe(4000)
  expect(Math.abs(all[2020]! - 2001)).toBeLessThanOrEqual(1)
})

test('however the decoder hands sound out, and wherever the cuts are, no sample is moved', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 3999 }),
      fc.integer({ min: 1, max: 900 }),
      async (chunk, cut, gap) => {
        const seconds = cut / 1000
        const times = [
          { mediaSeconds: 0, time: at(0) },
          { mediaSeconds: seconds, time: at(seconds) },
          { mediaSeconds: seconds, time: at(seconds + gap / 1000) },
          { mediaSeconds: 4, time: at(4 + gap / 1000) },
        ]
        const all = await laid({ startTime: at(0), durationSeconds: 4, times }, 5, chunk)
        expect(all[cut - 1]).toBe(cut)
        expect(all[cut + gap]).toBe(cut + 1)
        expect(all[3999 + gap]).toBe(4000)
        expect(all.filter((sample) => sample !== 0)).toHaveLength(4000)
      },
    ),
    { numRuns: 30 },
  )
})
