import type { Logger } from 'pino'
import { Backoff, type BackoffOptions } from './backoff.ts'
import type { StoredObject } from './objects.ts'
import { retryAfterMillis } from './retry-after.ts'
import type { Store } from './store.ts'
import { sleep } from './timers.ts'

/** Where a reflector gets its objects from: one kind, one namespace or all, one selector. */
export interface ListWatch<T> {
  list(options: { limit: number; continue?: string; signal: AbortSignal }): Promise<List<T>>
  /** Throws an ERROR event; ends when the server ends it. */
  watch(options: {
    resourceVersion: string
    timeoutSeconds: number
    signal: AbortSignal
  }): AsyncIterable<{ type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'; object: T }>
  /** What an error of these two was. A `retryAfterMillis` on it is heeded. */
  causeOf(error: unknown): 'expired' | 'refused' | 'missing' | 'failed' | 'cut'
}

export interface List<T> {
  metadata: { resourceVersion: string; continue?: string }
  items: T[]
}

/**
 * Why a watch was not simply continued: `expired` 410, `refused` 429, `missing` the server does not know the kind (any more), `failed` any other
 * answer, `cut` connection lost or garbled, `silent` nothing heard for too long, `resync` the periodic list.
 */
export type RestartCause = 'expired' | 'refused' | 'missing' | 'failed' | 'cut' | 'silent' | 'resync'

export interface ReflectorObserver {
  listed?(seconds: number, items: number): void
  /** A watch ended otherwise than by the server's own time-out. */
  restarted?(cause: RestartCause): void
  event?(type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'): void
}

export interface ReflectorOptions<T extends StoredObject> {
  /** For log lines, such as `pods`. */
  name: string
  source: ListWatch<T>
  store: Pick<Store<T>, 'replace' | 'apply'>
  /** The namespace that `source` is limited to; undefined if it is not. */
  namespace?: string
  log: Logger
  /** Applied to each object before it is stored, to drop what nobody reads. */
  trim?: (object: T) => T
  pageSize?: number
  /** Wait after a failure. Default 0.8 s to 30 s, doubling, up to twice as long at random, fresh after 2 min of health. */
  backoff?: BackoffOptions
  /** A whole list at least this often, as a net under the watch. Default 10 min. */
  resyncMillis?: number
  /** The server ends each watch after a random time in [this, 2 × this]. Default 300 s. */
  watchTimeoutSeconds?: number
  /**
   * A watch that brings nothing for this long, not even a bookmark, may be half-open, and is begun anew. Default 120 s; twice as long after each that brought
   * nothing at all, up to `longestSilenceMillis`.
   */
  silenceMillis?: number
  /** Default `resyncMillis`. Less, where something is decided by what a half-open watch does not bring. */
  longestSilenceMillis?: number
  observer?: ReflectorObserver
}

/** Where the reflector is. Errors move it from state to state and never out of the loop. */
type State = { at: 'list'; rewindFrom?: string } | { at: 'watch'; resourceVersion: string; listedAt: number }

/**
 * Keeps a Store equal to what the API server has.
 *
 * Flow: list in pages → `store.replace` → watch from the list's resource version → `store.apply` per event → when the watch ends,
 * watch on from the last version seen; list again on 410, and once in a while as a net.
 *
 * Guarantees: it goes on until its signal is aborted, whatever the server answers; it never asks again without a wait after a failure,
 * and waits longer while failures go on, at random, and at least as long as a Retry-After; it never lists again where watching on will
 * do; a kind that the server does not know (any more) is said once, once more when it is there again, and what was known of it stays until
 * then, for a server that has just begun knows few kinds; `synced` resolves after the first whole list has been stored, `answered` then or when the server has said that there is none to be had.
 *
 * Assumptions: the server sends bookmarks, each 60 to 75 s, so that a watch is heard of and its version stays young. It leaves out those that would say the version
 * that the watch began with: of a quiet kind there is none before etcd has told the server of a later one, which it does every 10 min, or every 5 s where it
 * was set up so (kubeadm). That a watch is silent is therefore no trouble, and no news.
 *
 * Caveats: between two lists the store is as old as the last event. An event that is lost by the server itself is made good
 * by the next list.
 */
export class Reflector<T extends StoredObject> {
  readonly name: string
  readonly #options: ReflectorOptions<T>
  readonly #log: Logger
  readonly #backoff: Backoff
  readonly #synced = Promise.withResolvers<void>()
  readonly #answered = Promise.withResolvers<void>()
  #hasSynced = false
  #isMissing = false
  #lastActivity = performance.now()
  #silenceMillis: number

