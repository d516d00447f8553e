/**
 * The API server of the model for the property tests: what it keeps, how it answers, and what its watches have not brought yet. What Pods and volumes
 * are for it does not know.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Recording, RecordingStatus } from '@trtc-recorder/api'
import type { JsonPatchOperation, KubeClient, KubeObject, Patch } from '@trtc-recorder/kube'
import { ApiError, ConnectionError } from '@trtc-recorder/kube'
import { copyOf } from '../runtime/copy.ts'

export type Plural = 'recordings' | 'pods' | 'persistentvolumeclaims' | 'recordingclips'
export type Fault = '409' | '429' | '500' | 'lost' | 'lost, but done'
/** The operator dies with it. */
export type Death = 'killed before' | 'killed after'

/** What a Recording is made of. */
export const plurals = ['recordings', 'pods', 'persistentvolumeclaims'] as const satisfies Plural[]

interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  object: KubeObject
}

/** Who else has a say in what is written. */
interface Rules {
  now(): Date
  /** Throws where that must not be. */
  isToBeMade(plural: Plural, object: KubeObject): void
  /** A Pod stays until its recorder has ended, a volume until its Pod has. */
  isToBeDeleted(plural: Plural, object: KubeObject): void
  /** Something has come or gone. */
  hasChanged(): void
}

