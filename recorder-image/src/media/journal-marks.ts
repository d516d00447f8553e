/**
 * So many packets and so much time after a packet, by arrival, the axis holds it back no longer: it waits a second for what is missing, and three
 * to judge a clock.
 */
const settledPackets = 500
const settledMicros = 10_000_000
/** A minute of most sound. */
const packetsBetweenMarks = 3000

interface Mark {
  /** Where the journal ends with this packet. */
  journalBytes: number
  packets: number
  arrivalMicros: number
  /** All packets up to this one lie before this position of the axis; undefined while some are held back. */
  axisSamples: number | undefined
}

/** Remembers which front part of a journal lies before which position of the axis. Pure. */
export class JournalMarks {
  readonly #marks: Mark[] = []
  #packets = 0
  #arrivalMicros = 0

  /** A packet was given to the axis, which is laid up to `axisSamples` with it; the journal ends with it at `journalBytes`. */
  laid(journalBytes: number, arrivalMicros: number, axisSamples: number): void {
    this.#packets += 1
    this.#arrivalMicros = Math.max(this.#arrivalMicros, arrivalMicros)
    for (const mark of this.#marks) if (mark.axisSamples === undefined && this.#isSettled(mark)) mark.axisSamples = axisSamples
    if (this.#packets % packetsBetweenMarks !== 0) return
    this.#marks.push({ journalBytes, packets: this.#packets, arrivalMicros: this.#arrivalMicros, axisSamples: undefined })
  }

  /** Front part of the journal, in bytes, of which every packet lies before this position. */
  endBefore(axisSamples: number): number {
    return this.#marks.findLast((mark) => mark.axisSamples !== undefined && mark.axisSamples <= axisSamples)?.journalBytes ?? 0
  }

  #isSettled({ packets, arrivalMicros }: Mark): boolean {
    return this.#packets - packets >= settledPackets && this.#arrivalMicros - arrivalMicros >= settledMicros
  }
}
