import { describe, expect, test } from 'vitest'
import { SoundSeam } from './sound-seam.ts'

/** Packets of 20 ms by their numbers; `lateMillis` of some. */
function push(seam: SoundSeam, numbers: number[], lateMillis: Record<number, number> = {}): boolean[] {
  const packets = numbers.map((number) => ({
    ...{ ssrc: 7, sequenceNumber: number & 0xffff, rtpTimestamp: number * 960 },
    receiveTimeMicros: (number * 20 + (lateMillis[number] ?? 0)) * 1000,
  }))
  return packets.sort((a, b) => a.receiveTimeMicros - b.receiveTimeMicros).map((packet) => seam.push(packet))
}
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

describe('sound between two files', () => {
  const missing = (numbers: number[], lateMillis?: Record<number, number>, last = 65_530) => {
    const before = new SoundSeam()
    push(before, range(last - 20, last))
    const after = new SoundSeam(before.latest)
    push(after, numbers, lateMillis)
    return after.take(Number.POSITIVE_INFINITY)
  }

  test('is missing where the numbers say so, across their end too', () => {
    expect(missing(range(65_531, 65_700))).toEqual([])
    expect(missing(range(65_541, 65_700))).toEqual([{ fromMicros: 65_530 * 20_000, toMicros: 65_541 * 20_000, packets: 10 }])
  })

  test('is not where the first packets changed places, or are told of as late', () => {
    expect(missing(range(65_531, 65_700), { 65531: 300, 65532: 50 })).toEqual([])
    expect(missing(range(65_531, 65_700), { 65531: 1500 })).toEqual([])
    expect(missing([65_529, ...range(65_531, 65_700)], { 65529: 100 })).toEqual([])
  })

  test('is not known of where numbering begins anew, or of another subscription', () => {
    expect(missing(range(65_531 + 9000, 65_700 + 9000))).toEqual([])
    const alone = new SoundSeam()
    push(alone, range(50, 60))
    expect(alone.take(Number.POSITIVE_INFINITY)).toEqual([])
  })

  test('that comes late belongs to neither, unless its sender counts anew', () => {
    const before = new SoundSeam()
    push(before, range(100, 120))
    expect(push(new SoundSeam(before.latest), [119, 121], { 119: 10 })).toEqual([false, true])
    const anew = { ssrc: 7, sequenceNumber: 5, rtpTimestamp: 121 * 960, receiveTimeMicros: 121 * 20_000 }
    expect(new SoundSeam(before.latest).push(anew)).toBe(true)
  })

  test('is told by the numbers where the clock was set back before', () => {
    const before = new SoundSeam()
    push(before, range(0, 20))
    for (const sequenceNumber of range(21, 40)) {
      before.push({ ssrc: 7, sequenceNumber, rtpTimestamp: (sequenceNumber * 960 - 1e8) >>> 0, receiveTimeMicros: 420_000 })
    }
    const after = new SoundSeam(before.latest)
    push(after, range(46, 200))
    expect(after.take(Number.POSITIVE_INFINITY).map(({ packets }) => packets)).toEqual([5])
  })

  test('is told by the one after a file in which nothing came', () => {
    const before = new SoundSeam()
    push(before, range(0, 20))
    const after = new SoundSeam(new SoundSeam(before.latest).latest)
    push(after, range(31, 200))
    expect(after.take(Number.POSITIVE_INFINITY).map(({ packets }) => packets)).toEqual([10])
  })

  test('is told once it is known, and once', () => {
    const before = new SoundSeam()
    push(before, range(0, 20))
    const after = new SoundSeam(before.latest)
    push(after, range(31, 200))
    expect(after.take(2_000_000)).toEqual([])
    expect(after.take(3_000_000).map(({ packets }) => packets)).toEqual([10])
    expect(after.take(Number.POSITIVE_INFINITY)).toEqual([])
  })
})
