/** H.264 (ITU-T H.264): what is in an access unit, and how MP4 describes it (ISO 14496-15). */
import type { DecodingPlace } from '../timeline/decoding-order.ts'
import { parameterSetPayload, splitNalUnits, toLengthPrefixed } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

const nalTypes = { idr: 5, sei: 6, sps: 7, pps: 8, accessUnitDelimiter: 9, filler: 12 } as const
const typeOf = (unit: Uint8Array) => unit[0]! & 0x1f
/** An `avcC` has room for this many of each. */
const maxSps = 31
const maxPps = 255

/**
 * Takes an access unit apart. `known` is what held for the pictures before: what this one does not bring anew is taken from there.
 * Throws an UnreadableError for what no decoder would take.
 */
export function readH264(accessUnit: Uint8Array, known?: VideoConfig): Picture {
  const units = splitNalUnits(accessUnit)
  const sets = units.filter((unit) => typeOf(unit) === nalTypes.sps || typeOf(unit) === nalTypes.pps)
  const isKept = (type: number) =>
    type !== nalTypes.sps && type !== nalTypes.pps && type !== nalTypes.accessUnitDelimiter && type !== nalTypes.filler
  const config = sets.length === 0 ? undefined : configOf(sets, known)
  return {
    key: units.some((unit) => typeOf(unit) === nalTypes.idr),
    recoveryPoint: units.some((unit) => typeOf(unit) === nalTypes.sei && hasRecoveryPoint(unit)),
    config,
    number: decodingNumber(units, config ?? known),
    parameterSets: toLengthPrefixed(sets),
    data: toLengthPrefixed(units.filter((unit) => isKept(typeOf(unit)))),
  }
}

/** From the first slice (7.3.3). Undefined where the sender may leave numbers out, or there are several sequences to choose from. */
function decodingNumber(units: readonly Uint8Array[], config: VideoConfig | undefined): DecodingPlace | undefined {
  const slice = units.find((unit) => typeOf(unit) === 1 || typeOf(unit) === nalTypes.idr)
  const bits = config?.codec === 'h264' ? numberBits(config) : undefined
  if (slice === undefined || bits === undefined) return undefined
  const header = new BitReader(parameterSetPayload(slice.subarray(0, sliceHeaderBytes), 1))
  header.ue(2 ** 20)
  header.ue(9)
  header.ue(255)
  return { type: 'counted', value: header.read(bits), modulus: 2 ** bits, isReference: (slice[0]! & 0x60) !== 0 }
}

/** More than the fields up to frame_num take. */
const sliceHeaderBytes = 24
/** A configuration stays the same for many pictures. */
const numberBitsOf = new WeakMap<VideoConfig, number | undefined>()

function numberBits(config: VideoConfig): number | undefined {
  if (!numberBitsOf.has(config)) {
    const [sps, ...others] = config.units.filter((unit) => typeOf(unit) === nalTypes.sps).map(parseSps)
    const isPlain = sps !== undefined && others.length === 0 && !sps.mayLeaveOut && sps.chromaFormat !== 3
    numberBitsOf.set(config, isPlain ? sps.numberBits : undefined)
  }
  return numberBitsOf.get(config)
}

function configOf(sets: readonly Uint8Array[], known: VideoConfig | undefined): VideoConfig | undefined {
  const of = (units: readonly Uint8Array[], type: number) => units.filter((unit) => typeOf(unit) === type)
  const knownUnits = known?.codec === 'h264' ? known.units : []
  const newSps = of(sets, nalTypes.sps)
  const newPps = of(sets, nalTypes.pps)
  const newIds = new Set(newPps.map(ppsId))
  const sps = newSps.length > 0 ? newSps : of(knownUnits, nalTypes.sps)
  // A new sequence brings its own picture parameter sets; else one replaces the one of its number.
  const kept =
    newSps.length > 0 && newPps.length > 0 ? [] : of(knownUnits, nalTypes.pps).filter((unit) => !newIds.has(ppsId(unit)))
  const pps = [...kept, ...newPps]
  if (sps.length > maxSps || pps.length > maxPps) throw new UnreadableError('it has more parameter sets than a file can hold')
  if (sps.length === 0 || pps.length === 0) return undefined
  return { codec: 'h264', ...pictureSize(sps[0]!), units: [...sps, ...pps] }
}

const ppsId = (unit: Uint8Array) => new BitReader(parameterSetPayload(unit, 1)).ue(255)

/** Whether the first messages of an SEI unit are or include a recovery point (D.1.8). */
function hasRecoveryPoint(unit: Uint8Array): boolean {
  const varint = (at: number) => {
    let value = 0
    let next = at
    while (unit[next] === 0xff) {
      value += 255
      next++
    }
    return { value: value + (unit[next] ?? 0), next: next + 1 }
  }
  for (let at = 1; at + 2 < unit.length; ) {
    const type = varint(at)
    if (type.value === 6) return true
    const size = varint(type.next)
    at = size.next + size.value
  }
  return false
}

/** Whether a sample, each unit behind its length, is a picture that needs no other. */
export const isIdrSample = (sample: Uint8Array) => unitsOfSample(sample).some(isIdrUnit)

export const isIdrUnit = (unit: Uint8Array) => typeOf(unit) === nalTypes.idr

