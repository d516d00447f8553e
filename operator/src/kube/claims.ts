import type { KubeClient, Lease, New } from '@trtc-recorder/kube'
import { isConflict, isForbidden, isNamespaceTerminating, isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { Controller, type ControllerObserver, type ReconcileResult, type Territory } from '../runtime/controller.ts'
import { keyOf, refOf } from '../runtime/objects.ts'
import { Reflector, type ReflectorObserver } from '../runtime/reflector.ts'
import { Store } from '../runtime/store.ts'
import type { QueueObserver, WorkQueue } from '../runtime/workqueue.ts'
import { type EventRecorder, microTime } from './events.ts'
import { listWatch } from './list-watch.ts'

/** The Lease in each namespace that says which release serves it. No release can have a leader's Lease of this name: it has a dot. */
export const claimName = 'trtc-recorder.dev'
/** The one Lease that says which release serves all namespaces. Namespace `kube-system` is always there, and no tenant may write in it. */
export const wholeClusterClaim = { namespace: 'kube-system', name: 'all.trtc-recorder.dev' }
/** Of a Lease: the release that asks its holder whether it is still there. The holder takes it off. */
export const askedByAnnotation = 'trtc-recorder.dev/asked-by'
/** Of a Lease: this holder serves all namespaces, by the claim to the whole cluster. It says who, for a person may change the holder alone. */
export const servesAllAnnotation = 'trtc-recorder.dev/serves-all-namespaces'

/** How long until a holder that has answered is asked again, in terms of the patience: at first, and at most; it doubles each time. */
const again = { first: 0.5, longest: 5 }
/** How long until a claim that may not be made is tried again; doubles each time. */
const refused = { firstMillis: 60_000, longestMillis: 600_000 }
/**
 * A watch that is half-open is known as such before a claim is taken over for want of an answer. Bookmarks come each 60 to 75 s; where they do not, it stays so: the watch
 * is begun anew each time, for one that is only quiet looks like one on which a question is missed.
 */
const silence = { silenceMillis: 90_000, longestSilenceMillis: 90_000 }
/** Who may not read Leases is not told so every minute. */
const backoff = { initialMillis: 800, maxMillis: 300_000, factor: 2, jitter: 1, resetAfterMillis: 120_000 }
const workers = 16

/** What a release remembers of a claim that it does not hold. Times are of its own clock, which only has to run at about the right rate. */
export interface Memory {
  holder: string
  /** The version of the Lease that was last seen, and since when. */
  seen: { resourceVersion: string; at: number }
  /** How often the holder has answered. */
  answers: number
  /** Not to be asked before then. */
  notBefore: number
}

export type ClaimStep =
  /** It is ours. */
  | { do: 'nothing' }
  /** Nobody has it. */
  | { do: 'claim' }
  /** It is ours, and somebody asks, or it does not say by which right it is ours. */
  | { do: 'answer' }
  /** Another release has it, and is asked whether it is still there. */
  | { do: 'ask' }
  /** It was asked, and has not answered. Written on the version that asks, so that an answer in the last moment wins. */
  | { do: 'takeOver' }
  /** Another release has it. */
  | { do: 'wait'; millis: number }

export interface Claimant {
  release: string
  /** Whether it serves all namespaces, which is what its claims then say. */
  servesAll: boolean
  /** Whether this is a claim to a namespace, and the one to the whole cluster is this release's. */
  hasWholeCluster: boolean
  /** How long a holder may take to answer. */
  patienceMillis: number
}

export const holderOf = (lease: Lease | undefined): string => lease?.spec?.holderIdentity ?? ''
const saysAll = (lease: Lease) => lease.metadata.annotations?.[servesAllAnnotation] === holderOf(lease)
const askedBy = ({ metadata }: Lease) => metadata.annotations?.[askedByAnnotation]

/** What is to be done about a claim, and what is to be remembered of it. Pure. */
export function judgeClaim(
  lease: Lease | undefined,
  { release, servesAll, hasWholeCluster, patienceMillis }: Claimant,
  memory: Memory | undefined,
  now: number,
): { step: ClaimStep; memory?: Memory } {
  const holder = holderOf(lease)
  if (lease === undefined || holder === '') return { step: { do: 'claim' } }
  if (holder === release) {
    const isRight = askedBy(lease) === undefined && saysAll(lease) === servesAll
    return { step: { do: isRight ? 'nothing' : 'answer' } }
  }
  // Whoever holds it on the strength of the whole cluster's claim has that no more.
  if (hasWholeCluster && saysAll(lease)) return { step: { do: 'takeOver' } }

  const known = remember(lease, memory, patienceMillis, now)
  const { seen, notBefore } = known
  const asks = askedBy(lease)
  // A question is the asker's to draw the consequence from; it may be gone itself.
  const patience = asks === release ? patienceMillis : asks === undefined ? 0 : 2 * patienceMillis
  const restMillis = Math.max(seen.at + patience, asks === undefined ? notBefore : 0) - now
  if (restMillis > 0) return { step: { do: 'wait', millis: restMillis }, memory: known }
  return { step: { do: asks === release ? 'takeOver' : 'ask' }, memory: known }
}

/** The Lease as this step writes it, on the version that was judged: whoever wrote meanwhile is looked at first. */
export function leaseAfter(
  step: 'claim' | 'answer' | 'ask' | 'takeOver',
  lease: Lease,
  { release, servesAll }: Claimant,
  time: string,
): Lease {
  const { [askedByAnnotation]: _, ...others } = lease.metadata.annotations ?? {}
  const after = (annotations: Record<string, string>, spec: NonNullable<Lease['spec']>): Lease => ({
    ...lease,
    metadata: { ...lease.metadata, annotations },
    spec,
  })
  if (step === 'ask') return after({ ...others, [askedByAnnotation]: release }, { ...lease.spec })
  const { [servesAllAnnotation]: __, ...foreign } = others
  const ours = servesAll ? { ...foreign, [servesAllAnnotation]: release } : foreign
  if (step === 'answer') return after(ours, { ...lease.spec, renewTime: time })
  const leaseTransitions = (lease.spec?.leaseTransitions ?? -1) + 1
  const times = { acquireTime: time, renewTime: time }
  return after(ours, { ...lease.spec, holderIdentity: release, ...times, leaseTransitions })
}

function remember(lease: Lease, memory: Memory | undefined, patienceMillis: number, now: number): Memory {
  const holder = holderOf(lease)
  const { resourceVersion = '' } = lease.metadata
  if (memory?.holder !== holder) return { holder, seen: { resourceVersion, at: now }, answers: 0, notBefore: now }
  if (memory.seen.resourceVersion === resourceVersion) return memory
  const seen = { resourceVersion, at: now }
  // It was written and nobody asks: the holder has answered, whoever asked.
  if (askedBy(lease) !== undefined) return { ...memory, seen }
  const answers = memory.answers + 1
  return { ...memory, seen, answers, notBefore: now + patienceMillis * Math.min(again.longest, again.first * 2 ** (answers - 1)) }
}

export interface ClaimOptions {
  client: KubeClient
  /** Whose claims these are: the same for all its replicas, now and later. */
  release: string
  /** Those that it serves. None: all of them. */
  namespaces: readonly string[]
  patienceMillis: number
  resyncMillis: number
  events: EventRecorder
  log: Logger
  metrics: {
    controller(name: string): { observer: ControllerObserver; queue: QueueObserver; watchQueue(queue: WorkQueue): void }
    reflector(resource: string): ReflectorObserver
  }
}

/**
 * Sees to it that one release at a time works in a namespace.
 *
 * Flow: a controller is kept from a namespace and says so by `wants` → the Lease of the namespace is created, or found to be another release's → `onChange`
 * → `has`. Whoever serves all namespaces needs the claim to the whole cluster before that. A claim costs one write and is never renewed: a release that
 * wants one that another has asks, on the Lease; the holder takes the question off; one that has not done so within the patience is gone, and the claim
 * is taken over. One that answers is asked again after half the patience, doubling up to five times that.
 *
 * Guarantees: of two releases that know of claims one at most works in a namespace; replicas of one release are one; a claim whose holder is gone is
 * taken over within six times the patience, and at once where a person empties or changes `spec.holderIdentity`, which all obey.
 *
 * Assumptions: a process that cannot reach the API server ends sooner than the patience (the leader's Lease, 10 s). The release's own leader election
 * says which of its replicas answers.
 *
 * Caveats: as with a leader's Lease, what is under way when a claim is lost is cut off and not undone; what must not happen twice is guarded by
 * resource versions and UIDs as well. A release that knows nothing of claims heeds none. Where Leases may not be read or made, all is served, as if there were nobody
 * else, and `unguarded` says so. In a namespace that is being deleted nobody can make one, and none is needed.
 */
export class Claims implements Territory {
  readonly controller: Controller
  readonly reflectors: readonly Reflector<Lease>[]
  readonly #options: ClaimOptions
  readonly #leases: Store<Lease>
  /** The claim to the whole cluster; undefined where some namespaces are served only. */
  readonly #whole: Store<Lease> | undefined
  readonly #wanted = new Set<string>()
  readonly #memories = new Map<string, Memory>()
  /** Keys of claims that may not be made, with how often that was tried. */
  readonly #impossible = new Map<string, number>()
  /** Namespaces whose Leases may not be read; `''`: those of the whole cluster. */
  readonly #unreadable = new Set<string>()
  readonly #handlers: ((namespace: string | undefined) => void)[] = []

  constructor(options: ClaimOptions) {
    const { client, namespaces, resyncMillis, log, metrics } = options
    this.#options = options
    const onHandlerError = (error: unknown) => log.error({ err: error, resource: 'leases' }, 'Handler of a cache failed')
    this.#leases = new Store<Lease>({ onHandlerError })
    const reflector = (store: Store<Lease>, name: string, namespace: string | undefined) => {
      const scope = namespace === undefined ? {} : { namespace }
      const source = listWatch(client, resources.leases, { ...scope, fieldSelector: `metadata.name=${name}` })
      const list: typeof source.list = async (how) => {
        try {
          return await source.list(how)
        } catch (error) {
          if (isForbidden(error)) this.#cannotRead(namespace ?? '')
          throw error
        }
      }
      const observer = metrics.reflector('leases')
      const common = { name: 'leases', store, log, resyncMillis, ...silence, backoff, observer }
      return new Reflector<Lease>({ ...common, source: { ...source, list }, ...scope })
    }
    const scopes = namespaces.length === 0 ? [undefined] : namespaces
    const reflectors = scopes.map((namespace) => reflector(this.#leases, claimName, namespace))
    if (namespaces.length === 0) {
      this.#whole = new Store<Lease>({ onHandlerError })
      reflectors.push(reflector(this.#whole, wholeClusterClaim.name, wholeClusterClaim.namespace))
    }
    this.reflectors = reflectors

    const hooks = metrics.controller('claims')
    this.controller = new Controller({
      name: 'claims',
      reconcile: (key, { signal }) => this.#reconcile(key, signal),
      log,
      workers,
      isOutdated: isConflict,
      queue: { failureInitialMillis: 50, failureMaxMillis: 30_000, observer: hooks.queue },
      observer: hooks.observer,
    })
    hooks.watchQueue(this.controller.queue)
    this.#leases.onSynced((namespace) => {
      this.#unreadable.delete(namespace ?? '')
      for (const wanted of this.#wanted) if (namespace === undefined || wanted === namespace) this.#look(wanted)
      this.#changed(namespace)
    })
    this.#leases.subscribe(({ object }) => {
      const { namespace } = object.metadata
      this.#impossible.delete(keyOf(object.metadata))
      if (holderOf(object) === options.release) this.#wanted.add(namespace)
      if (this.#wanted.has(namespace)) this.#look(namespace)
      this.#changed(namespace)
    })
    this.#whole?.onSynced(() => this.controller.enqueue(wholeKey))
    this.#whole?.subscribe(() => {
      this.#impossible.delete(wholeKey)
      this.controller.enqueue(wholeKey)
      for (const wanted of this.#wanted) this.#look(wanted)
      this.#changed(undefined)
    })
    for (const namespace of namespaces) this.#wanted.add(namespace)
  }

  has(namespace: string): boolean {
    return this.#hasWhole() && this.#isOurs(claimOf(namespace))
  }

  wants(namespace: string): void {
    if (this.#wanted.has(namespace)) return
    this.#wanted.add(namespace)
    this.#look(namespace)
  }

  onChange(handler: (namespace: string | undefined) => void): void {
    this.#handlers.push(handler)
  }

  /** Releases that have what this one is to serve, with what they have; and whether there is anything left to serve. */
  standsAside(): { isAltogether: boolean; claims: { claim: string; holder: string }[] } {
    const keys = this.#keys()
    const claims = keys.flatMap((claim) => {
      const holder = holderOf(this.#lease(claim))
      return holder === '' || holder === this.#options.release ? [] : { claim, holder }
    })
    const isAltogether =
      this.#whole === undefined ? claims.length === keys.length && keys.length > 0 : !this.#hasWhole() && claims.length > 0
    return { isAltogether, claims }
  }

  /** How many claims there are of each kind. */
  count(): Record<'held' | 'other' | 'unguarded', number> {
    const counts = { held: 0, other: 0, unguarded: 0 }
    for (const key of this.#keys()) {
      const holder = holderOf(this.#lease(key))
      if (holder === this.#options.release) counts.held += 1
      else if (holder !== '') counts.other += 1
      else if (this.#isOurs(key)) counts.unguarded += 1
    }
    return counts
  }

  /** Begins to read, once this process leads, so that it works by nothing that it has read before; and goes on until the signal is aborted. */
  run(signal: AbortSignal): Promise<unknown> {
    return Promise.all(this.reflectors.map((reflector) => reflector.run(signal)))
  }

  /** The claims that matter: without the one to the whole cluster, no other does. */
  #keys(): string[] {
    const claims = [...this.#wanted].map(claimOf)
    if (this.#whole === undefined) return claims
    return this.#hasWhole() ? [wholeKey, ...claims] : [wholeKey]
  }

  #lease = (key: string) => (key === wholeKey ? this.#whole : this.#leases)?.get(key)

  #hasWhole = () => this.#whole === undefined || this.#isOurs(wholeKey)

  #isOurs(key: string): boolean {
    const lease = this.#lease(key)
    if (lease !== undefined) return holderOf(lease) === this.#options.release
    return this.#impossible.has(key) || this.#isUnreadable(key)
  }

  #isUnreadable(key: string): boolean {
    const scope = this.#whole === undefined ? refOf(key).namespace : ''
    return this.#unreadable.has(scope) && !(key === wholeKey ? this.#whole! : this.#leases).hasSynced(refOf(key).namespace)
  }

  #look(namespace: string): void {
    this.controller.enqueue(claimOf(namespace))
  }

  #changed(namespace: string | undefined): void {
    for (const handler of this.#handlers) handler(namespace)
  }

  #cannotRead(scope: string): void {
    if (this.#unreadable.has(scope)) return
    this.#unreadable.add(scope)
    this.#sayUnguarded(scope === '' ? 'all namespaces' : `namespace ${scope}`, 'Leases may not be read')
    this.#changed(scope === '' ? undefined : scope)
  }

  #sayUnguarded(what: string, why: string): void {
    const { log } = this.#options
    log.error(
      { what, why },
      'Served without a claim, so that another release would not be noticed: the roles are older than the operator',
    )
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const store = key === wholeKey ? this.#whole! : this.#leases
    // It comes again when it has been read, or when the whole cluster's claim is ours.
    if (!store.hasSynced(refOf(key).namespace) || (key !== wholeKey && !this.#hasWhole())) return undefined
    const lease = store.get(key)
    const { release, patienceMillis } = this.#options
    const servesAll = this.#whole !== undefined
    const claimant = { release, patienceMillis, servesAll, hasWholeCluster: servesAll && key !== wholeKey }
    const before = this.#memories.get(key)
    const { step, memory } = judgeClaim(lease, claimant, before, performance.now())
    if (memory === undefined) this.#memories.delete(key)
    else this.#memories.set(key, memory)
    if (lease !== undefined && memory !== undefined && memory.holder !== before?.holder) this.#say(lease)
    switch (step.do) {
      case 'nothing':
        return undefined
      case 'wait':
        return { requeueAfterMillis: step.millis }
      case 'takeOver':
        this.#options.log.warn({ claim: key, holder: holderOf(lease) }, 'Another release is gone, and its claim is taken over')
    }
    const made = lease ?? ({ ...kind, metadata: refOf(key) } as Lease)
    const after = leaseAfter(step.do, made, claimant, microTime(new Date()))
    if (lease === undefined) return this.#create(key, after, signal)
    store.wrote(await this.#options.client.replace(resources.leases, after, { signal }))
    return undefined
  }

  async #create(key: string, lease: New<Lease>, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { namespace } = refOf(key)
    try {
      this.#store(key).wrote(await this.#options.client.create(resources.leases, lease, { signal }))
      return undefined
    } catch (error) {
      // A namespace that is not there has nothing to serve, and is wanted again when it has.
      if (isNotFound(error)) {
        this.#wanted.delete(namespace)
        this.#impossible.delete(key)
        return undefined
      }
      if (!isForbidden(error)) throw error
      const times = this.#impossible.get(key) ?? 0
      if (times === 0 && !isNamespaceTerminating(error)) this.#sayUnguarded(key, (error as Error).message)
      this.#impossible.set(key, times + 1)
      if (key === wholeKey) for (const wanted of this.#wanted) this.#look(wanted)
      this.#changed(key === wholeKey ? undefined : namespace)
      return { requeueAfterMillis: Math.min(refused.longestMillis, refused.firstMillis * 2 ** times) }
    }
  }

  #store = (key: string) => (key === wholeKey ? this.#whole! : this.#leases)

  #say(lease: Lease): void {
    const { release, events, log } = this.#options
    const { namespace, name } = lease.metadata
    const holder = holderOf(lease)
    const isWhole = name === wholeClusterClaim.name
    const what = isWhole ? 'This cluster' : `Namespace ${namespace}`
    const note =
      `${what} is served by release ${holder}, so release ${release} leaves it alone. If ${holder} is gone, it is taken over within minutes; ` +
      `to hand it over now, set spec.holderIdentity of this Lease to ${release}`
    log.warn({ claim: `${namespace}/${name}`, holder, release }, isWhole ? servedMessage.cluster : servedMessage.namespace)
    events.record({ ...lease, ...kind }, { type: 'Warning', reason: 'ServedByAnotherRelease', action: 'Claim', note })
  }
}

const servedMessage = {
  cluster: 'Cluster is served by another release, and left alone',
  namespace: 'Namespace is served by another release, and left alone',
}

const kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }
const wholeKey = keyOf(wholeClusterClaim)
const claimOf = (namespace: string) => keyOf({ namespace, name: claimName })
