import { describe, expect, it } from 'vitest'
import { AudioAxis, type AudioPacket, type FeedItem } from './audio-axis.ts'

const payload = Uint8Array.of(1)

/** Numbers count packets of 20 ms on the sender's clock, so that what is left out is lost. */
function packet(seconds: number, options: { ssrc?: number; rtp?: number; delay?: number; samples?: number } = {}): AudioPacket {
  const { ssrc = 1, rtp = 0, delay = 0.01, samples = 960 } = options
  return {
    ssrc,
    sequenceNumber: Math.round(seconds * 50) & 0xffff,
    rtpTimestamp: (((rtp + Math.round(seconds * 48_000)) % 2 ** 32) + 2 ** 32) % 2 ** 32,
    receiveTimeMicros: (1000 + seconds + delay) * 1e6,
    data: payload,
    samples,
  }
}

const every20ms = (from: number, to: number, options: Parameters<typeof packet>[1] = {}) =>
  Array.from({ length: Math.round((to - from) * 50) }, (_, n) => packet(from + n / 50, options))

function lay(packets: AudioPacket[]): { axis: AudioAxis; items: FeedItem[] } {
  const axis = new AudioAxis()
  const items = packets.flatMap((each) => axis.push(each))
  return { axis, items: [...items, ...axis.end()] }
}

/** Axis positions of the packets, in seconds. */
function positions(items: FeedItem[]): number[] {
  let at = 0
  return items.flatMap((item) => {
    const start = at
    at += item.samples
    return item.type === 'packet' ? [start / 48_000] : []
  })
}