export class ModelServer {
  /** Writes that come next are answered so. */
  faults: Fault[] = []
  /** Counted from 1, over all writes of the operator. */
  failure: { write: number; how: Fault | Death } | undefined
  quotaIsUsedUp = false
  namespaceIsGoing = false
  /** What a webhook makes of each change of a Pod's annotations. */
  podAnnotationsAre: 'taken' | 'dropped' | 'refused' = 'taken'
  /** Fields of a status that its CRD, of an earlier release, does not know: `volumes`, `attempts.volume`. */
  unknownFields: readonly string[] = []
  /** Called with each status of the Recording that comes to stand in it. */
  onStatus: (status: RecordingStatus) => void = () => {}
  /** All that the operator wrote, or tried to. */
  readonly writes: string[] = []
  /** In the order in which things went; said when a property does not hold. */
  readonly story: string[] = []
  /** Grows with each change. */
  version = 1
  readonly #rules: Rules
  readonly #objects: Record<Plural, Map<string, KubeObject>> = {
    recordings: new Map(),
    pods: new Map(),
    persistentvolumeclaims: new Map(),
    recordingclips: new Map(),
  }
  /** All that has come to pass, kind by kind. */
  readonly #changes: Record<Plural, Change[]> = {
    recordings: [],
    pods: [],
    persistentvolumeclaims: [],
    recordingclips: [],
  }

  constructor(rules: Rules) {
    this.#rules = rules
  }

  list(plural: Plural): KubeObject[] {
    return [...this.#objects[plural].values()]
  }

  find(plural: Plural, name: string): KubeObject | undefined {
    return this.#objects[plural].get(name)
  }

  /** Watches of one client, from now on. */
  watch(): Watches {
    return new Watches(this.#changes)
  }

  readonly client = {
    get: async ({ plural }: { plural: Plural }, { name }: { name: string }) => this.#get(plural, name),
    list: async () => ({ metadata: { resourceVersion: '1' }, items: [] }),
    text: async () => {
      throw new ApiError('log', 404, { reason: 'NotFound' })
    },
    create: async ({ plural }: { plural: Plural }, object: KubeObject) =>
      this.#write(`create ${plural} ${object.metadata.name}`, () => this.#create(plural, object)),
    replace: async ({ plural }: { plural: Plural }, object: KubeObject & { status?: unknown }) =>
      this.#write(`status of ${plural} ${object.metadata.name}`, () => {
        const known = this.#get(plural, object.metadata.name)
        if (known.metadata.uid !== object.metadata.uid) throw new ApiError('replace', 409, { reason: 'Conflict' })
        if (known.metadata.resourceVersion !== object.metadata.resourceVersion)
          throw new ApiError('replace', 409, { reason: 'Conflict' })
        const status = without(this.unknownFields, JSON.parse(JSON.stringify(object.status)))
        // What changes nothing is no news.
        if (isDeepStrictEqual(status, (known as { status?: unknown }).status)) return known
        return this.put(plural, { ...known, status } as KubeObject)
      }),
    patch: async ({ plural }: { plural: Plural }, { name }: { name: string }, patch: Patch) =>
      this.#write(`patch ${plural} ${name}`, () =>
        patch.type === 'json'
          ? this.#patchByOperations(plural, name, patch.operations)
          : this.#patch(plural, name, patch.body as PatchBody),
      ),
    delete: async ({ plural }: { plural: Plural }, { name }: { name: string }, { uid }: { uid?: string }) =>
      this.#write(`delete ${plural} ${name}`, () => {
        const known = this.#get(plural, name)
        if (uid !== undefined && known.metadata.uid !== uid) throw new ApiError('delete', 409, { reason: 'Conflict' })
        this.#rules.isToBeDeleted(plural, known)
        const { metadata } = known
        const gone = { ...metadata, resourceVersion: String(this.version), deletionTimestamp: this.#rules.now().toISOString() }
        return this.find(plural, name) ?? { ...known, metadata: gone }
      }),
  } as unknown as KubeClient

  #write<T>(what: string, carryOut: () => T): T {
    this.writes.push(what)
    const fault = this.failure?.write === this.writes.length ? this.failure.how : this.faults.shift()
    this.story.push(`  ${what}${fault === undefined ? '' : `: ${fault}`}`)
    switch (fault) {
      case '409':
        throw new ApiError(what, 409, { reason: 'Conflict' })
      case '429':
        throw new ApiError(what, 429, { reason: 'TooManyRequests' }, 1000)
      case '500':
        throw new ApiError(what, 500, { reason: 'InternalError' })
      case 'lost':
        throw new ConnectionError(what)
      case 'lost, but done':
        carryOut()
        throw new ConnectionError(what)
      case 'killed before':
        throw new Killed(what)
      case 'killed after':
        carryOut()
        throw new Killed(what)
      case undefined:
        return carryOut()
    }
  }

  #create(plural: Plural, object: KubeObject): KubeObject {
    if (this.namespaceIsGoing) {
      const message = 'unable to create new content in namespace lessons because it is being terminated'
      throw new ApiError('create', 403, { reason: 'Forbidden', message })
    }
    if (plural === 'pods' && this.quotaIsUsedUp) {
      throw new ApiError('create', 403, { reason: 'Forbidden', message: 'exceeded quota: none' })
    }
    if (this.#objects[plural].has(object.metadata.name)) throw new ApiError('create', 409, { reason: 'AlreadyExists' })
    this.#rules.isToBeMade(plural, object)
    const metadata = {
      ...object.metadata,
      uid: `uid-${++this.version}`,
      generation: 1,
      creationTimestamp: this.#rules.now().toISOString(),
    }
    const put = this.put(plural, { ...object, metadata, ...(plural === 'pods' ? { status: { phase: 'Pending' } } : {}) })
    this.#rules.hasChanged()
    return put
  }

  #patch(plural: Plural, name: string, { metadata }: PatchBody): KubeObject {
    const known = this.#get(plural, name)
    const { resourceVersion, uid, finalizers, annotations, ownerReferences } = metadata
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      throw new ApiError('patch', 409, { reason: 'Conflict' })
    }
    if (uid !== undefined && uid !== known.metadata.uid) throw new ApiError('patch', 409, { reason: 'Conflict' })
    if (finalizers !== undefined) return this.writeFinalizers(known as Recording, finalizers)
    const changed = copyOf(known)
    const isOfPod = plural === 'pods' && annotations !== undefined
    if (isOfPod && this.podAnnotationsAre === 'refused')
      throw new ApiError('patch', 500, { reason: 'InternalError', message: 'failed calling webhook' })
    if (isOfPod && this.podAnnotationsAre === 'dropped') return known
    if (annotations !== undefined) {
      const merged = Object.entries({ ...changed.metadata.annotations, ...annotations }).filter(([, value]) => value !== null)
      changed.metadata.annotations = Object.fromEntries(merged) as Record<string, string>
    }
    if (ownerReferences === null) delete changed.metadata.ownerReferences
    return this.put(plural, changed)
  }

  #patchByOperations(plural: Plural, name: string, operations: readonly JsonPatchOperation[]): KubeObject {
    const changed = copyOf(this.#get(plural, name))
    for (const { op, path, value } of operations) {
      const steps = path.slice(1).split('/')
      const last = steps.pop()!
      const parent = steps.reduce<Record<string, unknown> | undefined>((at, step) => at?.[step] as never, changed as never)
      const isSame = isDeepStrictEqual(parent?.[last], value)
      if (parent === undefined || (op === 'test' && !isSame)) throw new ApiError('patch', 422, { reason: 'Invalid' })
      if (op === 'remove') throw new Error('the model removes nothing by a JSON patch')
      if (op !== 'test') parent[last === '-' ? (parent as unknown as unknown[]).length : last] = copyOf(value)
    }
    return this.put(plural, changed)
  }

  writeFinalizers(recording: Recording, finalizers: string[]): Recording {
    const written = { ...recording, metadata: { ...recording.metadata, finalizers } }
    if (finalizers.length > 0 || recording.metadata.deletionTimestamp === undefined) return this.put('recordings', written)
    this.remove('recordings', written)
    this.#rules.hasChanged()
    return written
  }

  #get(plural: Plural, name: string): KubeObject {
    const known = this.#objects[plural].get(name)
    if (known === undefined) throw new ApiError(`get ${plural} ${name}`, 404, { reason: 'NotFound' })
    return known
  }

  put<T extends KubeObject>(plural: Plural, object: T): T {
    const isNew = !this.#objects[plural].has(object.metadata.name)
    const put = frozen({ ...object, metadata: { ...object.metadata, resourceVersion: String(++this.version) } })
    this.#objects[plural].set(object.metadata.name, put)
    if (plural === 'recordings') this.onStatus((put as unknown as Recording).status ?? {})
    this.#changes[plural].push({ type: isNew ? 'ADDED' : 'MODIFIED', object: put })
    return put
  }

  remove(plural: Plural, object: KubeObject): void {
    if (!this.#objects[plural].delete(object.metadata.name)) return
    const metadata = { ...object.metadata, resourceVersion: String(++this.version) }
    this.#changes[plural].push({ type: 'DELETED', object: frozen({ ...object, metadata }) })
  }
}

