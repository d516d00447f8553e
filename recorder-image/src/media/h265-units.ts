/** What a NAL unit of H.265 is, and its sequence parameter set (ITU-T H.265, 7.3). */
import { parameterSetPayload } from './annexb.ts'
import { BitReader, UnreadableError } from './bit-reader.ts'

export const nalTypes = {
  ...{ lastTrailing: 1, firstLeading: 6, lastDecodableLeading: 7, lastLeading: 9 },
  ...{
    firstIrap: 16,
    brokenLink: 17,
    brokenLinkAlone: 18,
    idrWithLeading: 19,
    idr: 20,
    cleanRandomAccess: 21,
    lastIrap: 21,
    lastIrapReserved: 23,
  },
  ...{ lastSlice: 31, vps: 32, sps: 33, pps: 34, accessUnitDelimiter: 35, filler: 38 },
} as const
export const typeOf = (unit: Uint8Array) => (unit[0]! >> 1) & 0x3f

/**
 * A sample of MP4 whose picture has nothing in front of it that goes on. Of a clean random access picture (CRA) a decoder knows that only where it is the first that it is given;
 * elsewhere it counts on from what came before, and takes it for the same picture when it is given twice. As a broken link picture (BLA, `brokenLink`: nothing that leads it refers to
 * what is in front of it), which is the same but for that type in its slices' headers (7.4.2.2), it is the beginning wherever it stands. What is in front of it and not shown yet is to be shown
 * (no_output_of_prior_pics_flag, which does not count in a CRA picture).
 */
export function asBeginning(sample: Uint8Array): Uint8Array {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.byteLength)
  let begun: Uint8Array | undefined
  for (let at = 0; at + 4 < sample.length; at += 4 + view.getUint32(at)) {
    if (typeOf(sample.subarray(at + 4)) !== nalTypes.cleanRandomAccess) continue
    begun ??= Uint8Array.from(sample)
    begun[at + 4] = (begun[at + 4]! & 0x81) | (nalTypes.brokenLink << 1)
    // A zero might make what is behind it look like an end.
    if ((begun[at + 6]! & 0xbf) !== 0) begun[at + 6]! &= 0xbf
  }
  return begun ?? sample
}

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
  const id = bits.ue(15)
  const chromaFormat = bits.ue(3)
  const inPlanes = chromaFormat === 3 && bits.read(1) === 1
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
    ...{ id, width, height, general, nested, layers: subLayers + 1, chromaFormat, inPlanes },
    ...{ bitDepthLuma: 8 + bits.ue(7), bitDepthChroma: 8 + bits.ue(7), rest: bits },
  }
}
