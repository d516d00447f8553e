/** NAL units of H.264 and H.265 as WebRTC carries them (Annex B: behind start codes) and as MP4 wants them (each behind its length). */
import { UnreadableError } from './bit-reader.ts'

/** More NAL units than any encoder makes of one picture. */
const maxUnits = 4096
/** Parameter sets have a length of 16 bits in MP4; real ones are under 200 bytes. */
const maxParameterSetBytes = 4096

/** The NAL units of an access unit, without start codes and trailing zeros; empty ones are left out. Views, not copies. */
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
      if (units.length > maxUnits) throw new UnreadableError(`a picture has more than ${maxUnits} NAL units`)
    }
    if (at === -1) return units
    start = at + 3
    at = data.indexOf(startCode, start)
  }
}
const startCode = Buffer.from([0, 0, 1])

/** Length (u32) and NAL unit by turns. */
export function toLengthPrefixed(units: readonly Uint8Array[]): Buffer {
  const sample = Buffer.allocUnsafe(units.reduce((sum, unit) => sum + 4 + unit.length, 0))
  let at = 0
  for (const unit of units) {
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

/** NAL units behind start codes. */
export const annexBOf = (units: readonly Uint8Array[]) =>
  Buffer.concat(units.flatMap((unit) => [Buffer.from([0, 0, 0, 1]), unit]))

/** The payload of a parameter set, ready for reading bits: NAL header and emulation prevention (H.264, 7.4.1) taken off. */
export function parameterSetPayload(unit: Uint8Array, headerBytes: number): Uint8Array {
  if (unit.length > maxParameterSetBytes) throw new UnreadableError(`a parameter set has ${unit.length} bytes`)
  return withoutPrevention(unit, headerBytes)
}

/** What stands behind the header of a NAL unit, emulation prevention taken off. */
export function withoutPrevention(unit: Uint8Array, headerBytes: number): Uint8Array {
  const plain = new Uint8Array(unit.length)
  let length = 0
  for (let at = headerBytes; at < unit.length; at++) {
    const isPrevention = unit[at] === 3 && at >= headerBytes + 2 && unit[at - 1] === 0 && unit[at - 2] === 0
    if (!isPrevention) plain[length++] = unit[at]!
  }
  return plain.subarray(0, length)
}

/** The opposite: a NAL unit of a header and what stands behind it. */
export function withPrevention(header: Uint8Array, plain: Uint8Array): Buffer {
  const unit = [...header]
  let zeros = 0
  for (const byte of plain) {
    if (zeros >= 2 && byte <= 3) {
      unit.push(3)
      zeros = 0
    }
    unit.push(byte)
    zeros = byte === 0 ? zeros + 1 : 0
  }
  return Buffer.from(unit)
}
