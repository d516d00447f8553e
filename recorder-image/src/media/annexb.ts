/** H.264 as WebRTC carries it (Annex B: NAL units behind start codes) and as MP4 wants it (each behind its length). */

export const nalTypes = { slice: 1, idr: 5, sps: 7, pps: 8, accessUnitDelimiter: 9, filler: 12 } as const

/** The NAL units of an access unit, without start codes and trailing zeros. Views, not copies. */
export function splitNalUnits(accessUnit: Uint8Array): Uint8Array[] {
  const data = Buffer.from(accessUnit.buffer, accessUnit.byteOffset, accessUnit.byteLength)
  const units: Uint8Array[] = []
  let start = -1
  for (let at = data.indexOf(startCode); ; ) {
    const end = at === -1 ? data.length : at
    if (start >= 0) {
      let trimmed = end
      while (trimmed > start && data[trimmed - 1] === 0) trimmed--
      if (trimmed > start) units.push(data.subarray(start, trimmed))
    }
    if (at === -1) return units
    start = at + 3
    at = data.indexOf(startCode, start)
  }
}
const startCode = Buffer.from([0, 0, 1])

export const nalType = (unit: Uint8Array) => unit[0]! & 0x1f

/** The parts of a sample in `avc1`: length (u32) and NAL unit by turns, without delimiters and filler. */
export function toLengthPrefixed(units: readonly Uint8Array[]): Buffer {
  const kept = units.filter((unit) => nalType(unit) !== nalTypes.accessUnitDelimiter && nalType(unit) !== nalTypes.filler)
  const sample = Buffer.allocUnsafe(kept.reduce((sum, unit) => sum + 4 + unit.length, 0))
  let at = 0
  for (const unit of kept) {
    at = sample.writeUInt32BE(unit.length, at)
    sample.set(unit, at)
    at += unit.length
  }
  return sample
}

/** Back to Annex B, for decoders that take it. */
export function toAnnexB(sample: Uint8Array): Buffer {
  const annexB = Buffer.from(sample)
  for (let at = 0; at + 4 <= annexB.length; ) {
    const length = annexB.readUInt32BE(at)
    annexB.writeUInt32BE(1, at)
    at += 4 + length
  }
  return annexB
}

/** What a decoder must know before the first picture. */
export interface AvcConfig {
  sps: Uint8Array
  pps: Uint8Array[]
  width: number
  height: number
}

/** The configuration that a key frame carries; undefined if it carries none. */
export function configOf(units: readonly Uint8Array[]): AvcConfig | undefined {
  const sps = units.find((unit) => nalType(unit) === nalTypes.sps)
  const pps = units.filter((unit) => nalType(unit) === nalTypes.pps)
  if (sps === undefined || pps.length === 0) return undefined
  return { sps, pps, ...pictureSize(sps) }
}

/** Codec string of RFC 6381: `avc1.` and profile, constraints and level in hex. */
export const avcCodec = (sps: Uint8Array) => `avc1.${Buffer.from(sps.subarray(1, 4)).toString('hex')}`

/** AVCDecoderConfigurationRecord (ISO 14496-15, 5.3.3.1). */
export function avcDecoderConfiguration({ sps, pps }: AvcConfig): Buffer {
  const lengthed = (unit: Uint8Array) => Buffer.concat([Buffer.from([unit.length >> 8, unit.length & 0xff]), unit])
  const parts = [
    Buffer.from([1, sps[1]!, sps[2]!, sps[3]!, 0xff, 0xe1]),
    lengthed(sps),
    Buffer.from([pps.length]),
    ...pps.map(lengthed),
  ]
  if (hasChromaInfo(sps[1]!)) {
    const { chromaFormat, bitDepthLuma, bitDepthChroma } = parseSps(sps)
    parts.push(Buffer.from([0xfc | chromaFormat, 0xf8 | (bitDepthLuma - 8), 0xf8 | (bitDepthChroma - 8), 0]))
  }
  return Buffer.concat(parts)
}

/** Size of the picture in pixels, cropping applied. */
export function pictureSize(sps: Uint8Array): { width: number; height: number } {
  const { width, height } = parseSps(sps)
  return { width, height }
}

const hasChromaInfo = (profile: number) => [100, 110, 122, 244, 44, 83, 86, 118, 128].includes(profile)

/** The fields of a sequence parameter set up to its cropping (ITU-T H.264, 7.3.2.1.1). */
function parseSps(sps: Uint8Array) {
  const bits = new BitReader(withoutEmulationPrevention(sps.subarray(1)))
  const profile = bits.read(8)
  bits.read(16)
  bits.ue()
  let chromaFormat = 1
  let bitDepthLuma = 8
  let bitDepthChroma = 8
  if (hasChromaInfo(profile)) {
    chromaFormat = bits.ue()
    if (chromaFormat === 3) bits.read(1)
    bitDepthLuma = 8 + bits.ue()
    bitDepthChroma = 8 + bits.ue()
    bits.read(1)
    if (bits.read(1) === 1) for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list++) skipScalingList(bits, list)
  }
  bits.ue()
  const pocType = bits.ue()
  if (pocType === 0) bits.ue()
  else if (pocType === 1) {
    bits.read(1)
    bits.ue()
    bits.ue()
    for (let left = bits.ue(); left > 0; left--) bits.ue()
  }
  bits.ue()
  bits.read(1)
  const widthMacroblocks = bits.ue() + 1
  const heightMapUnits = bits.ue() + 1
  const frameOnly = bits.read(1)
  if (frameOnly === 0) bits.read(1)
  bits.read(1)
  let width = widthMacroblocks * 16
  let height = heightMapUnits * 16 * (2 - frameOnly)
  if (bits.read(1) === 1) {
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1
    const unitY = (chromaFormat === 1 ? 2 : 1) * (2 - frameOnly)
    const [left, right, top, bottom] = [bits.ue(), bits.ue(), bits.ue(), bits.ue()]
    width -= (left + right) * unitX
    height -= (top + bottom) * unitY
  }
  return { width, height, chromaFormat, bitDepthLuma, bitDepthChroma }
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

function withoutEmulationPrevention(unit: Uint8Array): Uint8Array {
  const plain: number[] = []
  for (let at = 0; at < unit.length; at++) {
    if (unit[at] === 3 && at >= 2 && unit[at - 1] === 0 && unit[at - 2] === 0) continue
    plain.push(unit[at]!)
  }
  return Uint8Array.from(plain)
}

/** Reads past the end as zeros. */
class BitReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  read(count: number): number {
    let value = 0
    for (let left = count; left > 0; left--, this.#at++) {
      value = value * 2 + (((this.#bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1)
    }
    return value
  }

  /** Unsigned Exp-Golomb. */
  ue(): number {
    let zeros = 0
    while (zeros < 32 && this.read(1) === 0) zeros++
    return 2 ** zeros - 1 + this.read(zeros)
  }

  /** Signed Exp-Golomb. */
  se(): number {
    const value = this.ue()
    return value % 2 === 0 ? -value / 2 : (value + 1) / 2
  }
}
