import { type AudioLoss, AudioLosses } from './audio-losses.ts'
import { type ClockWindows, delayAt, lineMicros } from './clock.ts'
import type { Stretch } from './cuts.ts'
import { type Ordered, PacketOrder } from './packet-order.ts'
import { type Arrival, type Piece, type PieceRules, PieceSplitter, type Placed } from './pieces.ts'
import { longPauseMicros, movedSince } from './seldom-speech.ts'

export interface AudioPacket extends Arrival {
  /** 16 bit, wraps; null in journals of recorders that did not keep it. */
  sequenceNumber: number | null
  data: Uint8Array
  /** Length in samples at 48 kHz. */
  samples: number
}

/**
 * What goes to the encoder next. One after the other they make sound without a hole. `skew` moves the clock on by so many samples, or back,
 * without sound of its own: the encoder stretches what is near.
 */
export type FeedItem =
  | { type: 'packet'; data: Uint8Array; samples: number }
  | { type: 'silence'; samples: number }
  | { type: 'skew'; samples: number }

/** Where a stretch of sound came to lie on the axis, in samples from the start of the file's sound. Within it one sample is one RTP tick. */
export interface AudioSpan {
  piece: Piece
  /** Axis position and RTP time of the first packet. */
  axisStart: number
  rtpStart: number
  /** The same of the end of the last packet so far. */
  axisEnd: number
  rtpEnd: number
}

/** Silence for what did not come; it stands on the axis for more time where some was cut out of it. */
export interface AudioGap {
  axisStart: number
  samples: number
}

/** So many samples of wall time lie between this place on the axis and itself. */
export interface AudioCut {
  axisStart: number
  samples: number
}

/** Where the sound of a file came to lie. */
export interface LaidSound {
  spans: readonly AudioSpan[]
  gaps: readonly AudioGap[]
  cuts: readonly AudioCut[]
}

/** What became of the packets: each that came is laid, came again, or was told as a loss. */
export interface PacketCount {
  arrived: number
  laid: number
  repeated: number
  lost: number
}

export const noSound: LaidSound = { spans: [], gaps: [], cuts: [] }

/** What is to be taken out of a stretch in which no sound came. The same stretch has to give the same, however often it is asked. */
export type CutsOf = (absence: Stretch) => readonly Stretch[]
const nothingIsCut: CutsOf = () => []

export interface AxisRules {
  cutsOf?: CutsOf
  /**
   * Nothing can be moved any more when all is known, as in MP3. Then what comes after a long pause is held for a second, as long as the drift of its clock
   * is not known: by the fastest packet of it, it is placed as well as can be.
   */
  isFinal?: boolean
}

/** The shortest Opus frame, 2.5 ms: silence comes in multiples of it. */
export const silenceGrid = 120
/** Shorter silences are what a sender does when nobody speaks, or the loss of a packet. */
const gapMinSamples = 48_000
/** The longest Opus packet. */
const mostPacketSamples = 5760
/** A millisecond a second: follows what a clock may be off by, and no ear hears it. */
const driftStepSamples = 48
/** More than drift can have made since the last window, at 500 ppm and of a line that is found anew: one of the two clocks was set. Sound goes on evenly. */
const driftMostSamples = (sinceMicros: number) => 4800 + 500e-6 * 0.048 * sinceMicros
/** Of silence that is laid anyway, so much may be made longer or shorter. */
const driftSilenceShare = 0.5
/** Sound that begins so much before the end of what is there is squeezed; more is what the clocks of two pieces contradict each other by. */
const squeezeMostSamples = 480
/** Silence that stays on both sides of a cut: a decoder needs a packet of it before sound that it has not heard begin (measured: it cracks). */
const cutLead = 960
/** How long after the next subscription began packets of the one before are still taken; after it they come too late. */
const switchMicros = 300_000
const stragglerMicros = 10_000_000
const knownWindows = 60
type OrderedPacket = AudioPacket & { lost: number | null }

const audioRules: PieceRules<OrderedPacket> = {
  clockRate: 48_000,
  goesOn: (ticks, { lost }, before) =>
    lost === null
      ? before.sequenceNumber === null && ticks === before.samples
      : ticks >= before.samples + lost * silenceGrid && ticks <= before.samples + lost * mostPacketSamples,
  inOrder: true,
}

