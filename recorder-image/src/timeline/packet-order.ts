/** A packet of one SSRC as it arrived. */
export interface NumberedPacket {
  /** 16 bit, wraps; null in journals of recorders that did not keep it. */
  sequenceNumber: number | null
  rtpTimestamp: number
  receiveTimeMicros: number
}

export type Ordered<T> =
  /** The next packet in order. `lost`: how many are missing before it; null where that cannot be known: the first one, and where numbering starts anew. */
  | { type: 'next'; packet: T; lost: number | null }
  /** A packet whose place was given up before it came, or (`isEarliest`) that was sent before the first one that was taken. */
  | { type: 'late'; packet: T; isEarliest: boolean }

/**
 * How long a missing packet is waited for while others arrive: ten retransmissions at a round trip of 100 ms. Time in which nothing arrives
 * does not count beyond a tenth of it: after it the missing one may be among the first to come.
 */
export const repairMicros = 1_000_000
const longestStepMicros = repairMicros / 10
/** Beyond it memory counts for more than a packet. */
const maxWaiting = 4000
/** A number this far back is not late (20 s of sound) but counted anew. */
const restartBehind = 1000
/** A number this far ahead (RFC 3550, A.1) is believed only if the clock went as far. */
const restartAhead = 3000
/** Shortest Opus packet, in RTP ticks. */
const leastTicks = 120

/**
 * Puts the packets of one SSRC into the order in which they were sent, and tells what is missing. Waits for a missing one a while, so it lags
 * behind arrival where there are holes and nowhere else. What comes twice is left out: nothing is lost by it. Pure: the same packets in
 * the same order of arrival give the same.
 */
export class PacketOrder<T extends NumberedPacket> {
  /** Packets that came again. */
  repeated = 0
  /** Numbers from here on are counted on, without wrapping. */
  #next: number | undefined
  /** Below it nothing was waited for. */
  #lowest = Number.POSITIVE_INFINITY
  readonly #earliest = new Set<number>()
  #lost: number | null = null
  readonly #waiting = new Map<number, { packet: T; sinceMicros: number }>()
  readonly #givenUp = new Set<number>()
  #last: T | undefined
  /** Runs while packets arrive. */
  #clockMicros = 0
  #arrivedMicros = Number.POSITIVE_INFINITY

  push(packet: T): Ordered<T>[] {
    if (packet.sequenceNumber === null) return this.#pushUnnumbered(packet)
    this.#clockMicros += Math.max(0, Math.min(packet.receiveTimeMicros - this.#arrivedMicros, longestStepMicros))
    this.#arrivedMicros = packet.receiveTimeMicros
    const reference = this.#next ?? firstKey(this.#waiting) ?? packet.sequenceNumber
    const ahead = ((packet.sequenceNumber - reference) << 16) >> 16
    if (this.#isAnew(ahead, packet)) {
      const before = this.end()
      this.#lost = null
      this.#wait(packet.sequenceNumber, packet)
      return [...before, ...this.#drain(this.#clockMicros)]
    }
    const number = reference + ahead
    if (this.#next !== undefined && number < this.#next) return this.#lateOrAgain(number, packet)
    this.#wait(number, packet)
    return this.#drain(this.#clockMicros)
  }

  /** Lets go of what waits for packets that have not come. */
  end(): Ordered<T>[] {
    const ordered = this.#drain(Number.POSITIVE_INFINITY)
    this.#next = undefined
    this.#lowest = Number.POSITIVE_INFINITY
    this.#earliest.clear()
    this.#givenUp.clear()
    return ordered
  }

  #lateOrAgain(number: number, packet: T): Ordered<T>[] {
    if (this.#givenUp.delete(number)) return [{ type: 'late', packet, isEarliest: false }]
    if (number < this.#lowest && !this.#earliest.has(number)) {
      this.#earliest.add(number)
      return [{ type: 'late', packet, isEarliest: true }]
    }
    this.repeated++
    return []
  }

  /** Without numbers the clock alone tells the order: what does not go on is left out. */
  #pushUnnumbered(packet: T): Ordered<T>[] {
    const ticks = this.#last === undefined ? 1 : (packet.rtpTimestamp - this.#last.rtpTimestamp) | 0
    if (ticks <= 0 && ticks > -restartBehind * 960) {
      this.repeated++
      return []
    }
    this.#last = packet
    return [{ type: 'next', packet, lost: null }]
  }

  #isAnew(ahead: number, packet: T): boolean {
    if (ahead < -restartBehind) return true
    if (this.#next === undefined || this.#last === undefined) return false
    const ticks = (packet.rtpTimestamp - this.#last.rtpTimestamp) | 0
    // What comes again, or late, was sent before the last one; what was sent after it has a number that only looks as if.
    if (ahead < 0) return ticks > 0
    return ahead >= restartAhead && ticks < ahead * leastTicks
  }

  #wait(number: number, packet: T): void {
    if (this.#waiting.has(number)) this.repeated++
    else this.#waiting.set(number, { packet, sinceMicros: this.#clockMicros })
  }

  #drain(nowMicros: number): Ordered<T>[] {
    const ordered: Ordered<T>[] = []
    while (this.#waiting.size > 0) {
      const packet = this.#next === undefined ? undefined : this.#waiting.get(this.#next)?.packet
      if (packet !== undefined) {
        ordered.push({ type: 'next', packet, lost: this.#lost })
        this.#waiting.delete(this.#next!++)
        this.#lost = 0
        this.#last = packet
        continue
      }
      // The first packets may have changed places as well.
      if (nowMicros - this.#waitsSince() < repairMicros && this.#waiting.size < maxWaiting) break
      this.#giveUpTo(this.#lowestWaiting())
    }
    return ordered
  }

  #giveUpTo(number: number): void {
    if (this.#next !== undefined) {
      this.#lost = (this.#lost ?? 0) + number - this.#next
      for (let missing = Math.max(this.#next, number - restartBehind); missing < number; missing++) this.#givenUp.add(missing)
      for (const old of this.#givenUp) {
        if (old >= number - restartBehind) break
        this.#givenUp.delete(old)
      }
    }
    this.#lowest = Math.min(this.#lowest, number)
    this.#next = number
  }

  #waitsSince(): number {
    let since = Number.POSITIVE_INFINITY
    for (const { sinceMicros } of this.#waiting.values()) since = Math.min(since, sinceMicros)
    return since
  }

  #lowestWaiting(): number {
    let lowest = Number.POSITIVE_INFINITY
    for (const number of this.#waiting.keys()) lowest = Math.min(lowest, number)
    return lowest
  }
}

const firstKey = <K>(map: ReadonlyMap<K, unknown>): K | undefined => map.keys().next().value
