/** VP8 (RFC 6386, 9.1) and VP9 (bitstream specification, 6.2): what a frame says of itself. */
import { BitReader, UnreadableError } from './bit-reader.ts'
import type { Picture } from './video-codec.ts'

/** Throws an UnreadableError for what no decoder would take. */
export function readVp8(frame: Uint8Array): Picture {
  if (frame.length < 3) throw new UnreadableError('a picture of VP8 ends in the middle')
  const key = (frame[0]! & 1) === 0
  const picture = { number: undefined, key, recoveryPoint: false, parameterSets: new Uint8Array(), data: frame }
  if (!key) return { ...picture, config: undefined }
  if (frame.length < 10 || frame[3] !== 0x9d || frame[4] !== 0x01 || frame[5] !== 0x2a) {
    throw new UnreadableError('a key frame of VP8 does not begin as one')
  }
  const width = (frame[6]! | (frame[7]! << 8)) & 0x3fff
  const height = (frame[8]! | (frame[9]! << 8)) & 0x3fff
  if (width === 0 || height === 0) throw new UnreadableError(`pictures of ${width}x${height} are none`)
  return { ...picture, config: { codec: 'vp8', width, height, units: [] } }
}

/** Throws an UnreadableError for what no decoder would take. */
export function readVp9(frame: Uint8Array): Picture {
  const bits = new BitReader(frame)
  if (bits.read(2) !== 2) throw new UnreadableError('a picture of VP9 does not begin as one')
  const profile = bits.read(1) + 2 * bits.read(1)
  if (profile === 3) bits.read(1)
  const shownAgain = bits.read(1) === 1
  const key = !shownAgain && bits.read(1) === 0
  const picture = { number: undefined, key, recoveryPoint: false, parameterSets: new Uint8Array(), data: frame }
  if (!key) return { ...picture, config: undefined }
  bits.read(2)
  if (bits.read(24) !== 0x498342) throw new UnreadableError('a key frame of VP9 does not begin as one')
  const bitDepth = profile >= 2 ? (bits.read(1) === 1 ? 12 : 10) : 8
  const rgb = bits.read(3) === 7
  const fullRange = rgb ? 1 : bits.read(1)
  // Of vpcC: 1 is 4:2:0 with samples where most have them, 2 is 4:2:2, 3 is 4:4:4.
  let subsampling = rgb ? 3 : 1
  if (profile === 1 || profile === 3) {
    if (!rgb) subsampling = [3, 3, 2, 1][bits.read(2)]!
    bits.read(1)
  }
  const width = bits.read(16) + 1
  const height = bits.read(16) + 1
  if (width > 65535 || height > 65535) throw new UnreadableError(`pictures of ${width}x${height} are too large for a file`)
  return {
    ...picture,
    config: { codec: 'vp9', width, height, units: [Uint8Array.of(profile, bitDepth, subsampling, fullRange)] },
  }
}
