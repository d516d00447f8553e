import { beforeEach, describe, expect, it } from 'vitest'
import { Downlink } from './downlink.ts'
import { Impairments } from './impairments.ts'
import { OutboundStream } from './outbound.ts'
import { parseRtcp } from './rtp.ts'
import { RecordingSink } from './testing/recording-sink.ts'

const clock = { wallMs: 1_800_000_000_000, rtpTimestamp: 9000 }
const payloadTypes = { opus: 111, h264: 108, vp8: 96 }
const frame = (...payloads: string[]) => payloads.map((payload) => Buffer.from(payload))

let sink: RecordingSink
let video: OutboundStream
beforeEach(() => {
  sink = new RecordingSink()
  video = new OutboundStream('video', sink, 77, payloadTypes)
})

describe('a stream to one subscriber', () => {
  it('begins with a key frame, under the SSRC and the payload type of the subscriber', () => {
    expect(video.sendFrame(frame('delta'), false, 'h264', clock)).toBe(false)
    expect(video.sendFrame(frame('sps', 'idr'), true, 'h264', clock)).toBe(true)
    expect(video.sendFrame(frame('next'), false, 'h264', clock)).toBe(true)
    expect(sink.packets.map(({ payload, marker, sequenceNumber }) => [sequenceNumber, payload, marker])).toEqual([
      [1, 'sps', false],
      [2, 'idr', true],
      [3, 'next', true],
    ])
    expect(sink.packets[0]).toMatchObject({ ssrc: 77, payloadType: 108, timestamp: 9000 })
  })

  it('sends nothing before there are keys, and needs a key frame then too', () => {
    sink.isConnected = false
    expect(video.sendFrame(frame('idr'), true, 'h264', clock)).toBe(false)
    sink.isConnected = true
    expect(video.sendFrame(frame('delta'), false, 'h264', clock)).toBe(false)
    expect(sink.packets).toEqual([])
  })

  it('waits for no key frame of sound', () => {
    const audio = new OutboundStream('audio', sink, 78, payloadTypes)
    expect(audio.sendFrame(frame('opus'), true, 'opus', clock)).toBe(true)
    expect(sink.packets[0]).toMatchObject({ payload: 'opus', marker: false })
  })

  it('sends again what a NACK names, and only what it still has', () => {
    video.sendFrame(frame('idr'), true, 'h264', clock)
    for (let n = 0; n < 600; n++) video.sendFrame(frame(`delta ${n}`), false, 'h264', clock)
    sink.packets.length = 0
    video.repair([601, 1, 602, 90])
    expect(sink.packets.map(({ sequenceNumber, payload }) => [sequenceNumber, payload])).toEqual([
      [601, 'delta 599'],
      [90, 'delta 88'],
    ])
  })

  it('loses packets for good or until they are asked for', () => {
    video.loss = { percent: 100, repairable: true }
    video.sendFrame(frame('idr'), true, 'h264', clock)
    video.loss = { percent: 100, repairable: false }
    video.sendFrame(frame('delta'), false, 'h264', clock)
    expect(sink.packets).toEqual([])
    video.loss = undefined
    video.repair([1, 2])
    expect(sink.payloads).toEqual(['idr'])
    video.sendFrame(frame('after'), false, 'h264', clock)
    expect(sink.sequenceNumbers).toEqual([1, 3])
  })

  it('reports what it has sent by the clock of its source, and nothing before', () => {
    video.report()
    expect(sink.rtcp).toEqual([])
    video.sendFrame(frame('sps', 'idr'), true, 'h264', clock)
    video.report()
    expect(parseRtcp(sink.rtcp[0]!)).toMatchObject([{ type: 'senderReport', ssrc: 77, ...clock }])
    expect([sink.rtcp[0]!.readUInt32BE(20), sink.rtcp[0]!.readUInt32BE(24)]).toEqual([2, 6])
  })
})

