/** `idr_pic_id` of H.264: the number by which decoders tell an IDR picture from one that comes right before it, and which has to differ for that (7.4.3). */
import { parameterSetPayload, toLengthPrefixed, withoutPrevention, withPrevention } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'
import { isIdrUnit, parseSps, unitsOfSample } from './h264.ts'
import type { VideoConfig } from './video-codec.ts'

/** That of a sample; undefined where it is no IDR picture. The sample need not be whole. Throws an UnreadableError where it cannot be read. */
export function idrPicId(sample: Uint8Array, config: VideoConfig): number | undefined {
  const slice = unitsOfSample(sample).find(isIdrUnit)
  return slice && numberIn(slice, config).value
}

/** The sample with another one. Throws an UnreadableError where that cannot be. */
export function withIdrPicId(sample: Uint8Array, config: VideoConfig, id: number): Buffer {
  return toLengthPrefixed(unitsOfSample(sample).map((unit) => (isIdrUnit(unit) ? withNumber(unit, config, id) : unit)))
}

/** More than the fields up to the number take. */
const sliceHeaderBytes = 32

/** Where it stands in the payload of a slice, in bits (7.3.3). */
function numberIn(slice: Uint8Array, { units }: VideoConfig) {
  const bits = new BitReader(withoutPrevention(slice.subarray(0, sliceHeaderBytes), 1))
  bits.ue(2 ** 20)
  bits.ue(9)
  const pps = setOf(units, 8, bits.ue(255), parsePps)
  const sps = setOf(units, 7, pps.spsId, parseSps)
  if (sps.separatePlanes) bits.read(2)
  bits.read(sps.numberBits)
  if (!sps.isFramesOnly && bits.read(1) === 1) bits.read(1)
  const from = bits.at
  const value = bits.ue(65_535)
  return { value, from, end: bits.at, isArithmetic: pps.isArithmetic }
}

function setOf<Set extends { id: number }>(
  units: readonly Uint8Array[],
  type: number,
  id: number,
  parse: (unit: Uint8Array) => Set,
): Set {
  const sets = units.filter(([first]) => (first! & 0x1f) === type).map(parse)
  const set = sets.find((one) => one.id === id)
  if (set === undefined) throw new UnreadableError(`it needs parameter set ${id}, which is not there`)
  return set
}

function parsePps(unit: Uint8Array) {
  const bits = new BitReader(parameterSetPayload(unit, 1))
  return { id: bits.ue(255), spsId: bits.ue(31), isArithmetic: bits.read(1) === 1 }
}

function withNumber(slice: Uint8Array, config: VideoConfig, id: number): Buffer {
  const { from, end, isArithmetic } = numberIn(slice, config)
  const code = codeOf(id)
  // What is coded so begins at a full byte, which would have to be found.
  if (isArithmetic && code.length !== end - from) {
    throw new UnreadableError('a picture of CABAC cannot be given a number of another length')
  }
  const plain = withoutPrevention(slice, 1)
  const bit = (at: number) => (plain[at >> 3]! >> (7 - (at & 7))) & 1
  let bitsOf = plain.length * 8
  // The last 1 is its end, and behind it there is nothing.
  while (bitsOf > end && bit(bitsOf - 1) === 0) bitsOf--
  const moved = code.length - (end - from)
  const changed = Buffer.alloc(Math.ceil((bitsOf + moved) / 8))
  const set = (at: number, value: number) => {
    changed[at >> 3]! |= value << (7 - (at & 7))
  }
  for (let at = 0; at < from; at++) set(at, bit(at))
  for (const [at, value] of code.entries()) set(from + at, value)
  for (let at = end; at < bitsOf; at++) set(at + moved, bit(at))
  return withPrevention(slice.subarray(0, 1), changed)
}

/** Unsigned Exp-Golomb (9.1), bit by bit. */
function codeOf(value: number): number[] {
  const digits = (value + 1).toString(2)
  return [...'0'.repeat(digits.length - 1), ...digits].map(Number)
}
