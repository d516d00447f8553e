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
    track.hole({ ssrc: 7, rtpTimestamp: 8 * 6000, lost: 2, asked: 9 })
    expect(push(picture(9), picture(10), picture(11))).toEqual([false, true, true])
    const lost = ['8', '9'].map((n) => `${n} LostInNetwork: the picture it refers to`)
    expect(end()).toEqual({ taken: [0, 1, 2, 3, 4, 5, 6, 10, 11], lost, missing: [1] })
  })

  test('are recorded where the sender left it out', () => {
    const { track, push, end } = trackWith()
    push(...[0, 1, 2, 3, 4, 5, 6].map((n) => picture(n)))
    push(picture(8, { mayFollowHole: true }))
    track.hole({ ssrc: 7, rtpTimestamp: 8 * 6000, lost: 0, asked: 3 })
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
