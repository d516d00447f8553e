import type { Logger } from 'pino'
import { keyOf, namespaceOfKey, type StoredObject } from './objects.ts'
import { retryAfterMillis } from './retry-after.ts'
import type { Store, StoreEvent } from './store.ts'
import { type Priority, WorkQueue, type WorkQueueOptions } from './workqueue.ts'

export interface ReconcileContext {
  /** One for each run; every log line of the run carries it as `reconcileId`. */
  readonly id: string
  readonly log: Logger
  /** Aborted when the run takes too long or the process has no more time. */
  readonly signal: AbortSignal
}

/** Look again after this long, whatever happens until then. Without it only a change or a failure brings the key back. */
export interface ReconcileResult {
  requeueAfterMillis?: number
  /** As what it comes back then. Default: high. */
  priority?: Priority
}

/** Which namespaces this process may work in. May change at any time. */
export interface Territory {
  has(namespace: string): boolean
  /** There is something to do in a namespace that it has not. Called often. */
  wants(namespace: string): void
  /** Calls whenever `has` may have come to say otherwise of a namespace; undefined: of any. */
  onChange(handler: (namespace: string | undefined) => void): void
}

/** Brings one object closer to what is wanted of it, from whatever state it is in. Throws to be tried again with back-off. */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<ReconcileResult | undefined>

/** Trying again cannot help: logged and counted, not repeated until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError'
}

export type ReconcileOutcome = 'success' | 'requeue_after' | 'requeue' | 'error'

export interface ControllerObserver {
  workers?(count: number): void
  active?(count: number): void
  reconciled?(outcome: ReconcileOutcome, seconds: number): void
  failedForGood?(): void
  timedOut?(): void
}

export interface ControllerOptions {
  /** Of log lines and metrics. */
  name: string
  reconcile: Reconcile
  log: Logger
  /** Keys worked on at the same time. Default 10. */
  workers?: number
  /**
   * How long until a key is looked at again for what this controller itself has written of its object, or has made for it: a run knows what
   * it writes, so that only makes sure. Default 5 s.
   */
  echoMillis?: number
  /** When the signal of a run is aborted. Default 60 s. */
  reconcileTimeoutMillis?: number
  /** Whether an error says that somebody else wrote first: part of normal life, and no failure to tell anybody of. */
  isOutdated?: (error: unknown) => boolean
  queue?: WorkQueueOptions
  observer?: ControllerObserver
}

export interface Concerns<T> {
  /** Whether there may be anything to do about an object. Default: always. */
  concerns?: (object: T) => boolean
  /** How urgent a change is. Default: high. */
  priorityOf?: (event: StoreEvent<T>) => Priority
}

/** What a controller hears of a store: which keys an event is about. */
interface Watched {
  readonly store: Pick<Store<StoredObject>, 'hasSynced' | 'onSynced' | 'subscribe' | 'values'>
  readonly keysOf: (event: StoreEvent<StoredObject>) => Iterable<string>
  readonly priorityOf: (event: StoreEvent<StoredObject>) => Priority
  /** Whether an event may come of what the run of its own key has written. */
  readonly isEcho: (event: StoreEvent<StoredObject>) => boolean
}

/**
 * Takes keys from a queue and reconciles them.
 *
 * Flow: `Controller.for(store, options)`, `owns` and `watches` say what brings keys → `start`, once this process leads → workers call
 * `reconcile` → `stop`.
 *
 * Guarantees: one run a key at a time; a change during a run leads to another one; a failed run is repeated with back-off and no
 * sooner than a server's Retry-After; a run that succeeds forgets its failures; nothing that `reconcile` throws ends a worker; its own
 * writes, where a store is told whose they are, bring a key back only after a while. Before
 * `start` nothing is kept and nothing is done. A key is reconciled only when everything that this controller watches in the key's
 * namespace has been read once, and then each object of it is looked at; a namespace that cannot be read holds up no other. In a namespace outside of
 * its territory nothing is begun, and the signals of what is under way there are aborted; what there is to do there is kept for when it is inside.
 *
 * Assumptions: `reconcile` reads the state itself and can be repeated at any time. It passes the signal on to what it waits for. Keys are
 * `namespace/name`, with or without a word and a colon in front.
 *
 * Caveats: a `reconcile` that ignores its signal holds its worker until it returns.
 */
export class Controller {
  readonly name: string
  readonly queue: WorkQueue
  readonly #options: ControllerOptions
  readonly #log: Logger
  readonly #watched: Watched[] = []
  readonly #underWay = new Map<AbortController, string>()
  #territory: Territory | undefined
  /** Namespaces of the territory in which there was something to do. */
  readonly #inside = new Set<string>()
  /** Namespaces that were in the territory, and are not. */
  readonly #left = new Set<string>()
  /** What there is to do outside of the territory, by namespace. */
  readonly #kept = new Map<string, Map<string, Priority>>()
  #workers: Promise<void>[] = []
  #active = 0
  #runs = 0

