import { crc32 } from 'node:zlib'
import type { Stretch } from '../timeline/cuts.ts'
import { avcEntryBytes, readAvcEntry } from './avc-records.ts'
import type { AudioColumns, VideoColumns, VideoSample } from './media-columns.ts'
import { encodeRecord } from './records.ts'
import { type StoredVideoConfig, videoCodecs } from './video-codec.ts'

/**
 * The records beside a body (`<name>.index`). Little endian. A batch record says what a stretch of the body holds, and is written after it.
 * 7, 8 and 14 are those of sound-journal.ts.
 */
export const recordTypes = {
  ...{ identity: 1, avcConfig: 2, avcBatch: 3, audioBatch: 4, problem: 5, encoded: 6 },
  ...{ silence: 9, videoConfig: 10, videoBatch: 11, opusBatch: 12, pause: 13 },
} as const

/** 2: sound packets have their sequence numbers. 3: pictures have a configuration each, and say how much of them are parameter sets. */
export const indexVersion = 3
/** What the versions before wrote is read as it is: sound packets without numbers follow each other by RTP time alone, and pictures are H.264. */
export const readableVersions: readonly number[] = [1, 2, indexVersion]

/** A stretch of the body: samples of one kind, one after the other. */
export interface BodyBatch {
  offset: number
  bytes: number
  crc32: number
}

export const identityRecord = (identity: unknown) =>
  encodeRecord(recordTypes.identity, Buffer.from(JSON.stringify({ version: indexVersion, identity })))

export const problemRecord = (problem: string) => encodeRecord(recordTypes.problem, Buffer.from(problem))

/** From when to when nothing of the user was taken. */
export function pauseRecord({ fromMicros, toMicros }: Stretch): Buffer {
  const payload = Buffer.allocUnsafe(16)
  payload.writeDoubleLE(fromMicros, 0)
  payload.writeDoubleLE(toMicros, 8)
  return encodeRecord(recordTypes.pause, payload)
}

/** All sound there is has been encoded: nothing to catch up on. */
export const encodedRecord = () => encodeRecord(recordTypes.encoded, Buffer.alloc(0))

export function videoConfigRecord({ number, codec, width, height, units }: StoredVideoConfig): Buffer {
  const head = Buffer.alloc(6)
  head.writeUInt8(number, 0)
  head.writeUInt8(videoCodecs.indexOf(codec), 1)
  head.writeUInt16LE(width, 2)
  head.writeUInt16LE(height, 4)
  return encodeRecord(
    recordTypes.videoConfig,
    Buffer.concat([head, ...units.flatMap((unit) => [uint32(unit.length), Buffer.from(unit)])]),
  )
}

const videoEntryBytes = 26
export const batchHeadBytes = 16

export function videoBatchRecord(offset: number, chunks: readonly Uint8Array[], samples: readonly VideoSample[]): Buffer {
  const payload = Buffer.allocUnsafe(batchHeadBytes + samples.length * videoEntryBytes)
  writeBatchHead(payload, offset, chunks)
  let at = batchHeadBytes
  for (const sample of samples) {
    at = payload.writeUInt32LE(sample.bytes, at)
    at = payload.writeUInt32LE(sample.setBytes, at)
    at = payload.writeUInt8(sample.config, at)
    at = payload.writeUInt32LE(sample.ssrc >>> 0, at)
    at = payload.writeUInt32LE(sample.rtpTimestamp >>> 0, at)
    at = payload.writeDoubleLE(sample.receiveTimeMicros, at)
    at = payload.writeUInt8(sample.key ? 1 : 0, at)
  }
  return encodeRecord(recordTypes.videoBatch, payload)
}

/** Frames of one size take no room for it. */
export function audioBatchRecord(offset: number, chunks: readonly Uint8Array[], sizes: readonly number[]): Buffer {
  const uniform = sizes.every((size) => size === sizes[0])
  const entries = uniform ? [sizes[0] ?? 0] : sizes
  const payload = Buffer.allocUnsafe(batchHeadBytes + 5 + entries.length * 2)
  writeBatchHead(payload, offset, chunks)
  let at = payload.writeUInt32LE(sizes.length, batchHeadBytes)
  at = payload.writeUInt8(uniform ? 1 : 0, at)
  for (const size of entries) at = payload.writeUInt16LE(size, at)
  return encodeRecord(recordTypes.audioBatch, payload)
}

const opusEntryBytes = 12

