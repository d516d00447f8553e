import type { KubeObject } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { Store } from '../runtime/store.ts'

/** Where the clocks differ by no more, the operator's own is taken, which tells milliseconds. */
const toleratedMillis = 5_000
/** Of so many objects the one that was heard of soonest after it was made counts. */
const mostKept = 64

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
 * Flow: `hears` of stores → each object that comes to be there says when it was made → `now`.
 *
 * Guarantees: who sets the clock of this node changes nothing, from the first object that is made while this process runs.
 *
 * Assumptions: of the last 64 objects one was heard of within seconds; an API server whose clock is set back is believed after as many.
 */
export class ServerTime {
  readonly #log: ServerTimeOptions['log']
  readonly #wall: () => number
  readonly #monotonic: () => number
  /** How far the API server's clock is, at least, ahead of the one that nobody sets. */
  readonly #ahead: number[] = []
  #differs = false

  constructor({ log, wall = Date.now, monotonic = () => performance.now() }: ServerTimeOptions) {
    this.#log = log
    this.#wall = wall
    this.#monotonic = monotonic
  }

  /** What is there when a store is first filled may have been made at any time. */
  hears(store: Pick<Store<KubeObject>, 'subscribe' | 'hasSynced'>): void {
    store.subscribe(({ type, object: { metadata } }) => {
      if (type !== 'added' || !store.hasSynced(metadata.namespace)) return
      this.#ahead.push(Date.parse(metadata.creationTimestamp) - this.#monotonic())
      if (this.#ahead.length > mostKept) this.#ahead.shift()
    })
  }

  now = (): Date => {
    const own = this.#wall()
    const server = this.#ahead.length === 0 ? own : Math.max(...this.#ahead) + this.#monotonic()
    const aheadMillis = own - server
    const differs = Math.abs(aheadMillis) > toleratedMillis
    if (differs && !this.#differs) {
      const seconds = Math.round(aheadMillis / 1000)
      this.#log.warn({ aheadSeconds: seconds }, 'The clock of this node is not that of the API server, whose time is taken')
    }
    this.#differs = differs
    return new Date(differs ? server : own)
  }
}