/** One subscription. */
interface Lane {
  ssrc: number
  order: PacketOrder<AudioPacket>
  splitter: PieceSplitter<OrderedPacket>
}

/**
 * Lays Opus packets on one gapless axis of 48 kHz samples, on which time is wall-clock time since the first packet. Packets that follow each
 * other by number and RTP time lie one after the other, however late they came; silence is filled in for what is known to be missing and where
 * the sender paused. Arrival places pieces and tells the drift of the sender's clock, which is followed a millisecond at a time.
 *
 * Pure: the same packets in the same order of arrival give the same axis, live or from a journal. It lags behind arrival where packets are
 * missing or a clock is doubtful.
 */
export class AudioAxis implements LaidSound {
  readonly spans: AudioSpan[] = []
  readonly gaps: AudioGap[] = []
  readonly cuts: AudioCut[] = []
  /** Length so far, in samples. */
  samples = 0
  readonly #packets = { arrived: 0, laid: 0, lost: 0 }
  /** Of subscriptions that are over. */
  #repeated = 0
  #lane: Lane | undefined
  /** The subscription after it, until nothing more is expected of that one. */
  #nextPackets: AudioPacket[] = []
  readonly #left = new Map<number, number>()
  readonly #losses = new AudioLosses()
  /** Where position 0 lies on the wall clock, in microseconds. */
  #originMicros = 0
  #piece: Piece | undefined
  #first: { piece: Piece; rtpStart: number } | undefined
  /** Axis position minus RTP time in the current piece. Drift moves it: by `#drift` so far, as known after so many windows. */
  #offset = 0
  #drift = { samples: 0, windows: 0, startDelayMicros: 0, lastMicros: 0 }
  #arrivalMicros = 0
  readonly #cutsOf: CutsOf
  readonly #isFinal: boolean
  #cutSamples = 0

  constructor({ cutsOf = nothingIsCut, isFinal = false }: AxisRules = {}) {
    this.#cutsOf = cutsOf
    this.#isFinal = isFinal
  }

