import { expect, test } from 'vitest'
import { AudioLosses } from './audio-losses.ts'

const second = 1_000_000
const packet = (rtp: number, arrivedMicros: number) => ({
  ...{ ssrc: 1, rtpTimestamp: rtp, receiveTimeMicros: arrivedMicros, samples: 960, data: Uint8Array.of(1) },
})
const lostAt = (atSeconds: number) => {
  const [fromMicros, toMicros] = [atSeconds * second, atSeconds * second + 20_000]
  return [{ fromMicros, toMicros }, 1, { ssrc: 1, rtp: atSeconds * 48_000 + 960 }, (atSeconds + 1) * second] as const
}

test('what comes when it has been told of as lost changes nothing of what is lost later', () => {
  const losses = new AudioLosses()
  losses.missing(...lostAt(10))
  expect(losses.take(17 * second, false)).toMatchObject([{ reason: 'LostInNetwork', packets: 1 }])
  losses.cameLate(packet(10 * 48_000, 18 * second))
  losses.missing(...lostAt(20))
  expect(losses.take(30 * second, true)).toMatchObject([{ reason: 'LostInNetwork', fromMicros: 20 * second, packets: 1 }])
})

test('what comes in time is repaired too late, and lost no more', () => {
  const losses = new AudioLosses()
  losses.missing(...lostAt(10))
  losses.cameLate(packet(10 * 48_000, 12 * second))
  expect(losses.take(30 * second, true)).toMatchObject([{ reason: 'RepairedTooLate', fromMicros: 10 * second, packets: 1 }])
})
