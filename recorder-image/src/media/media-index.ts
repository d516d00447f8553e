import type { Stretch } from '../timeline/cuts.ts'
import { readAvcConfig } from './avc-records.ts'
import {
  type BodyBatch,
  batchHeadBytes,
  readAudioBatch,
  readAvcBatch,
  readableVersions,
  readBatchHead,
  readOpusBatch,
  readVideoBatch,
  readVideoConfig,
  recordTypes,
} from './index-records.ts'
import { AudioColumns, VideoColumns } from './media-columns.ts'
import { type MediaRecord, readRecords } from './records.ts'
import type { StoredVideoConfig } from './video-codec.ts'

/** A batch, and what there is up to and with it. */
export interface BatchEnd {
  batch: BodyBatch
  /** Of the index file. */
  indexBytes: number
  audioFrames: number
}

/** More than ever wait to be made safe on disk; where a cut may be needed. */
const lastBatchesKept = 512

/** Everything an index says. */
export class MediaIndex {
  /** JSON as it was written; undefined where not even that was, or by a version that this one cannot read. */
  identity: unknown
  /** By their numbers. */
  readonly configs: StoredVideoConfig[] = []
  /** Of versions 1 and 2: from which picture on each configuration holds. */
  readonly avcFirstSamples: number[] = []
  readonly video = new VideoColumns()
  readonly audio = new AudioColumns()
  /** Frames of encoded silence that are no part of the sound. */
  readonly silence = new AudioColumns()
  /** Front part of the body that the batches cover. */
  bodyBytes = 0
  readonly problems: string[] = []
  readonly pauses: Stretch[] = []
  /** All sound has been encoded. */
  encoded = false
  /** Bytes at the front of the index file that are whole records. */
  wholeBytes = 0
  /** The latest batches. */
  readonly lastBatches: BatchEnd[] = []
  /** What there is before them. */
  before = { indexBytes: 0, bodyBytes: 0, audioFrames: 0 }
}

export async function readMediaIndex(path: string): Promise<MediaIndex> {
  const index = new MediaIndex()
  const reader = readRecords(path)
  let at = 0
  try {
    for (let next = await reader.next(); ; next = await reader.next()) {
      if (next.done === true) {
        index.wholeBytes = next.value
        return index
      }
      for (const record of next.value) {
        at += record.payload.length + 9
        const batch = readRecord(index, record)
        if (record.type === recordTypes.identity) index.before.indexBytes = at
        if (batch !== undefined) keepBatch(index, { batch, indexBytes: at, audioFrames: index.audio.sizes.length })
      }
    }
  } finally {
    // A record that cannot be read ends it early, and the file must not stay open.
    await reader.return(0)
  }
}

function keepBatch(index: MediaIndex, end: BatchEnd): void {
  index.bodyBytes = end.batch.offset + end.batch.bytes
  index.lastBatches.push(end)
  if (index.lastBatches.length <= lastBatchesKept) return
  const { batch, indexBytes, audioFrames } = index.lastBatches.shift()!
  index.before = { indexBytes, bodyBytes: batch.offset + batch.bytes, audioFrames }
}

function readRecord(index: MediaIndex, { type, payload }: MediaRecord): BodyBatch | undefined {
  switch (type) {
    case recordTypes.identity: {
      const { version, identity } = JSON.parse(payload.toString()) as { version: number; identity: unknown }
      if (readableVersions.includes(version)) index.identity = identity
      return undefined
    }
    case recordTypes.videoConfig: {
      const config = readVideoConfig(payload)
      index.configs[config.number] = config
      return undefined
    }
    case recordTypes.avcConfig: {
      const { config, firstSample } = readAvcConfig(payload, index.configs.length)
      index.configs.push(config)
      index.avcFirstSamples.push(firstSample)
      return undefined
    }
    case recordTypes.avcBatch:
      return readAvcBatch(index.video, index.avcFirstSamples, payload)
    case recordTypes.videoBatch:
      return readVideoBatch(index.video, payload)
    case recordTypes.opusBatch:
      return readOpusBatch(index.audio, payload)
    case recordTypes.audioBatch:
      return readAudioBatch(index.audio, payload)
    case recordTypes.silence: {
      const batch = readBatchHead(payload)
      const frames = payload.readUInt32LE(batchHeadBytes)
      for (let frame = 0; frame < frames; frame++) {
        index.silence.sizes.push(batch.bytes / frames)
        index.silence.offsets.push(batch.offset + (frame * batch.bytes) / frames)
      }
      return batch
    }
    case recordTypes.problem:
      index.problems.push(payload.toString())
      return undefined
    case recordTypes.pause:
      index.pauses.push({ fromMicros: payload.readDoubleLE(0), toMicros: payload.readDoubleLE(8) })
      return undefined
    case recordTypes.encoded:
      index.encoded = true
      return undefined
    default:
      // Of a later version: what it says is not needed to read the media.
      return undefined
  }
}
