/** What versions 1 and 2 wrote of pictures: H.264 with its parameter sets in band. Only read, so that what they left can be finished. */
import { pictureSize } from './h264.ts'
import type { StoredVideoConfig } from './video-codec.ts'

export const avcEntryBytes = 21

/** `first sample (u32) · length (u32) and unit by turns`: the configuration, and the number of the picture that brought it. */
export function readAvcConfig(payload: Buffer, number: number): { config: StoredVideoConfig; firstSample: number } {
  const units: Uint8Array[] = []
  for (let at = 4; at + 4 <= payload.length; ) {
    const length = payload.readUInt32LE(at)
    units.push(Uint8Array.from(payload.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return { config: { number, codec: 'h264', ...pictureSize(units[0]!), units }, firstSample: payload.readUInt32LE(0) }
}

/** `bytes (u32) · ssrc (u32) · RTP time (u32) · arrival (f64) · key (u8)`. */
export const readAvcEntry = (payload: Buffer, at: number) => ({
  bytes: payload.readUInt32LE(at),
  ssrc: payload.readUInt32LE(at + 4),
  rtpTimestamp: payload.readUInt32LE(at + 8),
  receiveTimeMicros: payload.readDoubleLE(at + 12),
  key: payload[at + 20] !== 0,
})
