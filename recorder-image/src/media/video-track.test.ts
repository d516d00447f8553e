import { describe, expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { VideoTrack } from './video-track.ts'

const key = Buffer.from('1002009d012a100010000047', 'hex')
const delta = Buffer.from('310100', 'hex')

/** 15 pictures a second in VP8, a key frame each ten. */
const picture = (n: number, more: Partial<EncodedFrame> = {}): EncodedFrame => ({
  ...{ slot: 1, kind: 'video', ssrc: 7, key: n % 10 === 0, rtpTimestamp: n * 6000, sequenceNumber: null },
  ...{ receiveTimeMicros: Math.round((n * 1e6) / 15), mimeType: 'video/VP8', data: n % 10 === 0 ? key : delta },
  ...more,
})

function trackWith() {
  const lost: string[] = []
  const missing: number[] = []
  const track = new VideoTrack(
    ({ rtpTimestamp }, reason, detail) => lost.push(`${rtpTimestamp / 6000} ${reason}: ${detail}`),
    ({ pictures }) => missing.push(pictures),
  )
  const taken: number[] = []
  /** Whether each was of use. */
  const push = (...frames: EncodedFrame[]) => {
    const useful = frames.map((frame) => track.push(frame))
    taken.push(...(track.take()?.samples ?? []).map(({ rtpTimestamp }) => rtpTimestamp / 6000))
    return useful
  }
  const end = () => {
    track.end()
    return { taken, lost, missing }
  }
  return { track, push, end }
}

describe('pictures in VP8 after one that never came', () => {
  test('are left out up to the next key frame, which is asked for, and the ledger has all of them', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    expect(push(picture(8, { mayFollowHole: true }))).toEqual([true])
    track.hole({ ssrc: 7, rtpTimestamp: 8 * 6000, lost: 2 })
    expect(push(picture(9), picture(10), picture(11))).toEqual([false, true, true])
    const lost = ['8', '9'].map((n) => `${n} LostInNetwork: the picture it refers to`)
    expect(end()).toEqual({ taken: [0, 1, 2, 3, 4, 5, 6, 10, 11], lost, missing: [1] })
  })

  test('are recorded where the sender left it out', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    push(picture(8, { mayFollowHole: true }))
    track.hole({ ssrc: 7, rtpTimestamp: 8 * 6000, lost: 0 })
    push(picture(9), picture(10))
    expect(end()).toEqual({ taken: [0, 1, 2, 3, 4, 5, 6, 8, 9, 10], lost: [], missing: [] })
  })

  test('that wait when the recorder has to leave something out are in the ledger', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    push(picture(8, { mayFollowHole: true }))
    track.interrupt()
    expect(end().lost).toEqual(['8 LostInNetwork: the picture it refers to'])
  })
})

describe('a subscription that goes on for longer than 32 bits of RTP time last', () => {
  const hours = (count: number) => count * 3600
  const second = (s: number, more: Partial<EncodedFrame> = {}) =>
    picture(1, { rtpTimestamp: (s * 90_000) >>> 0, receiveTimeMicros: s * 1_000_000, ...more })
  const keyOf = (width: number) => Uint8Array.of(0x10, 2, 0, 0x9d, 1, 0x2a, width, 0, 16, 0, 0, 0)

  test('loses nothing where its clock comes round', () => {
    const { track, push, end } = trackWith()
    push(second(0, { key: true, data: key }))
    for (let s = 1; s < hours(14); s++) track.push(second(s))
    expect(end().lost).toEqual([])
  })

  test('is decoded by its last size to the end, without a key frame in all that time', () => {
    const { track } = trackWith()
    track.push(second(0, { key: true, data: keyOf(16) }))
    track.push(second(10, { key: true, data: keyOf(32) }))
    for (let s = 11; s < hours(14); s++) track.push(second(s))
    expect(
      new Set(
        track
          .take()!
          .samples.slice(1)
          .map(({ config }) => config),
      ),
    ).toEqual(new Set([1]))
  })
})

test('where the codec changes and its first key frame is lost, another is asked for', () => {
  const { push, end } = trackWith()
  push(...[0, 1, 2].map((n) => picture(n)))
  expect(push(picture(3, { mimeType: 'video/H264' }))).toEqual([false])
  expect(end()).toMatchObject({ taken: [0, 1, 2], lost: ['3 NoKeyFrame: video/H264, in a file of vp8'] })
})

describe('a subscription whose first key frame Chromium gave up', () => {
  const startCode = Buffer.from([0, 0, 0, 1])
  const units = (...hex: string[]) => Buffer.concat(hex.flatMap((unit) => [startCode, Buffer.from(unit, 'hex')]))
  /** 16x16 of x264, whose pictures have numbers of four bits. */
  const h264 = (n: number) => {
    const isKey = n % 10 === 0
    const slice = Buffer.from([isKey ? 0x65 : 0x41, 0xe1 | ((n % 10) << 1), 0x80, 0x80]).toString('hex')
    const sets = isKey ? ['6742c00ada7b011000000300100000030320f1226a', '68ce3c80'] : []
    return picture(n, { mimeType: 'video/H264', data: units(...sets, slice) })
  }
  const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at)

  test('has it in the ledger, by the number of the first picture that came', () => {
    const { push, end } = trackWith()
    push(...range(3, 14).map(h264))
    const { taken, lost, missing } = end()
    expect(taken).toEqual([10, 11, 12, 13, 14])
    expect(lost).toEqual(range(3, 9).map((n) => `${n} NoKeyFrame: `))
    expect(missing).toEqual([3])
  })

  test('has nothing more there where it begins with it', () => {
    const { push, end } = trackWith()
    push(...range(0, 14).map(h264))
    expect(end()).toEqual({ taken: range(0, 14), lost: [], missing: [] })
  })
})