  constructor(options: ReflectorOptions<T>) {
    this.name = options.name
    this.#options = options
    this.#silenceMillis = options.silenceMillis ?? defaultSilenceMillis
    this.#log = options.log.child({ reflector: options.name, ...(options.namespace && { namespace: options.namespace }) })
    this.#backoff = new Backoff(
      options.backoff ?? { initialMillis: 800, maxMillis: 30_000, factor: 2, jitter: 1, resetAfterMillis: 120_000 },
    )
  }

  /** The namespace it is limited to; undefined if it is not. */
  get namespace(): string | undefined {
    return this.#options.namespace
  }

  get synced(): Promise<void> {
    return this.#synced.promise
  }

  /** Resolves when it is known whether there is anything to be read here at all; the loop goes on in either case. */
  get answered(): Promise<void> {
    return this.#answered.promise
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }

  /** Milliseconds since the loop last did anything: heard, asked, or failed. Grows without bound only if the loop hangs. */
  get idleMillis(): number {
    return performance.now() - this.#lastActivity
  }

  /** Resolves once the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let state: State = { at: 'list' }
    while (!signal.aborted) {
      this.#lastActivity = performance.now()
      try {
        state = state.at === 'list' ? await this.#list(state, signal) : await this.#watch(state, signal)
      } catch (error) {
        if (signal.aborted) return
        this.#lastActivity = performance.now()
        const failed: State = state
        if (failed.at === 'watch' && this.#causeOf(error) === 'expired') {
          // The version is too old, or from a history the server no longer has.
          state = { at: 'list', rewindFrom: failed.resourceVersion }
        }
        await this.#recover(failed.at, error, signal)
      }
    }
  }

  async #list({ rewindFrom }: { rewindFrom?: string }, signal: AbortSignal): Promise<State> {
    const { source, store, namespace, pageSize = 500, trim = (object: T) => object } = this.#options
    const started = performance.now()
    const items: T[] = []
    let token: string | undefined
    let resourceVersion = ''
    do {
      const page = await source.list({ limit: pageSize, signal, ...(token === undefined ? {} : { continue: token }) })
      this.#lastActivity = performance.now()
      for (const item of page.items) items.push(trim(item))
      resourceVersion = page.metadata.resourceVersion
      token = page.metadata.continue || undefined
    } while (token !== undefined)
    const rewound = rewindFrom !== undefined && isOlder(resourceVersion, rewindFrom)
    if (rewound)
      this.#log.warn({ resourceVersion, rewindFrom }, 'API server went back in its history; the list replaced the cache')
    store.replace(items, { resourceVersion, rewound, ...(namespace === undefined ? {} : { namespace }) })
    this.#isServedAgain()
    this.#options.observer?.listed?.((performance.now() - started) / 1000, items.length)
    if (!this.#hasSynced) {
      this.#hasSynced = true
      this.#synced.resolve()
      this.#answered.resolve()
      this.#log.info({ items: items.length }, 'Cache synced')
    }
    return { at: 'watch', resourceVersion, listedAt: performance.now() }
  }

  /** One watch, from its start to its orderly end. What it saw is kept in `state` also when it fails. */
  async #watch(state: Extract<State, { at: 'watch' }>, signal: AbortSignal): Promise<State> {
    const { source, store, trim = (object: T) => object, watchTimeoutSeconds = 300, observer } = this.#options
    const { resyncMillis = 600_000, longestSilenceMillis = resyncMillis } = this.#options
    const resyncIn = state.listedAt + resyncMillis - performance.now()
    const stop = new AbortController()
    const end = (cause: 'silent' | 'resync') => stop.abort(new WatchEnded(cause))
    const resync = setTimeout(end, Math.max(0, resyncIn), 'resync')
    let silence = setTimeout(end, this.#silenceMillis, 'silent')
    const started = performance.now()
    let heard: 'nothing' | 'bookmarks' | 'events' = 'nothing'
    try {
      const timeoutSeconds = Math.ceil(watchTimeoutSeconds * (1 + Math.random()))
      const { resourceVersion } = state
      for await (const event of source.watch({
        resourceVersion,
        timeoutSeconds,
        signal: AbortSignal.any([signal, stop.signal]),
      })) {
        if (event.type !== 'BOOKMARK') heard = 'events'
        else if (heard === 'nothing') heard = 'bookmarks'
        this.#silenceMillis = this.#options.silenceMillis ?? defaultSilenceMillis
        clearTimeout(silence)
        silence = setTimeout(end, this.#silenceMillis, 'silent')
        this.#lastActivity = performance.now()
        if (event.type === 'ERROR') continue
        this.#isServedAgain()
        if (event.type !== 'BOOKMARK') store.apply({ type: event.type, object: trim(event.object) })
        state.resourceVersion = event.object.metadata.resourceVersion
        observer?.event?.(event.type)
      }
      if (stop.signal.aborted) throw stop.signal.reason
      // The server's own time-out. One that ends every watch at once is in trouble, and is not to be asked in a loop.
      if (heard !== 'events' && performance.now() - started < 1000) throw new Error('the watch ended at once and brought nothing')
      return state
    } catch (error) {
      if (!(stop.signal.aborted && stop.signal.reason instanceof WatchEnded)) throw error
      observer?.restarted?.(stop.signal.reason.cause)
      if (stop.signal.reason.cause === 'resync') return { at: 'list', rewindFrom: state.resourceVersion }
      this.#log.debug({ silenceMillis: this.#silenceMillis }, 'Watch brought nothing, not even a bookmark, and is begun anew')
      if (heard === 'nothing')
        this.#silenceMillis = Math.min(Math.max(longestSilenceMillis, this.#silenceMillis), 2 * this.#silenceMillis)
      return state
    } finally {
      clearTimeout(resync)
      clearTimeout(silence)
    }
  }

  async #recover(during: State['at'], error: unknown, signal: AbortSignal): Promise<void> {
    const cause = this.#causeOf(error)
    if (cause === 'failed' || cause === 'missing') this.#answered.resolve()
    if (during === 'watch') this.#options.observer?.restarted?.(cause)
    const retryAfter = Math.min(retryAfterMillis(error), longestRetryAfterMillis)
    const waitMillis = Math.round(Math.max(this.#backoff.next(), retryAfter))
    const line = { err: error, cause, waitMillis }
    // Old versions and lost connections are the everyday life of a watch.
    if (cause === 'missing') this.#sayMissing(line)
    else if (cause === 'expired' || cause === 'cut') this.#log.info(line, `Reflector lost its ${during} and goes on after a wait`)
    else this.#log.warn(line, `Reflector could not ${during} and tries again after a wait`)
    await sleep(waitMillis, signal)
  }

  /** It may be so for long: a cluster whose CRDs are older, or from which somebody has taken one away. */
  #sayMissing(line: object): void {
    const said = `API server does not serve ${this.name}: its CRD is not installed, or was removed; apply it (crds/, or the chart with crds.enabled)`
    if (this.#isMissing) this.#log.debug(line, said)
    else this.#log.error(line, said)
    this.#isMissing = true
  }

  #isServedAgain(): void {
    if (this.#isMissing) this.#log.info(`API server serves ${this.name} again`)
    this.#isMissing = false
  }

  #causeOf(error: unknown): RestartCause {
    return this.#options.source.causeOf(error)
  }
}

/** A server that asks for more than this is asked again all the same. */
const longestRetryAfterMillis = 300_000

const defaultSilenceMillis = 120_000

/** Ended from this side. */
class WatchEnded extends Error {
  override readonly name = 'WatchEnded'
  override readonly cause: 'silent' | 'resync'

  constructor(cause: 'silent' | 'resync') {
    super(cause === 'silent' ? 'the watch brought nothing for too long, not even a bookmark' : 'time for a whole list')
    this.cause = cause
  }
}

const isOlder = (a: string, b: string) => /^[0-9]+$/.test(a) && /^[0-9]+$/.test(b) && BigInt(a) < BigInt(b)
