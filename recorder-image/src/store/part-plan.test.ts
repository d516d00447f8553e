import { describe, expect, test } from 'vitest'
import { defaultPlan, isFull, maxParts, minPartBytes, partRanges } from './part-plan.ts'

const MiB = 1024 * 1024
const ranges = (bodyBytes: number, from?: number) => [...partRanges(defaultPlan, bodyBytes, from)]

describe('the parts of a body', () => {
  test('begin after the bytes that are held back for part 1', () => {
    expect(ranges(MiB)).toEqual([])
    expect(ranges(MiB + 1)).toEqual([{ number: 2, start: MiB, end: MiB + 1 }])
  })

  test('are full but for the last', () => {
    const parts = ranges(12 * MiB)
    expect(parts).toEqual([
      { number: 2, start: MiB, end: 6 * MiB },
      { number: 3, start: 6 * MiB, end: 11 * MiB },
      { number: 4, start: 11 * MiB, end: 12 * MiB },
    ])
    expect(parts.map((part) => isFull(defaultPlan, part))).toEqual([true, true, false])
  })

  test('stay where they are as the body grows', () => {
    const [early, late] = [ranges(100 * MiB), ranges(1000 * MiB)]
    expect(late.slice(0, early.length - 1)).toEqual(early.slice(0, -1))
  })

  test('keep their size for the first 24 GiB, so that the tail stays small', () => {
    const parts = ranges(24 * 1024 * MiB)
    expect(new Set(parts.slice(0, -1).map(({ start, end }) => end - start))).toEqual(new Set([5 * MiB]))
  })

  test('suffice for 5 TB, and every one is large enough for COS', () => {
    const bodyBytes = 5e12
    const parts = ranges(bodyBytes)
    expect(parts.at(-1)!.end).toBe(bodyBytes)
    expect(parts.length + 1).toBeLessThanOrEqual(maxParts)
    expect(parts.every(({ start, end }, i) => i === parts.length - 1 || end - start >= minPartBytes)).toBe(true)
    expect(parts.every(({ start }, i) => i === 0 || start === parts[i - 1]!.end)).toBe(true)
  })

  test.each([2, 3, 5001, 5002, 5003, 5502, 6002, 9999])('are the same counted from part %i', (from) => {
    const all = ranges(5e12)
    expect(ranges(5e12, from)).toEqual(all.slice(from - 2))
  })
})
