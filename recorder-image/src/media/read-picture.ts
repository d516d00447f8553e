import { readAv1 } from './av1.ts'
import { readH264 } from './h264.ts'
import { readH265 } from './h265.ts'
import type { Picture, VideoCodec, VideoConfig } from './video-codec.ts'
import { readVp8, readVp9 } from './vpx.ts'

type Reader = (frame: Uint8Array, known: VideoConfig | undefined) => Picture

/** The codecs that are recorded, by what the tap calls them in lower case. */
const readers: Readonly<Record<string, { codec: VideoCodec; read: Reader }>> = {
  'video/h264': { codec: 'h264', read: readH264 },
  'video/h265': { codec: 'h265', read: readH265 },
  'video/vp8': { codec: 'vp8', read: readVp8 },
  'video/vp9': { codec: 'vp9', read: readVp9 },
  'video/av1': { codec: 'av1', read: readAv1 },
}

export const pictureReader = (mimeType: string) => readers[mimeType.toLowerCase()]
