import type { EncodedFrame } from '../tap/frame.ts'
import { configOf, nalType, nalTypes, splitNalUnits, toLengthPrefixed } from './annexb.ts'
import type { StoredAvcConfig, VideoSample } from './media-index.ts'

export interface VideoFrames {
  configs: StoredAvcConfig[]
  chunks: Uint8Array[]
  samples: VideoSample[]
}

/** Stragglers of the subscription before this one come for some time; what a decoder got of them would break the new one. */
const stragglerMicros = 2_000_000

/** The pictures of one file as they go to the body: H.264 with lengths, from a key frame on, each subscription apart. */
export class VideoTrack {
  /** Frames that came before the first key frame, of the file or of a subscription. */
  undecodable = 0
  /** Codecs other than H.264 that arrived. */
  readonly unsupported = new Set<string>()
  #ssrc: number | undefined
  readonly #left = new Map<number, number>()
  #config: StoredAvcConfig | undefined
  #count = 0
  #needKey = true
  #pending: VideoFrames = { configs: [], chunks: [], samples: [] }

  push(frame: EncodedFrame): void {
    if (frame.mimeType.toLowerCase() !== 'video/h264') {
      this.unsupported.add(frame.mimeType)
      return
    }
    const leftMicros = this.#left.get(frame.ssrc)
    if (leftMicros !== undefined && frame.receiveTimeMicros - leftMicros < stragglerMicros) return
    const units = splitNalUnits(frame.data)
    const key = units.some((unit) => nalType(unit) === nalTypes.idr)
    const config = key ? configOf(units) : undefined
    if (this.#needKey || frame.ssrc !== this.#ssrc) {
      if (!key || (config === undefined && this.#config === undefined)) {
        this.undecodable++
        return
      }
      if (this.#ssrc !== undefined && this.#ssrc !== frame.ssrc) this.#left.set(this.#ssrc, frame.receiveTimeMicros)
      this.#left.delete(frame.ssrc)
      this.#ssrc = frame.ssrc
      this.#needKey = false
    }
    const sample = toLengthPrefixed(units)
    if (sample.length === 0) return
    if (config !== undefined && !isSame(config, this.#config)) {
      this.#config = {
        firstSample: this.#count,
        sps: Uint8Array.from(config.sps),
        pps: config.pps.map((pps) => Uint8Array.from(pps)),
      }
      this.#pending.configs.push(this.#config)
    }
    this.#count++
    this.#pending.chunks.push(sample)
    this.#pending.samples.push({
      bytes: sample.length,
      ssrc: frame.ssrc,
      rtpTimestamp: frame.rtpTimestamp,
      receiveTimeMicros: frame.receiveTimeMicros,
      key,
    })
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
}

function isSame(config: { sps: Uint8Array; pps: Uint8Array[] }, known: StoredAvcConfig | undefined): boolean {
  if (known === undefined || known.pps.length !== config.pps.length) return false
  return (
    Buffer.compare(config.sps, known.sps) === 0 && config.pps.every((pps, index) => Buffer.compare(pps, known.pps[index]!) === 0)
  )
}
