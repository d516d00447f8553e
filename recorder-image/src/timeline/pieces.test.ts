import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitClock, wallMicros } from './clock.ts'
import { type Arrival, type PieceRules, PieceSplitter, type Placed } from './pieces.ts'

const rules: PieceRules<Arrival> = { clockRate: 48_000, goesOn: (ticks) => ticks === 960, inOrder: true }

/** `count` packets of 20 ms, the first sent at `seconds`. */
function packets(options: {
  seconds: number
  count: number
  ssrc?: number
  rtp?: number
  delay?: (n: number) => number
}): Arrival[] {
  const { seconds, count, ssrc = 1, rtp = 0, delay = () => 0.01 } = options
  return Array.from({ length: count }, (_, n) => ({
    ssrc,
    rtpTimestamp: (rtp + n * 960) % 2 ** 32,
    receiveTimeMicros: (seconds + n * 0.02 + delay(n)) * 1e6,
  }))
}

function split(...arrivals: Arrival[][]): { placed: Placed<Arrival>[]; pieces: number } {
  const splitter = new PieceSplitter<Arrival>(rules, { holdFirst: false })
  const placed = arrivals.flat().flatMap((arrival) => splitter.push(arrival))
  placed.push(...splitter.end())
  return { placed, pieces: splitter.pieces.length }
}

describe('one clock is one piece', () => {
  it('unwraps 32 bits', () => {
    const { placed, pieces } = split(packets({ seconds: 0, count: 4, rtp: 2 ** 32 - 1920 }))
    expect(pieces).toBe(1)
    expect(placed.map(({ rtp }) => rtp - 2 ** 32)).toEqual([-1920, -960, 0, 960])
  })

  it('stays one through jitter, loss, a mute whose clock goes on, and reordering', () => {
    const before = packets({ seconds: 0, count: 100, delay: (n) => (n % 7) * 0.03 })
    const after = packets({ seconds: 60, count: 50, rtp: 60 * 48_000 })
    const swapped = [after[1]!, after[0]!, ...after.slice(2)]
    expect(
      split(
        before.filter((_, n) => n % 5 !== 0),
        swapped,
      ).pieces,
    ).toBe(1)
  })

  it('stays one through a stall after which all that waited comes at once', () => {
    const stalled = packets({
      seconds: 0,
      count: 250,
      delay: (n) => (n < 50 || n > 150 ? 0.01 : Math.max(0.01, (150 - n) * 0.02)),
    })
    const { placed, pieces } = split(stalled)
    expect(pieces).toBe(1)
    expect(placed).toHaveLength(250)
  })

  it('stays one when the first packets of all come late', () => {
    expect(split(packets({ seconds: 0, count: 100, delay: (n) => Math.max(0.01, 1 - n * 0.02) })).pieces).toBe(1)
  })

  it('stays one over hours of a drift of 100 ppm', () => {
    expect(split(packets({ seconds: 0, count: 3 * 3600 * 50, delay: (n) => 0.01 + n * 0.02 * 1e-4 })).pieces).toBe(1)
    expect(split(packets({ seconds: 0, count: 3 * 3600 * 50, delay: (n) => 2 - n * 0.02 * 1e-4 })).pieces).toBe(1)
  })

  it('keeps a single nonsensical timestamp where it arrived', () => {
    const stream = packets({ seconds: 0, count: 100 })
    stream[50] = { ...stream[50]!, rtpTimestamp: 123_456_789 }
    const { placed, pieces } = split(stream)
    expect(pieces).toBe(1)
    expect(placed[50]!.rtp).toBe(49 * 960)
    expect(placed[51]!.rtp).toBe(51 * 960)
  })
})

describe('another clock is another piece', () => {
  it('when the clock jumps ahead, back, or stood still while muted', () => {
    const start = packets({ seconds: 0, count: 150 })
    for (const rtp of [2e9, 4e9, 150 * 960 - 48_000 * 40]) {
      expect(split(start, packets({ seconds: 3, count: 100, rtp })).pieces, `jump to ${rtp}`).toBe(2)
    }
    expect(split(start, packets({ seconds: 33, count: 200, rtp: 150 * 960 })).pieces).toBe(2)
  })
})

describe('jumps while something else is doubtful', () => {
  const arrival = { freezeAt: fc.double({ min: 0, max: 15, noNaN: true }), seconds: fc.double({ min: 0, max: 2.9, noNaN: true }) }
  const jump = fc.record({
    at: fc.double({ min: 0.5, max: 19, noNaN: true }),
    seconds: fc.constantFrom(3600, -3600, -60, 20_000),
  })

  it('lays every packet where it was sent, whatever jumps and freezes, first packets held or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record(arrival), { maxLength: 2 }),
        fc.array(jump, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (freezes, jumps, holdFirst) => {
          const splitter = new PieceSplitter<Arrival & { sentMicros: number }>(rules, { holdFirst })
          const stream = Array.from({ length: 1000 }, (_, n) => {
            const sentSeconds = n * 0.02
            const ahead = jumps.reduce((sum, { at, seconds }) => (sentSeconds >= at ? sum + seconds : sum), 0)
            const arrived = freezes
              .toSorted((a, b) => a.freezeAt - b.freezeAt)
              .reduce((time, { freezeAt, seconds }) => {
                return time >= freezeAt && time < freezeAt + seconds ? freezeAt + seconds : time
              }, sentSeconds)
            return {
              ...{ ssrc: 1, sentMicros: sentSeconds * 1e6, receiveTimeMicros: (arrived + 0.01) * 1e6 },
              rtpTimestamp: (((1e9 + n * 960 + ahead * 48_000) % 2 ** 32) + 2 ** 32) % 2 ** 32,
            }
          })
          const placed = stream.flatMap((packet) => splitter.push(packet))
          placed.push(...splitter.end())
          expect(placed.map(({ packet }) => packet)).toEqual(stream)
          const fits = new Map(splitter.pieces.map((piece) => [piece, fitClock(piece.clock.windows)]))
          for (const { piece, rtp, packet } of placed) {
            const off = wallMicros(fits.get(piece)!, (rtp * 1e6) / rules.clockRate) - packet.sentMicros
            // What was held up whole, between two jumps, lies where it arrived.
            expect(Math.abs(off) / 1e6, `sent at ${packet.sentMicros / 1e6}`).toBeLessThan(5.9)
          }
        },
      ),
    )
  })
})
