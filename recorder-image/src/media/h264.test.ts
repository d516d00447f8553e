import { describe, expect, it } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { avcCodec, avcDecoderConfiguration, pictureSize, splitNalUnits, toAnnexB, toLengthPrefixed } from './annexb.ts'
import { VideoTrack } from './video-track.ts'

// Of x264.
const sps720 = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f1832480', 'hex')
const pps = Buffer.from('68ce3c80', 'hex')
const startCode = Buffer.from([0, 0, 0, 1])
const annexB = (...units: Uint8Array[]) => Buffer.concat(units.flatMap((unit) => [startCode, unit]))
const idr = Buffer.from([0x65, 0x88, 0x84, 0x11])
const delta = Buffer.from([0x41, 0x9a, 0x22, 0x33])
const delimiter = Buffer.from([0x09, 0xf0])

describe('access units', () => {
  it('are split at start codes of three and four bytes, trailing zeros gone', () => {
    const unit = Buffer.concat([Buffer.from([0, 0, 1]), idr, Buffer.from([0, 0, 0, 1]), delta, Buffer.from([0, 0])])
    expect(splitNalUnits(unit).map((nal) => Buffer.from(nal))).toEqual([idr, delta])
  })

  it('become samples without delimiter and filler, and back', () => {
    const sample = toLengthPrefixed(splitNalUnits(annexB(delimiter, sps720, pps, idr, Buffer.from([0x0c, 0xff, 0x80]))))
    expect(Buffer.compare(toAnnexB(sample), annexB(sps720, pps, idr))).toBe(0)
  })

  it('tell their codec and size', () => {
    expect(avcCodec(sps720)).toBe('avc1.42c01f')
    const record = avcDecoderConfiguration({ sps: sps720, pps: [pps], width: 0, height: 0 })
    expect(record.subarray(0, 6).toString('hex')).toBe('0142c01fffe1')
    expect(record.readUInt16BE(6)).toBe(sps720.length)
    expect(record.subarray(-pps.length).equals(pps)).toBe(true)
  })

  it.each([
    ['baseline', sps720.toString('hex'), 1280, 720],
    ['cropped at the bottom', '6742c01ed900a02ff930110000030001000003003c0f162e48', 640, 362],
    ['High profile, cropped', '67640028acd940780227e5c044000003000400000300f03c60c658', 1920, 1080],
    ['interlaced', '6764001eacd940b424d8088000000300800000190f8a14cb', 720, 576],
  ])('tell the size of pictures: %s', (_, sps, width, height) => {
    expect(pictureSize(Buffer.from(sps, 'hex'))).toEqual({ width, height })
  })
})

describe('the pictures of a file', () => {
  const frame = (data: Uint8Array, options: { ssrc?: number; seconds?: number; mimeType?: string } = {}): EncodedFrame => ({
    ...{
      slot: 1,
      kind: 'video',
      ssrc: options.ssrc ?? 1,
      key: false,
      rtpTimestamp: 0,
      sequenceNumber: null,
      mimeType: options.mimeType ?? 'video/H264',
    },
    ...{ receiveTimeMicros: (options.seconds ?? 0) * 1e6, data },
  })
  const key = annexB(sps720, pps, idr)

  it('begin with a key frame that says how to decode it', () => {
    const track = new VideoTrack()
    for (const data of [annexB(delta), annexB(idr), key, annexB(delta)]) track.push(frame(data))
    const taken = track.take()!
    expect(taken.samples.map((sample) => sample.key)).toEqual([true, false])
    expect(taken.configs).toEqual([{ firstSample: 0, sps: Uint8Array.from(sps720), pps: [Uint8Array.from(pps)] }])
    expect(track.undecodable).toBe(2)
    expect(track.take()).toBeUndefined()
  })

  it('go on with a key frame after another subscription began, without stragglers of the one before', () => {
    const track = new VideoTrack()
    track.push(frame(key))
    track.push(frame(annexB(delta), { ssrc: 2, seconds: 1 }))
    track.push(frame(key, { ssrc: 2, seconds: 1.1 }))
    track.push(frame(annexB(delta), { ssrc: 1, seconds: 1.2 }))
    track.push(frame(key, { ssrc: 1, seconds: 1.3 }))
    track.push(frame(annexB(delta), { ssrc: 2, seconds: 1.4 }))
    expect(track.take()!.samples.map(({ ssrc, key }) => [ssrc, key])).toEqual([
      [1, true],
      [2, true],
      [2, false],
    ])
  })

  it('go on with a key frame after an interruption', () => {
    const track = new VideoTrack()
    track.push(frame(key))
    track.interrupt()
    for (const data of [annexB(delta), key, annexB(delta)]) track.push(frame(data))
    expect(track.take()!.samples.map((sample) => sample.key)).toEqual([true, true, false])
  })

  it('say once how they are decoded, and again when it changes', () => {
    const track = new VideoTrack()
    const other = Buffer.from(sps720)
    other[3] = 0x1e
    for (const data of [key, key, annexB(other, pps, idr), key]) track.push(frame(data))
    expect(track.take()!.configs.map(({ firstSample }) => firstSample)).toEqual([0, 2, 3])
  })

  it('name codecs they cannot take', () => {
    const track = new VideoTrack()
    track.push(frame(key, { mimeType: 'video/VP8' }))
    expect([...track.unsupported]).toEqual(['video/VP8'])
    expect(track.take()).toBeUndefined()
  })
})
