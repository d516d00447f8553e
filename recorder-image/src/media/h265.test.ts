import { describe, expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { annexBOf, parameterSetPayload, toLengthPrefixed, withPrevention } from './annexb.ts'
import { readH265 } from './h265.ts'
import { asBeginning, nalTypes, parseSps, typeOf } from './h265-units.ts'
import { VideoTrack } from './video-track.ts'

/** Of x265. */
const [vps, sps, pps] = [
  '40010c01ffff01600000030090000003000003001e959809',
  '42010101600000030090000003000003001ea014206165959a4932bc05a020000003002000000303c1',
  '4401c172b46240',
].map((unit) => Buffer.from(unit, 'hex')) as [Buffer, Buffer, Buffer]

/** A NAL unit with other bits behind its header. */
function changed(unit: Uint8Array, change: (bits: string) => string): Buffer {
  const plain = [...parameterSetPayload(unit, 2)].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return withPrevention(unit.subarray(0, 2), packed(change(plain)))
}
const packed = (bits: string) => Uint8Array.from(bits.match(/.{1,8}/g) ?? [], (byte) => Number.parseInt(byte.padEnd(8, '0'), 2))
const replaced = (bits: string, at: number, length: number, by: string) => bits.slice(0, at) + by + bits.slice(at + length)

/** Exp-Golomb numbers. */
const [zero, one] = ['1', '010']
/** Where the numbers of a sequence parameter set begin: behind what is said of its layers, its profile and its level. */
const numbersAt = 104

/** A picture that refers to the one shown before it and, if its sequence has such, to `longTerm` others. `set`: the number of its picture parameter set. */
function trailing(order: number, { set = zero, longTerm = '' } = {}): Uint8Array {
  // Its own set of references: one that is shown before it, by one; none behind it.
  const references = `0${one}${zero}${zero}1`
  const header = `1${set}${one}${order.toString(2).padStart(8, '0')}${references}`
  return Uint8Array.of(nalTypes.lastTrailing << 1, 1, ...packed(`${header}${longTerm}1010101`))
}
const cra = ({ order = 0, set = zero } = {}) =>
  Uint8Array.of(nalTypes.cleanRandomAccess << 1, 1, ...packed(`10${set}011${order.toString(2).padStart(8, '0')}10000`))
const placeOf = (slice: Uint8Array, sets: Uint8Array[]) => readH265(annexBOf([slice]), readH265(annexBOf(sets)).config).number

test('a picture parameter set of H.265 that comes alone takes the place of the one of its number, and of no other', () => {
  const second = changed(pps, (bits) => replaced(bits, 0, 1, one))
  const newSecond = Buffer.concat([second, Buffer.of(0x80)])
  const known = readH265(annexBOf([vps, sps, pps, second])).config
  expect(readH265(annexBOf([newSecond]), known).config!.units).toEqual([vps, sps, pps, newSecond])
  // A new sequence brings its own.
  expect(readH265(annexBOf([sps, newSecond]), known).config!.units).toEqual([vps, sps, newSecond])
})

describe('the place of a picture of H.265 in the order of decoding', () => {
  test('is told by the sequence that its slice names, where there are several', () => {
    const wanted = placeOf(trailing(5), [vps, sps, pps])
    expect(wanted).toMatchObject({ type: 'refers', value: 5, uses: [-1] })
    const other = changed(sps, (bits) => replaced(bits, numbersAt, 1, one))
    const itsSet = changed(pps, (bits) => replaced(bits, 0, 2, one + one))
    // Another one in front of it, of which pictures are counted to 16.
    const four = changed(sps, (bits) => replaced(bits, parseSps(sps).rest.at, 5, zero))
    expect(parseSps(other).id).toBe(1)
    for (const sets of [
      [vps, sps, pps],
      [vps, four, other, pps, itsSet],
      [vps, other, four, pps, itsSet],
    ])
      expect(placeOf(trailing(5, { set: sets.length > 3 ? one : zero }), sets)).toEqual(wanted)
    expect(placeOf(trailing(5), [vps, four, other, pps, itsSet])).toMatchObject({ modulus: 16 })
  })

  test('is not told where its sequence has long-term pictures and it refers to some; that it leads a key frame is', () => {
    const { rest: bits } = parseSps(sps)
    bits.ue(12)
    bits.read(1)
    for (let field = 0; field < 9; field++) bits.ue(64)
    bits.read(4)
    expect(bits.ue(64)).toBe(0)
    // Of those that the sequence names there are none.
    const longTerm = changed(sps, (plain) => replaced(plain, bits.at, 1, `1${zero}`))
    const sets = [vps, longTerm, pps]
    expect(placeOf(trailing(5, { longTerm: zero }), sets)).toEqual(placeOf(trailing(5), [vps, sps, pps]))
    const refers = trailing(5, { longTerm: one })
    expect(placeOf(refers, sets)).toBeUndefined()
    refers[0] = nalTypes.lastLeading << 1
    expect(readH265(annexBOf([refers]), readH265(annexBOf(sets)).config)).toMatchObject({ number: undefined, leads: 'acrossKey' })

    // So they go into the file as they come, but for those that lead its first key frame.
    const lost: number[] = []
    const track = new VideoTrack(
      ({ rtpTimestamp }) => lost.push(rtpTimestamp),
      () => {},
    )
    const about = { slot: 1, kind: 'video', ssrc: 7, sequenceNumber: null, mimeType: 'video/H265' } as const
    const push = (rtpTimestamp: number, ...units: Uint8Array[]) => {
      const frame: EncodedFrame = {
        ...about,
        rtpTimestamp,
        receiveTimeMicros: rtpTimestamp * 11,
        key: false,
        data: annexBOf(units),
      }
      track.push(frame)
    }
    push(9000, ...sets, cra())
    push(6000, refers)
    for (const rtp of [12_000, 15_000, 18_000]) push(rtp, trailing(rtp / 3000, { longTerm: one }))
    track.end()
    expect(track.take()?.samples.map(({ rtpTimestamp }) => rtpTimestamp)).toEqual([9000, 12_000, 15_000, 18_000])
    expect(lost).toEqual([6000])
  })
})

describe('a key frame of H.265 with nothing in front of it', () => {
  const types = (sample: Uint8Array) => {
    const view = Buffer.from(sample)
    const found: number[] = []
    for (let at = 0; at < view.length; at += 4 + view.readUInt32BE(at)) found.push(typeOf(view.subarray(at + 4)))
    return found
  }

  test('is a broken link in all its slices, and else as it was sent', () => {
    const supplement = Uint8Array.of(39 << 1, 1, 5, 1, 1, 0x80)
    const sample = toLengthPrefixed([supplement, cra(), cra({ set: one })])
    const begun = asBeginning(sample)
    expect(types(begun)).toEqual([39, nalTypes.brokenLink, nalTypes.brokenLink])
    const differing = [...begun.keys()].filter((at) => begun[at] !== sample[at])
    expect(differing).toHaveLength(2)
    expect(types(sample)).toEqual([39, nalTypes.cleanRandomAccess, nalTypes.cleanRandomAccess])
  })

  test('is that in the file wherever a subscription begins with it, and is not where one goes on', () => {
    const track = new VideoTrack(
      () => {},
      () => {},
    )
    const about = { slot: 1, kind: 'video', sequenceNumber: null, mimeType: 'video/H265', key: false } as const
    for (const [subscription, ssrc] of [7, 8].entries()) {
      for (let n = 0; n < 20; n++) {
        const at = subscription * 20 + n
        const data = annexBOf(n % 10 === 0 ? [vps, sps, pps, cra({ order: n })] : [trailing(n)])
        track.push({ ...about, ssrc, rtpTimestamp: at * 3000, receiveTimeMicros: 1e15 + at * 33_333, data })
      }
    }
    track.end()
    const { samples, chunks } = track.take()!
    const pictures = chunks.filter((chunk) => types(chunk).every((type) => type <= nalTypes.lastSlice))
    const ofKeys = pictures.flatMap((picture, at) => (samples[at]!.key ? types(picture) : []))
    const { brokenLink, cleanRandomAccess } = nalTypes
    expect(ofKeys).toEqual([brokenLink, cleanRandomAccess, brokenLink, cleanRandomAccess])
  })

  test('is as it was sent where it says so itself', () => {
    const sample = toLengthPrefixed([Uint8Array.of(nalTypes.idr << 1, 1, 0xaf, 0x80)])
    expect(asBeginning(sample)).toBe(sample)
  })
})
