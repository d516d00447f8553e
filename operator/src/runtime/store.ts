import { keyOf, type StoredObject } from './objects.ts'

/** `by`: whose own write it is, known from its answer; undefined of what a watch or a list has brought. */
export type StoreEvent<T> =
  | { type: 'added'; object: T; by?: string | undefined }
  | { type: 'updated'; object: T; previous: T; by?: string | undefined }
  /** `object` is the last that there was of it; `isStale`: the last that was seen of it, for a list says that it is gone. */
  | { type: 'deleted'; object: T; isStale?: true }
  /** Unchanged, seen again in a periodic list: a chance to look again at what may have been forgotten. */
  | { type: 'resynced'; object: T }

export type StoreHandler<T> = (event: StoreEvent<T>) => void

/** Name of an index → the values an object is found under. */
export type Indexers<T, Name extends string> = Record<Name, (object: T) => readonly string[]>

export interface StoreOptions<T, Name extends string> {
  indexers?: Indexers<T, Name>
  /** Applied to what is given to `wrote`; a reflector trims by itself. Must leave its argument as it is. */
  trim?: (object: T) => T
  /** A handler that throws is a defect; it is reported here and disturbs nobody else. */
  onHandlerError?: (error: unknown) => void
}

/**
 * What is known of the objects of one kind, by `namespace/name`.
 *
 * Flow: a Reflector calls `replace` with each whole list and `apply` with each watch event; controllers read with `get`, `list` and
 * `byIndex`, hear of changes by `subscribe` and of namespaces that are known by `onSynced`, and put the answers of their own writes in with `wrote`, so that they read their own writes.
 *
 * Guarantees: an object never goes back to an older resource version; an object that was deleted and made again under the same name is
 * reported as `deleted`, then `added`; handlers run in the order of the changes, after the store has changed.
 *
 * Assumptions: resource versions grow (as they do with etcd; comparing them is sanctioned since Kubernetes 1.35). Those that are not
 * decimal numbers are taken as newer.
 *
 * Caveats: it is behind the API server by the time a watch event takes. Objects are shared: read them, never change them.
 */
export class Store<T extends StoredObject, Name extends string = never> {
  readonly #objects = new Map<string, T>()
  readonly #indexers: Indexers<T, Name>
  /** Index → value → keys. Most values have one, and a Set for each would be a good part of what an object takes. */
  readonly #indexes = new Map<string, Map<string, string | Set<string>>>()
  readonly #handlers = new Set<StoreHandler<T>>()
  readonly #onHandlerError: (error: unknown) => void
  readonly #trim: (object: T) => T
  readonly #syncedHandlers = new Set<(namespace: string | undefined) => void>()
  /** Namespaces of which a whole list has been stored; undefined stands for a list of all of them. */
  readonly #synced = new Set<string | undefined>()
  /** UIDs of deleted objects, so that the late answer of a write does not bring one back. */
  readonly #deleted = new Set<string>()

