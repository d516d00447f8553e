/** The two clocks of the machine, in milliseconds: one that never jumps, and one that says what time it is. */
export interface TimeSource {
  monotonicMillis(): number
  wallMillis(): number
}

/** The wall clock was set: what it would have said, and what it says. Microseconds since 1970. */
export interface ClockStep {
  beforeMicros: number
  afterMicros: number
}

const machine: TimeSource = { monotonicMillis: () => performance.now(), wallMillis: () => Date.now() }
/** A reading of both clocks that is interrupted in between differs by this much at most; the wall clock shows whole milliseconds. */
const noiseMillis = 50

/**
 * The one clock of a recorder: monotonic, placed on wall time when it is made. Decisions and durations take `now`. Times are told in `micros`, an
 * axis that goes on evenly whatever becomes of the wall clock, so that what was recorded stays as long as it was; where a time is
 * told to the world for the first time (a new file, an event), `steppedMicros` is added to it.
 *
 * NTP that only slows or hastens the clock does so to both, and there is nothing to correct.
 */
export class Clock {
  readonly #source: TimeSource
  readonly #placedMillis: number
  #steppedMillis = 0
  #suspected = false

  constructor(source: TimeSource = machine) {
    this.#source = source
    this.#placedMillis = this.#wallAtZero()
  }

  /** Milliseconds since some moment; never jumps. */
  now(): number {
    return this.#source.monotonicMillis()
  }

  /** A moment of `now`, in microseconds since 1970, as the wall clock was set when this clock was made. */
  micros(atMillis = this.now()): number {
    return Math.round((atMillis + this.#placedMillis) * 1000)
  }

  /** The inverse of `micros`. */
  millisOf(micros: number): number {
    return micros / 1000 - this.#placedMillis
  }

  /** By how much the wall clock has been set since, in microseconds. */
  get steppedMicros(): number {
    return Math.round(this.#steppedMillis * 1000)
  }

  /** To be asked once in a while: whether the wall clock was set since the last time. Only believed when it is seen twice. */
  look(): ClockStep | undefined {
    const steppedMillis = this.#wallAtZero() - this.#placedMillis
    if (Math.abs(steppedMillis - this.#steppedMillis) < noiseMillis) {
      this.#suspected = false
      return undefined
    }
    if (!this.#suspected) {
      this.#suspected = true
      return undefined
    }
    this.#suspected = false
    const nowMicros = this.micros()
    const beforeMicros = nowMicros + this.steppedMicros
    this.#steppedMillis = steppedMillis
    return { beforeMicros, afterMicros: nowMicros + this.steppedMicros }
  }

  /** What the wall clock said when the monotonic one stood at zero. Read between two looks at the latter, so that a pause is seen. */
  #wallAtZero(): number {
    let best = { pauseMillis: Number.POSITIVE_INFINITY, wallAtZero: 0 }
    for (let reading = 0; reading < 3; reading++) {
      const before = this.#source.monotonicMillis()
      const wall = this.#source.wallMillis()
      const after = this.#source.monotonicMillis()
      if (after - before < best.pauseMillis) best = { pauseMillis: after - before, wallAtZero: wall - (before + after) / 2 }
    }
    return best.wallAtZero
  }
}
