import { type Manifest, manifestSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { mixGraph, type Seen, seenIn } from './mix-layout.ts'

const zeroMillis = Date.parse('2026-01-01T08:00:00.000Z')
const iso = (second: number) => new Date(zeroMillis + second * 1000).toISOString()

type Stream = 'main' | 'aux'
const file = (userId: string, stream: Stream, from: number, to: number) => ({
  ...{ userId, stream, path: `${userId}.mp4`, url: '', status: 1, message: 'ok', bytes: 1, attempt: 1, crc64: '1' },
  ...{ startTime: iso(from), endTime: iso(to), durationSeconds: to - from, lostFrames: 0, lostSeconds: 0 },
  video: { codec: 'avc1.42c01f', width: 640, height: 360 },
})
const event = (second: number, userId: string, what: 'videoOn' | 'videoOff') => ({
  ...{ time: iso(second), userId, stream: 'main', event: what },
})
const manifest = (files: object[], events: object[] = []): Manifest =>
  manifestSchema.parse({
    ...{ version: 1, recording: { namespace: 'school', name: 'math', uid: '' }, sdkAppId: 1, roomId: 1, mode: '02' },
    ...{ stopReason: 'Idle', files, events, pauses: [], clockSteps: [], losses: [] },
  })
const spans = ({ cameras }: { cameras: Seen[] }) => cameras.map((seen) => seen.spans.map(({ from, to }) => [from, to]))

describe('who is in a mixed picture', () => {
  test('is everybody while their camera is on', () => {
    const events = [
      event(2, 'bob', 'videoOn'),
      event(5, 'bob', 'videoOff'),
      event(8, 'bob', 'videoOn'),
      event(9, 'bob', 'videoOff'),
    ]
    const seen = seenIn(
      manifest([file('alice', 'main', 0, 4), file('alice', 'main', 20, 22), file('bob', 'main', 2, 30)], events),
      zeroMillis,
    )
    expect(spans(seen)).toEqual([
      [
        [0, 4],
        [20, 22],
      ],
      [
        [2, 5],
        [8, 9],
      ],
    ])
  })

  test('is of more than 16 whoever was on longest, in the order of their appearance', () => {
    const files = Array.from({ length: 20 }, (_, n) => file(`user${n}`, 'main', n, n < 4 ? n + 1 : 100))
    const { cameras, noRoomFor } = seenIn(manifest(files), zeroMillis)
    expect(cameras.map(({ userId }) => userId)).toEqual(Array.from({ length: 16 }, (_, n) => `user${n + 4}`))
    expect(noRoomFor.map(({ userId }) => userId)).toEqual(['user0', 'user1', 'user2', 'user3'])
  })

  test('is nobody where there is no picture', () => {
    const { video: _, ...voice } = file('alice', 'main', 0, 4)
    expect(seenIn(manifest([voice]), zeroMillis)).toEqual({ cameras: [], screens: [], noRoomFor: [] })
  })

  test('is said in no more than 200 stretches of each, however often a camera was switched', () => {
    const events = Array.from({ length: 2000 }, (_, n) => event(n, 'bob', n % 2 === 0 ? 'videoOn' : 'videoOff'))
    const [bob] = seenIn(manifest([file('bob', 'main', 0, 2000)], events), zeroMillis).cameras
    expect(bob!.spans.length).toBeLessThanOrEqual(200)
    expect(bob!.spans[0]!.from).toBe(0)
    expect(bob!.spans.at(-1)!.to).toBe(1999)
  })
})

describe('a mixed picture', () => {
  const camera = (userId: string): Seen => ({ userId, stream: 'main', spans: [{ from: 0, to: 9 }] })
  const placesIn = (graph: string) =>
    [...graph.matchAll(/overlay=x='if\([^:]*,(\d+)\+\((\d+)-w\)\/2,W\)':y=(\d+)\+\((\d+)-h\)/g)].map((found) =>
      found.slice(1).map(Number),
    )

  test.each([1, 2, 4, 5, 16])('of %i has each in a place of their own, inside of it', (count) => {
    const graph = mixGraph({ cameras: Array.from({ length: count }, (_, n) => camera(`u${n}`)), screens: [] }, 9)
    const places = placesIn(graph)
    expect(new Set(places.map(String)).size).toBe(count)
    for (const [x, width, y, height] of places) {
      expect(x! + width!).toBeLessThanOrEqual(1280)
      expect(y! + height!).toBeLessThanOrEqual(720)
    }
  })

  test('shows a shared screen large, and cameras beside it only meanwhile', () => {
    const screen: Seen = { userId: 'u0', stream: 'aux', spans: [{ from: 3, to: 5 }] }
    const graph = mixGraph({ cameras: [camera('u0')], screens: [screen] }, 9)
    expect(placesIn(graph)).toEqual([
      [0, 1280, 0, 720],
      [1024, 256, 0, 144],
      [0, 1024, 0, 720],
    ])
    expect(graph).toContain("x='if((between(t,0.000,9.000))*not(between(t,3.000,5.000)),")
    expect(graph).toContain("x='if((between(t,0.000,9.000))*(between(t,3.000,5.000)),")
    expect(graph).toContain('[1:v]scale=1024:720')
  })

  test('shows of screens that are shared at once the one that came last, and then the other again', () => {
    const screen = (userId: string, ...spans: [number, number][]): Seen => ({
      ...{ userId, stream: 'aux', spans: spans.map(([from, to]) => ({ from, to })) },
    })
    const graph = mixGraph({ cameras: [], screens: [screen('u0', [1, 8]), screen('u1', [3, 5], [7, 9])] }, 9)
    expect([...graph.matchAll(/overlay=x='if\(([^+]*(?:\+between[^+]*)*),0\+/g)].map(([, shown]) => shown)).toEqual([
      'between(t,1.000,3.000)+between(t,5.000,7.000)',
      'between(t,3.000,5.000)+between(t,7.000,9.000)',
    ])
  })

  test('of nobody is blank', () => {
    expect(mixGraph({ cameras: [], screens: [] }, 9)).toBe(
      'color=c=black:s=1280x720:r=15:d=9,format=yuv420p[base0];[base0]null[mixed]',
    )
  })
})
