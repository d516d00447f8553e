import { describe, expect, it } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { splitNalUnits, toAnnexB } from './annexb.ts'
import { avcCodec, avcDecoderConfiguration, pictureSize, readH264 } from './h264.ts'
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

  it('become samples without delimiter and filler, their parameter sets apart', () => {
    const filler = Buffer.from([0x0c, 0xff, 0x80])
    const picture = readH264(annexB(delimiter, sps720, pps, idr, filler))
    expect(picture.key).toBe(true)
    expect(picture.config).toEqual({ codec: 'h264', width: 1280, height: 720, units: [sps720, pps] })
    expect(Buffer.compare(toAnnexB(picture.parameterSets), annexB(sps720, pps))).toBe(0)
    expect(Buffer.compare(toAnnexB(picture.data), annexB(idr))).toBe(0)
  })

  it('tell their codec', () => {
    const config = readH264(annexB(sps720, pps, idr)).config!
    expect(avcCodec('avc1', config)).toBe('avc1.42c01f')
    const record = avcDecoderConfiguration(config)
    expect(record.subarray(0, 6).toString('hex')).toBe('0142c01fffe1')
    expect(record.readUInt16BE(6)).toBe(sps720.length)
    expect(record.subarray(-pps.length).equals(pps)).toBe(true)
  })

  it('that bring one of their parameter sets anew keep the others', () => {
    const known = readH264(annexB(sps720, pps, idr)).config!
    // Picture parameter set 1.
    const second = Buffer.from([0x68, 0x5b, 0x80])
    expect(readH264(annexB(second, delta), known).config?.units).toEqual([sps720, pps, second])
    const other = Buffer.from([0x68, 0xce, 0x3c, 0x81])
    expect(readH264(annexB(other, idr), known).config?.units).toEqual([sps720, other])
    expect(readH264(annexB(pps, idr)).config).toBeUndefined()
  })

  it('say where decoding may begin without a key frame', () => {
    const recoveryPoint = Buffer.from([0x06, 0x01, 0x01, 0x80, 0x06, 0x01, 0xc4, 0x80])
    expect(readH264(annexB(sps720, pps, recoveryPoint, delta))).toMatchObject({ key: false, recoveryPoint: true })
    expect(readH264(annexB(delta)).recoveryPoint).toBe(false)
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

describe('the number of a picture in the order of decoding', () => {
  // Numbers of 4 bits: the sequence of a 16x16 picture of x264.
  const sps = Buffer.from('6742c00ada7b011000000300100000030320f1226a', 'hex')
  const slice = (nal: number) => Buffer.from([nal, 0xeb, 0x80, 0x80])

  it.each([
    ['that others refer to', 0x41, { type: 'counted', value: 5, modulus: 16, isReference: true }],
    ['that nobody refers to', 0x01, { type: 'counted', value: 5, modulus: 16, isReference: false }],
  ])('is read from a slice %s', (_, nal, number) => expect(readH264(annexB(sps, pps, slice(nal))).number).toEqual(number))

  it('is not known without the sequence', () => expect(readH264(annexB(slice(0x41))).number).toBeUndefined())
})

describe('the pictures of a file', () => {
  const frame = (
    data: Uint8Array,
    options: { ssrc?: number; rtp?: number; seconds?: number; mimeType?: string } = {},
  ): EncodedFrame => ({
    ...{
      slot: 1,
      kind: 'video',
      ssrc: options.ssrc ?? 1,
      key: false,
      rtpTimestamp: options.rtp ?? 0,
      sequenceNumber: null,
      mimeType: options.mimeType ?? 'video/H264',
    },
    ...{ receiveTimeMicros: (options.seconds ?? 0) * 1e6, data },
  })
  const key = annexB(sps720, pps, idr)
  const recoveryPoint = Buffer.from([0x06, 0x06, 0x01, 0xc4, 0x80])
  const losses: string[] = []
  const newTrack = () => {
    losses.length = 0
    return new VideoTrack(
      (_, reason, detail) => losses.push(detail === '' ? reason : `${reason}: ${detail}`),
      ({ pictures }) => losses.push(`${pictures} pictures`),
    )
  }

  it('begin with a key frame that says how to decode it', () => {
    const track = newTrack()
    for (const data of [annexB(delta), annexB(idr), key, annexB(delta)]) track.push(frame(data))
    const taken = track.take()!
    expect(taken.samples.map((sample) => sample.key)).toEqual([true, false])
    expect(taken.configs).toMatchObject([{ number: 0, width: 1280, height: 720 }])
    expect(track.undecodable).toBe(2)
    // By its number the first one goes on from a key frame.
    track.end()
    expect(losses).toEqual(['NoKeyFrame', 'NoKeyFrame', '1 pictures'])
    expect(track.take()).toBeUndefined()
  })

  it('begin with a key frame in each subscription, and what comes late of the one before still belongs to it', () => {
    const track = newTrack()
    expect(track.push(frame(key))).toBe(true)
    expect(track.push(frame(annexB(delta), { ssrc: 2, seconds: 1 }))).toBe(false)
    expect(track.push(frame(key, { ssrc: 2, seconds: 1.1 }))).toBe(true)
    expect(track.push(frame(annexB(delta), { ssrc: 1, seconds: 1.2 }))).toBe(true)
    expect(track.take()!.samples.map(({ ssrc, key }) => [ssrc, key])).toEqual([
      [1, true],
      [2, true],
      [1, false],
    ])
    track.end()
    expect(losses).toEqual(['NoKeyFrame', '1 pictures'])
  })

  it('go on with a key frame after an interruption, without what comes late from before it', () => {
    const track = newTrack()
    track.push(frame(key))
    track.interrupt(frame(annexB(delta), { rtp: 3000 }))
    track.push(frame(annexB(delta), { rtp: 6000 }))
    track.push(frame(key, { rtp: 12_000 }))
    track.push(frame(annexB(delta), { rtp: 9000 }))
    track.push(frame(annexB(delta), { rtp: 15_000 }))
    expect(track.take()!.samples.map(({ rtpTimestamp }) => rtpTimestamp)).toEqual([0, 12_000, 15_000])
    expect(losses).toEqual(['NoKeyFrame', 'NoKeyFrame: came later than the key frame after it'])
  })

  it('that come after a key frame of another size are decoded by the size before it', () => {
    const track = newTrack()
    const other = Buffer.from(sps720)
    other[3] = 0x1e
    track.push(frame(key))
    track.push(frame(annexB(other, pps, idr), { rtp: 9000 }))
    track.push(frame(annexB(delta), { rtp: 6000 }))
    track.push(frame(annexB(delta), { rtp: 12_000 }))
    expect(track.take()!.samples.map(({ config }) => config)).toEqual([0, 1, 0, 1])
  })

  it('begin at a recovery point where a sender makes no key frames, and have no second one of them', () => {
    const track = newTrack()
    for (let n = 0; n < 3; n++) track.push(frame(annexB(sps720, pps, recoveryPoint, delta), { rtp: n * 3000 }))
    expect(track.take()!.samples.map((sample) => sample.key)).toEqual([true, false, false])
  })

  it('say once how they are decoded, and know it again when it comes back', () => {
    const track = newTrack()
    const other = Buffer.from(sps720)
    other[3] = 0x1e
    const pictures = [key, key, annexB(other, pps, idr), annexB(delta), key]
    for (const [n, data] of pictures.entries()) track.push(frame(data, { rtp: n * 3000 }))
    const { configs, samples } = track.take()!
    expect(configs.map(({ number }) => number)).toEqual([0, 1])
    expect(samples.map(({ config }) => config)).toEqual([0, 0, 1, 1, 0])
  })

  it('of a codec that cannot be recorded, or of a second one in the same file, are told to the ledger', () => {
    const track = newTrack()
    track.push(frame(key, { mimeType: 'video/Theora' }))
    expect(track.take()).toBeUndefined()
    track.push(frame(key))
    track.push(frame(Buffer.from('9d012a', 'hex'), { mimeType: 'video/VP8' }))
    expect(losses).toEqual(['UnsupportedCodec: video/Theora', 'NoKeyFrame: video/VP8, in a file of h264'])
  })

  it('that are unreadable cost nothing but what needs them', () => {
    const track = newTrack()
    const flood = annexB(...new Array(5000).fill(delta))
    for (const data of [key, flood, annexB(delta), key]) track.push(frame(data))
    expect(track.take()!.samples.map(({ key }) => key)).toEqual([true, true])
    expect(losses).toEqual(['Unreadable: a picture has more than 4096 NAL units', 'NoKeyFrame'])
  })

  it('end the patience with a sender of 65,000 sizes and profiles, not the memory', () => {
    const track = newTrack()
    const hostile = Buffer.from(sps720)
    for (let n = 0; n < 65_000; n++) {
      hostile.writeUInt16BE(n, 2)
      track.push(frame(annexB(hostile, pps, idr)))
    }
    expect(track.take()!.configs).toHaveLength(64)
    expect(losses).toHaveLength(65_000 - 64)
  })
})