/** The NAL units of a sample, without their lengths. Of a sample that is not whole, the last one is not. */
export function unitsOfSample(sample: Uint8Array): Uint8Array[] {
  const view = Buffer.from(sample.buffer, sample.byteOffset, sample.byteLength)
  const units: Uint8Array[] = []
  for (let at = 0; at + 4 < view.length; ) {
    const end = at + 4 + view.readUInt32BE(at)
    if (end > at + 4) units.push(view.subarray(at + 4, end))
    at = end
  }
  return units
}

/** Codec string of RFC 6381: sample entry and profile, constraints and level in hex. */
export const avcCodec = (entry: 'avc1' | 'avc3', { units }: VideoConfig) =>
  `${entry}.${Buffer.from(units[0]!.subarray(1, 4)).toString('hex')}`

/** AVCDecoderConfigurationRecord (5.3.3.1). */
export function avcDecoderConfiguration({ units }: VideoConfig): Buffer {
  const sps = units.filter((unit) => typeOf(unit) === nalTypes.sps)
  const pps = units.filter((unit) => typeOf(unit) === nalTypes.pps)
  const first = sps[0]!
  const lengthed = (unit: Uint8Array) => Buffer.concat([Buffer.from([unit.length >> 8, unit.length & 0xff]), unit])
  const fields = [
    Buffer.from([1, first[1]!, first[2]!, first[3]!, 0xff, 0xe0 | sps.length]),
    ...sps.map(lengthed),
    Buffer.from([pps.length]),
    ...pps.map(lengthed),
  ]
  if (hasChromaInfo(first[1]!)) {
    const { chromaFormat, bitDepthLuma, bitDepthChroma } = parseSps(first)
    fields.push(Buffer.from([0xfc | chromaFormat, 0xf8 | (bitDepthLuma - 8), 0xf8 | (bitDepthChroma - 8), 0]))
  }
  return Buffer.concat(fields)
}

/** The parameter sets of such a record. Throws where it ends early. */
export function readAvcDecoderConfiguration(record: Buffer): Buffer[] {
  const units: Buffer[] = []
  let at = 5
  const take = (count: number) => {
    for (let left = count; left > 0; left--) {
      const bytes = record.readUInt16BE(at)
      if (bytes === 0 || at + 2 + bytes > record.length) throw new UnreadableError('a parameter set is not whole')
      units.push(record.subarray(at + 2, at + 2 + bytes))
      at += 2 + bytes
    }
  }
  take(record.readUInt8(at++) & 0x1f)
  take(record.readUInt8(at++))
  return units
}

/** Size of the picture in pixels, cropping applied. */
export function pictureSize(sps: Uint8Array): { width: number; height: number } {
  const { width, height } = parseSps(sps)
  return { width, height }
}

const hasChromaInfo = (profile: number) => [100, 110, 122, 244, 44, 83, 86, 118, 128].includes(profile)

/** The fields of a sequence parameter set up to its cropping (7.3.2.1.1), each within what the standard allows. */
export function parseSps(sps: Uint8Array) {
  const bits = new BitReader(parameterSetPayload(sps, 1))
  const profile = bits.read(8)
  bits.read(16)
  const id = bits.ue(31)
  let chromaFormat = 1
  let separatePlanes = false
  let bitDepthLuma = 8
  let bitDepthChroma = 8
  if (hasChromaInfo(profile)) {
    chromaFormat = bits.ue(3)
    if (chromaFormat === 3) separatePlanes = bits.read(1) === 1
    bitDepthLuma = 8 + bits.ue(6)
    bitDepthChroma = 8 + bits.ue(6)
    bits.read(1)
    if (bits.read(1) === 1) for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list++) skipScalingList(bits, list)
  }
  const numberBits = bits.ue(12) + 4
  const pocType = bits.ue(2)
  if (pocType === 0) bits.ue(12)
  else if (pocType === 1) {
    bits.read(1)
    bits.se()
    bits.se()
    for (let left = bits.ue(255); left > 0; left--) bits.se()
  }
  bits.ue(16)
  const mayLeaveOut = bits.read(1) === 1
  const widthMacroblocks = bits.ue(4095) + 1
  const heightMapUnits = bits.ue(4095) + 1
  const framesOnly = bits.read(1)
  if (framesOnly === 0) bits.read(1)
  bits.read(1)
  let width = widthMacroblocks * 16
  let height = heightMapUnits * 16 * (2 - framesOnly)
  if (bits.read(1) === 1) {
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1
    const unitY = (chromaFormat === 1 ? 2 : 1) * (2 - framesOnly)
    const [left, right, top, bottom] = [bits.ue(65535), bits.ue(65535), bits.ue(65535), bits.ue(65535)]
    width -= (left + right) * unitX
    height -= (top + bottom) * unitY
  }
  if (width <= 0 || height <= 0 || width > 65535 || height > 65535) {
    throw new UnreadableError(`pictures of ${width}x${height} are none`)
  }
  return {
    ...{ id, width, height, chromaFormat, separatePlanes, bitDepthLuma, bitDepthChroma, numberBits, mayLeaveOut },
    isFramesOnly: framesOnly === 1,
  }
}

function skipScalingList(bits: BitReader, list: number): void {
  if (bits.read(1) === 0) return
  let last = 8
  let next = 8
  for (let left = list < 6 ? 16 : 64; left > 0; left--) {
    if (next !== 0) next = (last + bits.se() + 256) % 256
    if (next !== 0) last = next
  }
}
