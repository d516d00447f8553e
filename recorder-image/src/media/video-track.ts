import type { LossReason } from '@trtc-recorder/api'
import type { EncodedFrame } from '../tap/frame.ts'
import { UnreadableError } from './bit-reader.ts'
import type { VideoSample } from './media-index.ts'
import { pictureReader } from './read-picture.ts'
import { isSameConfig, type Picture, type StoredVideoConfig, type VideoCodec, type VideoConfig } from './video-codec.ts'

export interface VideoFrames {
  configs: StoredVideoConfig[]
  chunks: Uint8Array[]
  samples: VideoSample[]
}

/** Told of every picture that does not go into the file. */
export type OnLostPicture = (frame: EncodedFrame, reason: LossReason, detail: string) => void

/** Stragglers of the subscription before this one come for some time; what a decoder got of them would break the new one. */
const stragglerMicros = 2_000_000
/** Sizes and profiles that one file may have. A sender that changes between a few comes back to them; one that goes on making new ones is hostile. */
const maxConfigs = 64

/** The pictures of one file as they go to the body: from a key frame on, each subscription apart, all in the codec of the first. */
export class VideoTrack {
  /** Frames that came before the first key frame, of the file or of a subscription. */
  undecodable = 0
  readonly #onLost: OnLostPicture
  #codec: VideoCodec | undefined
  #ssrc: number | undefined
  readonly #left = new Map<number, number>()
  /** By what they are. */
  readonly #configs = new Map<string, StoredVideoConfig>()
  #config: StoredVideoConfig | undefined
  #needKey = true
  #pending: VideoFrames = { configs: [], chunks: [], samples: [] }

  constructor(onLost: OnLostPicture) {
    this.#onLost = onLost
  }

  /** Of the pictures so far; undefined where none came. */
  get codec(): VideoCodec | undefined {
    return this.#codec
  }

  push(frame: EncodedFrame): void {
    const reader = pictureReader(frame.mimeType)
    if (reader === undefined || (this.#codec ?? reader.codec) !== reader.codec) {
      const detail = reader === undefined ? frame.mimeType : `${frame.mimeType}, in a file of ${this.#codec}`
      this.#onLost(frame, 'UnsupportedCodec', detail)
      return
    }
    const leftMicros = this.#left.get(frame.ssrc)
    if (leftMicros !== undefined && frame.receiveTimeMicros - leftMicros < stragglerMicros) {
      this.#onLost(frame, 'RepairedTooLate', 'of the subscription before')
      return
    }
    try {
      this.#take(frame, reader.read(frame.data, this.#config), reader.codec)
    } catch (error) {
      if (!(error instanceof UnreadableError || error instanceof RangeError)) throw error
      // What refers to it cannot be decoded either.
      this.#needKey = true
      this.#onLost(frame, 'Unreadable', error.message)
    }
  }

  /** From now on nothing decodes until the next key frame: frames had to be left out. */
  interrupt(): void {
    this.#needKey = true
  }

  take(): VideoFrames | undefined {
    if (this.#pending.samples.length === 0) return undefined
    const pending = this.#pending
    this.#pending = { configs: [], chunks: [], samples: [] }
    return pending
  }

  #take(frame: EncodedFrame, picture: Picture, codec: VideoCodec): void {
    const config = picture.config === undefined ? this.#config : this.#known(picture.config)
    const begins = this.#needKey || frame.ssrc !== this.#ssrc
    const key = picture.key || (begins && picture.recoveryPoint)
    if (begins && (!key || config === undefined)) {
      this.undecodable++
      this.#onLost(frame, 'NoKeyFrame', '')
      return
    }
    if (config === undefined) throw new Error('a picture goes on where none began')
    this.#config = config
    if (picture.data.length === 0) return
    if (begins) this.#begin(frame)
    this.#codec = codec
    const { parameterSets, data } = picture
    if (parameterSets.length > 0) this.#pending.chunks.push(parameterSets)
    this.#pending.chunks.push(data)
    this.#pending.samples.push({
      bytes: parameterSets.length + data.length,
      setBytes: parameterSets.length,
      config: config.number,
      ssrc: frame.ssrc,
      rtpTimestamp: frame.rtpTimestamp,
      receiveTimeMicros: frame.receiveTimeMicros,
      key,
    })
  }

  /** The same thing again has the same number. */
  #known(config: VideoConfig): StoredVideoConfig {
    if (this.#config !== undefined && isSameConfig(config, this.#config)) return this.#config
    const identity = `${config.width}x${config.height} ${Buffer.concat(config.units).toString('latin1')}`
    const known = this.#configs.get(identity)
    if (known !== undefined) return known
    const number = this.#configs.size
    if (number >= maxConfigs) throw new UnreadableError(`it is the ${maxConfigs + 1}th size or profile of one file`)
    // Frame data are views into batches that are not kept.
    const stored = { ...config, units: config.units.map((unit) => Uint8Array.from(unit)), number }
    this.#configs.set(identity, stored)
    this.#pending.configs.push(stored)
    return stored
  }

  #begin(frame: EncodedFrame): void {
    if (this.#ssrc !== undefined && this.#ssrc !== frame.ssrc) this.#left.set(this.#ssrc, frame.receiveTimeMicros)
    this.#left.delete(frame.ssrc)
    this.#ssrc = frame.ssrc
    this.#needKey = false
  }
}