  constructor(options: StoreOptions<T, Name> = {}) {
    this.#indexers = options.indexers ?? ({} as Indexers<T, Name>)
    this.#onHandlerError = options.onHandlerError ?? (() => {})
    this.#trim = options.trim ?? ((object) => object)
    for (const name of Object.keys(this.#indexers)) this.#indexes.set(name, new Map())
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): T[] {
    return [...this.#objects.values()]
  }

  values(): MapIterator<T> {
    return this.#objects.values()
  }

  byIndex(index: Name, value: string): T[] {
    const keys = this.#indexes.get(index)?.get(value) ?? []
    return (typeof keys === 'string' ? [keys] : [...keys]).flatMap((key) => this.#objects.get(key) ?? [])
  }

  /** Calls for each object there is, as `added`, and then for each change. Gives the way to stop that. */
  subscribe(handler: StoreHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#objects.values()) this.#tell(handler, { type: 'added', object })
    return () => this.#handlers.delete(handler)
  }

  /** Whether everything there was in a namespace has been stored once. */
  hasSynced(namespace: string): boolean {
    return this.#synced.has(undefined) || this.#synced.has(namespace)
  }

  /** Calls when a namespace (undefined: all of them) has been stored for the first time. */
  onSynced(handler: (namespace: string | undefined) => void): void {
    this.#syncedHandlers.add(handler)
  }

  /** The answer to one's own write: known at once, not when the watch brings it. `by`: the name of the controller that wrote. */
  wrote(object: T, by?: string): void {
    if (this.#deleted.has(object.metadata.uid)) return
    this.#put(this.#trim(object), { by })
  }

  apply(event: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }): void {
    if (event.type === 'DELETED') this.#remove(event.object)
    else this.#put(event.object)
  }

  /**
   * A whole list as of `resourceVersion`, of one namespace or of all. What is not in it is gone, unless it was written after the list
   * was made. `rewound` says that the server's history went back (etcd restored from a backup): then the list is right, whatever is known.
   */
  replace(items: readonly T[], scope: { resourceVersion: string; namespace?: string; rewound?: boolean }): void {
    const listed = new Set(items.map((item) => keyOf(item.metadata)))
    for (const [key, known] of this.#objects) {
      if (scope.namespace !== undefined && known.metadata.namespace !== scope.namespace) continue
      const later = !scope.rewound && isNewer(known.metadata.resourceVersion, scope.resourceVersion)
      if (!listed.has(key) && !later) this.#remove(known, { isStale: true })
    }
    for (const item of items) {
      const known = this.#objects.get(keyOf(item.metadata))
      if (known !== undefined && known.metadata.resourceVersion === item.metadata.resourceVersion) {
        this.#emit({ type: 'resynced', object: known })
      } else {
        this.#put(item, { force: scope.rewound })
      }
    }
    if (this.#synced.has(scope.namespace)) return
    this.#synced.add(scope.namespace)
    for (const handler of this.#syncedHandlers) handler(scope.namespace)
  }

  #put(object: T, how: { force?: boolean | undefined; by?: string | undefined } = {}): void {
    const { force = false, by } = how
    const key = keyOf(object.metadata)
    const known = this.#objects.get(key)
    if (known !== undefined && !force && !isNewer(object.metadata.resourceVersion, known.metadata.resourceVersion)) return
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) {
      this.#remove(known, { isStale: true })
      this.#put(object, how)
      return
    }
    if (known !== undefined) this.#unindex(key, known)
    this.#objects.set(key, object)
    this.#index(key, object)
    this.#emit(known === undefined ? { type: 'added', object, by } : { type: 'updated', object, previous: known, by })
  }

  #remove(object: T, how: { isStale?: true } = {}): void {
    const key = keyOf(object.metadata)
    this.#bury(object.metadata.uid)
    const known = this.#objects.get(key)
    // Another object may live under the name by now.
    if (known === undefined || known.metadata.uid !== object.metadata.uid) return
    this.#unindex(key, known)
    this.#objects.delete(key)
    this.#emit({ type: 'deleted', object, ...how })
  }

  #bury(uid: string): void {
    this.#deleted.add(uid)
    if (this.#deleted.size <= 10_000) return
    const [oldest] = this.#deleted
    if (oldest !== undefined) this.#deleted.delete(oldest)
  }

  #index(key: string, object: T): void {
    for (const [name, index] of this.#indexes) {
      for (const value of this.#indexers[name as Name](object)) {
        const keys = index.get(value)
        if (keys === undefined) index.set(value, key)
        else if (typeof keys !== 'string') keys.add(key)
        else if (keys !== key) index.set(value, new Set([keys, key]))
      }
    }
  }

  #unindex(key: string, object: T): void {
    for (const [name, index] of this.#indexes) {
      for (const value of this.#indexers[name as Name](object)) {
        const keys = index.get(value)
        if (typeof keys === 'object') keys.delete(key)
        if (keys === key || (typeof keys === 'object' && keys.size === 0)) index.delete(value)
      }
    }
  }

  #emit(event: StoreEvent<T>): void {
    for (const handler of this.#handlers) this.#tell(handler, event)
  }

  #tell(handler: StoreHandler<T>, event: StoreEvent<T>): void {
    try {
      handler(event)
    } catch (error) {
      this.#onHandlerError(error)
    }
  }
}

const decimal = /^[0-9]+$/

/** Whether resource version `a` is later than `b`. */
export function isNewer(a: string, b: string): boolean {
  if (a === b) return false
  if (!decimal.test(a) || !decimal.test(b)) return true
  // Decimal numbers without leading zeros: the longer is the larger, else the order of the digits decides.
  return a.length === b.length ? a > b : a.length > b.length
}
