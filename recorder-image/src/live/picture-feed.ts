import { isIdrSample } from '../media/h264.ts'
import type { StoredVideoConfig } from '../media/video-codec.ts'
import { VideoTrack } from '../media/video-track.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { delayAt } from '../timeline/clock.ts'
import { videoRules } from '../timeline/picture-order.ts'
import { type Arrival, type Piece, PieceSplitter, type Placed } from '../timeline/pieces.ts'
import type { LivePicture } from './part.ts'

type Timeless = Arrival & Omit<LivePicture, 'ptsMicros'> & { leads: boolean }

/**
 * The pictures of one source as parts are told of them: from a key frame on, in decoding order, placed on the wall clock. What is lost the file tells
 * the ledger; `onLate` is told of a picture that came after the key frame behind it, which the file has and nobody can show any more.
 */
export class PictureFeed {
  readonly #track = new VideoTrack(
    () => {},
    () => {},
  )
  readonly #onLate: (ptsMicros: number) => void
  readonly #configs = new Map<number, StoredVideoConfig>()
  #lane: { ssrc: number; splitter: PieceSplitter<Timeless> } | undefined
  #latestKey: { piece: Piece; rtp: number } | undefined

  constructor(onLate: (ptsMicros: number) => void) {
    this.#onLate = onLate
  }

  push(frame: EncodedFrame): LivePicture[] {
    // Whether something was lost before it is known too late for what is live: a part goes on with what there is.
    this.#track.push({ ...frame, mayFollowHole: false })
    const taken = this.#track.take()
    if (taken === undefined) return []
    for (const config of taken.configs) this.#configs.set(config.number, config)
    const chunks = taken.chunks.values()
    return taken.samples.flatMap((sample) => {
      const parameterSets = sample.setBytes > 0 ? chunks.next().value! : new Uint8Array()
      const data = chunks.next().value!
      const { ssrc, rtpTimestamp, receiveTimeMicros, leads } = sample
      const config = this.#configs.get(sample.config)!
      // A file may begin with less, if nothing better comes; what is made of it now asks for a key frame.
      const key = sample.key && (config.codec !== 'h264' || isIdrSample(data))
      return this.#place({ ssrc, rtpTimestamp, receiveTimeMicros, data, parameterSets, key, leads, config })
    })
  }

  sends(sends: boolean, atMicros: number): void {
    this.#track.sends(sends, atMicros)
  }

  /** Lets go of what is held back while a doubtful clock is watched. */
  release(): LivePicture[] {
    return (this.#lane?.splitter.end() ?? []).flatMap((placed) => this.#told(placed))
  }

  #place(picture: Timeless): LivePicture[] {
    const { ssrc } = picture
    if (this.#lane?.ssrc === ssrc) return this.#lane.splitter.push(picture).flatMap((placed) => this.#told(placed))
    const rest = this.release()
    this.#lane = { ssrc, splitter: new PieceSplitter<Timeless>(videoRules, { holdFirst: false }) }
    return [...rest, ...this.#place(picture)]
  }

  #told({ piece, rtp, packet }: Placed<Timeless>): LivePicture[] {
    const { data, parameterSets, key, leads, config } = packet
    const ptsMicros = Math.round(rtp / 0.09 + delayAt(piece.clock.line(), rtp / 0.09))
    if (key) this.#latestKey = { piece, rtp }
    else if (!leads && this.#latestKey?.piece === piece && rtp < this.#latestKey.rtp) {
      this.#onLate(ptsMicros)
      return []
    }
    return [{ data, parameterSets, key, config, ptsMicros }]
  }
}
