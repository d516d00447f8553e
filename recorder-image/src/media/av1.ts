/** AV1 (bitstream specification 1.0.0) as WebRTC carries it, and as MP4 wants it (AV1 codec ISO media file format binding, 1.2). */
import { BitReader, UnreadableError } from './bit-reader.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

const obuTypes = { sequenceHeader: 1, temporalDelimiter: 2, frameHeader: 3, frame: 6, tileList: 8, padding: 15 } as const
/** Of no use in a file, and not allowed in a sample (2.4). */
const leftOut: readonly number[] = [obuTypes.temporalDelimiter, obuTypes.tileList, obuTypes.padding]
/** More than any encoder makes of one picture. */
const maxObus = 4096
/** Real ones are under 100 bytes. */
const maxSequenceHeaderBytes = 4096

interface Obu {
  type: number
  /** As it came. */
  whole: Uint8Array
  hasSize: boolean
  payload: Uint8Array
}

/**
 * One temporal unit, or what of it a receiver hands on: with or without its delimiter, the last OBU with or without its size. Throws an
 * UnreadableError for what no decoder would take.
 */
export function readAv1(unit: Uint8Array): Picture {
  const obus = obusOf(unit)
  const header = obus.find(({ type }) => type === obuTypes.sequenceHeader)
  const frames = obus.filter(({ type }) => type === obuTypes.frame || type === obuTypes.frameHeader)
  const picture = { number: undefined, recoveryPoint: false, parameterSets: new Uint8Array() }
  if (header === undefined)
    return { ...picture, key: false, config: undefined, data: frames.length === 0 ? new Uint8Array() : sampleOf(unit, obus) }
  const { width, height, stillPictures } = parseSequenceHeader(header.payload)
  const config: VideoConfig = { codec: 'av1', width, height, units: [withSize(header)] }
  if (frames.length === 0) return { ...picture, key: false, config, data: new Uint8Array() }
  const key = stillPictures || frames.some(({ payload }) => isShownKeyFrame(payload))
  return { ...picture, key, config, data: sampleOf(unit, obus) }
}

/** Codec string of RFC 6381 (binding, 5): profile, level with tier, and bits of a sample. */
export function av1Codec({ units }: VideoConfig): string {
  const { profile, level, tier, bitDepth } = parseSequenceHeader(payloadOf(units))
  return `av01.${profile}.${two(level)}${tier === 1 ? 'H' : 'M'}.${two(bitDepth)}`
}
const two = (number: number) => String(number).padStart(2, '0')

/** AV1CodecConfigurationRecord (binding, 2.3.3). */
export function av1Configuration({ units }: VideoConfig): Buffer {
  const { profile, level, tier, bitDepth, monochrome, subsampling, samplePosition } = parseSequenceHeader(payloadOf(units))
  const depth = bitDepth === 12 ? 0x60 : bitDepth === 10 ? 0x40 : 0
  const colour = (tier << 7) | depth | (monochrome << 4) | (subsampling.x << 3) | (subsampling.y << 2) | samplePosition
  return Buffer.concat([Buffer.from([0x81, (profile << 5) | level, colour, 0]), units[0]!])
}

const payloadOf = ([unit]: readonly Uint8Array[]) => obusOf(unit ?? new Uint8Array())[0]?.payload ?? new Uint8Array()

function obusOf(unit: Uint8Array): Obu[] {
  const obus: Obu[] = []
  for (let at = 0; at < unit.length; ) {
    const head = unit[at]!
    if ((head & 0x80) !== 0) throw new UnreadableError('a picture of AV1 does not begin as one')
    const headBytes = (head & 4) === 0 ? 1 : 2
    const hasSize = (head & 2) !== 0
    const size = hasSize ? leb128(unit, at + headBytes) : { value: unit.length - at - headBytes, bytes: 0 }
    const start = at + headBytes + size.bytes
    const end = start + size.value
    if (size.value < 0 || end > unit.length) throw new UnreadableError('a picture of AV1 ends in the middle')
    obus.push({ type: (head >> 3) & 0xf, whole: unit.subarray(at, end), hasSize, payload: unit.subarray(start, end) })
    if (obus.length > maxObus) throw new UnreadableError(`a picture has more than ${maxObus} OBUs`)
    at = end
  }
  return obus
}

function leb128(bytes: Uint8Array, at: number): { value: number; bytes: number } {
  let value = 0
  for (let length = 1; length <= 5; length++) {
    const byte = bytes[at + length - 1]
    if (byte === undefined) break
    value += (byte & 0x7f) * 128 ** (length - 1)
    if ((byte & 0x80) === 0) return { value, bytes: length }
  }
  throw new UnreadableError('the size of an OBU has no end')
}

/** The same bytes where nothing is to be changed. */
function sampleOf(unit: Uint8Array, obus: readonly Obu[]): Uint8Array {
  if (obus.every(({ type, hasSize }) => hasSize && !leftOut.includes(type))) return unit
  return Buffer.concat(obus.filter(({ type }) => !leftOut.includes(type)).map(withSize))
}

