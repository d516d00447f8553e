import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { record } from './testing/recording.ts'
import { epochMicros, seeded } from './testing/sender.ts'

/**
 * What Chromium's own encoder (WebCodecs, `usedtx`, `voip`, one channel, 32 kbit/s, packets of 20 ms) makes of ten seconds with a beep of 100 ms at each of
 * these, and silence between: milliseconds and bytes. A packet every 420 ms while nobody speaks.
 */
const beepsAt = [0, 0.5, 4, 9, 9.5]
const packets = JSON.parse(await readFile(new URL('testing/dtx-packets.json', import.meta.url), 'utf8')) as [number, string][]

/** A sender with DTX goes on numbering its packets where it left off, and its clock runs on. */
const sent = (delaySeconds: () => number): EncodedFrame[] => {
  let last = 0
  return packets.map(([millis, data], number) => {
    last = Math.max(last, epochMicros + Math.round(millis * 1000 + delaySeconds() * 1e6))
    const numbers = { sequenceNumber: (65_500 + number) & 0xffff, rtpTimestamp: millis * 48 }
    const rest = { receiveTimeMicros: last, mimeType: 'audio/opus', data: Buffer.from(data, 'base64') }
    return { slot: 1, kind: 'audio', ssrc: 5, key: true, ...numbers, ...rest }
  })
}

describe('a sender that sends nothing while nobody speaks (Opus DTX)', () => {
  it.each([
    ['00', 'AAC', 0],
    ['02', 'AAC', 0],
    ['02', 'Opus', 0],
    ['02', 'AAC', 0.1],
  ] as const)(
    'has its silence where it was, in mode %s with %s and jitter of %d s, and nothing is missing',
    async (mode, audioCodec, jitter) => {
      const random = seeded(7)
      const ledger = new Ledger()
      const { finished, playback } = await record(
        mode,
        sent(() => 0.02 + jitter * random()),
        { audioCodec, ledger, gaps: 'Cut' },
      )
      expect(finished.problem).toBeUndefined()
      expect(playback.complaints).toBe('')
      expect(ledger.losses).toEqual([])
      expect(finished.events).toEqual([])
      expect(playback.beeps).toHaveLength(beepsAt.length)
      playback.beeps.forEach((beep, n) => {
        expect(Math.abs(beep - beepsAt[n]!), `beep ${n} of ${playback.beeps}`).toBeLessThan(0.01)
      })
    },
  )
})
