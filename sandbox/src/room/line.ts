import type { RtpHeader } from 'werift'
import type { PacketSink } from './outbound.ts'

/** What a line to a subscriber does to what it carries. All of it 0 is a good line. */
export interface LineQuality {
  /** Each datagram comes later by up to so much, each by its own. */
  jitterMillis: number
  /** All come later by so much: a queue on the way. */
  delayMillis: number
  /** So many of a hundred come so much later, behind their successors. */
  latePercent: number
  lateMillis: number
  /** So many of a hundred come twice. */
  twicePercent: number
  /** What is sent again on a NACK comes so much later. */
  repairMillis: number
}

export const goodLine: LineQuality = {
  ...{ jitterMillis: 0, delayMillis: 0, latePercent: 0, lateMillis: 0, twicePercent: 0, repairMillis: 0 },
}

/** The way to one subscriber: as good as it is told to be. */
export class Line implements PacketSink {
  quality: LineQuality = goodLine
  readonly #sink: PacketSink
  readonly #random: () => number
  /** What waits while nothing passes; undefined while it does. */
  #frozen: Buffer[] | undefined

  constructor(sink: PacketSink, random: () => number = Math.random) {
    this.#sink = sink
    this.#random = random
  }

  get isConnected(): boolean {
    return this.#sink.isConnected
  }

  protect(header: RtpHeader, payload: Buffer): Buffer {
    return this.#sink.protect(header, payload)
  }

  send(datagram: Buffer, isRepair = false): void {
    const { jitterMillis, delayMillis, latePercent, lateMillis, twicePercent, repairMillis } = this.quality
    const isLate = this.#happens(latePercent)
    const millis = delayMillis + this.#random() * jitterMillis + (isLate ? lateMillis : 0) + (isRepair ? repairMillis : 0)
    this.#deliver(datagram, millis)
    if (this.#happens(twicePercent)) this.#deliver(datagram, millis + this.#random() * 50)
  }

  sendRtcp(compound: Buffer): void {
    this.#sink.sendRtcp(compound)
  }

  /** Nothing passes for so long; then all of it at once, as to a machine that was paused. */
  freeze(millis: number): void {
    this.#frozen ??= []
    setTimeout(() => {
      const waiting = this.#frozen ?? []
      this.#frozen = undefined
      for (const datagram of waiting) this.#sink.send(datagram)
    }, millis).unref()
  }

  #happens = (percent: number) => percent > 0 && this.#random() * 100 < percent

  #deliver(datagram: Buffer, millis: number): void {
    if (millis === 0) this.#arrive(datagram)
    else setTimeout(() => this.#arrive(datagram), millis).unref()
  }

  #arrive(datagram: Buffer): void {
    if (this.#frozen) this.#frozen.push(datagram)
    else this.#sink.send(datagram)
  }
}