/** What a client's watches have not brought it yet; each kind goes at its own pace. */
export class Watches {
  readonly #changes: Readonly<Record<Plural, Change[]>>
  readonly #taken: Record<Plural, number>

  constructor(changes: Readonly<Record<Plural, Change[]>>) {
    const { recordings, pods, persistentvolumeclaims, recordingclips } = changes
    this.#changes = changes
    this.#taken = {
      recordings: recordings.length,
      pods: pods.length,
      persistentvolumeclaims: persistentvolumeclaims.length,
      recordingclips: recordingclips.length,
    }
  }

  /** The oldest first. */
  take(plural: Plural, most = Number.POSITIVE_INFINITY): Change[] {
    const from = this.#taken[plural]
    const taken = this.#changes[plural].slice(from, from + most)
    this.#taken[plural] += taken.length
    return taken
  }
}

/** The operator has died. */
export class Killed extends Error {}

interface PatchBody {
  metadata: {
    resourceVersion?: string
    uid?: string
    finalizers?: string[]
    annotations?: Record<string, string | null>
    ownerReferences?: null
  }
}

/** What the server, its watches and its answers share: whoever changes it is told at once. What is frozen already was frozen here. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

/** What is left of a value without the fields at these paths, in which lists count for nothing. */
function without(paths: readonly string[], value: unknown, at = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => without(paths, item, at))
  if (typeof value !== 'object' || value === null) return value
  const known = Object.entries(value).filter(([name]) => !paths.includes(at + name))
  return Object.fromEntries(known.map(([name, inner]) => [name, without(paths, inner, `${at}${name}.`)]))
}
