/**
 * How long to wait before trying again. Three answers for three questions: `Backoff` for one thing that fails and recovers,
 * `KeyedBackoff` for many of them, `TokenBucket` for how often at all.
 */

export interface BackoffOptions {
  /** First wait. */
  initialMillis: number
  /** No wait is longer than this, jitter apart. */
  maxMillis: number
  factor?: number
  /** A wait of w becomes a random one in [w, w * (1 + jitter)], so that many clients do not come back at the same moment. */
  jitter?: number
  /** Health for this long makes the next failure the first one again. */
  resetAfterMillis?: number
  /** In [0, 1). */
  random?: () => number
}

/** The wait after the `failures`-th failure in a row, counted from 1. Pure but for `random`. */
export function backoffMillis(failures: number, options: BackoffOptions): number {
  const { initialMillis, maxMillis, factor = 2, jitter = 0, random = Math.random } = options
  const base = Math.min(maxMillis, initialMillis * factor ** Math.max(0, failures - 1))
  return base * (1 + jitter * random())
}

/** Back-off of one thing. `next` counts a failure; a long enough time without one starts over. */
export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0
  #healthyFrom = Number.NEGATIVE_INFINITY

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  next(): number {
    const now = performance.now()
    if (now - this.#healthyFrom >= (this.#options.resetAfterMillis ?? Number.POSITIVE_INFINITY)) this.#failures = 0
    this.#failures += 1
    const wait = backoffMillis(this.#failures, this.#options)
    this.#healthyFrom = now + wait
    return wait
  }

  reset(): void {
    this.#failures = 0
  }
}

/** Back-off of each key for itself; a forgotten key starts over. */
export class KeyedBackoff {
  readonly #options: BackoffOptions
  readonly #failures = new Map<string, number>()

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  next(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    return backoffMillis(failures, this.#options)
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }
}

/** At most `burst` at once and `perSecond` in the long run. Each `take` reserves a place and says how long until it comes. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at = performance.now()

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  take(): number {
    const now = performance.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    this.#tokens -= 1
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000
  }
}
