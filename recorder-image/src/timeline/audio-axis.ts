import { type Arrival, audioRules, type Piece, PieceSplitter, type Placed } from './pieces.ts'

export interface AudioPacket extends Arrival {
  data: Uint8Array
  /** Length in samples at 48 kHz. */
  samples: number
}

/** What goes to the encoder next. One after the other they make sound without a hole. */
export type FeedItem = { type: 'packet'; data: Uint8Array; samples: number } | { type: 'silence'; samples: number }

/** Where a piece of sound came to lie on the axis, in samples from the start of the file's sound. */
export interface AudioSpan {
  piece: Piece
  /** Axis position and RTP time of the first packet. */
  axisStart: number
  rtpStart: number
  /** The same of the end of the last packet so far. */
  axisEnd: number
  rtpEnd: number
  /** What is missing to the exact place of the first packet, in samples; less than a step of the silence grid unless pieces overlap. */
  lag: number
}

export interface AudioGap {
  axisStart: number
  samples: number
}

/** The shortest Opus frame, 2.5 ms: silence comes in multiples of it. */
export const silenceGrid = 120
/** Shorter silences are what a sender does when nobody speaks, or the loss of a packet. */
const gapMinSamples = 48_000

/**
 * Lays Opus packets on one gapless axis of 48 kHz samples, on which time is wall-clock time since the first packet. Within a piece
 * the sender's RTP clock rules; pieces are laid apart by arrival. Pure: what a packet becomes depends on earlier packets only, so a
 * journal of packets gives the same axis again.
 *
 * A position is right within one step of the silence grid (2.5 ms); what is left over is carried on, never added up.
 */
export class AudioAxis {
  readonly spans: AudioSpan[] = []
  readonly gaps: AudioGap[] = []
  /** Packets that would have come to lie on earlier ones: duplicates, and overlaps of two pieces. */
  overlapping = 0
  /** Length so far, in samples. */
  samples = 0
  readonly #splitter = new PieceSplitter<AudioPacket>(audioRules)
  /** Wall-clock time of axis position 0 as the first piece saw it, in microseconds. */
  #originMicros: number | undefined

  get dropped(): number {
    return this.#splitter.dropped
  }

  push(packet: AudioPacket): FeedItem[] {
    return this.#splitter.push(packet).flatMap((placed) => this.#lay(placed))
  }

  /** Lays what was held back to judge its clock. */
  end(): FeedItem[] {
    return this.#splitter.end().flatMap((placed) => this.#lay(placed))
  }

  #lay({ piece, rtp, arrival }: Placed<AudioPacket>): FeedItem[] {
    const span = this.spans.at(-1)
    const known = span !== undefined && span.piece === piece
    const target = known ? span.axisStart + span.lag + (rtp - span.rtpStart) : this.#startOf(piece, rtp)
    const items: FeedItem[] = []
    const missing = target - this.samples
    if (missing >= silenceGrid) {
      const samples = Math.floor(missing / silenceGrid) * silenceGrid
      if (samples >= gapMinSamples) this.gaps.push({ axisStart: this.samples, samples })
      items.push({ type: 'silence', samples })
      this.samples += samples
    } else if (missing < -silenceGrid && -missing >= arrival.samples / 2) {
      this.overlapping++
      return []
    }
    const placedAt = this.samples
    this.samples += arrival.samples
    items.push({ type: 'packet', data: arrival.data, samples: arrival.samples })
    if (known) {
      span.axisEnd = this.samples
      span.rtpEnd = rtp + arrival.samples
    } else {
      this.spans.push({
        piece,
        axisStart: placedAt,
        rtpStart: rtp,
        axisEnd: this.samples,
        rtpEnd: rtp + arrival.samples,
        lag: target - placedAt,
      })
    }
    return items
  }

  /** Where a new piece begins by the wall clock. */
  #startOf(piece: Piece, rtp: number): number {
    const first = this.spans[0]
    if (first === undefined) return 0
    this.#originMicros ??= first.rtpStart / 0.048 + first.piece.clock.earlyDelayMicros()
    const wallMicros = rtp / 0.048 + piece.clock.earlyDelayMicros()
    return Math.round((wallMicros - this.#originMicros) * 0.048)
  }
}
