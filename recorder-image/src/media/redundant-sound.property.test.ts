import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { AudioAxis } from '../timeline/audio-axis.ts'
import { deliver, type Network, network } from '../timeline/testing/hostile-network.ts'
import { opusSamples } from './opus.ts'
import { SoundReader } from './sound-reader.ts'

/** 20 ms of CELT, fullband. */
const opus = (number: number) => Uint8Array.of(0xf8, number & 0xff, number >> 8)

/** A packet that carries so many of those before it along (RFC 2198). */
function red(number: number, along: number): Uint8Array {
  const carried = Array.from({ length: Math.min(along, number) }, (_, at) => number - Math.min(along, number) + at)
  const headers = carried.map((one) => {
    const bits = (((number - one) * 960) << 10) | 3
    return [0x80 | 111, (bits >> 16) & 0xff, (bits >> 8) & 0xff, bits & 0xff]
  })
  return Uint8Array.from([...headers.flat(), 111, ...[...carried, number].flatMap((one) => [...opus(one)])])
}

const sender = fc.record({
  packets: fc.integer({ min: 1, max: 400 }),
  /** Of 0 they come as plain Opus. */
  along: fc.integer({ min: 0, max: 2 }),
  firstNumber: fc.nat(65_535),
  firstRtp: fc.nat(2 ** 32 - 1),
})
const calm = { fromMillis: 0, forMillis: 0 }
const line = network({
  queue: fc.constant({ ...calm, delayMillis: 300 }),
  freeze: fc.constant(calm),
  lost: fc.double({ min: 0, max: 0.4, noNaN: true }),
})

test('of sound that is sent once or more, each packet is laid once or told of as lost, whatever the network does', () => {
  fc.assert(
    fc.property(sender, line, ({ packets, along, firstNumber, firstRtp }, net: Network) => {
      const sent = Array.from({ length: packets }, (_, number) => ({
        ...{ number, trueMillis: number * 20, rtpTimestamp: (firstRtp + number * 960) >>> 0 },
      }))
      const axis = new AudioAxis()
      const lost: string[] = []
      const reader = new SoundReader((_, reason) => lost.push(reason))
      const laid: number[] = []
      const arrivals = deliver(sent, net)
      for (const { sent: packet, arrivalMillis } of arrivals) {
        const frame: EncodedFrame = {
          ...{ slot: 1, kind: 'audio', ssrc: 7, key: true, rtpTimestamp: packet.rtpTimestamp },
          ...{ sequenceNumber: (firstNumber + packet.number) & 0xffff, receiveTimeMicros: Math.round(arrivalMillis * 1000) },
          ...(along === 0
            ? { mimeType: 'audio/opus', data: opus(packet.number) }
            : { mimeType: 'audio/red', data: red(packet.number, along) }),
        }
        for (const one of reader.read(frame)) {
          for (const item of axis.push({ ...one, samples: opusSamples(one.data) })) {
            if (item.type === 'packet') laid.push(item.data[1]! | (item.data[2]! << 8))
          }
        }
      }
      for (const item of axis.end()) if (item.type === 'packet') laid.push(item.data[1]! | (item.data[2]! << 8))
      const told = axis.takeLosses(true).reduce((sum, loss) => sum + loss.packets!, 0)
      expect(lost).toEqual([])
      expect(laid).toEqual([...new Set(laid)].sort((a, b) => a - b))
      if (arrivals.length === 0) return
      // What was lost in front of the first that came, or behind the last, nobody can know.
      const numbers = arrivals.map(({ sent: { number } }) => number)
      const [first, last] = [Math.min(...numbers), Math.max(...numbers)]
      const before = laid.filter((number) => number < first).length
      expect(laid.length - before + told).toBe(last + 1 - first)
    }),
    { numRuns: 200 },
  )
})
