/** H.265 (ITU-T H.265): what is in an access unit, and how MP4 describes it (ISO 14496-15, 8). */
import { parameterSetPayload, splitNalUnits, toLengthPrefixed } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'
import type { Picture, VideoConfig } from './video-codec.ts'

const nalTypes = { firstIrap: 16, lastIrap: 21, vps: 32, sps: 33, pps: 34, accessUnitDelimiter: 35, filler: 38 } as const
const setTypes = [nalTypes.vps, nalTypes.sps, nalTypes.pps] as const
const typeOf = (unit: Uint8Array) => (unit[0]! >> 1) & 0x3f
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
  return {
    key: units.some((unit) => typeOf(unit) >= nalTypes.firstIrap && typeOf(unit) <= nalTypes.lastIrap),
    recoveryPoint: false,
    config: sets.length === 0 ? undefined : configOf(sets, known),
    number: undefined,
    parameterSets: toLengthPrefixed(sets),
    data: toLengthPrefixed(units.filter((unit) => isKept(typeOf(unit)))),
  }
}

const isSet = (type: number) => (setTypes as readonly number[]).includes(type)

function configOf(sets: readonly Uint8Array[], known: VideoConfig | undefined): VideoConfig | undefined {
  for (const unit of sets) parameterSetPayload(unit, 2)
  const knownUnits = known?.codec === 'h265' ? known.units : []
  const kinds = setTypes.map((type) => {
    const brought = sets.filter((unit) => typeOf(unit) === type)
    return brought.length > 0 ? brought : knownUnits.filter((unit) => typeOf(unit) === type)
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

/** The fields of a sequence parameter set up to its bit depths (7.3.2.2.1). */
function parseSps(sps: Uint8Array) {
  const payload = parameterSetPayload(sps, 2)
  const bits = new BitReader(payload)
  bits.read(4)
  const subLayers = bits.read(3)
  const nested = bits.read(1)
  if (payload.length < 13) throw new UnreadableError('a sequence parameter set ends in the middle')
  // Profile, tier and level: 88 bits and the level, whole bytes from here.
  const general = payload.slice(1, 13)
  bits.skip(96)
  const present = Array.from({ length: subLayers }, () => ({ profile: bits.read(1), level: bits.read(1) }))
  if (subLayers > 0) bits.skip(2 * (8 - subLayers))
  for (const { profile, level } of present) bits.skip(88 * profile + 8 * level)
  bits.ue(15)
  const chromaFormat = bits.ue(3)
  if (chromaFormat === 3) bits.read(1)
  let width = bits.ue(65535)
  let height = bits.ue(65535)
  if (bits.read(1) === 1) {
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1
    const unitY = chromaFormat === 1 ? 2 : 1
    const [left, right, top, bottom] = [bits.ue(65535), bits.ue(65535), bits.ue(65535), bits.ue(65535)]
    width -= (left + right) * unitX
    height -= (top + bottom) * unitY
  }
  if (width <= 0 || height <= 0) throw new UnreadableError(`pictures of ${width}x${height} are none`)
  return {
    ...{ width, height, general, nested, layers: subLayers + 1, chromaFormat },
    ...{ bitDepthLuma: 8 + bits.ue(7), bitDepthChroma: 8 + bits.ue(7) },
  }
}
