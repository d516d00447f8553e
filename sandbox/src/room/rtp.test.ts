import { describe, expect, it } from 'vitest'
import {
  genericNack,
  packetizeH264,
  packetizeVp8,
  parseRtcp,
  pictureLossIndication,
  receiverEstimatedMaxBitrate,
  senderReport,
  splitNalUnits,
  startsKeyFrame,
  startsVp8KeyFrame,
} from './rtp.ts'

const nal = (type: number, bytes: number) => Buffer.concat([Buffer.from([0x60 | type]), Buffer.alloc(bytes - 1, 0xab)])

describe('H.264 in RTP', () => {
  it('finds NAL units behind three- and four-byte start codes', () => {
    const stream = Buffer.concat([
      Buffer.from('00000001', 'hex'),
      nal(9, 2),
      Buffer.from('000001', 'hex'),
      nal(7, 10),
      Buffer.from('00000001', 'hex'),
      nal(5, 30),
    ])
    expect(splitNalUnits(stream)).toEqual([nal(9, 2), nal(7, 10), nal(5, 30)])
  })

  it('puts a small unit in one packet and a big one in fragments that add up to it', () => {
    const big = Buffer.concat([Buffer.from([0x65]), Buffer.from(Array.from({ length: 2500 }, (_, i) => i & 0xff))])
    const payloads = packetizeH264([nal(7, 12), big], 1000)
    expect(payloads[0]).toEqual(nal(7, 12))
    const parts = payloads.slice(1)
    expect(parts.every((part) => part.length <= 1000)).toBe(true)
    expect(parts.map((part) => (part[0] as number) & 0x1f)).toEqual([28, 28, 28])
    expect(parts.map((part) => (part[1] as number) & 0xc0)).toEqual([0x80, 0, 0x40])
    const head = Buffer.from([((parts[0]?.[0] as number) & 0xe0) | ((parts[0]?.[1] as number) & 0x1f)])
    expect(Buffer.concat([head, ...parts.map((part) => part.subarray(2))])).toEqual(big)
  })

  it('recognises the first packet of a key frame and no other', () => {
    const [start, middle] = packetizeH264([nal(5, 3000)], 1000) as [Buffer, Buffer]
    expect(startsKeyFrame(start)).toBe(true)
    expect(startsKeyFrame(middle)).toBe(false)
    expect(startsKeyFrame(nal(7, 10))).toBe(true)
    expect(startsKeyFrame(nal(1, 10))).toBe(false)
    expect(startsKeyFrame(Buffer.from([24, 0, 4, 0x67]))).toBe(true)
  })
})

describe('RTCP', () => {
  it('writes sender reports whose clock reads back to the millisecond', () => {
    const [report] = parseRtcp(senderReport(77, { wallMs: 1_800_000_000_123, rtpTimestamp: 0xfffffff0 }, 5, 600))
    expect(report).toMatchObject({ type: 'senderReport', ssrc: 77, rtpTimestamp: 0xfffffff0 })
    expect(report?.type === 'senderReport' && report.wallMs).toBeCloseTo(1_800_000_000_123, 2)
  })

  it('expands a NACK with its bit mask, over the wrap of sequence numbers', () => {
    const nack = genericNack(9, [65534])
    nack.writeUInt16BE(0b101, 14)
    expect(parseRtcp(nack)).toEqual([{ type: 'nack', ssrc: 9, sequenceNumbers: [65534, 65535, 1] }])
  })

  it('reads every part of a compound packet, and stops at one that claims more than there is', () => {
    const both = Buffer.concat([pictureLossIndication(5), genericNack(6, [1, 2])])
    expect(parseRtcp(both).map((message) => message.type)).toEqual(['keyFrameRequest', 'nack'])
    expect(parseRtcp(both.subarray(0, 20))).toEqual([{ type: 'keyFrameRequest', ssrc: 5 }])
  })

  it('reads report blocks', () => {
    const report = Buffer.alloc(32)
    report[0] = 0x81
    report[1] = 201
    report.writeUInt16BE(7, 2)
    report.writeUInt32BE(42, 8)
    report.writeIntBE(3, 13, 3)
    report.writeUInt32BE(70_000, 16)
    expect(parseRtcp(report)).toEqual([{ type: 'receiverReport', ssrc: 42, lost: 3, highestSequence: 70_000 }])
  })

  it('writes REMB with 18 bits of mantissa', () => {
    const remb = receiverEstimatedMaxBitrate([11, 12], 2_500_000)
    const body = remb.subarray(8)
    const bits = ((((body[17] as number) & 3) << 16) | body.readUInt16BE(18)) * 2 ** ((body[17] as number) >> 2)
    expect(bits).toBe(2_500_000)
    expect([body.readUInt32BE(20), body.readUInt32BE(24)]).toEqual([11, 12])
  })
})

describe('VP8 (RFC 7741)', () => {
  const key = Buffer.from([0x10, 2, 0, 0x9d, 0x01, 0x2a])

  it('is cut into payloads of which the first says that a frame begins', () => {
    expect(packetizeVp8(key, 4)).toEqual([Buffer.from([0x10, 0x10, 2, 0]), Buffer.from([0, 0x9d, 0x01, 0x2a])])
    expect(packetizeVp8(key, 4).map(startsVp8KeyFrame)).toEqual([true, false])
  })

  it.each([
    ['with a picture id of 15 bits', [0x90, 0x80, 0x81, 0x02, 0x10], true],
    ['with a picture id of 7 bits, TL0PICIDX and TID', [0x90, 0xe0, 0x02, 0x07, 0x20, 0x10], true],
    ['of a delta', [0x90, 0x80, 0x02, 0x11], false],
    ['of a later partition', [0x11, 0x10], false],
    ['cut off', [0x90, 0x80], false],
  ])('is known to begin a key frame or not %s', (_, payload, expected) =>
    expect(startsVp8KeyFrame(Buffer.from(payload))).toBe(expected),
  )
})
