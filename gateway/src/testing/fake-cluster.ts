import { type Recording, type RecordingPolicy, recordingManifestSchema, recordingPolicySpecSchema } from '@trtc-recorder/api'
import { ApiError, ConnectionError, type KubeClient, type KubeObject, type Secret } from '@trtc-recorder/kube'

export type Verb = 'get' | 'list' | 'create' | 'patch' | 'delete' | 'text'
/** Thrown instead of, or after, what a call would do. */
export interface Fault {
  verb: Verb
  plural: string
  error: Error
  when: 'before' | 'after'
}

/** Recordings, policies and Secrets in memory, with the rules that the gateway counts on: names are unique, owners take what they own along. */
export class FakeCluster {
  readonly #objects = new Map<string, KubeObject>()
  readonly faults: Fault[] = []
  readonly calls: string[] = []
  logs = new Map<string, string>()
  /** username of a token that TokenReview knows. */
  tokens = new Map<string, string>()
  now: () => Date = () => new Date()
  #count = 0
  readonly #hooks: { verb: Verb; plural: string; run: () => void }[] = []

  get recordings(): Recording[] {
    return this.#of('recordings') as Recording[]
  }
  get policies(): RecordingPolicy[] {
    return this.#of('recordingpolicies') as RecordingPolicy[]
  }
  get secrets(): Secret[] {
    return this.#of('secrets') as Secret[]
  }
  /** Secrets whose Recording is not there. */
  get orphans(): Secret[] {
    const uids = new Set(this.recordings.map(({ metadata }) => metadata.uid))
    return this.secrets.filter(({ metadata }) => !metadata.ownerReferences?.some(({ uid }) => uids.has(uid)))
  }

  #of(plural: string): KubeObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, object]) => object)
  }

  /** What the operator would say of a Recording. */
  setStatus(name: string, status: object): void {
    for (const recording of this.recordings) if (recording.metadata.name === name) Object.assign(recording, { status })
  }

  fail(verb: Verb, plural: string, error: Error = new ConnectionError('no answer'), when: Fault['when'] = 'before'): void {
    this.faults.push({ verb, plural, error, when })
  }

  /** Does something, once, as the next such call arrives. */
  before(verb: Verb, plural: string, run: () => void): void {
    this.#hooks.push({ verb, plural, run })
  }

  async #call<T>(verb: Verb, plural: string, name: string, run: () => T): Promise<T> {
    this.calls.push(`${verb} ${plural} ${name}`)
    await Promise.resolve()
    const at = this.#hooks.findIndex((hook) => hook.verb === verb && hook.plural === plural)
    if (at >= 0) this.#hooks.splice(at, 1)[0]!.run()
    const index = this.faults.findIndex((fault) => fault.verb === verb && fault.plural === plural)
    const [fault] = index < 0 ? [] : this.faults.splice(index, 1)
    if (fault?.when === 'before') throw fault.error
    const result = structuredClone(run())
    if (fault !== undefined) throw fault.error
    return result
  }

  #get(plural: string, namespace: string | undefined, name: string): KubeObject {
    const object = this.#objects.get(`${plural}/${namespace}/${name}`)
    if (object === undefined) throw apiError(404, 'NotFound', `${plural} "${name}" not found`)
    return object
  }

  readonly client: KubeClient = {
    get: ({ plural }, { namespace, name }) => this.#call('get', plural, name, () => this.#get(plural, namespace, name) as never),

    list: ({ plural }, { namespace, labelSelector = '' } = {}) =>
      this.#call('list', plural, labelSelector, () => ({
        metadata: { resourceVersion: '1' },
        items: this.#of(plural).filter(
          ({ metadata }) =>
            (namespace === undefined || metadata.namespace === namespace) &&
            labelSelector.split(',').every((part) => {
              const [label = '', value] = part.split('=')
              return label === '' || metadata.labels?.[label] === value
            }),
        ) as never[],
      })),

    create: ({ plural }, object) =>
      this.#call(
        'create',
        plural,
        String((object.metadata as { name?: string }).name),
        () => this.#create(plural, object as never) as never,
      ),

    replace: () => Promise.reject(new Error('the gateway replaces nothing')),

    patch: ({ plural }, { namespace, name }, patch) =>
      this.#call('patch', plural, name, () => {
        const object = this.#get(plural, namespace, name)
        if (patch.type !== 'merge') throw new Error('the gateway merges')
        const { metadata, spec, status } = patch.body as Partial<Recording>
        const { uid, resourceVersion = object.metadata.resourceVersion, annotations } = metadata ?? {}
        if (uid !== object.metadata.uid) throw apiError(409, 'Conflict', 'another uid')
        if (resourceVersion !== object.metadata.resourceVersion) throw apiError(409, 'Conflict', 'the object has been modified')
        Object.assign((object as Recording).spec ?? {}, spec)
        if (annotations !== undefined) object.metadata.annotations = { ...object.metadata.annotations, ...annotations }
        if (status !== undefined) Object.assign(object, { status })
        object.metadata.resourceVersion = String(Number(object.metadata.resourceVersion) + 1)
        return object as never
      }),

    delete: ({ plural }, { namespace, name }, { uid } = {}) =>
      this.#call('delete', plural, name, () => {
        const object = this.#get(plural, namespace, name)
        if (uid !== undefined && uid !== object.metadata.uid) throw apiError(409, 'Conflict', 'another uid')
        this.remove(plural, namespace, name)
        return undefined
      }),

    watch: () => {
      throw new Error('the gateway watches nothing')
    },

    text: (_, path) =>
      this.#call('text', 'pods/log', path, () => {
        const log = this.logs.get(/\/pods\/([^/]+)\/log/.exec(path)?.[1] ?? '')
        if (log === undefined) throw apiError(404, 'NotFound', 'no such pod')
        return log
      }),

    close: async () => {},
  }

  /** With what it owns, as the garbage collector does. */
  remove(plural: string, namespace: string | undefined, name: string): void {
    const { uid } = this.#get(plural, namespace, name).metadata
    this.#objects.delete(`${plural}/${namespace}/${name}`)
    for (const [key, { metadata }] of this.#objects) {
      if (metadata.ownerReferences?.some((owner) => owner.uid === uid)) this.#objects.delete(key)
    }
  }

  #create(plural: string, object: KubeObject): KubeObject {
    if (plural === 'tokenreviews') {
      const username = this.tokens.get((object as unknown as { spec: { token: string } }).spec.token)
      return { ...object, status: username === undefined ? {} : { authenticated: true, user: { username } } } as never
    }
    const key = `${plural}/${object.metadata.namespace}/${object.metadata.name}`
    if (this.#objects.has(key)) throw apiError(409, 'AlreadyExists', `${key} already exists`)
    this.#count += 1
    const metadata = {
      ...object.metadata,
      uid: `uid-${this.#count}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: this.now().toISOString(),
    }
    const made = { ...structuredClone(object), metadata }
    if (plural === 'recordings') {
      const parsed = recordingManifestSchema.safeParse(made)
      if (!parsed.success) throw apiError(422, 'Invalid', parsed.error.message)
      Object.assign(made, { spec: parsed.data.spec })
    }
    if (plural === 'recordingpolicies') {
      const parsed = recordingPolicySpecSchema.safeParse((made as unknown as RecordingPolicy).spec)
      if (!parsed.success) throw apiError(422, 'Invalid', parsed.error.message)
      Object.assign(made, { spec: parsed.data })
    }
    this.#objects.set(key, made)
    return made
  }
}

export const apiError = (code: number, reason: string, message = reason) => new ApiError('fake', code, { reason, message })
