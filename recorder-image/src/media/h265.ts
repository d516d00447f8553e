/** H.265 (ITU-T H.265): what is in an access unit, and how MP4 describes it (ISO 14496-15, 8). */
import { parameterSetPayload, splitNalUnits, toLengthPrefixed } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'
import { decodingPlace, leadsOf } from './h265-order.ts'
import { nalTypes, parseSps, typeOf } from './h265-units.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

const setTypes = [nalTypes.vps, nalTypes.sps, nalTypes.pps] as const
/** More than any encoder makes; 64 is what the standard has numbers for. */
const maxSetsOfAKind = 64

/**
 * Takes an access unit apart. `known` is what held for the pictures before: a kind of parameter set that this one does not bring is taken
 * from there. Throws an UnreadableError for what no decoder would take.
 */
export function readH265(accessUnit: Uint8Array, known?: VideoConfig): Picture {
  const units = splitNalUnits(accessUnit)
  const sets = units.filter((unit) => isSet(typeOf(unit)))
  const isKept = (type: number) => !isSet(type) && type !== nalTypes.accessUnitDelimiter && type !== nalTypes.filler
  const config = sets.length === 0 ? undefined : configOf(sets, known)
  return {
    key: units.some((unit) => typeOf(unit) >= nalTypes.firstIrap && typeOf(unit) <= nalTypes.lastIrap),
    recoveryPoint: false,
    config,
    number: decodingPlace(units, config ?? known),
    leads: leadsOf(units),
    parameterSets: toLengthPrefixed(sets),
    data: toLengthPrefixed(units.filter((unit) => isKept(typeOf(unit)))),
  }
}

const ppsId = (unit: Uint8Array) => new BitReader(parameterSetPayload(unit, 2)).ue(63)

const isSet = (type: number) => (setTypes as readonly number[]).includes(type)

function configOf(sets: readonly Uint8Array[], known: VideoConfig | undefined): VideoConfig | undefined {
  for (const unit of sets) parameterSetPayload(unit, 2)
  const knownUnits = known?.codec === 'h265' ? known.units : []
  const bringsSequence = sets.some((unit) => typeOf(unit) === nalTypes.sps)
  const kinds = setTypes.map((type) => {
    const brought = sets.filter((unit) => typeOf(unit) === type)
    const before = knownUnits.filter((unit) => typeOf(unit) === type)
    if (brought.length === 0) return before
    if (type !== nalTypes.pps || bringsSequence) return brought
    // Without a new sequence each replaces the one of its number.
    const newIds = new Set(brought.map(ppsId))
    return [...before.filter((unit) => !newIds.has(ppsId(unit))), ...brought]
  })
  if (kinds.some((kind) => kind.length > maxSetsOfAKind))
    throw new UnreadableError('it has more parameter sets than a file can hold')
  if (kinds.some((kind) => kind.length === 0)) return undefined
  return { codec: 'h265', ...sizeOf(parseSps(kinds[1]![0]!)), units: kinds.flat() }
}

const sizeOf = ({ width, height }: { width: number; height: number }) => ({ width, height })

/** Codec string of ISO 14496-15, annex E. */
export function hevcCodec(entry: 'hvc1' | 'hev1', { units }: VideoConfig): string {
  const { general } = parseSps(units.find((unit) => typeOf(unit) === nalTypes.sps)!)
  const view = Buffer.from(general)
  const space = ['', 'A', 'B', 'C'][view[0]! >> 6]!
  const tier = view[0]! & 0x20 ? 'H' : 'L'
  let compatibility = 0
  const flags = view.readUInt32BE(1)
  for (let bit = 0; bit < 32; bit++) compatibility = (compatibility * 2 + ((flags >>> bit) & 1)) >>> 0
  const constraints = [...view.subarray(5, 11)]
  while (constraints.at(-1) === 0) constraints.pop()
  const hex = (value: number) => value.toString(16).toUpperCase()
  return [`${entry}.${space}${view[0]! & 0x1f}`, hex(compatibility), `${tier}${view[11]}`, ...constraints.map(hex)].join('.')
}

/** HEVCDecoderConfigurationRecord (8.3.3.1). `complete`: no parameter set is in a sample. */
export function hevcDecoderConfiguration({ units }: VideoConfig, complete: boolean): Buffer {
  const sps = parseSps(units.find((unit) => typeOf(unit) === nalTypes.sps)!)
  const arrays = setTypes.map((type) => {
    const kind = units.filter((unit) => typeOf(unit) === type)
    const lengthed = kind.flatMap((unit) => [Buffer.from([unit.length >> 8, unit.length & 0xff]), unit])
    return Buffer.concat([Buffer.from([(complete ? 0x80 : 0) | type, kind.length >> 8, kind.length & 0xff]), ...lengthed])
  })
  return Buffer.concat([
    Buffer.from([1]),
    sps.general,
    // No restriction on segmentation, parallelism unknown.
    Buffer.from([0xf0, 0x00, 0xfc, 0xfc | sps.chromaFormat, 0xf8 | (sps.bitDepthLuma - 8), 0xf8 | (sps.bitDepthChroma - 8)]),
    // Frame rate unknown; layers, nesting, lengths of four bytes; three arrays.
    Buffer.from([0, 0, (sps.layers << 3) | (sps.nested << 2) | 3, arrays.length]),
    ...arrays,
  ])
}