/** Opus packets as they came, each with its place on the axis: `bytes (u16) · samples (u16) · axis position (f64)`. */
export function opusBatchRecord(
  offset: number,
  packets: readonly { data: Uint8Array; axisStart: number; samples: number }[],
): Buffer {
  const payload = Buffer.allocUnsafe(batchHeadBytes + packets.length * opusEntryBytes)
  writeBatchHead(
    payload,
    offset,
    packets.map(({ data }) => data),
  )
  let at = batchHeadBytes
  for (const { data, axisStart, samples } of packets) {
    at = payload.writeUInt16LE(data.length, at)
    at = payload.writeUInt16LE(samples, at)
    at = payload.writeDoubleLE(axisStart, at)
  }
  return encodeRecord(recordTypes.opusBatch, payload)
}

/** Encoded frames of silence, all the same, which are no part of the sound but may be put in front of it. */
export function silenceRecord(offset: number, frame: Uint8Array, frames: number): Buffer {
  const payload = Buffer.allocUnsafe(batchHeadBytes + 4)
  writeBatchHead(payload, offset, new Array(frames).fill(frame))
  payload.writeUInt32LE(frames, batchHeadBytes)
  return encodeRecord(recordTypes.silence, payload)
}
function writeBatchHead(payload: Buffer, offset: number, chunks: readonly Uint8Array[]): void {
  payload.writeUIntLE(offset, 0, 6)
  payload.writeUIntLE(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    6,
    6,
  )
  payload.writeUInt32LE(
    chunks.reduce((crc, chunk) => crc32(chunk, crc), 0),
    12,
  )
}

export const readBatchHead = (payload: Buffer): BodyBatch => ({
  offset: payload.readUIntLE(0, 6),
  bytes: payload.readUIntLE(6, 6),
  crc32: payload.readUInt32LE(12),
})

export function readVideoBatch(video: VideoColumns, payload: Buffer): BodyBatch {
  const batch = readBatchHead(payload)
  let offset = batch.offset
  for (let at = batchHeadBytes; at + videoEntryBytes <= payload.length; at += videoEntryBytes) {
    const sample = {
      bytes: payload.readUInt32LE(at),
      setBytes: payload.readUInt32LE(at + 4),
      config: payload[at + 8]!,
      ssrc: payload.readUInt32LE(at + 9),
      rtpTimestamp: payload.readUInt32LE(at + 13),
      receiveTimeMicros: payload.readDoubleLE(at + 17),
      key: payload[at + 25]!,
    }
    video.push(sample, offset)
    offset += sample.bytes
  }
  return batch
}

/** Of versions 1 and 2. */
export function readAvcBatch(video: VideoColumns, firstSamples: readonly number[], payload: Buffer): BodyBatch {
  const batch = readBatchHead(payload)
  let offset = batch.offset
  for (let at = batchHeadBytes; at + avcEntryBytes <= payload.length; at += avcEntryBytes) {
    const number = video.bytes.length
    const config = Math.max(
      0,
      firstSamples.findLastIndex((first) => first <= number),
    )
    const sample = { ...readAvcEntry(payload, at), setBytes: 0, config }
    video.push(sample, offset)
    offset += sample.bytes
  }
  return batch
}

export function readAudioBatch(audio: AudioColumns, payload: Buffer): BodyBatch {
  const batch = readBatchHead(payload)
  const count = payload.readUInt32LE(batchHeadBytes)
  const uniform = payload[batchHeadBytes + 4] === 1
  const entries = batchHeadBytes + 5
  let offset = batch.offset
  for (let frame = 0; frame < count; frame++) {
    const bytes = payload.readUInt16LE(entries + (uniform ? 0 : frame * 2))
    audio.sizes.push(bytes)
    audio.offsets.push(offset)
    offset += bytes
  }
  return batch
}

export function readOpusBatch(audio: AudioColumns, payload: Buffer): BodyBatch {
  const batch = readBatchHead(payload)
  let offset = batch.offset
  for (let at = batchHeadBytes; at + opusEntryBytes <= payload.length; at += opusEntryBytes) {
    const bytes = payload.readUInt16LE(at)
    const axisStart = payload.readDoubleLE(at + 4)
    audio.sizes.push(bytes)
    audio.offsets.push(offset)
    audio.axisStarts.push(axisStart)
    audio.axisEnd = axisStart + payload.readUInt16LE(at + 2)
    offset += bytes
  }
  return batch
}

export function readVideoConfig(payload: Buffer): StoredVideoConfig {
  const units: Uint8Array[] = []
  for (let at = 6; at + 4 <= payload.length; ) {
    const length = payload.readUInt32LE(at)
    units.push(Uint8Array.from(payload.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return {
    number: payload[0]!,
    codec: videoCodecs[payload[1]!]!,
    width: payload.readUInt16LE(2),
    height: payload.readUInt16LE(4),
    units,
  }
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}
