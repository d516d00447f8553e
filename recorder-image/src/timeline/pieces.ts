import { ClockWindows } from './clock.ts'

/** When a packet was sent, by its own clock, and when it arrived. */
export interface Arrival {
  ssrc: number
  /** 32 bit, wraps. */
  rtpTimestamp: number
  receiveTimeMicros: number
}

/** A stretch of one stream in which one RTP clock runs on. */
export interface Piece {
  number: number
  ssrc: number
  clock: ClockWindows
  /** In RTP ticks, unwrapped. */
  firstRtp: number
  lastRtp: number
}

export interface Placed<T extends Arrival> {
  piece: Piece
  /** RTP time in ticks, unwrapped: goes on counting where 32 bits wrap. */
  rtp: number
  arrival: T
}

export interface PieceRules {
  /** RTP ticks a second. */
  clockRate: number
  /** A packet that comes this much earlier than the clock allows says that the clock jumped ahead. */
  earlyMicros: number
  /** Packets that stay this much late say that the clock stood still or jumped back. */
  lateMicros: number
  /** How long a new or doubtful clock is watched before it is judged. */
  holdMicros: number
}

export const audioRules: PieceRules = { clockRate: 48_000, earlyMicros: 250_000, lateMicros: 400_000, holdMicros: 300_000 }
/** More patience than with sound: a large key frame may be on its way for a second. */
export const videoRules: PieceRules = { clockRate: 90_000, earlyMicros: 500_000, lateMicros: 1_000_000, holdMicros: 1_000_000 }

/** Packets of an SSRC that was followed by another are stragglers for this long, and dropped. */
const stragglerMicros = 2_000_000

/**
 * Cuts a stream of packets into pieces of one RTP clock each: at a new SSRC, and where the clock jumps within an SSRC. Unwraps
 * timestamps on the way. Pure: the same packets give the same pieces, whether they come live or from a journal.
 *
 * The first packets of every piece but the very first are held until the piece's clock is known well enough (`holdMicros`, by
 * arrival time); `end()` lets go of what is held.
 */
export class PieceSplitter<T extends Arrival> {
  readonly pieces: Piece[] = []
  /** Packets left out: stragglers of an earlier SSRC. */
  dropped = 0
  readonly #rules: PieceRules
  #held: { ssrc: number; packets: T[] } | undefined
  readonly #left = new Map<number, number>()

  constructor(rules: PieceRules) {
    this.#rules = rules
  }

  push(packet: T): Placed<T>[] {
    const held = this.#held
    if (held !== undefined) {
      if (packet.ssrc === held.ssrc) {
        held.packets.push(packet)
        const waited = packet.receiveTimeMicros - held.packets[0]!.receiveTimeMicros
        return waited < this.#rules.holdMicros ? [] : this.end()
      }
      if (this.#isStraggler(packet)) return this.#drop()
      return [...this.end(), ...this.push(packet)]
    }
    const current = this.pieces.at(-1)
    if (current === undefined) return [this.#append(this.#open(packet), packet.rtpTimestamp, packet)]
    if (packet.ssrc !== current.ssrc) {
      if (this.#isStraggler(packet)) return this.#drop()
      this.#left.set(current.ssrc, packet.receiveTimeMicros)
    } else if (this.#fits(current, packet)) {
      return [this.#append(current, this.#unwrap(current, packet), packet)]
    }
    this.#held = { ssrc: packet.ssrc, packets: [packet] }
    return []
  }

  /** Judges and lets go of what is held. */
  end(): Placed<T>[] {
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return []
    const current = this.pieces.at(-1)
    const goesOn = current !== undefined && current.ssrc === held.ssrc && held.packets.some((p) => this.#fits(current, p))
    if (!goesOn) return this.#startPiece(held.packets)
    // The late ones of a burst after a stall belong. A timestamp from the future is nonsense: such a packet stays where it arrived.
    return held.packets.map((packet) =>
      this.#lateness(current, packet) < -this.#rules.earlyMicros
        ? { piece: current, rtp: current.lastRtp, arrival: packet }
        : this.#append(current, this.#unwrap(current, packet), packet),
    )
  }

  #startPiece(packets: T[]): Placed<T>[] {
    const piece = this.#open(packets[0]!)
    return packets.map((packet) => this.#append(piece, this.#unwrap(piece, packet), packet))
  }

  #open(packet: T): Piece {
    const piece: Piece = {
      number: this.pieces.length,
      ssrc: packet.ssrc,
      clock: new ClockWindows(),
      firstRtp: packet.rtpTimestamp,
      lastRtp: packet.rtpTimestamp,
    }
    this.#left.delete(packet.ssrc)
    this.pieces.push(piece)
    return piece
  }

  #append(piece: Piece, rtp: number, arrival: T): Placed<T> {
    piece.clock.add(this.#micros(rtp), arrival.receiveTimeMicros)
    if (rtp > piece.lastRtp) piece.lastRtp = rtp
    return { piece, rtp, arrival }
  }

  #unwrap(piece: Piece, packet: T): number {
    return piece.lastRtp + ((packet.rtpTimestamp - (piece.lastRtp % 2 ** 32)) | 0)
  }

  #fits(piece: Piece, packet: T): boolean {
    const lateness = this.#lateness(piece, packet)
    return lateness >= -this.#rules.earlyMicros && lateness <= this.#rules.lateMicros
  }

  /** How much later than the piece's clock says, in microseconds. */
  #lateness(piece: Piece, packet: T): number {
    const delay = packet.receiveTimeMicros - this.#micros(this.#unwrap(piece, packet))
    return delay - piece.clock.recentDelayMicros()
  }

  #isStraggler(packet: T): boolean {
    const leftMicros = this.#left.get(packet.ssrc)
    return leftMicros !== undefined && packet.receiveTimeMicros - leftMicros < stragglerMicros
  }

  #drop(): Placed<T>[] {
    this.dropped++
    return []
  }

  #micros(rtp: number): number {
    return (rtp * 1_000_000) / this.#rules.clockRate
  }
}
