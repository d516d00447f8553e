import type { Clock } from '../clock/clock.ts'

const questions = 5

/**
 * Tells times of the page by the recorder's clock. Both run by the machine's monotonic clock, from beginnings of their own, so they differ by one number
 * as long as the page lives: measured by asking it a few times, of which the quickest answer is off by half its round trip at most (0.2 ms
 * measured).
 */
export class PageTime {
  readonly #clock: Clock
  #askedAt = 0
  #left = questions
  #best = { roundTripMicros: Number.POSITIVE_INFINITY, offsetMicros: 0 }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ask(): { type: 'clock' } {
    this.#askedAt = this.#clock.now()
    return { type: 'clock' }
  }

  /** Whether that was the last answer. */
  answered(pageMicros: number): boolean {
    const roundTripMicros = (this.#clock.now() - this.#askedAt) * 1000
    if (roundTripMicros < this.#best.roundTripMicros) {
      const offsetMicros = this.#clock.micros(this.#askedAt) + roundTripMicros / 2 - pageMicros
      this.#best = { roundTripMicros, offsetMicros }
    }
    this.#left -= 1
    return this.#left <= 0
  }

  toMicros(pageMicros: number): number {
    return Math.round(pageMicros + this.#best.offsetMicros)
  }
}