  constructor(options: ControllerOptions) {
    this.name = options.name
    this.#options = options
    this.#log = options.log.child({ controller: options.name })
    this.queue = new WorkQueue(options.queue)
  }

  /** A controller of the objects of a store. Of one that was deleted there is nothing left to reconcile. */
  static for<T extends StoredObject>(store: Store<T, string>, options: ControllerOptions & Concerns<T>): Controller {
    const { concerns = () => true, priorityOf } = options
    return new Controller(options).watches(
      store,
      ({ type, object }) => (type !== 'deleted' && concerns(object) ? [keyOf(object.metadata)] : []),
      { priorityOf, isEcho: () => true },
    )
  }

  /** Any change of what an object owns is a reason to look at it. */
  owns<T extends StoredObject>(
    ownerKey: (object: T) => string | undefined,
    store: Store<T, string>,
    priorityOf?: (event: StoreEvent<T>) => Priority,
  ): this {
    const isEcho = ({ type }: StoreEvent<T>) => type === 'added'
    return this.watches(store, ({ object }) => ownerKey(object) ?? [], { priorityOf, isEcho })
  }

  /** Looks at the keys that an event is about. When a namespace has been read, each of its objects comes as `added`. */
  watches<T extends StoredObject>(
    store: Store<T, string>,
    keysOf: (event: StoreEvent<T>) => Iterable<string> | string,
    how: {
      priorityOf?: ((event: StoreEvent<T>) => Priority) | undefined
      isEcho?: (event: StoreEvent<T>) => boolean
    } = {},
  ): this {
    const { priorityOf = () => 'high', isEcho = () => false } = how
    const watched = {
      store: store as unknown as Watched['store'],
      keysOf: (event: StoreEvent<StoredObject>) => {
        const keys = keysOf(event as StoreEvent<T>)
        return typeof keys === 'string' ? [keys] : keys
      },
      priorityOf: priorityOf as unknown as Watched['priorityOf'],
      isEcho: isEcho as unknown as Watched['isEcho'],
    }
    this.#watched.push(watched)
    watched.store.onSynced((namespace) => this.#lookAtAll(namespace))
    watched.store.subscribe((event) => this.#hear(watched, event))
    return this
  }

  /** Keeps to the namespaces of a territory, as they are from time to time. Without one: everywhere. */
  worksIn(territory: Territory): this {
    this.#territory = territory
    territory.onChange((namespace) => this.#territoryChanged(namespace))
    return this
  }

  enqueue(key: string): void {
    this.queue.add(key)
  }

  enqueueAfter(key: string, millis: number): void {
    this.queue.addAfter(key, millis)
  }

  start(): void {
    if (this.#workers.length > 0) return
    const count = this.#options.workers ?? 10
    this.#options.observer?.workers?.(count)
    this.#workers = Array.from({ length: count }, () => this.#work())
    this.#log.info({ workers: count }, 'Controller started')
    this.#lookAtAll(undefined)
  }

  /** Takes nothing new and waits for the runs under way; after the deadline their signals are aborted. Says whether all ended. */
  async stop(deadlineMillis: number): Promise<boolean> {
    this.queue.shutDown()
    const late = Promise.withResolvers<'late'>()
    const timer = setTimeout(() => late.resolve('late'), deadlineMillis)
    const ended = await Promise.race([Promise.all([this.queue.drained, ...this.#workers]), late.promise])
    clearTimeout(timer)
    for (const run of this.#underWay.keys()) run.abort(new Error('the operator is shutting down'))
    return ended !== 'late'
  }

  #hear({ keysOf, priorityOf, isEcho }: Watched, event: StoreEvent<StoredObject>): void {
    if (!this.#isStarted) return
    const isOwn = 'by' in event && event.by === this.name && isEcho(event)
    for (const key of keysOf(event)) {
      if (!this.#isReady(key)) continue
      if (!this.#isInside(key)) this.#keep(key, priorityOf(event))
      else if (isOwn) this.queue.addAfter(key, this.#options.echoMillis ?? 5000, 'low')
      else this.queue.add(key, priorityOf(event))
    }
  }

  #isReady(key: string): boolean {
    const namespace = namespaceOfKey(key)
    return this.#watched.every(({ store }) => store.hasSynced(namespace))
  }

  /** Each key once, however many objects bring it, and those that there are besides. */
  #lookAtAll(namespace: string | undefined, keys = new Map<string, Priority>()): void {
    if (!this.#isStarted) return
    for (const { store, keysOf, priorityOf } of this.#watched) {
      for (const object of store.values()) {
        if (namespace !== undefined && object.metadata.namespace !== namespace) continue
        const event = { type: 'added' as const, object }
        for (const key of keysOf(event)) if (keys.get(key) !== 'high') keys.set(key, priorityOf(event))
      }
    }
    for (const [key, priority] of keys) {
      if (!this.#isReady(key)) continue
      if (this.#isInside(key)) this.queue.add(key, priority)
      else this.#keep(key, priority)
    }
  }

  #isInside(key: string): boolean {
    if (this.#territory === undefined) return true
    const namespace = namespaceOfKey(key)
    const isInside = this.#territory.has(namespace)
    if (isInside) this.#inside.add(namespace)
    return isInside
  }

  #keep(key: string, priority: Priority): void {
    const namespace = namespaceOfKey(key)
    const kept = this.#kept.get(namespace) ?? new Map<string, Priority>()
    if (kept.get(key) !== 'high') kept.set(key, priority)
    this.#kept.set(namespace, kept)
    this.#territory?.wants(namespace)
  }

  #territoryChanged(changed: string | undefined): void {
    const has = (namespace: string) => this.#territory?.has(namespace) ?? true
    for (const namespace of changed === undefined ? [...this.#inside] : [changed]) {
      if (has(namespace) || !this.#inside.delete(namespace)) continue
      this.#left.add(namespace)
      const reason = new Error(`namespace ${namespace} is no longer this process's to work in`)
      for (const [run, key] of this.#underWay) if (namespaceOfKey(key) === namespace) run.abort(reason)
    }
    for (const namespace of changed === undefined ? [...this.#kept.keys(), ...this.#left] : [changed]) {
      if (!has(namespace)) continue
      const kept = this.#kept.get(namespace) ?? new Map<string, Priority>()
      this.#kept.delete(namespace)
      // What has happened in one that was lost may have brought no key.
      if (this.#left.delete(namespace)) this.#lookAtAll(namespace, kept)
      else for (const [key, priority] of kept) this.queue.add(key, priority)
    }
  }

  get #isStarted(): boolean {
    return this.#workers.length > 0
  }

  async #work(): Promise<void> {
    for (let key = await this.queue.get(); key !== undefined; key = await this.queue.get()) {
      if (!this.#isInside(key)) {
        this.#leave(key)
        this.queue.done(key)
        continue
      }
      this.#options.observer?.active?.(++this.#active)
      try {
        await this.#run(key)
      } finally {
        this.queue.done(key)
        this.#options.observer?.active?.(--this.#active)
      }
    }
  }

  #leave(key: string): void {
    this.queue.forget(key)
    this.#keep(key, 'high')
  }

  async #run(key: string): Promise<void> {
    const id = `${this.name}-${(++this.#runs).toString(36)}`
    const log = this.#log.child({ reconcileId: id, key })
    // A timer of its own, cleared at the end: AbortSignal.timeout would outlive each of many short runs by a minute.
    const abort = new AbortController()
    const timeoutMillis = this.#options.reconcileTimeoutMillis ?? 60_000
    const tooLong = new Error(`reconcile of ${key} took longer than ${timeoutMillis / 1000} s`)
    const timer = setTimeout(() => abort.abort(tooLong), timeoutMillis)
    this.#underWay.set(abort, key)
    const started = performance.now()
    const finish = (outcome: ReconcileOutcome) =>
      this.#options.observer?.reconciled?.(outcome, (performance.now() - started) / 1000)
    try {
      const result = await this.#options.reconcile(key, { id, log, signal: abort.signal })
      this.queue.forget(key)
      if (result?.requeueAfterMillis !== undefined) this.queue.addAfter(key, result.requeueAfterMillis, result.priority)
      finish(result?.requeueAfterMillis === undefined ? 'success' : 'requeue_after')
    } catch (error) {
      if (abort.signal.reason === tooLong) this.#options.observer?.timedOut?.()
      if (error instanceof TerminalError) {
        this.queue.forget(key)
        this.#options.observer?.failedForGood?.()
        log.error({ err: error }, 'Reconcile failed and is not tried again before the object changes')
        finish('error')
      } else if (!this.#isInside(key)) {
        log.info({ err: error }, 'Reconcile was cut off, for its namespace is no longer this process’s to work in')
        this.#leave(key)
        finish('requeue')
      } else {
        this.queue.addRateLimited(key, retryAfterMillis(error))
        const again = { err: error, failures: this.queue.failures(key) }
        const isOutdated = this.#options.isOutdated?.(error) ?? false
        if (isOutdated) log.debug(again, 'Reconcile met a newer object and is tried again')
        else log.warn(again, 'Reconcile failed and is tried again')
        finish(isOutdated ? 'requeue' : 'error')
      }
    } finally {
      clearTimeout(timer)
      this.#underWay.delete(abort)
    }
  }
}