describe('a stream that forwards', () => {
  const forward = (sequenceNumber: number, beginsKey = false) =>
    video.forward({ sequenceNumber, payload: Buffer.from(String(sequenceNumber)), marker: true, beginsKey, codec: 'h264', clock })

  it('keeps the order and the gaps of its source, so that repaired packets take their place', () => {
    forward(65_533)
    forward(65_534, true)
    forward(65_535)
    forward(1)
    forward(0)
    expect(sink.packets.map(({ sequenceNumber, payload }) => [sequenceNumber, payload])).toEqual([
      [1, '65534'],
      [2, '65535'],
      [4, '1'],
      [3, '0'],
    ])
  })

  it('counts its numbers over 65535, and repairs across it', () => {
    for (const sequence of [10, 32_776, 65_542, 65_543, 65_544, 65_545]) forward(sequence & 0xffff, true)
    expect(sink.sequenceNumbers).toEqual([1, 32_767, 65_533, 65_534, 65_535, 0])
    sink.packets.length = 0
    video.repair([65_535, 0])
    expect(sink.sequenceNumbers).toEqual([65_535, 0])
  })

  it('drops what comes late from before its first key frame', () => {
    forward(100, true)
    forward(101)
    forward(99)
    expect(sink.payloads).toEqual(['100', '101'])
  })

  it('goes on with its own numbers when the source begins anew', () => {
    forward(100, true)
    forward(101)
    video.restart()
    forward(5000)
    forward(5001, true)
    expect(sink.packets.map(({ sequenceNumber, payload }) => [sequenceNumber, payload])).toEqual([
      [1, '100'],
      [2, '101'],
      [3, '5001'],
    ])
  })
})

describe('a downlink', () => {
  let impairments: Impairments
  let downlink: Downlink
  beforeEach(() => {
    impairments = new Impairments()
    downlink = new Downlink(sink, payloadTypes, impairments)
  })

  it('goes on where a stream of the same SSRC stopped, from a key frame', () => {
    downlink.open('video', 5, 'alice').sendFrame(frame('idr'), true, 'h264', clock)
    const again = downlink.open('video', 5, 'alice')
    again.sendFrame(frame('delta'), false, 'h264', clock)
    again.sendFrame(frame('idr again'), true, 'h264', clock)
    downlink.open('audio', 6, 'alice').sendFrame(frame('opus'), true, 'opus', clock)
    expect(sink.packets.map(({ ssrc, sequenceNumber, payload }) => [ssrc, sequenceNumber, payload])).toEqual([
      [5, 1, 'idr'],
      [5, 2, 'idr again'],
      [6, 1, 'opus'],
    ])
  })

  it('loses packets of streams that are there and of those that come', () => {
    const known = downlink.open('audio', 6, 'alice')
    impairments.lose({ percent: 100, repairable: true })
    downlink.heed()
    known.sendFrame(frame('opus a'), true, 'opus', clock)
    downlink.open('audio', 7, 'bob').sendFrame(frame('opus b'), true, 'opus', clock)
    expect(sink.packets).toEqual([])
  })

  it('loses packets of one publisher only, until all are spoken of', () => {
    impairments.lose({ percent: 100, repairable: true }, 'alice')
    const alice = downlink.open('audio', 6, 'alice')
    const bob = downlink.open('audio', 7, 'bob')
    alice.sendFrame(frame('opus a'), true, 'opus', clock)
    bob.sendFrame(frame('opus b'), true, 'opus', clock)
    expect(sink.payloads).toEqual(['opus b'])
    impairments.lose(undefined)
    downlink.heed()
    alice.sendFrame(frame('opus again'), true, 'opus', clock)
    expect(sink.payloads).toEqual(['opus b', 'opus again'])
  })

  it('names the codec by the subscriber’s own payload type, and sends nothing that it does not take', () => {
    downlink.open('video', 5, 'alice').sendFrame(frame('vp8'), true, 'vp8', clock)
    expect(sink.packets).toMatchObject([{ payloadType: 96, payload: 'vp8' }])
    const other = new Downlink(sink, { ...payloadTypes, vp8: undefined }, impairments)
    expect(other.open('video', 5, 'alice').sendFrame(frame('vp8'), true, 'vp8', clock)).toBe(false)
  })
})
