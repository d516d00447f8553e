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
  observer?: QueueObserver
}

/**
 * The queue between "something changed" and "look at it again", after client-go's `util/workqueue`.
 *
 * Flow: `add(key)` → `await get()` → work → `done(key)`. A worker that failed calls `addRateLimited(key)` before `done`, one that
 * succeeded calls `forget(key)`.
 *
 * Guarantees: a key is in the queue at most once, however often it is added; the same key is never handed out twice at the same
 * time; a key that is added while it is worked on is handed out again after `done`; of several delayed adds of one key the
 * earliest counts; namespaces take turns, so that one with thousands of keys does not hold up another, and the keys of a namespace come
 * out in the order they went in; after `shutDown` nothing is handed out and `drained` resolves when
 * the last worker is done.
 *
 * Assumptions: whoever gets a key calls `done` for it, also after an exception. Keys are strings and carry no state: the worker
 * reads the current state itself, so losing intermediate states is the point and not a defect.
 *
 * Caveats: in memory only. What must survive a restart belongs into the status of an object, from where it is queued again.
 */
export class WorkQueue {
  /** Namespace → its keys, each with the time since when it waits. The namespace in front is next. */
  readonly #waiting = new Map<string, Map<string, number>>()
  #depth = 0
  readonly #working = new Map<string, number>()
  readonly #dirty = new Set<string>()
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
  }

  /** Keys that could be handed out now. */
  get depth(): number {
    return this.#depth
  }

  /** Start times (of `performance.now()`) of what is being worked on. */
  get working(): ReadonlyMap<string, number> {
    return this.#working
  }

  add(key: string): void {
    if (this.#shuttingDown || this.#isWaiting(key) || this.#dirty.has(key)) return
    this.#observer.added?.()
    if (this.#working.has(key)) this.#dirty.add(key)
    else this.#offer(key)
  }

  /** Adds a key later. An earlier time for the same key wins, and so does a plain `add`, which leaves the timer in place. */
  addAfter(key: string, millis: number): void {
    if (this.#shuttingDown) return
    if (millis <= 0) this.add(key)
    else this.#delayed.wake(key, millis, () => this.add(key))
  }

  /** Adds a key after a failure: per-key back-off, and never faster than all retries together may be. `atLeastMillis` is a server's Retry-After. */
  addRateLimited(key: string, atLeastMillis = 0): void {
    this.#observer.retried?.()
    this.addAfter(key, Math.max(this.#backoff.next(key), this.#bucket.take(), atLeastMillis))
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
    this.#observer.worked?.((performance.now() - started) / 1000)
    if (this.#dirty.delete(key) && !this.#shuttingDown) this.#offer(key)
    if (this.#shuttingDown && this.#working.size === 0) this.#drained.resolve()
  }

  /** Hands out nothing more. What waits is dropped; what is being worked on goes on. */
  shutDown(): void {
    if (this.#shuttingDown) return
    this.#shuttingDown = true
    this.#delayed.clear()
    this.#waiting.clear()
    this.#depth = 0
    this.#dirty.clear()
    this.#observer.depth?.(0)
    for (const take of this.#takers.splice(0)) take(undefined)
    if (this.#working.size === 0) this.#drained.resolve()
  }

  /** Resolves when the queue is shut down and no work is left. */
  get drained(): Promise<void> {
    return this.#drained.promise
  }

  #isWaiting(key: string): boolean {
    return this.#waiting.get(namespaceOfKey(key))?.has(key) ?? false
  }

  #offer(key: string): void {
    const namespace = namespaceOfKey(key)
    const keys = this.#waiting.get(namespace) ?? new Map<string, number>()
    keys.set(key, performance.now())
    this.#waiting.set(namespace, keys)
    this.#depth += 1
    this.#observer.depth?.(this.#depth)
    this.#handOut()
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const turn = this.#waiting.entries().next()
      if (turn.done) return
      const [namespace, keys] = turn.value
      const [[key, since] = ['', 0]] = keys
      const now = performance.now()
      keys.delete(key)
      // To the end of the round, if there is more of it.
      this.#waiting.delete(namespace)
      if (keys.size > 0) this.#waiting.set(namespace, keys)
      this.#working.set(key, now)
      this.#depth -= 1
      this.#observer.depth?.(this.#depth)
      this.#observer.waited?.((now - since) / 1000)
      this.#takers.shift()?.(key)
    }
  }
}
