import { crc32 } from 'node:zlib'
import type { Stretch } from '../timeline/cuts.ts'
import { avcEntryBytes, readAvcEntry } from './avc-records.ts'
import { AudioColumns, type VideoSample } from './media-columns.ts'
import { encodeRecord } from './records.ts'
import { type StoredVideoConfig, videoCodecs } from './video-codec.ts'

/**
 * The records beside a body (`<name>.index`). Little endian. A batch record says what a stretch of the body holds, and is written after it.
 * 7, 8 and 14 are those of sound-journal.ts.
 */
export const recordTypes = {
  ...{ identity: 1, avcConfig: 2, avcBatch: 3, audioBatch: 4, problem: 5, encoded: 6 },
  ...{ silence: 9, videoConfig: 10, videoBatch: 11, opusBatch: 12, pause: 13 },
  ...{ pictures: 15, wouldFollow: 16, numberedAudio: 17, numberedOpus: 18 },
  ...{ picturesCame: 19, recoveredAudio: 20, recoveredOpus: 21 },
} as const

/**
 * 2: sound packets have their sequence numbers. 3: pictures have a configuration each, and say how much of them are parameter sets. 4: batches say how
 * much came before them, so that it is known what a damaged record took along, and pictures are in the body before it is known where they belong.
 */
export const indexVersion = 4
/** What the versions before wrote is read as it is: sound packets without numbers follow each other by RTP time alone, and pictures are H.264. */
export const readableVersions: readonly number[] = [1, 2, 3, indexVersion]
/** From this one on it can be read on behind a record that is damaged. */
export const countingVersion = 4

/** Records of the others say nothing of the body. */
export const batchTypes: ReadonlySet<number> = new Set([
  ...[recordTypes.avcBatch, recordTypes.videoBatch, recordTypes.pictures, recordTypes.silence],
  ...[recordTypes.audioBatch, recordTypes.numberedAudio, recordTypes.recoveredAudio],
  ...[recordTypes.opusBatch, recordTypes.numberedOpus, recordTypes.recoveredOpus],
])

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

/** What a batch says of a picture. */
export type BatchPicture =
  /** It is in the body, and follows the ones before. */
  | { kind: 'inOrder'; sample: VideoSample }
  /** It is in the body, and where it belongs, or whether it can be decoded, shows later. Such pictures are numbered. */
  | { kind: 'waits'; sample: VideoSample }
  /** One that was in the body already follows the ones before. */
  | { kind: 'waited'; number: number }
  /** One that was in the body already never will be decoded. */
  | { kind: 'givenUp'; number: number }

/** A stretch of pictures: those that were in order before it, the number of the first that waits in it, and what it says. */
export interface PictureBatch {
  picturesBefore: number
  firstWaiting: number
  pictures: readonly BatchPicture[]
}

const pictureFlags = { key: 1, waits: 2, waited: 4, givenUp: 8, leads: 16 } as const
const nothing: VideoSample = {
  ...{ bytes: 0, setBytes: 0, config: 0, key: false, leads: false },
  ssrc: 0,
  rtpTimestamp: 0,
  receiveTimeMicros: 0,
}

/** `came`: what `picturesCameRecord` says, where the two are to be there together or not at all: pictures that were counted as lost may be among these. */
export function picturesRecord(offset: number, chunks: readonly Uint8Array[], batch: PictureBatch, came?: PicturesCame): Buffer {
  const cameBytes = came === undefined ? 0 : picturesCameBytes
  const payload = Buffer.allocUnsafe(batchHeadBytes + 8 + batch.pictures.length * videoEntryBytes + cameBytes)
  writeBatchHead(payload, offset, chunks)
  let at = payload.writeUInt32LE(batch.picturesBefore, batchHeadBytes)
  at = payload.writeUInt32LE(batch.firstWaiting, at)
  for (const picture of batch.pictures) {
    const sample = 'sample' in picture ? picture.sample : nothing
    const kind = picture.kind === 'inOrder' ? 0 : pictureFlags[picture.kind]
    at = payload.writeUInt32LE(sample.bytes, at)
    // Of a picture that was there before, its number stands here.
    at = payload.writeUInt32LE('number' in picture ? picture.number : sample.setBytes, at)
    at = payload.writeUInt8(sample.config, at)
    at = payload.writeUInt32LE(sample.ssrc >>> 0, at)
    at = payload.writeUInt32LE(sample.rtpTimestamp >>> 0, at)
    at = payload.writeDoubleLE(sample.receiveTimeMicros, at)
    at = payload.writeUInt8((sample.key ? pictureFlags.key : 0) | (sample.leads ? pictureFlags.leads : 0) | kind, at)
  }
  if (came !== undefined) writePicturesCame(payload, came, at)
  return encodeRecord(recordTypes.pictures, payload)
}

