import { audioSlicesSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { aFrame } from '../../recorder/testing.ts'
import type { MadeObject } from '../live-objects.ts'
import type { LiveSource } from '../part.ts'
import { SourceFeed } from '../source-feed.ts'
import { SlicesPart } from './slices-part.ts'
import { readOgg } from './testing/read-ogg.ts'

/** A border of slices of 5 s. */
const zeroMillis = Date.parse('2026-03-01T10:00:00.000Z')
const source: LiveSource = { id: 1, userId: 'alice', stream: 'main', attempt: 1, file: 'alice.mp4' }

function world(spec: object = { seconds: 5 }) {
  const begun: { fromMicros: number; toMicros: number }[] = []
  const made: MadeObject[] = []
  const part = new SlicesPart(audioSlicesSchema.parse(spec), {
    begin(_part, _source, fromMicros, toMicros) {
      begun.push({ fromMicros, toMicros })
      return { made: async (object) => made.push(object) > 0, failed: () => {}, nothing: () => {} }
    },
  })
  const feed = new SourceFeed({ source, media: ['audio'], tell: (event) => part.on(event), onLatePicture: () => {} })
  part.on({ type: 'opened', source })
  const says = (from: number, to: number) => {
    for (let n = from / 20; n < to / 20; n++) {
      feed.frame({
        ...{ ...aFrame(1, ''), kind: 'audio', mimeType: 'audio/opus', data: Uint8Array.of(0xf8, 1, 2) },
        ...{ sequenceNumber: n & 0xffff, rtpTimestamp: n * 960, receiveTimeMicros: (zeroMillis + n * 20) * 1000 },
      })
    }
  }
  const at = (millis: number) => feed.tick((zeroMillis + millis) * 1000)
  return { part, feed, begun, made, says, at }
}
const secondsOf = ({ data }: MadeObject) => readOgg(Buffer.from(data)).playedSamples / 48_000

describe('slices', () => {
  test('are over with the first packet of the next one', () => {
    const { made, begun, says } = world()
    says(0, 5000)
    expect(made).toEqual([])
    says(5000, 5040)
    expect(made).toHaveLength(1)
    expect(secondsOf(made[0]!)).toBe(5)
    expect(begun.map(({ toMicros }) => toMicros / 1000 - zeroMillis)).toEqual([5000, 10_000])
  })

  test('are over a second after their end at the latest, also where nothing comes', () => {
    const { made, says, at } = world()
    says(0, 4000)
    at(4500)
    expect(made).toEqual([])
    at(6000)
    expect(made.map(secondsOf)).toEqual([4])
  })

  test('are none where a user is muted, and go on when they speak again', () => {
    const { made, feed, says, at } = world()
    says(0, 2000)
    for (let millis = 2000; millis < 31_000; millis += 500) at(millis)
    says(31_000, 33_500)
    feed.close()
    expect(made.map(({ name }) => name)).toEqual(['20260301095959994.ogg', '20260301100030994.ogg'])
    expect(made.map(secondsOf)).toEqual([2, 2.5])
  })

  test('are as silent within as a user was, when they spoke before and after', () => {
    const { made, feed, says } = world()
    says(0, 1000)
    says(3000, 4000)
    feed.close()
    expect(made.map(secondsOf)).toEqual([4])
  })

  test('end with a pause, whatever is held back', () => {
    const { made, feed, says } = world()
    says(0, 400)
    feed.pause()
    expect(made.map(secondsOf)).toEqual([0.4])
    feed.resume(0)
    says(1000, 1400)
    feed.close()
    expect(made.map(secondsOf)).toEqual([0.4, 0.4])
  })

  test('say in their comments whose they are and when they begin', () => {
    const { made, feed, says } = world()
    says(0, 1000)
    feed.close()
    expect(readOgg(Buffer.from(made[0]!.data)).comments).toEqual([
      ...['TITLE=alice', 'DATE=2026-03-01T09:59:59.994Z', 'TRTC_USER=alice'],
      ...[`TRTC_START_MS=${zeroMillis - 6}`, 'TRTC_FILE=alice.mp4'],
    ])
  })

  test('are made of the sound of those who are meant', () => {
    const { part } = world({ users: { include: ['customer_.*$'] } })
    expect(part.wants({ userId: 'customer_1', stream: 'main' })).toEqual(['audio'])
    expect(part.wants({ userId: 'agent_1', stream: 'main' })).toEqual([])
    expect(part.wants({ userId: 'customer_1', stream: 'aux' })).toEqual([])
  })
})
