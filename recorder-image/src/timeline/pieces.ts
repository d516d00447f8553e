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
  ssrc: number
  clock: ClockWindows
  /** In RTP ticks, unwrapped. */
  firstRtp: number
  lastRtp: number
}

export interface Placed<T> {
  piece: Piece
  /** RTP time in ticks, unwrapped: goes on counting where 32 bits wrap. */
  rtp: number
  packet: T
}

export interface PieceRules<T> {
  /** RTP ticks a second. */
  clockRate: number
  /**
   * Whether a packet goes on where the one before it ended, by what the sender wrote on both; `ticks` is the step of the RTP clock. Then it is
   * one stretch by definition, however late it came.
   */
  goesOn: (ticks: number, packet: T, before: T) => boolean
  /** Whether they come in the order in which they were sent. Where they do not, those of two clocks may have changed places. */
  inOrder: boolean
}

/** A step of the clock that leads this much past the time of arrival is a jump ahead; less may be a pause within what came at once after a stall. */
const aheadMicros = 5_000_000
/** One that leads so much short of it is a jump back. */
const backMicros = 30_000_000
/** How long a clock that jumped is watched before it is judged. */
const jumpHoldMicros = 1_000_000
/** Packets that stay this much late: the clock stood still. A queue on the way never holds so much for so long. */
const stallMicros = 2_000_000
const stallHoldMicros = 3_000_000
/** One of them less late than this, and it was a queue after all. */
const lateMicros = 1_500_000
/** So long after a clock jumped what was sent before it may still come, repaired. */
const repairMicros = 3_000_000

/**
 * Cuts the packets of one SSRC into pieces of one RTP clock each. Where a packet goes on from the one before there is no cut; where the clock
 * steps, the time of arrival says whether it is the same clock. Unwraps timestamps on the way. Pure.
 *
 * Packets are held while a doubtful clock is watched, by their time of arrival; `end()` judges and lets go.
 */
export class PieceSplitter<T extends Arrival> {
  readonly pieces: Piece[] = []
  readonly #rules: PieceRules<T>
  #before: T | undefined
  /** When the first packet of the latest piece came. */
  #turnedMicros = 0
  readonly #holdAfter: (piece: Piece, ticks: number) => boolean
  #held: { why: 'jump' | 'stall' | 'first' | 'pause'; packets: T[] } | undefined

  /**
   * `holdFirst`: the first packets are held too, until their clock is known well enough to be placed by it. `holdAfter`: so are those after some steps of a
   * piece, in ticks.
   */
  constructor(
    rules: PieceRules<T>,
    { holdFirst, holdAfter = () => false }: { holdFirst: boolean; holdAfter?: (piece: Piece, ticks: number) => boolean },
  ) {
    this.#rules = rules
    this.#holdAfter = holdAfter
    if (holdFirst) this.#held = { why: 'first', packets: [] }
  }

