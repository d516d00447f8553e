import { KeyedBackoff, TokenBucket } from './backoff.ts'
import { namespaceOfKey } from './objects.ts'
import { sleepers } from './timers.ts'

/** What a metrics library may want to know. Every method is optional and must not throw. */
export interface QueueObserver {
  added?(): void
  retried?(): void
  depth?(depth: number): void
  /** How long a key waited in the queue. */
  waited?(seconds: number): void
  /** How long work on a key took. */
  worked?(seconds: number): void
}

export interface WorkQueueOptions {
  /** Wait after the first failure of a key; doubles with each further one. Default 5 ms. */
  failureInitialMillis?: number
  /** Default 1000 s. */
  failureMaxMillis?: number
  /** Share of a wait that is added at random. Default 0.2. */
  failureJitter?: number
  /** Retries over all keys: this many a second … Default 10. */
  retriesPerSecond?: number
  /** … after this many at once. Default 100. */
  retriesBurst?: number
  /**
   * For work that may take long through somebody else's fault: a namespace gets another worker only while it has fewer than are free, so that half of them, and of the
   * rest half again, are left to others. Default: a namespace may have all.
   */
  leavesWorkersFree?: boolean
  observer?: QueueObserver
}

/** `high`: somebody waits for it. `low`: it can wait for those. */
export type Priority = 'high' | 'low'

/** Of the keys that are handed out while both wait, one in so many is of low priority: it waits, and not for ever. */
const lowShare = 10

/**
 * The queue between "something changed" and "look at it again", after client-go's `util/workqueue`.
 *
 * Flow: `add(key)` → `await get()` → work → `done(key)`. A worker that failed calls `addRateLimited(key)` before `done`, one that
 * succeeded calls `forget(key)`.
 *
 * Guarantees: a key is in the queue at most once, however often it is added; the same key is never handed out twice at the same
 * time; a key that is added while it is worked on is handed out again after `done`; of several delayed adds of one key the
 * earliest counts; keys of high priority come first, but for one in ten, and a key that is added with both has the high one; of one
 * priority namespaces take turns, so that one with thousands of keys does not hold up another, and the keys of a namespace come out in the
 * order they went in; after `shutDown` nothing is handed out and `drained` resolves when the last worker is done.
 *
 * Assumptions: whoever gets a key calls `done` for it, also after an exception. Keys are strings and carry no state: the worker
 * reads the current state itself, so losing intermediate states is the point and not a defect.
 *
 * Caveats: in memory only. What must survive a restart belongs into the status of an object, from where it is queued again.
 */
export class WorkQueue {
  readonly #waiting: Record<Priority, Turns> = { high: new Turns(), low: new Turns() }
  /** Handed out since the last one of low priority. */
  #highInARow = 0
  readonly #working = new Map<string, number>()
  /** Namespace → how many of its keys are worked on. */
  readonly #workers = new Map<string, number>()
  readonly #leavesWorkersFree: boolean
  /** As what a key was handed out; after a failure it comes back as the same. */
  readonly #handedOutAs = new Map<string, Priority>()
  /** Changed while they are worked on, and how urgent that is. */
  readonly #dirty = new Map<string, Priority>()
  readonly #delayed = sleepers()
  readonly #takers: ((key: string | undefined) => void)[] = []
  readonly #backoff: KeyedBackoff
  readonly #bucket: TokenBucket
  readonly #observer: QueueObserver
  readonly #drained = Promise.withResolvers<void>()
  #shuttingDown = false

