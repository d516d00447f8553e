import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Axis } from './axis.ts'

const begin = Date.parse('2026-01-01T10:00:00.000Z')
const iso = (millis: number) => new Date(begin + millis).toISOString()
const file = (times: [number, number][], durationSeconds: number) => ({
  times: times.map(([mediaSeconds, millis]) => ({ mediaSeconds, time: iso(millis) })),
  ...{ startTime: iso(0), endTime: iso(durationSeconds * 1000), durationSeconds },
})

describe('the axis of a file', () => {
  it('without a table is a straight line from its beginning', () => {
    const axis = new Axis(file([], 60))
    expect(axis.mediaAt(begin + 12_500)).toBe(12.5)
    expect(axis.wallAt(12.5)).toBe(begin + 12_500)
    expect([axis.start, axis.end]).toEqual([begin, begin + 60_000])
  })

  it('follows a sender whose clock is fast', () => {
    const axis = new Axis(
      file(
        [
          [0, 0],
          [1000, 999_700],
        ],
        1000,
      ),
    )
    expect(axis.mediaAt(begin + 499_850)).toBeCloseTo(500, 6)
  })

  it('stands still where a span was cut out, and goes on behind it', () => {
    const axis = new Axis(
      file(
        [
          [0, 0],
          [10, 10_000],
          [10, 40_000],
          [20, 50_000],
        ],
        20,
      ),
    )
    expect([9, 10, 25, 40, 41].map((second) => axis.mediaAt(begin + second * 1000))).toEqual([9, 10, 10, 10, 11])
    expect(axis.wallAt(15)).toBe(begin + 45_000)
    expect(axis.end).toBe(begin + 50_000)
  })

  it('covers its span, from its beginning until before its end', () => {
    const axis = new Axis(file([], 60))
    expect([-1, 0, 59_999, 60_000].map((millis) => axis.covers(begin + millis))).toEqual([false, true, true, false])
  })

  it('never goes backwards, and comes back to where it was outside of cuts', () => {
    // Clocks that are a thousandth off, and between two points perhaps a cut.
    const step = fc.record({
      media: fc.integer({ min: 100, max: 10_000 }),
      drift: fc.double({ min: -0.001, max: 0.001, noNaN: true }),
      cut: fc.integer({ min: 0, max: 10_000 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, part) => {
        let [media, wall] = [0, 0]
        const times: [number, number][] = [[0, 0]]
        for (const one of steps) {
          media += one.media / 1000
          wall += Math.round(one.media * (1 + one.drift))
          times.push([media, wall])
          wall += one.cut
          if (one.cut > 0) times.push([media, wall])
        }
        const axis = new Axis(file(times, media))
        const at = axis.wallAt(media * part)
        // A microsecond is what a time in milliseconds since 1970 can tell.
        expect(axis.mediaAt(at)).toBeCloseTo(media * part, 5)
        expect(axis.mediaAt(at + 1)).toBeGreaterThanOrEqual(axis.mediaAt(at))
      }),
    )
  })
})
