import type { Caller } from './caller.ts'

interface Bucket {
  tokens: number
  atMillis: number
}

/** A token bucket for each caller: `burst` at once, `requestsPerSecond` in the long run. Each replica counts for itself. */
export class Rates {
  readonly #buckets = new Map<string, Bucket>()
  readonly #nowMillis: () => number

  constructor(nowMillis: () => number = () => performance.now()) {
    this.#nowMillis = nowMillis
  }

  /** 0 where the request may go on; else how long until one may, in seconds, rounded up. */
  take({ name, limits: { requestsPerSecond, burst } }: Pick<Caller, 'name' | 'limits'>): number {
    const now = this.#nowMillis()
    const { tokens, atMillis } = this.#buckets.get(name) ?? { tokens: burst, atMillis: now }
    const filled = Math.min(burst, tokens + ((now - atMillis) / 1000) * requestsPerSecond)
    const isEnough = filled >= 1
    this.#buckets.set(name, { tokens: isEnough ? filled - 1 : filled, atMillis: now })
    return isEnough ? 0 : Math.ceil((1 - filled) / requestsPerSecond)
  }
}
