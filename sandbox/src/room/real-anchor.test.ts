import { beforeEach, describe, expect, it } from 'vitest'
import { RtpHeader } from 'werift'
import { Downlink } from './downlink.ts'
import { Impairments } from './impairments.ts'
import { RealAnchor } from './real-anchor.ts'
import { parseRtcp, rtcpType } from './rtp.ts'
import { Subscription } from './subscription.ts'
import { RecordingSink } from './testing/recording-sink.ts'

const IDR = '\x65idr'
const DELTA = '\x61delta'
const published = { audioSsrc: 10, bigVideoSsrc: 20, auxVideoSsrc: 30, state: { audio: true, bigVideo: true, auxVideo: false } }

let asked: Buffer[]
let anchor: RealAnchor
let sink: RecordingSink
let subscription: Subscription
beforeEach(() => {
  asked = []
  sink = new RecordingSink()
  anchor = new RealAnchor('bob', '2', (compound) => asked.push(compound))
  anchor.publish(published)
  subscription = new Subscription(anchor, new Downlink(sink, { opus: 111, h264: 108, vp8: 96 }, new Impairments()), {
    audio: 1,
    video: 2,
    aux: 3,
  })
  subscription.want(new Set(['audio', 'video', 'aux']))
})
const received = (ssrc: number, sequenceNumber: number, payload: string, padding = false) =>
  anchor.received(
    new RtpHeader({ ssrc, sequenceNumber, timestamp: sequenceNumber, padding, version: 2 }),
    Buffer.from(payload, 'latin1'),
    ssrc === 10 ? 'opus' : 'h264',
  )
const requests = () => asked.splice(0).flatMap(parseRtcp)

describe('a publisher with a real SDK', () => {
  it('is asked for a key frame when somebody subscribes, and again until one comes', () => {
    expect(requests().at(-1)).toEqual({ type: 'keyFrameRequest', ssrc: 20 })
    received(20, 1, DELTA)
    anchor.steer()
    expect(requests()).toContainEqual({ type: 'keyFrameRequest', ssrc: 20 })
    received(20, 2, IDR)
    anchor.steer()
    expect(requests()).toEqual([])
    expect(sink.payloads).toEqual([IDR])
  })

  it('is told each second how much it may send', () => {
    requests()
    anchor.steer()
    const remb = sinkOfType(asked, rtcpType.payloadFeedback).find((packet) => packet.includes('REMB'))
    expect(remb?.readUInt32BE(remb.length - 4)).toBe(20)
  })

  it('is asked for packets that are missing, and these take their place', () => {
    received(20, 65_534, IDR)
    requests()
    received(20, 1, DELTA)
    expect(requests()).toEqual([{ type: 'nack', ssrc: 20, sequenceNumbers: [65_535, 0] }])
    received(20, 65_535, DELTA)
    received(20, 0, DELTA)
    expect(requests()).toEqual([])
    expect(sink.sequenceNumbers).toEqual([1, 4, 2, 3])
  })

  it('is forwarded as it published: nothing of what is muted or not published, no padding', () => {
    received(10, 1, 'opus')
    received(30, 1, IDR)
    received(99, 1, IDR)
    anchor.setMuted({ audio: true })
    received(10, 2, 'silence')
    received(20, 1, IDR)
    received(20, 2, '\0\0\0\x04', true)
    expect(sink.payloads).toEqual(['opus', IDR, ''])
  })

  it('goes on with a key frame after mute, without a gap to repair', () => {
    received(20, 1, IDR)
    anchor.setMuted({ bigVideo: true })
    received(20, 2, DELTA)
    requests()
    anchor.setMuted({ bigVideo: false })
    expect(requests()).toEqual([{ type: 'keyFrameRequest', ssrc: 20 }])
    received(20, 3, DELTA)
    received(20, 4, IDR)
    expect(sink.sequenceNumbers).toEqual([1, 2])
  })

  it('adds its screen by publishing again: the camera goes on, the screen begins', () => {
    received(20, 1, IDR)
    anchor.publish({ ...published, state: { audio: true, bigVideo: true, auxVideo: true } })
    subscription.sync()
    received(20, 2, DELTA)
    received(30, 7, IDR)
    expect(sink.packets.map(({ ssrc, sequenceNumber }) => [ssrc, sequenceNumber])).toEqual([
      [2, 1],
      [2, 2],
      [3, 1],
    ])
  })

  it('keeps its subscribers when it publishes with other SSRCs', () => {
    received(20, 500, IDR)
    anchor.publish({ ...published, bigVideoSsrc: 21 })
    received(20, 501, DELTA)
    received(21, 9000, IDR)
    expect(sink.sequenceNumbers).toEqual([1, 2])
    expect(requests().some(({ type }) => type === 'nack')).toBe(false)
  })
})

/** The parts of compound packets of one RTCP type. */
function sinkOfType(compounds: Buffer[], type: number): Buffer[] {
  const parts: Buffer[] = []
  for (const compound of compounds)
    for (let at = 0; at < compound.length; ) {
      const bytes = (compound.readUInt16BE(at + 2) + 1) * 4
      if (compound[at + 1] === type) parts.push(compound.subarray(at, at + bytes))
      at += bytes
    }
  return parts
}
