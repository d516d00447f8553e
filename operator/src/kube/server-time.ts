import type { RequestObserver } from '@trtc-recorder/kube'
import type { Logger } from 'pino'

/** Where the clocks differ by no more, the operator's own is taken, which tells milliseconds. */
const toleratedMillis = 5_000
/** An answer that took longer tells the time by no more than that. */
const mostSeconds = 2

interface ServerTimeOptions {
  log: Pick<Logger, 'warn'>
  /** The clock of this node. */
  wall?: () => number
  /** One that nobody sets. */
  monotonic?: () => number
}

/**
 * The time by the clock of the API server, by which it is judged for how long something has been as its objects say. By that of a node that is minutes ahead each recorder
 * would be taken for overdue that has just begun, and left behind.
 *
 * Flow: `hears` each answer → its header `Date` → `now`.
 *
 * Guarantees: who sets the clock of this node changes nothing for longer than until the next answer; a leader has one every two seconds, for its lease. It goes back only
 * where one of the clocks does: an answer gives whole seconds, and each by itself would put it back by up to one.
 *
 * Assumptions: the clocks of all API servers agree within seconds; who stands between writes no `Date` of its own (RFC 9110, 6.6.1). Without one the clock of the
 * node is taken.
 */
export class ServerTime {
  readonly #log: ServerTimeOptions['log']
  readonly #wall: () => number
  readonly #monotonic: () => number
  /** How far the API server's clock is ahead of the one that nobody sets. */
  #aheadMillis: number | undefined
  #differs = false

  constructor({ log, wall = Date.now, monotonic = () => performance.now() }: ServerTimeOptions) {
    this.#log = log
    this.#wall = wall
    this.#monotonic = monotonic
  }

  hears = ({ date, seconds, code }: Pick<Parameters<RequestObserver>[0], 'date' | 'seconds' | 'code'>): void => {
    const millis = Date.parse(date ?? '')
    if (Number.isNaN(millis) || seconds > mostSeconds || Number(code) >= 500) return
    // It says whole seconds, and when it was given is not known better than that it was after it was asked for. What is known better already stays.
    const heardAt = this.#monotonic()
    const [least, most] = [millis - heardAt, millis + 1000 - (heardAt - seconds * 1000)]
    this.#aheadMillis = Math.min(most, Math.max(least, this.#aheadMillis ?? least))
  }

  now = (): Date => {
    const own = this.#wall()
    const server = this.#aheadMillis === undefined ? own : this.#aheadMillis + this.#monotonic()
    const differs = Math.abs(own - server) > toleratedMillis
    if (differs && !this.#differs) {
      const aheadSeconds = Math.round((own - server) / 1000)
      this.#log.warn({ aheadSeconds }, 'The clock of this node is not that of the API server, whose time is taken')
    }
    this.#differs = differs
    return new Date(differs ? server : own)
  }
}
