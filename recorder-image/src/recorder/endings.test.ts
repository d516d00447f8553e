import { describe, expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { Endings } from './endings.ts'

const alice = { id: 1, userId: 'alice', stream: 'main' } as const
const bob = { id: 2, userId: 'bob', stream: 'main' } as const
const frame = (kind: 'audio' | 'video', millis: number, { ssrc = 1, bytes = 3, rtp = millis } = {}): EncodedFrame => ({
  ...{ slot: 1, kind, ssrc, key: false, sequenceNumber: null, mimeType: '', data: new Uint8Array(bytes) },
  ...{ rtpTimestamp: (rtp * (kind === 'audio' ? 48 : 90)) >>> 0, receiveTimeMicros: millis * 1000 },
})

/** Sound every 20 ms and pictures every 40, from 1 s to the times that are given. */
function sent({ sound, pictures }: { sound?: number; pictures?: number }, publication: typeof alice | typeof bob = alice) {
  const endings = new Endings()
  for (let millis = 1000; millis <= (sound ?? 0); millis += 20) endings.arrived(publication, frame('audio', millis))
  for (let millis = 1000; millis <= (pictures ?? 0); millis += 40) endings.arrived(publication, frame('video', millis))
  return endings
}
const told = (losses: ReturnType<Endings['ended']>) =>
  losses.map(
    ({ userId, medium, fromMicros, toMicros, frames, framesAre = '', reason }) =>
      `${userId} ${medium} ${fromMicros / 1000}-${toMicros / 1000} ${framesAre} ${frames} ${reason}`,
  )
const ended = (endings: Endings, atMillis: number, nowMillis = atMillis + 1200) =>
  told(endings.ended({ ...alice, endedMicros: atMillis * 1000 }, nowMillis * 1000))

describe('the end of what a user sent', () => {
  test('is there where nothing more ought to have come by when they stopped', () => {
    expect(ended(sent({ sound: 2000, pictures: 2000 }), 2000)).toEqual([])
    expect(ended(sent({ sound: 2000, pictures: 2000 }), 2090)).toEqual([])
    expect(ended(sent({ sound: 2060, pictures: 2000 }), 2000)).toEqual([])
  })

  test('is unproven where the other medium went on for longer', () => {
    expect(ended(sent({ sound: 2100, pictures: 2000 }), 2100)).toEqual(['alice video 2000-2100 AtMost 5 EndUnproven'])
    expect(ended(sent({ sound: 2000, pictures: 2080 }), 2080)).toEqual(['alice audio 2000-2080 AtMost 9 EndUnproven'])
  })

  test('is unproven where nothing came any more before they stopped', () => {
    expect(ended(sent({ sound: 2000, pictures: 2000 }), 2400)).toEqual([
      'alice audio 2000-2400 AtMost 25 EndUnproven',
      'alice video 2000-2400 AtMost 13 EndUnproven',
    ])
  })

  test('is unproven to the last where packets were missing a moment before', () => {
    const endings = sent({ pictures: 2000 })
    for (const [n, number] of [65_533, 65_534, 0, 1].entries())
      endings.arrived(alice, { ...frame('audio', 1940 + n * 20), sequenceNumber: number })
    expect(ended(endings, 2090)).toEqual([
      'alice video 2000-2090 AtMost 5 EndUnproven',
      'alice audio 2000-2090 AtMost 10 EndUnproven',
    ])
  })

  test('is there where nothing came for so long that it would be known of a path that is dead', () => {
    expect(ended(sent({ sound: 2000, pictures: 2000 }), 4400)).toHaveLength(2)
    expect(ended(sent({ sound: 2000, pictures: 2000 }), 5000)).toEqual([])
    expect(ended(sent({ sound: 5200, pictures: 2000 }), 5000)).toEqual(['alice audio 5200-6000 AtMost 45 EndUnproven'])
  })

  test('is unproven where it came on after they had stopped, for as long as it was received', () => {
    expect(ended(sent({ pictures: 2200 }), 2000)).toEqual(['alice video 2200-3000 AtMost 23 EndUnproven'])
    expect(ended(sent({ pictures: 2200 }), 2000, 2240)).toEqual(['alice video 2200-2240 AtMost 4 EndUnproven'])
  })

  test('is unproven behind what was repaired late, whenever that came', () => {
    const endings = sent({ sound: 3000, pictures: 2000 })
    endings.arrived(alice, frame('video', 2980, { rtp: 2040 }))
    expect(ended(endings, 3000)).toEqual(['alice video 2040-3000 AtMost 27 EndUnproven'])
  })

  test('is there where all of it came late, on a line that is worse than it was', () => {
    const endings = sent({ sound: 1500, pictures: 1500 })
    for (let millis = 1520; millis <= 2000; millis += 20) endings.arrived(alice, frame('audio', millis + 400, { rtp: millis }))
    for (let millis = 1520; millis <= 2000; millis += 40) endings.arrived(alice, frame('video', millis + 400, { rtp: millis }))
    expect(ended(endings, 2000)).toEqual([])
  })

  test.each([3_600_000, -3_600_000])('is there after a clock was set by %s ms', (by) => {
    const endings = sent({ pictures: 2000 })
    for (let millis = 2040; millis <= 3000; millis += 40) endings.arrived(alice, frame('video', millis, { rtp: millis + by }))
    expect(ended(endings, 3000)).toEqual([])
    expect(ended(endings, 3400)).toEqual([])
  })

  test('is that of a medium that was muted before where it was muted', () => {
    const endings = sent({ sound: 3000, pictures: 2000 })
    endings.sends(alice, 'video', false, 2_300_000)
    expect(ended(endings, 3000)).toEqual(['alice video 2000-2300 AtMost 10 EndUnproven'])
  })

  test('is where it ended, whatever was muted meanwhile', () => {
    const endings = sent({ pictures: 2000 })
    endings.sends(alice, 'video', false, 2_300_000)
    endings.sends(alice, 'video', true, 2_500_000)
    for (let millis = 2500; millis <= 5000; millis += 40) endings.arrived(alice, frame('video', millis))
    expect(ended(endings, 5000)).toEqual([])
  })

  test('is not nearer than the next packet of a pause in sound', () => {
    const endings = sent({ sound: 2000 })
    endings.arrived(alice, frame('audio', 2020, { bytes: 2 }))
    expect(ended(endings, 2400)).toEqual([])
    const longer = sent({ sound: 2000 })
    longer.arrived(alice, frame('audio', 2020, { bytes: 2 }))
    expect(ended(longer, 2700)).toEqual(['alice audio 2020-2700 AtMost 2 EndUnproven'])
  })

  test('is unproven without a number where too little came to have a rhythm', () => {
    expect(ended(sent({ pictures: 1000 }), 2900)).toEqual([])
    expect(ended(sent({ pictures: 1000 }), 3400)).toEqual(['alice video 1000-3400  null EndUnproven'])
  })

  test('is told when another subscription goes on, or with the rest', () => {
    const endings = sent({ pictures: 2000 })
    endings.sends(alice, 'video', false, 2_300_000)
    const later = (millis: number) => told(endings.arrived(alice, frame('video', millis, { ssrc: 2 })))
    expect(later(4000)).toEqual(['alice video 2000-2300 AtMost 10 EndUnproven'])
    expect(later(4040)).toEqual([])
    expect(ended(endings, 4040)).toEqual([])
    const soon = sent({ pictures: 2000 })
    soon.sends(alice, 'video', false, 2_300_000)
    for (let millis = 2360; millis <= 2800; millis += 40) {
      expect(told(soon.arrived(alice, frame('video', millis, { ssrc: 2 })))).toEqual([])
    }
    expect(ended(soon, 2800)).toEqual(['alice video 2000-2300 AtMost 10 EndUnproven'])
  })

  test('of what its user sends on is unproven where its recorder stops only if it had fallen behind', () => {
    const stopped = (endings: Endings, millis: number) => told(endings.ended(alice, millis * 1000))
    expect(stopped(sent({ sound: 2000, pictures: 2000 }), 2200)).toEqual([])
    expect(stopped(sent({ sound: 2080, pictures: 2000 }), 2100)).toEqual([])
    expect(stopped(sent({ sound: 2200, pictures: 2000 }), 2300)).toEqual(['alice video 2000-2300 AtMost 10 EndUnproven'])
    expect(stopped(sent({ pictures: 2000 }), 2300)).toEqual(['alice video 2000-2300 AtMost 10 EndUnproven'])
  })

  test('is nothing to tell of what nobody wants any more, though some of it still comes, until it is wanted again', () => {
    const endings = sent({ sound: 2000, pictures: 2000 })
    const sound = { userId: 'alice', stream: 'main', kind: 'audio' } as const
    endings.wants(sound, false)
    endings.wants({ ...sound, userId: 'bob' }, false)
    for (const millis of [2020, 2040, 2060]) endings.arrived(alice, frame('audio', millis))
    expect(ended(endings, 2400)).toEqual(['alice video 2000-2400 AtMost 13 EndUnproven'])
    endings.wants(sound, true)
    for (let millis = 5000; millis <= 6000; millis += 20) endings.arrived(alice, frame('audio', millis))
    expect(ended(endings, 6200)).toEqual(['alice audio 6000-6200 AtMost 15 EndUnproven'])
    const all = sent({ sound: 2000 })
    all.forget()
    expect(ended(all, 2400)).toEqual([])
  })

  test('is told of each user by what they sent', () => {
    const endings = sent({ pictures: 2000 })
    for (let millis = 1000; millis <= 3000; millis += 40) endings.arrived(bob, frame('video', millis))
    expect(ended(endings, 2000, 3000)).toEqual([])
    expect(told(endings.ended({ ...bob, endedMicros: 3_000_000 }, 4_200_000))).toEqual([])
  })
})
