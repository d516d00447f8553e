import fc from 'fast-check'
import { expect, test } from 'vitest'
import { opusSamples } from '../../media/opus.ts'
import type { EncodedFrame } from '../../tap/frame.ts'
import { SoundFeed } from '../sound-feed.ts'
import { oggSlice } from './ogg-slice.ts'
import { type Slice, Slicer } from './slicer.ts'
import { readOgg } from './testing/read-ogg.ts'

const zeroMicros = 1_700_000_000_000_000
/** SILK, hybrid and CELT, mono and stereo, one frame, two and more: the first byte, and how many more there are. */
const kinds = [
  ...[0, 4, 8, 12, 24, 60, 64, 96, 100, 104, 108, 120, 124, 248, 252].map((toc) => [toc, 20]),
  ...[1, 101, 121, 253].map((toc) => [toc, 40]),
].map(([toc, bytes]) => Uint8Array.from([toc!, ...new Array(bytes).fill(7)]))
const threeFrames = Uint8Array.from([123, 3, ...new Array(30).fill(7)])

const step = fc.oneof(
  { weight: 30, arbitrary: fc.record({ is: fc.constant('sent' as const), count: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 5, arbitrary: fc.record({ is: fc.constant('lost' as const), count: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('muted' as const), ms: fc.integer({ min: 100, max: 20_000 }) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('swapped' as const), count: fc.constant(2) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('kind' as const), kind: fc.constantFrom(...kinds, threeFrames) }) },
)

interface Sent {
  frame: EncodedFrame
  wallMicros: number
  samples: number
}

/** What a sender sends, of which every packet tells its number in its last bytes. */
function sent(steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): Sent[] {
  const packets: Sent[] = []
  let [rtp, sequence, number, micros, kind] = [4_294_900_000, 65_500, 0, zeroMicros, kinds[12]!]
  const next = (isLost: boolean) => {
    const data = kind.slice()
    new DataView(data.buffer).setUint32(data.length - 4, number++)
    const samples = opusSamples(data)
    const frame: EncodedFrame = {
      ...{ slot: 1, kind: 'audio', ssrc: 5, key: true, rtpTimestamp: rtp >>> 0, sequenceNumber: sequence & 0xffff },
      ...{ receiveTimeMicros: micros, mimeType: 'audio/opus', data },
    }
    if (!isLost) packets.push({ frame, wallMicros: micros, samples })
    rtp += samples
    sequence++
    micros += samples / 0.048
  }
  for (const one of steps) {
    switch (one.is) {
      case 'sent':
      case 'lost':
        for (let at = 0; at < one.count; at++) next(one.is === 'lost')
        break
      case 'swapped': {
        for (let at = 0; at < 2; at++) next(false)
        const [a, b] = packets.splice(-2) as [Sent, Sent]
        packets.push(b, { ...a, frame: { ...a.frame, receiveTimeMicros: b.frame.receiveTimeMicros } })
        break
      }
      case 'muted': {
        // A multiple of 2.5 ms, as packets are.
        const samples = Math.round(one.ms / 2.5) * 120
        rtp += samples
        micros += samples / 0.048
        break
      }
      case 'kind':
        kind = one.kind
    }
  }
  return packets
}

test('whatever is sent, every packet is in one slice at its time, and every slice is Ogg Opus to the letter', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.integer({ min: 5, max: 60 }), (steps, seconds) => {
      const packets = sent(steps)
      const feed = new SoundFeed()
      const slicer = new Slicer(seconds)
      const slices: Slice[] = []
      const take = (done: ReturnType<Slicer['push']>) => {
        for (const one of done) if (one.type === 'done') slices.push(one.slice)
      }
      for (const { frame } of packets) for (const sound of feed.push(frame)) take(slicer.push(sound))
      for (const sound of feed.release()) take(slicer.push(sound))
      take(slicer.end())

      const found: { number: number; micros: number }[] = []
      for (const slice of slices) {
        const file = oggSlice({ ...slice, serial: 7, comments: ['TITLE=a', 'TRTC_START_MS=1'] })
        const read = readOgg(file)
        expect(read.preSkip).toBeGreaterThanOrEqual(3840)
        expect(read.comments).toEqual(['TITLE=a', 'TRTC_START_MS=1'])
        expect(Math.abs(read.playedSamples / 0.048 - (slice.toMicros - slice.fromMicros))).toBeLessThanOrEqual(1)
        // A packet is nearest to the border it is cut at: half of the longest one on each side.
        const border = seconds * 1_000_000
        expect(Math.floor((slice.fromMicros + 66_500) / border)).toBeLessThanOrEqual(
          Math.floor((slice.toMicros + 66_500) / border),
        )
        expect(slice.toMicros).toBeLessThanOrEqual((Math.floor((slice.fromMicros + 66_500) / border) + 1) * border + 60_000)
        let at = -read.preSkip
        for (const data of read.packets) {
          // What fills holes is shorter, or silent.
          if (data.length > 20 && at >= 0) {
            const number = Buffer.from(data).readUInt32BE(data.length - 4)
            found.push({ number, micros: slice.fromMicros + 6_500 + at / 0.048 })
          }
          at += opusSamples(data)
        }
      }
      const numberOf = ({ frame: { data } }: Sent) => Buffer.from(data).readUInt32BE(data.length - 4)
      expect(found.map(({ number }) => number)).toEqual(packets.map(numberOf).sort((a, b) => a - b))
      const wallOf = new Map(packets.map((packet) => [numberOf(packet), packet.wallMicros]))
      for (const { number, micros } of found) expect(Math.abs(micros - wallOf.get(number)!)).toBeLessThanOrEqual(2_500)
    }),
    { numRuns: 150 },
  )
})