describe('the axis of sound', () => {
  it('lays packets one after the other', () => {
    const { axis, items } = lay(every20ms(0, 2))
    expect(items.every(({ type }) => type === 'packet')).toBe(true)
    expect(axis.samples).toBe(96_000)
  })

  it('fills what was lost with exactly as much silence', () => {
    const { items } = lay([...every20ms(0, 1), ...every20ms(1.06, 2)])
    expect(items.filter(({ type }) => type === 'silence')).toEqual([{ type: 'silence', samples: 2880 }])
  })

  it('remembers a long silence as a gap', () => {
    expect(lay([...every20ms(0, 1), ...every20ms(5, 6)]).axis.gaps).toEqual([{ axisStart: 48_000, samples: 192_000 }])
  })

  it('lays a packet once that comes twice', () => {
    const twice = every20ms(0, 1).flatMap((each) => [each, each])
    const { axis } = lay(twice)
    expect(axis.samples).toBe(48_000)
    expect(axis.takeLosses(true)).toEqual([])
  })

  it('tells of a packet that was sent before the first one that was laid and came too late, once', () => {
    const early = packet(-0.02, { delay: 3 })
    const { axis } = lay([...every20ms(0, 2), early, ...every20ms(2, 4), early])
    expect(axis.takeLosses(true)).toMatchObject([{ reason: 'RepairedTooLate', packets: 1 }])
    expect(axis.packets).toEqual({ arrived: 202, laid: 200, lost: 1, repeated: 1 })
  })

  it('puts another subscription where it belongs by arrival', () => {
    const { items } = lay([...every20ms(0, 1), ...every20ms(3.1, 4, { ssrc: 2, rtp: 99_999 })])
    expect(positions(items)[50]).toBeCloseTo(3.1, 2)
  })

  it('takes a step of the clock without a lost number for a pause, and stretches to its very sample', () => {
    const after = every20ms(1, 2, { rtp: 1234 }).map((each) => ({ ...each, receiveTimeMicros: each.receiveTimeMicros + 25_708 }))
    const { axis, items } = lay([...every20ms(0, 1), ...after])
    expect(items.filter(({ type }) => type !== 'packet')).toEqual([
      { type: 'skew', samples: 34 },
      { type: 'silence', samples: 1200 },
    ])
    expect(axis.takeLosses(true)).toEqual([])
  })

  it('says who is missing, from when to when', () => {
    const { axis } = lay([...every20ms(0, 1), ...every20ms(1.06, 2)])
    const at = (seconds: number) => Math.round((1000 + seconds + 0.01) * 1e6)
    expect(axis.takeLosses(true)).toEqual([
      { reason: 'LostInNetwork', fromMicros: at(1), toMicros: at(1.06), packets: 3, bytes: null },
    ])
  })

  it('says so when a packet comes after its place was given up', () => {
    const packets = every20ms(0, 10)
    const [late] = packets.splice(100, 1)
    packets.splice(300, 0, { ...late!, receiveTimeMicros: packets[299]!.receiveTimeMicros })
    const { axis } = lay(packets)
    expect(axis.takeLosses(true)).toMatchObject([{ reason: 'RepairedTooLate', packets: 1, bytes: 1 }])
  })

  it('moves nothing when the delay rises by 900 ms for seconds', () => {
    const delayed = every20ms(0, 20).map((each, n) => ({
      ...each,
      receiveTimeMicros: each.receiveTimeMicros + Math.min(900, Math.max(0, n - 300) * 18, Math.max(0, 800 - n) * 18) * 1000,
    }))
    expect(lay(delayed).items.every(({ type }) => type === 'packet')).toBe(true)
  })

  it('starts another piece where the clock jumps by an hour, without an hour of silence', () => {
    const { axis, items } = lay([...every20ms(0, 5), ...every20ms(5, 10, { rtp: 3600 * 48_000 })])
    expect(items.every(({ type }) => type === 'packet')).toBe(true)
    expect(axis.samples).toBe(480_000)
  })

  it('fills the time in which a paused machine sent nothing and its clock stood still', () => {
    const paused = every20ms(5, 15).map((each) => ({ ...each, receiveTimeMicros: each.receiveTimeMicros + 10e6 }))
    const { axis } = lay([...every20ms(0, 5), ...paused])
    expect(axis.samples).toBe(25 * 48_000)
    expect(axis.gaps).toEqual([{ axisStart: 240_000, samples: 480_000 }])
  })

  it('lays packets without numbers, as earlier recorders kept them, by their time alone', () => {
    const unnumbered = [...every20ms(0, 1), ...every20ms(1.06, 2)].map((each) => ({ ...each, sequenceNumber: null }))
    const { axis, items } = lay(unnumbered.flatMap((each) => [each, each]))
    expect(items.filter(({ type }) => type === 'silence')).toEqual([{ type: 'silence', samples: 2880 }])
    expect(axis.samples).toBe(96_000)
  })

  it('is the same for the same packets, so a journal gives it again; and each packet only adds to it', () => {
    const packets = [
      ...every20ms(0, 1),
      ...every20ms(3, 4),
      ...every20ms(6, 7, { ssrc: 3, rtp: 5 }),
      ...every20ms(8, 9, { rtp: 5 }),
    ]
    const whole = lay(packets).items
    expect(lay(packets).items).toEqual(whole)
    const axis = new AudioAxis()
    const part = packets.slice(0, 130).flatMap((each) => axis.push(each))
    expect(whole.slice(0, part.length)).toEqual(part)
  })
})

it.each([-999, -700, -50, -1])('numbers that begin anew %i from where they would go on lose nothing', (back) => {
  const axis = new AudioAxis()
  const packet = (n: number, number: number) => ({
    ...{ ssrc: 1, sequenceNumber: number & 0xffff, rtpTimestamp: n * 960, receiveTimeMicros: n * 20_000 },
    ...{ samples: 960, data: Uint8Array.of(0xfc, 0xff, 0xfe) },
  })
  const items = [
    ...Array.from({ length: 1000 }, (_, n) => packet(n, 5000 + n)),
    ...Array.from({ length: 2000 }, (_, n) => packet(1000 + n, 6000 + n + back)),
  ].flatMap((one) => axis.push(one))
  const laid = [...items, ...axis.end()].filter(({ type }) => type === 'packet')
  expect(laid).toHaveLength(3000)
  expect(axis.samples).toBe(3000 * 960)
})
