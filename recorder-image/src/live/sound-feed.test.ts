import { expect, test } from 'vitest'
import { aFrame } from '../recorder/testing.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { LiveSound } from './part.ts'
import { SoundFeed } from './sound-feed.ts'

const zero = 1_700_000_000_000_000

/** A packet of 20 ms that tells its number. */
const opus = (n: number) => Uint8Array.of(0xf8, n >> 8, n & 0xff)

function packet(n: number, more: Partial<EncodedFrame> = {}): EncodedFrame {
  return {
    ...{ ...aFrame(1, ''), kind: 'audio', ssrc: 1, mimeType: 'audio/opus', data: opus(n), sequenceNumber: n & 0xffff },
    ...{ rtpTimestamp: n * 960, receiveTimeMicros: zero + n * 20_000, ...more },
  }
}

/** With the packet before it along (RFC 2198). */
function redundant(n: number): EncodedFrame {
  const [before, own] = [opus(n - 1), opus(n)]
  const header = [0x80 | 111, 960 >> 6, ((960 & 0x3f) << 2) | (before.length >> 8), before.length & 0xff, 111]
  return packet(n, { mimeType: 'audio/red', data: Uint8Array.from([...header, ...before, ...own]) })
}

const heard = (sounds: readonly LiveSound[]) =>
  sounds.map((sound) => (sound.is === 'packet' ? sound.data[1]! * 256 + sound.data[2]! : `${sound.samples / 48} ms`))
const times = (sounds: readonly LiveSound[]) => sounds.map(({ ptsMicros }) => (ptsMicros - zero) / 1000)
const feedAll = (feed: SoundFeed, frames: readonly EncodedFrame[]) => [
  ...frames.flatMap((frame) => feed.push(frame)),
  ...feed.release(),
]
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)

test('a packet that was lost and comes along with the next one is in its place', () => {
  const frames = numbers(1, 100)
    .filter((n) => n !== 40)
    .map(redundant)
  expect(heard(feedAll(new SoundFeed(), frames))).toEqual([0, ...numbers(1, 100)].slice(1))
})

test('between packets of a sender that is silent (DTX) as much is missing as they say', () => {
  const sounds = feedAll(new SoundFeed(), [
    ...numbers(0, 60).map((n) => packet(n)),
    ...[80, 100].map((n, at) => packet(n, { sequenceNumber: 60 + at })),
    ...numbers(101, 110).map((n) => packet(n, { sequenceNumber: n - 39 })),
  ])
  expect(heard(sounds.slice(59, 65))).toEqual([59, '400 ms', 80, '380 ms', 100, 101])
  expect(times(sounds).at(-1)).toBe(109 * 20)
})

test('a new subscription, with another clock and count, goes on at its time', () => {
  const again = (n: number) => packet(n, { ssrc: 2, rtpTimestamp: n * 960 + 777_777, sequenceNumber: n + 5000 })
  const sounds = feedAll(new SoundFeed(), [...numbers(0, 100).map((n) => packet(n)), ...numbers(150, 300).map(again)])
  const [gap] = sounds.flatMap((sound, at) => (sound.is === 'missing' ? [at] : []))
  expect(heard(sounds)[gap!]).toBe('1000 ms')
  expect(times(sounds)[gap! + 1]).toBe(3000)
  expect(times(sounds).at(-1)).toBe(299 * 20)
})

test('what nobody can decode is silent as long as the packet before it', () => {
  const sounds = feedAll(
    new SoundFeed(),
    numbers(0, 60).map((n) => (n === 30 ? packet(n, { data: new Uint8Array() }) : packet(n))),
  )
  expect(sounds).toHaveLength(60)
  expect(sounds.every(({ samples }) => samples === 960)).toBe(true)
})
