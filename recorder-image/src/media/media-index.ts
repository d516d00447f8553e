import type { Stretch } from '../timeline/cuts.ts'
import { PlacedPictures } from '../timeline/picture-order.ts'
import { readAvcConfig } from './avc-records.ts'
import {
  type BodyBatch,
  batchHeadBytes,
  countingVersion,
  readAudioBatch,
  readAvcBatch,
  readableVersions,
  readBatchHead,
  readOpusBatch,
  readPictures,
  readPicturesCame,
  readRecoveredSound,
  readVideoConfig,
  readWouldFollow,
  recordTypes,
  type SoundRead,
} from './index-records.ts'
import { IndexedPictures } from './indexed-pictures.ts'
import { AudioColumns, type VideoColumns } from './media-columns.ts'
import { type MediaRecord, readRecords } from './records.ts'
import type { StoredVideoConfig } from './video-codec.ts'

/** An index larger than this is of a file of many hours; of those one at a time is finished, for what that needs in memory. */
export const longIndexBytes = 32 * 1024 * 1024

/** Everything an index says. */
export class MediaIndex {
  /** JSON as it was written; undefined where not even that was, or by a version that this one cannot read. */
  identity: unknown
  version: number | undefined
  /** By their numbers. */
  readonly configs: StoredVideoConfig[] = []
  /** Of versions 1 and 2: from which picture on each configuration holds. */
  readonly avcFirstSamples: number[] = []
  readonly pictures = new IndexedPictures(this.configs)
  /** Those of them that were placed in time before the file had ended. */
  readonly placed = new PlacedPictures()
  readonly audio = new AudioColumns()
  /** Frames of sound of which a damaged record said where they are. */
  missingSound: { firstFrame: number; frames: number; bytes: number }[] = []
  /** Bytes of the body of which a damaged record spoke, and that are in no loss yet. */
  uncoveredBytes = 0
  /** Frames of encoded silence that are no part of the sound. */
  readonly silence = new AudioColumns()
  /** Front part of the body that the batches cover. */
  bodyBytes = 0
  readonly problems: string[] = []
  readonly pauses: Stretch[] = []
  /** All sound has been encoded. */
  encoded = false
  /** Bytes at the front of the index file that end with a whole record. */
  wholeBytes = 0
  /** Bytes of it that cannot be read. */
  damagedBytes = 0

  /** In order. */
  get video(): VideoColumns {
    return this.pictures.columns
  }

  /** Places the pictures that are in order by now. */
  place(): void {
    const { ssrcs, rtpTimestamps, receiveTimesMicros } = this.video
    const columns = { ssrcs: ssrcs.values, rtpTimestamps: rtpTimestamps.values }
    this.placed.add({ ...columns, receiveTimesMicros: receiveTimesMicros.values })
  }
}

/** An index as it is read, while its file may still grow. */
export class IndexReading {
  readonly #path: string
  #index = new MediaIndex()
  /** What comes is of no use: see `take`. */
  #isOver = false

  constructor(path: string) {
    this.#path = path
  }

