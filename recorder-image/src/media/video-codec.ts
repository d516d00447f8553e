/** What a file needs to know of a picture, whatever codec it is in. */
import type { DecodingPlace, Leads } from '../timeline/decoding-order.ts'

/** In the order of their numbers on disk. */
export const videoCodecs = ['h264', 'h265', 'vp8', 'vp9', 'av1'] as const
export type VideoCodec = (typeof videoCodecs)[number]

/** What a decoder must know before a picture, beside the picture. */
export interface VideoConfig {
  codec: VideoCodec
  /** In pixels, cropping applied. */
  width: number
  height: number
  /** Parameter sets of H.264 and H.265 as NAL units, in their order; for VP9 one unit of `[profile, bit depth, subsampling, full range]`, for AV1 the sequence header. */
  units: Uint8Array[]
}

/** A configuration as a file keeps it. */
export interface StoredVideoConfig extends VideoConfig {
  /** From 0, at most 255; what pictures call it. */
  number: number
}

/** One picture, taken apart. */
export interface Picture {
  /** Can be decoded on its own. */
  key: boolean
  /** Decoding may begin here if there is nothing better: what it needs of earlier pictures is refreshed soon. */
  recoveryPoint: boolean
  /** What it brings along; undefined: it needs what came before. */
  config: VideoConfig | undefined
  /** Where it stands in the order of decoding; undefined where the codec does not say. */
  number: DecodingPlace | undefined
  /** Of H.265: it is shown before the key frame that it is decoded after. */
  leads?: Leads | undefined
  /** As a sample of MP4: the parameter sets, which a sample may have or not, and all the rest. */
  parameterSets: Uint8Array
  data: Uint8Array
}

export function isSameConfig(one: VideoConfig, other: VideoConfig): boolean {
  return (
    one.codec === other.codec &&
    one.width === other.width &&
    one.height === other.height &&
    one.units.length === other.units.length &&
    one.units.every((unit, at) => Buffer.compare(unit, other.units[at]!) === 0)
  )
}
