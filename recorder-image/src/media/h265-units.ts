/** What a NAL unit of H.265 is, and its sequence parameter set (ITU-T H.265, 7.3). */
import { parameterSetPayload } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'

export const nalTypes = {
  ...{ firstLeading: 6, lastDecodableLeading: 7, lastLeading: 9 },
  ...{ firstIrap: 16, idrWithLeading: 19, idr: 20, cleanRandomAccess: 21, lastIrap: 21, lastIrapReserved: 23 },
  ...{ lastSlice: 31, vps: 32, sps: 33, pps: 34, accessUnitDelimiter: 35, filler: 38 },
} as const
export const typeOf = (unit: Uint8Array) => (unit[0]! >> 1) & 0x3f

/** The fields of a sequence parameter set up to its bit depths (7.3.2.2.1); `rest` reads what comes behind them. */
export function parseSps(sps: Uint8Array) {
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
    ...{ bitDepthLuma: 8 + bits.ue(7), bitDepthChroma: 8 + bits.ue(7), rest: bits },
  }
}