  get packets(): PacketCount {
    return { ...this.#packets, repeated: this.#repeated + (this.#lane?.order.repeated ?? 0) }
  }

  push(packet: AudioPacket): FeedItem[] {
    this.#packets.arrived++
    return this.#push(packet)
  }

  #push(packet: AudioPacket): FeedItem[] {
    this.#arrivalMicros = Math.max(this.#arrivalMicros, packet.receiveTimeMicros)
    const next = this.#nextPackets[0]
    if (next !== undefined && packet.receiveTimeMicros - next.receiveTimeMicros >= switchMicros) {
      return [...this.#switchLane(), ...this.#push(packet)]
    }
    this.#lane ??= this.#newLane(packet.ssrc, false)
    if (packet.ssrc === this.#lane.ssrc) return this.#take(this.#lane, this.#lane.order.push(packet))
    if (packet.ssrc !== next?.ssrc) {
      if (this.#isStraggler(packet)) return []
      if (next !== undefined) return [...this.#switchLane(), ...this.#push(packet)]
    }
    this.#nextPackets.push(packet)
    return []
  }

  /** Lays what was held back. */
  end(): FeedItem[] {
    const items = this.#lane === undefined ? [] : this.#endLane(this.#lane)
    return this.#nextPackets.length === 0 ? items : [...items, ...this.#switchLane(), ...this.end()]
  }

  /** What is known to be lost since the last time; at the end all there is. */
  takeLosses(atTheEnd = false): AudioLoss[] {
    return this.#losses.take(this.#arrivalMicros, atTheEnd)
  }

  /** Forgets where sound came to lie, but for the last of it. */
  forgetLaid(): void {
    if (this.spans.length > 1) this.spans.splice(0, this.spans.length - 1)
    this.gaps.length = 0
    this.cuts.length = 0
  }

  #switchLane(): FeedItem[] {
    const items = this.#lane === undefined ? [] : this.#endLane(this.#lane)
    const packets = this.#nextPackets
    this.#nextPackets = []
    const [first] = packets
    if (first === undefined) return items
    if (this.#lane !== undefined) {
      this.#left.set(this.#lane.ssrc, this.#arrivalMicros)
      this.#repeated += this.#lane.order.repeated
    }
    this.#left.delete(first.ssrc)
    const lane = this.#newLane(first.ssrc, true)
    this.#lane = lane
    return [...items, ...packets.flatMap((packet) => this.#take(lane, lane.order.push(packet)))]
  }

  #endLane(lane: Lane): FeedItem[] {
    return [...this.#take(lane, lane.order.end()), ...lane.splitter.end().flatMap((placed) => this.#lay(placed))]
  }

  #take({ splitter }: Lane, ordered: Ordered<AudioPacket>[]): FeedItem[] {
    return ordered.flatMap((next) => {
      if (next.type === 'late') {
        this.#packets.lost++
        if (next.isEarliest) this.#losses.straggler(next.packet)
        else this.#losses.cameLate(next.packet)
        return []
      }
      return splitter.push({ ...next.packet, lost: next.lost }).flatMap((placed) => this.#lay(placed))
    })
  }

  #lay({ piece, rtp, packet }: Placed<OrderedPacket>): FeedItem[] {
    const before = this.spans.at(-1)
    if (before !== undefined && before.piece.ssrc === piece.ssrc) this.#noteLoss(before, piece, rtp, packet)
    if (piece === this.#piece) this.#followDrift(piece, rtp)
    else this.#begin(piece, rtp)
    const items = this.#moveTo(rtp + this.#offset)
    const placedAt = this.samples
    this.samples += packet.samples
    this.#packets.laid++
    items.push({ type: 'packet', data: packet.data, samples: packet.samples })
    if (before?.piece === piece && placedAt - rtp === before.axisStart - before.rtpStart) {
      before.axisEnd = this.samples
      before.rtpEnd = rtp + packet.samples
    } else {
      const rtpEnd = rtp + packet.samples
      this.spans.push({ piece, axisStart: placedAt, rtpStart: rtp, axisEnd: this.samples, rtpEnd })
    }
    return items
  }

  #begin(piece: Piece, rtp: number): void {
    const startMicros = wallOf(piece, rtp)
    // Of the first piece more is known when the second begins than at its first packet.
    const first = this.#first
    if (first === undefined) this.#originMicros = startMicros
    else if (first.piece === this.#piece) this.#originMicros = wallOf(first.piece, first.rtpStart)
    this.#first ??= { piece, rtpStart: rtp }
    this.#piece = piece
    this.#offset = Math.round((startMicros - this.#originMicros) * 0.048) - this.#cutSamples - rtp
    this.#drift = { samples: 0, windows: 0, startDelayMicros: 0, lastMicros: rtp / 0.048 }
  }

  /** A millisecond a second, while sound goes on and, at once, for all the time in which nobody spoke: else it would be lost on who speaks now and then. */
  #followDrift(piece: Piece, rtp: number): void {
    const { windows } = piece.clock
    if (windows.length === this.#drift.windows) return
    this.#drift.windows = windows.length
    const last = windows.at(-1)!.rtpMicros
    const sinceMicros = last - this.#drift.lastMicros
    this.#drift.lastMicros = last
    const silence = Math.max(0, rtp + this.#offset - this.samples)
    const movedMicros = this.#movedMicros(piece, silence)
    if (movedMicros === undefined) return
    const missing = Math.round(movedMicros * 0.048) - this.#drift.samples
    if (Math.abs(missing) > driftMostSamples(sinceMicros)) {
      this.#drift.startDelayMicros += missing / 0.048
      return
    }
    // What a short silence has room for may be more than the clock can have gone off by: the line is still finding its place.
    const most = Math.max(
      driftStepSamples,
      Math.floor(Math.min(driftSilenceShare * silence, driftStepSamples * sinceMicros * 1e-6)),
    )
    const step = Math.max(-most, Math.min(most, missing))
    this.#drift.samples += step
    this.#offset += step
  }

  /** By how much the clock of a piece has gone off since its beginning; undefined as long as that is not known. */
  #movedMicros({ clock }: Piece, silence: number): number | undefined {
    const line = clock.line()
    const [first, last] = [clock.windows[0]!.rtpMicros, clock.windows.at(-1)!.rtpMicros]
    const isWholePiece = last - first <= lineMicros
    if (this.#isFinal && silence >= longPauseMicros * 0.048 && !isDriftKnown(clock)) {
      const movedMicros = movedSince(clock.windows)
      if (movedMicros !== undefined) return movedMicros
    }
    if (isWholePiece && line.slope === 0) return undefined
    if (isWholePiece) this.#drift.startDelayMicros = delayAt(line, first)
    return delayAt(line, last) - this.#drift.startDelayMicros
  }

  /** Silence and stretching up to a position. */
  #moveTo(target: number): FeedItem[] {
    const missing = target - this.samples
    if (missing === 0 || missing < -squeezeMostSamples) return []
    const cut = this.#cut(missing)
    const kept = missing - cut
    const items: FeedItem[] = []
    const silence = kept > 0 ? kept - (kept % silenceGrid) : 0
    // Before the silence, so that it is silence that is stretched.
    if (kept !== silence) items.push({ type: 'skew', samples: kept - silence })
    if (silence > 0) items.push({ type: 'silence', samples: silence })
    if (missing >= gapMinSamples) this.gaps.push({ axisStart: this.samples, samples: kept })
    this.samples += kept
    this.#offset -= cut
    return items
  }

  /** How much of so many missing samples is not laid at all. */
  #cut(missing: number): number {
    const least = cutLead + silenceGrid
    if (missing < 2 * least) return 0
    const startMicros = this.#originMicros + (this.samples + this.#cutSamples) / 0.048
    const sample = (micros: number) => Math.max(cutLead, Math.min(missing - least, Math.round((micros - startMicros) * 0.048)))
    let total = 0
    for (const { fromMicros, toMicros } of this.#cutsOf({ fromMicros: startMicros, toMicros: startMicros + missing / 0.048 })) {
      const [from, to] = [sample(fromMicros), sample(toMicros)]
      const samples = to - from - ((to - from) % silenceGrid)
      if (samples <= 0) continue
      this.cuts.push({ axisStart: this.samples + from - total, samples })
      total += samples
    }
    this.#cutSamples += total
    return total
  }

  #newLane(ssrc: number, holdFirst: boolean): Lane {
    const holdAfter = (piece: Piece, ticks: number) =>
      this.#isFinal && ticks >= longPauseMicros * 0.048 && !isDriftKnown(piece.clock)
    return { ssrc, order: new PacketOrder(), splitter: new PieceSplitter(audioRules, { holdFirst, holdAfter }) }
  }

  #noteLoss(before: AudioSpan, piece: Piece, rtp: number, { lost, sequenceNumber }: OrderedPacket): void {
    const fromMicros = Math.round(wallOf(before.piece, before.rtpEnd))
    const stretch = { fromMicros, toMicros: Math.max(fromMicros, Math.round(wallOf(piece, rtp))) }
    if (lost === null) {
      // A pause does not count anew.
      if (sequenceNumber !== null) this.#losses.countedAnew(stretch)
    } else if (lost > 0) this.#losses.missing(stretch, lost, { ssrc: piece.ssrc, rtp }, this.#arrivalMicros)
  }

  #isStraggler(packet: AudioPacket): boolean {
    const leftMicros = this.#left.get(packet.ssrc)
    if (leftMicros === undefined || packet.receiveTimeMicros - leftMicros > stragglerMicros) return false
    this.#packets.lost++
    this.#losses.straggler(packet)
    return true
  }
}

/** By a line whose slope stands out, over a minute of speech. */
const isDriftKnown = (clock: ClockWindows) =>
  (clock.line().slope !== 0 && clock.windows.length >= knownWindows) ||
  clock.windows.at(-1)!.rtpMicros - clock.windows[0]!.rtpMicros > lineMicros

const wallOf = (piece: Piece, rtp: number) => rtp / 0.048 + delayAt(piece.clock.line(), rtp / 0.048)
