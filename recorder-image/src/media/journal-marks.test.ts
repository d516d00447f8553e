import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AudioAxis, type AudioPacket } from '../timeline/audio-axis.ts'
import { deliver, network } from '../timeline/testing/hostile-network.ts'
import { JournalMarks } from './journal-marks.ts'

const packets = 9000
const samples = 960
const seed = Number(process.env.SEED)

/** A minute into it the sender subscribes anew: another SSRC, with numbers and times of its own. */
const sent = (again: number) =>
  Array.from({ length: packets }, (_, number) => ({
    ...{ number, trueMillis: number * 20, ssrc: number < again ? 1 : 2 },
    rtpTimestamp: (number * samples + (number < again ? 0 : 5_000_000)) % 2 ** 32,
    sequenceNumber: (number + (number < again ? 0 : 777)) % 2 ** 16,
  }))

test(`what lies in front of a mark lies in front of its position, however it came (SEED=${seed})`, () => {
  fc.assert(
    fc.property(network(), fc.integer({ min: 1000, max: packets }), (way, again) => {
      const axis = new AudioAxis()
      const marks = new JournalMarks()
      const placeOf = new Map<Uint8Array, number>()
      const ends: number[] = []
      let position = 0
      let known = 0
      const take = (items: ReturnType<AudioAxis['push']>) => {
        for (const item of items) {
          position += item.samples
          if (item.type === 'packet') ends[placeOf.get(item.data)!] = position
        }
      }
      for (const { sent: one, arrivalMillis } of deliver(sent(again), way)) {
        const receiveTimeMicros = 1.8e15 + Math.round(arrivalMillis * 1000)
        const packet: AudioPacket = { ...one, receiveTimeMicros, samples, data: new Uint8Array(1) }
        placeOf.set(packet.data, known++)
        take(axis.push(packet))
        // Each packet is a byte of the journal.
        marks.laid(known, receiveTimeMicros, axis.samples)
      }
      take(axis.end())
      let before = 0
      let latestEnd = 0
      for (let at = 0; at <= position; at += 48_000) {
        const front = marks.endBefore(at)
        expect(front).toBeGreaterThanOrEqual(before)
        for (; before < front; before++) latestEnd = Math.max(latestEnd, ends[before] ?? 0)
        expect(latestEnd).toBeLessThanOrEqual(at)
      }
      // And it is not for want of marks.
      expect(before).toBeGreaterThanOrEqual(3000)
    }),
    { seed, numRuns: 20 },
  )
})
