import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type TimePoint, thinned } from './time-table.ts'

const wallAt = (table: readonly TimePoint[], mediaSeconds: number) => {
  const at = Math.max(
    1,
    table.findIndex((point) => point.mediaSeconds >= mediaSeconds),
  )
  const [from, to] = [table[at - 1]!, table[at]!]
  const share = (mediaSeconds - from.mediaSeconds) / (to.mediaSeconds - from.mediaSeconds)
  return from.wallMicros + share * (to.wallMicros - from.wallMicros)
}

describe('a table of times', () => {
  it('is two points where time runs evenly', () => {
    const even = Array.from({ length: 100 }, (_, n) => ({ mediaSeconds: n, wallMicros: 5e15 + n * 1e6 }))
    expect(thinned(even)).toEqual([even[0], even[99]])
  })

  it('passes every point within a millisecond, whatever the points', () => {
    const step = fc.record({
      seconds: fc.double({ min: 0.001, max: 100, noNaN: true }),
      offMicros: fc.integer({ min: -20_000, max: 20_000 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 100 }), (steps) => {
        let mediaSeconds = 0
        const points = [{ mediaSeconds: 0, wallMicros: 0 }]
        for (const { seconds, offMicros } of steps) {
          mediaSeconds += seconds
          points.push({ mediaSeconds, wallMicros: mediaSeconds * 1e6 + offMicros })
        }
        const table = thinned(points)
        for (const point of points) expect(Math.abs(wallAt(table, point.mediaSeconds) - point.wallMicros)).toBeLessThan(1_001)
      }),
    )
  })
})