  /** Reads what has come since the last time; where something was damaged then, all: what a device dropped while the file grew may have been written again. */
  async goOn(): Promise<void> {
    if (this.#isOver || this.#index.damagedBytes > 0) {
      this.#index = new MediaIndex()
      this.#isOver = false
    }
    const reader = readRecords(this.#path, this.#index.wholeBytes)
    try {
      for (let next = await reader.next(); ; next = await reader.next()) {
        if (next.done === true) return
        this.#isOver = !next.value.every((record) => take(this.#index, record))
        if (this.#isOver) return
      }
    } finally {
      // A record that cannot be read ends it early, and the file must not stay open.
      await reader.return(0)
    }
  }

  /** What takes long of finishing, as far as it can be done before all has come. */
  async prepare(): Promise<void> {
    await this.goOn()
    this.#index.place()
  }

  /**
   * Nothing more comes. `undecided`: what becomes of pictures of which it did not show where they belong: they follow as they would if nothing more came, or are
   * left out, where the file goes on.
   */
  end(undecided: 'would follow' | 'waits' = 'would follow'): MediaIndex {
    const index = this.#index
    index.pictures.end(undecided)
    // What was damaged may have been the last of it.
    if (index.damagedBytes > 0) index.encoded = false
    // One that no record says any more is used by no picture.
    for (let number = 0; number < index.configs.length; number++) index.configs[number] ??= index.configs.find(Boolean)!
    return index
  }
}

/** All that an index says by now. `undecided` as in `IndexReading.end`. */
export async function readMediaIndex(path: string, undecided?: 'would follow' | 'waits'): Promise<MediaIndex> {
  const reading = new IndexReading(path)
  await reading.goOn()
  return reading.end(undecided)
}

/** Whether to read on: of versions that do not count what came before, nobody knows what a damaged record took along. */
function take(index: MediaIndex, record: MediaRecord): boolean {
  if (record.damagedBytes > 0 && (index.version ?? countingVersion) < countingVersion) return false
  index.damagedBytes += record.damagedBytes
  const batch = readRecord(index, record)
  index.wholeBytes = record.end
  if (batch !== undefined) index.bodyBytes = batch.offset + batch.bytes
  return true
}

function readRecord(index: MediaIndex, { type, payload }: MediaRecord): BodyBatch | undefined {
  switch (type) {
    case recordTypes.identity: {
      const { version, identity } = JSON.parse(payload.toString()) as { version: number; identity: unknown }
      index.version = version
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
    case recordTypes.avcBatch: {
      const { batch, pictures } = readAvcBatch(index.video.bytes.length, index.avcFirstSamples, payload)
      index.pictures.batch(undefined, pictures, 0)
      return batch
    }
    case recordTypes.videoBatch:
    case recordTypes.pictures: {
      const { batch, picturesBefore, pictures, came } = readPictures(type, payload)
      const uncovered = uncoveredBefore(index, batch)
      if (index.pictures.batch(picturesBefore, pictures, uncovered)) index.uncoveredBytes = 0
      if (came !== undefined) index.pictures.cameWith(came)
      return batch
    }
    case recordTypes.picturesCame:
      index.pictures.cameWith(readPicturesCame(payload))
      return undefined
    case recordTypes.wouldFollow:
      index.pictures.wouldFollow = readWouldFollow(payload)
      return undefined
    case recordTypes.opusBatch:
    case recordTypes.numberedOpus:
      return soundBatch(index, readOpusBatch(index.audio, type, payload))
    case recordTypes.audioBatch:
    case recordTypes.numberedAudio:
      return soundBatch(index, readAudioBatch(index.audio, type, payload))
    case recordTypes.recoveredOpus:
    case recordTypes.recoveredAudio: {
      const { batch, frames, firstFrame } = readRecoveredSound(index.audio, type, payload)
      const isRecovered = (missing: { firstFrame: number; frames: number }) =>
        missing.firstFrame >= firstFrame && missing.firstFrame + missing.frames <= firstFrame + frames
      index.missingSound = index.missingSound.filter((missing) => !isRecovered(missing))
      return batch
    }
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

function soundBatch(index: MediaIndex, { batch, frames, missing }: SoundRead): BodyBatch {
  const firstFrame = index.audio.sizes.length - frames - missing
  const bytes = uncoveredBefore(index, batch)
  if (missing === 0) return batch
  index.missingSound.push({ firstFrame, frames: missing, bytes })
  index.uncoveredBytes = 0
  return batch
}

/** What a damaged record covered may show before it shows of which medium it was. */
function uncoveredBefore(index: MediaIndex, { offset }: BodyBatch): number {
  index.uncoveredBytes += Math.max(0, offset - index.bodyBytes)
  return index.uncoveredBytes
}
