import { opusSamples } from '../media/opus.ts'
import { SoundReader } from '../media/sound-reader.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { AudioAxis, type AudioSpan, type FeedItem } from '../timeline/audio-axis.ts'
import { delayAt } from '../timeline/clock.ts'
import type { Piece } from '../timeline/pieces.ts'
import type { LiveSound } from './part.ts'

/**
 * The sound of one source as parts are told of it: redundancy taken apart, in the order of sending, gapless, placed on the wall clock; as it lies
 * in the file with `gaps: Keep`. What is lost the file tells the ledger. Pure but for what it is given.
 */
export class SoundFeed {
  readonly #reader = new SoundReader(() => {})
  readonly #axis = new AudioAxis()
  /** Axis position of what comes next, and where one position of the piece that goes on lies on the wall clock. */
  #position = 0
  #anchor = { piece: undefined as Piece | undefined, position: 0, micros: 0 }
  /** The latest packet, by its clock: its end, and its subscription. */
  #latest: { ssrc: number; rtpEnd: number } | undefined

  push(frame: EncodedFrame): LiveSound[] {
    return this.#reader.read(frame).flatMap((packet) => {
      const samples = opusSamples(packet.data)
      if (samples === 0) return []
      const rtpEnd = (packet.rtpTimestamp + samples) >>> 0
      const isNew = this.#latest?.ssrc !== packet.ssrc
      if (isNew || ((rtpEnd - this.#latest!.rtpEnd) | 0) > 0) this.#latest = { ssrc: packet.ssrc, rtpEnd }
      const { ssrc, rtpTimestamp, receiveTimeMicros, sequenceNumber, data } = packet
      return this.#placed(this.#axis.push({ ssrc, rtpTimestamp, receiveTimeMicros, sequenceNumber, data, samples }))
    })
  }

  /** Something that came is held back, because what belongs before it may still come. */
  get holdsBack(): boolean {
    const span = this.#axis.spans.at(-1)
    if (this.#latest === undefined) return false
    return span === undefined || span.piece.ssrc !== this.#latest.ssrc || (this.#latest.rtpEnd - span.rtpEnd) % 2 ** 32 !== 0
  }

  /** Lets go of what is held back: nothing of before it is expected any more. */
  release(): LiveSound[] {
    return this.holdsBack ? this.#placed(this.#axis.end()) : []
  }

  /** The file tells of losses; here they would only pile up. */
  forgetLosses(): void {
    this.#axis.takeLosses()
  }

  #placed(items: FeedItem[]): LiveSound[] {
    if (items.length === 0) return []
    const { spans } = this.#axis
    const sounds: LiveSound[] = []
    for (const item of items) {
      // Another piece lies by a clock of its own: how the two differ is known no better than that.
      const span = spans.find(({ axisStart }) => axisStart === this.#position)
      if (span !== undefined && span.piece !== this.#anchor.piece) this.#anchor = anchorOf(span)
      const ptsMicros = Math.round(this.#anchor.micros + (this.#position - this.#anchor.position) / 0.048)
      if (item.type === 'packet') sounds.push({ is: 'packet', data: item.data, samples: item.samples, ptsMicros })
      if (item.type === 'silence') sounds.push({ is: 'missing', samples: item.samples, ptsMicros })
      this.#position += item.samples
    }
    this.#axis.forgetLaid()
    return sounds
  }
}

const anchorOf = ({ piece, axisStart, rtpStart }: AudioSpan) => ({
  piece: piece as Piece | undefined,
  position: axisStart,
  micros: rtpStart / 0.048 + delayAt(piece.clock.line(), rtpStart / 0.048),
})