/** Which of the pictures that wait would follow, in this order, if nothing more came. The latest such record counts. */
export const wouldFollowRecord = (numbers: readonly number[]) =>
  encodeRecord(recordTypes.wouldFollow, Buffer.concat(numbers.map(uint32)))

export const readWouldFollow = (payload: Buffer): number[] =>
  Array.from({ length: payload.length >> 2 }, (_, at) => payload.readUInt32LE(at * 4))

/** How many pictures had come, and of how many of them the ledger had been told that they are not in the file. */
export interface PicturesCame {
  received: number
  lost: number
}
const picturesCameBytes = 8

/** As it was when the batches before it were made. */
export function picturesCameRecord(came: PicturesCame): Buffer {
  const payload = Buffer.allocUnsafe(picturesCameBytes)
  writePicturesCame(payload, came, 0)
  return encodeRecord(recordTypes.picturesCame, payload)
}

function writePicturesCame(payload: Buffer, { received, lost }: PicturesCame, at: number): void {
  payload.writeUInt32LE(lost, payload.writeUInt32LE(received, at))
}

export const readPicturesCame = (payload: Buffer, at = 0): PicturesCame => ({
  received: payload.readUInt32LE(at),
  lost: payload.readUInt32LE(at + 4),
})

/** Frames of one size take no room for it. `framesBefore`: how many frames of sound come before these. */
export function audioBatchRecord(
  offset: number,
  chunks: readonly Uint8Array[],
  sizes: readonly number[],
  framesBefore: number,
  type: typeof recordTypes.numberedAudio | typeof recordTypes.recoveredAudio = recordTypes.numberedAudio,
): Buffer {
  const uniform = sizes.every((size) => size === sizes[0])
  const entries = uniform ? [sizes[0] ?? 0] : sizes
  const payload = Buffer.allocUnsafe(batchHeadBytes + 9 + entries.length * 2)
  writeBatchHead(payload, offset, chunks)
  let at = payload.writeUInt32LE(framesBefore, batchHeadBytes)
  at = payload.writeUInt32LE(sizes.length, at)
  at = payload.writeUInt8(uniform ? 1 : 0, at)
  for (const size of entries) at = payload.writeUInt16LE(size, at)
  return encodeRecord(type, payload)
}

const opusEntryBytes = 12