function withSize({ whole, hasSize, payload }: Obu): Uint8Array {
  if (hasSize) return whole
  const size: number[] = []
  for (let left = payload.length; ; left = Math.floor(left / 128)) {
    size.push((left & 0x7f) | (left >= 128 ? 0x80 : 0))
    if (left < 128) break
  }
  const head = whole.subarray(0, whole.length - payload.length)
  return Buffer.concat([Buffer.from([head[0]! | 2]), head.subarray(1), Buffer.from(size), payload])
}

/** show_existing_frame, frame_type and show_frame stand at the front of a frame header (5.9.2). */
const isShownKeyFrame = (frame: Uint8Array) => ((frame[0] ?? 0xff) & 0b1111_0000) === 0b0001_0000

interface SequenceHeader {
  profile: number
  level: number
  tier: number
  bitDepth: number
  monochrome: number
  subsampling: { x: number; y: number }
  samplePosition: number
  /** In pixels, the largest. */
  width: number
  height: number
  /** Every picture is a key frame, and its header does not say so. */
  stillPictures: boolean
}

/** sequence_header_obu (5.5). */
function parseSequenceHeader(payload: Uint8Array): SequenceHeader {
  if (payload.length > maxSequenceHeaderBytes) throw new UnreadableError(`a sequence header has ${payload.length} bytes`)
  const bits = new BitReader(payload)
  const profile = bits.read(3)
  if (profile > 2) throw new UnreadableError(`profile ${profile} of AV1 is none`)
  bits.read(1)
  const stillPictures = bits.read(1) === 1
  const { level, tier } = stillPictures ? { level: bits.read(5), tier: 0 } : operatingPoint(bits)
  const widthBits = bits.read(4) + 1
  const heightBits = bits.read(4) + 1
  const width = bits.read(widthBits) + 1
  const height = bits.read(heightBits) + 1
  if (width > 65535 || height > 65535) throw new UnreadableError(`pictures of ${width}x${height} are too large for a file`)
  skipTools(bits, stillPictures)
  return { profile, level, tier, width, height, stillPictures, ...colours(bits, profile) }
}

/** Level and tier of the first operating point, which has all layers. */
function operatingPoint(bits: BitReader): { level: number; tier: number } {
  let delayBits = 0
  if (bits.read(1) === 1) {
    bits.read(32)
    bits.read(32)
    if (bits.read(1) === 1) bits.ue(2 ** 32)
    if (bits.read(1) === 1) {
      delayBits = bits.read(5) + 1
      bits.read(32)
      bits.read(10)
    }
  }
  const hasDisplayDelays = bits.read(1) === 1
  const count = bits.read(5) + 1
  let first = { level: 0, tier: 0 }
  for (let point = 0; point < count; point++) {
    bits.read(12)
    const level = bits.read(5)
    const tier = level > 7 ? bits.read(1) : 0
    if (delayBits > 0 && bits.read(1) === 1) {
      bits.read(delayBits)
      bits.read(delayBits)
      bits.read(1)
    }
    if (hasDisplayDelays && bits.read(1) === 1) bits.read(4)
    if (point === 0) first = { level, tier }
  }
  return first
}

function skipTools(bits: BitReader, isReduced: boolean): void {
  if (!isReduced && bits.read(1) === 1) bits.read(7)
  bits.read(3)
  if (!isReduced) {
    bits.read(4)
    const hasOrderHint = bits.read(1) === 1
    if (hasOrderHint) bits.read(2)
    const screenContentTools = bits.read(1) === 1 ? 2 : bits.read(1)
    if (screenContentTools > 0 && bits.read(1) === 0) bits.read(1)
    if (hasOrderHint) bits.read(3)
  }
  bits.read(3)
}

/** color_config (5.5.2). */
function colours(
  bits: BitReader,
  profile: number,
): Pick<SequenceHeader, 'bitDepth' | 'monochrome' | 'subsampling' | 'samplePosition'> {
  const isDeep = bits.read(1) === 1
  const bitDepth = profile === 2 && isDeep ? (bits.read(1) === 1 ? 12 : 10) : isDeep ? 10 : 8
  const monochrome = profile === 1 ? 0 : bits.read(1)
  const description = bits.read(1) === 1 ? [bits.read(8), bits.read(8), bits.read(8)].join() : 'unspecified'
  if (monochrome === 1) return { bitDepth, monochrome, subsampling: { x: 1, y: 1 }, samplePosition: 0 }
  // BT.709 primaries, sRGB, identity.
  if (description === '1,13,0') return { bitDepth, monochrome, subsampling: { x: 0, y: 0 }, samplePosition: 0 }
  bits.read(1)
  const subsampling = subsamplingOf(bits, profile, bitDepth)
  return { bitDepth, monochrome, subsampling, samplePosition: subsampling.x === 1 && subsampling.y === 1 ? bits.read(2) : 0 }
}

function subsamplingOf(bits: BitReader, profile: number, bitDepth: number): { x: number; y: number } {
  if (profile === 0) return { x: 1, y: 1 }
  if (profile === 1) return { x: 0, y: 0 }
  if (bitDepth < 12) return { x: 1, y: 0 }
  const x = bits.read(1)
  return { x, y: x === 1 ? bits.read(1) : 0 }
}
