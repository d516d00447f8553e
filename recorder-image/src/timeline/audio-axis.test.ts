import { describe, expect, it } from 'vitest'
import { seeded } from '../media/testing/sender.ts'
import { AudioAxis, type AudioPacket, type FeedItem } from './audio-axis.ts'

const payload = Uint8Array.of(1)

function packet(seconds: number, options: { ssrc?: number; rtp?: number; delay?: number; samples?: number } = {}): AudioPacket {
  const { ssrc = 1, rtp = 0, delay = 0.01, samples = 960 } = options
  return {
    ssrc,
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
    expect(axis.overlapping).toBe(50)
  })

  it('puts another subscription where it belongs by arrival', () => {
    const { items } = lay([...every20ms(0, 1), ...every20ms(3.1, 4, { ssrc: 2, rtp: 99_999 })])
    expect(positions(items)[50]).toBeCloseTo(3.1, 2)
  })

  it('never gets further than 2.5 ms off, whatever is lost and however odd the steps are (100 random streams)', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = seeded(seed)
      const sent: number[] = []
      const packets: AudioPacket[] = []
      for (let at = 0; at < 20; at += 0.02) {
        if (random() < 0.3) continue
        // Odd times come with silences only: a sender that goes on speaking does not leave its grid.
        if (random() < 0.02) at += 0.06 + Math.round(random() * 48_000) / 48_000
        sent.push(at)
        packets.push(packet(at, { delay: 0.01 + random() * 0.05, rtp: 4_294_000_000 }))
      }
      const { items, axis } = lay(packets)
      const laid = positions(items)
      expect(laid).toHaveLength(sent.length)
      laid.forEach((at, n) => {
        expect(Math.abs(at - (sent[n]! - sent[0]!)), `seed ${seed}, packet ${n}`).toBeLessThanOrEqual(0.0025 + 1e-9)
      })
      expect(axis.samples).toBe(items.reduce((sum, { samples }) => sum + samples, 0))
    }
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