  constructor(options: WorkQueueOptions = {}) {
    this.#backoff = new KeyedBackoff({
      initialMillis: options.failureInitialMillis ?? 5,
      maxMillis: options.failureMaxMillis ?? 1_000_000,
      jitter: options.failureJitter ?? 0.2,
    })
    this.#bucket = new TokenBucket(options.retriesPerSecond ?? 10, options.retriesBurst ?? 100)
    this.#observer = options.observer ?? {}
    this.#leavesWorkersFree = options.leavesWorkersFree ?? false
  }

  /** Keys that could be handed out now. */
  get depth(): number {
    return this.#waiting.high.size + this.#waiting.low.size
  }

  /** Start times (of `performance.now()`) of what is being worked on. */
  get working(): ReadonlyMap<string, number> {
    return this.#working
  }

  add(key: string, priority: Priority = 'high'): void {
    if (this.#shuttingDown) return
    if (this.#working.has(key)) {
      const before = this.#dirty.get(key)
      if (before === undefined) this.#observer.added?.()
      if (before !== 'high') this.#dirty.set(key, priority)
    } else if (this.#waiting.high.has(key)) return
    else if (!this.#waiting.low.has(key)) {
      this.#observer.added?.()
      this.#offer(key, priority)
    } else if (priority === 'high') this.#waiting.high.add(key, this.#waiting.low.delete(key))
  }

  /** Adds a key later. An earlier time for the same key wins, and so does a plain `add`, which leaves the timer in place. */
  addAfter(key: string, millis: number, priority: Priority = 'high'): void {
    if (this.#shuttingDown) return
    if (millis <= 0) this.add(key, priority)
    else this.#delayed.wake(key, millis, () => this.add(key, priority))
  }

  /** Adds a key after a failure: per-key back-off, and never faster than all retries together may be. `atLeastMillis` is a server's Retry-After. */
  addRateLimited(key: string, atLeastMillis = 0): void {
    this.#observer.retried?.()
    const waitMillis = Math.max(this.#backoff.next(key), this.#bucket.take(), atLeastMillis)
    this.addAfter(key, waitMillis, this.#handedOutAs.get(key))
  }

  /** The key is well: its next failure is its first. */
  forget(key: string): void {
    this.#backoff.forget(key)
  }

  failures(key: string): number {
    return this.#backoff.failures(key)
  }

  /** The next key, or undefined once the queue is shut down. */
  get(): Promise<string | undefined> {
    if (this.#shuttingDown) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#takers.push(resolve)
      this.#handOut()
    })
  }

  done(key: string): void {
    const started = this.#working.get(key)
    if (started === undefined) return
    this.#working.delete(key)
    this.#countWorker(namespaceOfKey(key), -1)
    this.#handedOutAs.delete(key)
    this.#observer.worked?.((performance.now() - started) / 1000)
    const again = this.#dirty.get(key)
    this.#dirty.delete(key)
    if (again !== undefined && !this.#shuttingDown) this.#offer(key, again)
    if (this.#shuttingDown && this.#working.size === 0) this.#drained.resolve()
  }

  /** Hands out nothing more. What waits is dropped; what is being worked on goes on. */
  shutDown(): void {
    if (this.#shuttingDown) return
    this.#shuttingDown = true
    this.#delayed.clear()
    for (const turns of Object.values(this.#waiting)) turns.clear()
    this.#dirty.clear()
    this.#observer.depth?.(0)
    for (const take of this.#takers.splice(0)) take(undefined)
    if (this.#working.size === 0) this.#drained.resolve()
  }

  /** Resolves when the queue is shut down and no work is left. */
  get drained(): Promise<void> {
    return this.#drained.promise
  }

  #offer(key: string, priority: Priority): void {
    this.#waiting[priority].add(key, performance.now())
    this.#observer.depth?.(this.depth)
    this.#handOut()
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const next = this.#next()
      if (next === undefined) return
      const now = performance.now()
      this.#working.set(next.key, now)
      this.#countWorker(namespaceOfKey(next.key), 1)
      this.#handedOutAs.set(next.key, next.priority)
      this.#observer.depth?.(this.depth)
      this.#observer.waited?.((now - next.since) / 1000)
      this.#takers.shift()?.(next.key)
    }
  }

  #next(): { key: string; since: number; priority: Priority } | undefined {
    const { high, low } = this.#waiting
    const isTurnOfLow = low.size > 0 && (high.size === 0 || this.#highInARow >= lowShare - 1)
    for (const priority of isTurnOfLow ? (['low', 'high'] as const) : (['high', 'low'] as const)) {
      const next = this.#waiting[priority].take(this.#mayHaveWorker)
      if (next === undefined) continue
      this.#highInARow = priority === 'low' ? 0 : this.#highInARow + 1
      return { ...next, priority }
    }
    return undefined
  }

  readonly #mayHaveWorker = (namespace: string) =>
    !this.#leavesWorkersFree || (this.#workers.get(namespace) ?? 0) < this.#takers.length

  #countWorker(namespace: string, change: 1 | -1): void {
    const count = (this.#workers.get(namespace) ?? 0) + change
    if (count === 0) this.#workers.delete(namespace)
    else this.#workers.set(namespace, count)
  }
}

/** Keys that wait, namespace by namespace. */
class Turns {
  /** Namespace → its keys, each with the time since when it waits. The namespace in front is next. */
  readonly #keys = new Map<string, Map<string, number>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(key: string): boolean {
    return this.#keys.get(namespaceOfKey(key))?.has(key) ?? false
  }

  add(key: string, since: number): void {
    const namespace = namespaceOfKey(key)
    const keys = this.#keys.get(namespace) ?? new Map<string, number>()
    keys.set(key, since)
    this.#keys.set(namespace, keys)
    this.#size += 1
  }

  /** Gives since when it waited. */
  delete(key: string): number {
    const namespace = namespaceOfKey(key)
    const keys = this.#keys.get(namespace)
    const since = keys?.get(key) ?? 0
    if (keys?.delete(key)) this.#size -= 1
    if (keys?.size === 0) this.#keys.delete(namespace)
    return since
  }

  /** Of the first namespace that may have it. */
  take(mayHave: (namespace: string) => boolean): { key: string; since: number } | undefined {
    let namespace: string | undefined
    for (const waiting of this.#keys.keys()) {
      if (!mayHave(waiting)) continue
      namespace = waiting
      break
    }
    if (namespace === undefined) return undefined
    const keys = this.#keys.get(namespace)!
    const [[key, since] = ['', 0]] = keys
    keys.delete(key)
    // To the end of the round, if there is more of it.
    this.#keys.delete(namespace)
    if (keys.size > 0) this.#keys.set(namespace, keys)
    this.#size -= 1
    return { key, since }
  }

  clear(): void {
    this.#keys.clear()
    this.#size = 0
  }
}