/** Opus packets as they came, each with its place on the axis: `bytes (u16) · samples (u16) · axis position (f64)`. */
export function opusBatchRecord(
  offset: number,
  packets: readonly { data: Uint8Array; axisStart: number; samples: number }[],
  packetsBefore: number,
  type: typeof recordTypes.numberedOpus | typeof recordTypes.recoveredOpus = recordTypes.numberedOpus,
): Buffer {
  const payload = Buffer.allocUnsafe(batchHeadBytes + 4 + packets.length * opusEntryBytes)
  writeBatchHead(
    payload,
    offset,
    packets.map(({ data }) => data),
  )
  let at = payload.writeUInt32LE(packetsBefore, batchHeadBytes)
  for (const { data, axisStart, samples } of packets) {
    at = payload.writeUInt16LE(data.length, at)
    at = payload.writeUInt16LE(samples, at)
    at = payload.writeDoubleLE(axisStart, at)
  }
  return encodeRecord(type, payload)
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

/** A picture in a body, and where. */
export interface PlacedSample {
  sample: VideoSample
  offset: number
}

export type ReadPicture =
  | ({ kind: 'inOrder' } & PlacedSample)
  | ({ kind: 'waits'; number: number } & PlacedSample)
  | { kind: 'waited' | 'givenUp'; number: number }

/** Of version 3 a batch has pictures in order, and says nothing of those before. */
export function readPictures(
  type: number,
  payload: Buffer,
): { batch: BodyBatch; picturesBefore?: number; pictures: ReadPicture[]; came?: PicturesCame } {
  const batch = readBatchHead(payload)
  const counts = type === recordTypes.pictures
  const entries = batchHeadBytes + (counts ? 8 : 0)
  const pictures: ReadPicture[] = []
  let { offset } = batch
  let waiting = counts ? payload.readUInt32LE(batchHeadBytes + 4) : 0
  let at = entries
  for (; at + videoEntryBytes <= payload.length; at += videoEntryBytes) {
    const flags = payload[at + 25]!
    const number = payload.readUInt32LE(at + 4)
    if (flags & pictureFlags.waited) pictures.push({ kind: 'waited', number })
    else if (flags & pictureFlags.givenUp) pictures.push({ kind: 'givenUp', number })
    else {
      const sample = {
        bytes: payload.readUInt32LE(at),
        setBytes: number,
        config: payload[at + 8]!,
        ssrc: payload.readUInt32LE(at + 9),
        rtpTimestamp: payload.readUInt32LE(at + 13),
        receiveTimeMicros: payload.readDoubleLE(at + 17),
        key: (flags & pictureFlags.key) !== 0,
        leads: (flags & pictureFlags.leads) !== 0,
      }
      pictures.push(
        flags & pictureFlags.waits ? { kind: 'waits', number: waiting++, sample, offset } : { kind: 'inOrder', sample, offset },
      )
      offset += sample.bytes
    }
  }
  const came = at + picturesCameBytes <= payload.length ? { came: readPicturesCame(payload, at) } : {}
  return { batch, ...(counts ? { picturesBefore: payload.readUInt32LE(batchHeadBytes) } : {}), pictures, ...came }
}

/** Of versions 1 and 2. `before`: how many pictures come before these. */
export function readAvcBatch(
  before: number,
  firstSamples: readonly number[],
  payload: Buffer,
): { batch: BodyBatch; pictures: ReadPicture[] } {
  const batch = readBatchHead(payload)
  const pictures: ReadPicture[] = []
  let offset = batch.offset
  for (let at = batchHeadBytes; at + avcEntryBytes <= payload.length; at += avcEntryBytes) {
    const number = before + pictures.length
    const config = Math.max(
      0,
      firstSamples.findLastIndex((first) => first <= number),
    )
    const sample = { ...readAvcEntry(payload, at), setBytes: 0, config, leads: false }
    pictures.push({ kind: 'inOrder', sample, offset })
    offset += sample.bytes
  }
  return { batch, pictures }
}

export interface SoundRead {
  batch: BodyBatch
  frames: number
  /** Frames that should be before these, and of which no record can be read. */
  missing: number
}

export function readAudioBatch(audio: AudioColumns, type: number, payload: Buffer): SoundRead {
  const batch = readBatchHead(payload)
  const counts = type !== recordTypes.audioBatch
  const missing = type === recordTypes.numberedAudio ? leaveRoom(audio, payload.readUInt32LE(batchHeadBytes)) : 0
  const head = batchHeadBytes + (counts ? 4 : 0)
  const count = payload.readUInt32LE(head)
  const uniform = payload[head + 4] === 1
  let offset = batch.offset
  for (let frame = 0; frame < count; frame++) {
    const bytes = payload.readUInt16LE(head + 5 + (uniform ? 0 : frame * 2))
    audio.sizes.push(bytes)
    audio.offsets.push(offset)
    offset += bytes
  }
  return { batch, frames: count, missing }
}

export function readOpusBatch(audio: AudioColumns, type: number, payload: Buffer): SoundRead {
  const batch = readBatchHead(payload)
  const counts = type !== recordTypes.opusBatch
  const missing = type === recordTypes.numberedOpus ? leaveRoom(audio, payload.readUInt32LE(batchHeadBytes)) : 0
  let offset = batch.offset
  let frames = 0
  for (let at = batchHeadBytes + (counts ? 4 : 0); at + opusEntryBytes <= payload.length; at += opusEntryBytes) {
    const bytes = payload.readUInt16LE(at)
    const axisStart = payload.readDoubleLE(at + 4)
    audio.sizes.push(bytes)
    audio.offsets.push(offset)
    audio.axisStarts.push(axisStart)
    audio.axisEnd = axisStart + payload.readUInt16LE(at + 2)
    offset += bytes
    frames++
  }
  return { batch, frames, missing }
}

/** Frames of which the record was damaged, made again from the journal: they have their places, and are told again where they are. */
export function readRecoveredSound(audio: AudioColumns, type: number, payload: Buffer): SoundRead & { firstFrame: number } {
  const again = new AudioColumns()
  const read = type === recordTypes.recoveredAudio ? readAudioBatch(again, type, payload) : readOpusBatch(again, type, payload)
  const firstFrame = payload.readUInt32LE(batchHeadBytes)
  for (let frame = 0; frame < read.frames; frame++) {
    audio.sizes.set(firstFrame + frame, again.sizes.at(frame))
    audio.offsets.set(firstFrame + frame, again.offsets.at(frame))
    if (type === recordTypes.recoveredOpus) audio.axisStarts.set(firstFrame + frame, again.axisStarts.at(frame))
  }
  return { ...read, firstFrame }
}

/** Frames stand by their number for their time: those that are missing have a place, and no bytes. */
function leaveRoom(audio: AudioColumns, framesBefore: number): number {
  const missing = framesBefore - audio.sizes.length
  for (let frame = 0; frame < missing; frame++) {
    audio.sizes.push(0)
    audio.offsets.push(0)
    audio.axisStarts.push(audio.axisEnd)
  }
  return Math.max(0, missing)
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