  push(packet: T): Placed<T>[] {
    const held = this.#held
    if (held !== undefined) {
      held.packets.push(packet)
      const waited = packet.receiveTimeMicros - held.packets[0]!.receiveTimeMicros
      return waited < (held.why === 'stall' ? stallHoldMicros : jumpHoldMicros) ? [] : this.#judge(true)
    }
    const piece = this.pieces.at(-1)
    if (piece === undefined) return this.#startPiece([packet], true)
    const why = this.#doubt(piece, packet)
    if (why === undefined) return [this.#append(piece, packet)]
    if (why === 'jump' && this.#wasSentBeforeJump(packet)) return [this.#place(this.pieces.at(-2)!, packet)]
    this.#held = { why, packets: [packet] }
    return []
  }

  /** Lets go of what is held. */
  end(): Placed<T>[] {
    return this.#judge(false)
  }

  /** `more`: packets may still come. */
  #judge(more: boolean): Placed<T>[] {
    const held = this.#held
    this.#held = undefined
    if (held === undefined || held.packets.length === 0) return []
    const piece = this.pieces.at(-1)
    if (piece === undefined || held.why === 'first') return this.#startPiece(held.packets, more)
    switch (held.why) {
      case 'stall':
        return this.#isQueue(piece, held.packets, more)
          ? this.#lay(piece, held.packets, more)
          : this.#startPiece(held.packets, more)
      case 'jump': {
        const fitting = held.packets.findLastIndex((packet) => this.#fits(piece, packet)) + 1
        if (fitting === 0) return this.#startPiece(held.packets, more)
        const others = held.packets.slice(fitting)
        const overtook = held.packets.slice(0, fitting).filter((packet) => this.#overtook(piece, packet, others))
        // A timestamp from elsewhere among others that fit is nonsense: such a packet stays where it arrived.
        const placed = held.packets
          .slice(0, fitting)
          .filter((packet) => !overtook.includes(packet))
          .map((packet) =>
            this.#isElsewhere(piece, packet) && !this.#fits(piece, packet)
              ? { piece, rtp: piece.lastRtp, packet }
              : this.#append(piece, packet),
          )
        return [...placed, ...this.#watch([...overtook, ...others], more)]
      }
      case 'pause': {
        const [first, ...others] = held.packets as [T, ...T[]]
        const placed = [this.#append(piece, first), ...others.flatMap((packet) => this.push(packet))]
        return more ? placed : [...placed, ...this.#judge(false)]
      }
    }
  }

  /** Whether what stays late was held up on the way, and its clock went on. Only what came before a jump tells of it. */
  #isQueue(piece: Piece, packets: readonly T[], more: boolean): boolean {
    const jump = packets.findIndex((packet, at) => at > 0 && this.#jumps(piece, packet, packets[at - 1]!))
    if (!more || jump !== -1) return true
    return packets.some((packet) => this.#latenessMicros(piece, packet) < lateMicros)
  }

  /** Lays what was held for another doubt; where its clock jumps, the rest is watched for that. */
  #lay(piece: Piece, packets: readonly T[], more: boolean): Placed<T>[] {
    const placed: Placed<T>[] = []
    for (const [at, packet] of packets.entries()) {
      if (this.#doubt(piece, packet) === 'jump') return [...placed, ...this.#watch(packets.slice(at), more)]
      placed.push(this.#append(piece, packet))
    }
    return placed
  }

  /** Holds the packets of a clock that seems to have jumped, for as long as they have not been watched enough. */
  #watch(packets: T[], more: boolean): Placed<T>[] {
    if (packets.length === 0) return []
    this.#held = { why: 'jump', packets }
    const watchedMicros = packets.at(-1)!.receiveTimeMicros - packets[0]!.receiveTimeMicros
    return more && watchedMicros < jumpHoldMicros ? [] : this.#judge(more)
  }

  #doubt(piece: Piece, packet: T): 'jump' | 'stall' | 'pause' | undefined {
    const ticks = (packet.rtpTimestamp - this.#before!.rtpTimestamp) | 0
    if (!this.#rules.goesOn(ticks, packet, this.#before!) && this.#isElsewhere(piece, packet)) return 'jump'
    if (this.#latenessMicros(piece, packet) > stallMicros) return 'stall'
    return this.#holdAfter(piece, ticks) ? 'pause' : undefined
  }

  #jumps(piece: Piece, packet: T, before: T): boolean {
    const ticks = (packet.rtpTimestamp - before.rtpTimestamp) | 0
    const isElsewhere = this.#isEarly(piece, packet) || this.#micros(ticks) < -backMicros
    return isElsewhere && !this.#rules.goesOn(ticks, packet, before)
  }

  #fits(piece: Piece, packet: T): boolean {
    if (this.#isNear(piece, packet)) return true
    return !this.#isEarly(piece, packet) && this.#latenessMicros(piece, packet) <= lateMicros
  }

  /** Whether it was sent at about the same time as the latest of a piece, however late it comes, by a sender whose packets do not come in order. */
  #isNear(piece: Piece, packet: T): boolean {
    return !this.#rules.inOrder && this.#rules.goesOn(unwrap(piece, packet) - piece.lastRtp, packet, this.#before!)
  }

  /** Whether it was sent after the clock jumped, as others were that came behind the last one of before. */
  #overtook(piece: Piece, packet: T, others: readonly T[]): boolean {
    const [other] = others
    if (this.#rules.inOrder || other === undefined || this.#fits(piece, packet)) return false
    const sentMicros = this.#micros((other.rtpTimestamp - packet.rtpTimestamp) | 0)
    return Math.abs(other.receiveTimeMicros - packet.receiveTimeMicros - sentMicros) <= repairMicros
  }

  /** Whether it belongs to the piece before, and comes after the jump only because it had to be repaired. */
  #wasSentBeforeJump(packet: T): boolean {
    const before = this.pieces.at(-2)
    return before !== undefined && packet.receiveTimeMicros - this.#turnedMicros <= repairMicros && this.#isNear(before, packet)
  }

  #isElsewhere(piece: Piece, packet: T): boolean {
    return this.#isEarly(piece, packet) || this.#latenessMicros(piece, packet) > backMicros
  }

  /** Earlier than the fastest of late: after a queue has gone all come earlier than was usual. */
  #isEarly(piece: Piece, packet: T): boolean {
    return this.#delayMicros(piece, packet) < piece.clock.leastDelayMicros() - aheadMicros
  }

  /** How much later than is usual by the piece's clock. */
  #latenessMicros(piece: Piece, packet: T): number {
    return this.#delayMicros(piece, packet) - piece.clock.usualDelayMicros()
  }

  #delayMicros(piece: Piece, packet: T): number {
    return packet.receiveTimeMicros - this.#micros(unwrap(piece, packet))
  }

  #startPiece(packets: readonly T[], more: boolean): Placed<T>[] {
    const [first, ...others] = packets as [T, ...T[]]
    const piece = { ssrc: first.ssrc, clock: new ClockWindows(), firstRtp: first.rtpTimestamp, lastRtp: first.rtpTimestamp }
    this.pieces.push(piece)
    this.#turnedMicros = first.receiveTimeMicros
    return [this.#append(piece, first), ...this.#lay(piece, others, more)]
  }

  #append(piece: Piece, packet: T): Placed<T> {
    this.#before = packet
    return this.#place(piece, packet)
  }

  #place(piece: Piece, packet: T): Placed<T> {
    const rtp = unwrap(piece, packet)
    piece.clock.add(this.#micros(rtp), packet.receiveTimeMicros)
    if (rtp > piece.lastRtp) piece.lastRtp = rtp
    return { piece, rtp, packet }
  }

  #micros(rtp: number): number {
    return (rtp * 1_000_000) / this.#rules.clockRate
  }
}

const unwrap = (piece: Piece, { rtpTimestamp }: Arrival) =>
  piece.lastRtp + ((rtpTimestamp - (((piece.lastRtp % 2 ** 32) + 2 ** 32) % 2 ** 32)) | 0)
