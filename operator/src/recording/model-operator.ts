/** The operator of the model for the property tests: its caches, its own observe, decide and execute, and what is lost of it when it is killed. */
import type { Recording } from '@trtc-recorder/api'
import type { KubeClient, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import { ApiError, ConnectionError, isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { ownedIndexers, recordingIndexers } from '../caches.ts'
import { type Fence, fencedClient, fenceOf, LeadershipInDoubt } from '../kube/fenced-client.ts'
import type { Reconcile, ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { Store } from '../runtime/store.ts'
import { Admission } from './admission.ts'
import { DepartedPods } from './departed.ts'
import { removeOrphan } from './execute.ts'
import { Killed, type ModelServer, type Plural, plurals, type Watches } from './model-server.ts'
import { recordingOf } from './names.ts'
import { reconcileRecording } from './reconcile.ts'
import { SecondTries } from './second-tries.ts'
import { refused } from './stage.ts'
import { podConfig } from './testing.ts'
import { Untold } from './untold.ts'

const silentLog = { warn() {}, info() {}, debug() {}, error() {} } as unknown as Logger

/** What else is at work in the operator's process. */
export type MakeColleague = (
  client: KubeClient,
  recordings: Store<Recording, string>,
  now: () => Date,
  receiver: Receiver,
) => Reconcile

/** How a colleague calls somebody outside of the cluster: it may stand still before that, and the call may be held up. */
export interface Receiver {
  /** `fence`: what the colleague asks when the connection stands. */
  call(fence: Fence | undefined): Promise<void>
  fence: Fence
}

export class ModelOperator {
  /** When it looks again by itself; infinite if it does not. */
  dueMillis = 0
  readonly #server: ModelServer
  readonly #client: KubeClient
  readonly #now: () => Date
  /** What its node takes for the time. */
  readonly #clock: () => Date
  readonly #makeColleague: MakeColleague
  readonly #receiver: Receiver
  #watches: Watches
  /** Whether nobody else leads, as its own clock says. */
  #isInForce = true
  /** How many more calls of the API server it makes before it stands still; undefined: it goes on. */
  #freeze: { what: Frozen; callsLeft: number } | undefined
  /** What it was in the middle of when it stood still. */
  #frozen: { what: Frozen; wake(): void; run: Promise<void> } | undefined
  #onFrozen = Promise.withResolvers<void>()
  #caches = this.#emptyCaches()
  #departed = new DepartedPods()
  #admission = this.#newAdmission()
  #secondTries = this.#newSecondTries()
  #untold = new Untold()
  #failures = 0
  #run = new AbortController()
  #colleague: Reconcile

  constructor(server: ModelServer, { now, clock }: { now: () => Date; clock: () => Date }, makeColleague: MakeColleague) {
    this.#server = server
    this.#watches = server.watch()
    const onTheWay = gated(server.client, () => this.#gate('the network'))
    const fence = fenceOf(() => this.#isInForce)
    this.#client = gated(fencedClient(onTheWay, fence), () => this.#gate('the process'))
    this.#receiver = {
      fence,
      call: async (asked) => {
        await this.#gate('the process')
        asked?.('callback')
        await this.#gate('the network')
      },
    }
    this.#now = now
    this.#clock = clock
    this.#makeColleague = makeColleague
    this.#colleague = makeColleague(this.#client, this.#caches.recordings, clock, this.#receiver)
  }

  quotaHasRoom(namespace: string): void {
    this.#secondTries.quotaHasRoom(namespace)
  }

  /** What stands still. */
  get frozen(): Frozen | undefined {
    return this.#frozen?.what
  }

  /** Stands still when it has made so many more calls: before it makes the next one, or while that is on its way. */
  freezesAfter(calls: number, what: Frozen): void {
    this.#freeze = { what, callsLeft: calls }
  }

  /** Another one has the lease. Its clock says so, but it may be in the middle of something. */
  losesLease(): void {
    this.#isInForce = false
  }

  /** What it was in the middle of goes on as if nothing had happened meanwhile. */
  async wakesUp(): Promise<void> {
    const frozen = this.#frozen
    this.#frozen = undefined
    frozen?.wake()
    await frozen?.run
  }

  /** The recording controller, and after it whoever else is at work. Until it is done, or stands still. */
  async reconcile(): Promise<void> {
    if (this.frozen !== undefined) return
    const frozen = this.#onFrozen.promise
    const run = this.#runAll()
    await Promise.race([run, frozen])
    if (this.#frozen !== undefined) this.#frozen.run = run
  }

  /** What it is doing is cut off, as where its namespace is no longer its own. */
  isCutOff(): void {
    this.#run.abort(new ConnectionError('cut off'))
  }

  async #gate(what: Frozen): Promise<void> {
    if (this.#freeze?.what !== what) return
    this.#freeze.callsLeft -= 1
    if (this.#freeze.callsLeft >= 0) return
    this.#freeze = undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#frozen = { what, wake: resolve, run: Promise.resolve() }
    this.#onFrozen.resolve()
    this.#onFrozen = Promise.withResolvers()
    await promise
  }

  async #runAll(): Promise<void> {
    this.dueMillis = Number.POSITIVE_INFINITY
    const before = this.#failures
    await this.#runOnce((context) => this.#reconcileRecording(context))
    await this.#runOnce((context) => this.#removeOrphans(context))
    await this.#runOnce((context) => this.#colleague('lessons/math', context))
    if (this.#failures === before) this.#failures = 0
  }

  /** Pods that are left when their Recording is gone. */
  async #removeOrphans({ signal }: ReconcileContext): Promise<undefined> {
    for (const pod of this.#caches.pods.list()) {
      const uid = recordingOf(pod)?.uid
      if (this.#caches.recordings.get('lessons/math')?.metadata.uid === uid) continue
      const live = await this.#client.get(resources.recordings, { namespace: 'lessons', name: 'math' }).catch((error) => {
        if (isNotFound(error)) return undefined
        throw error
      })
      if (live?.metadata.uid !== uid) await removeOrphan({ client: this.#client, caches: this.#caches }, pod, signal)
    }
  }

  async #runOnce(reconcile: (context: ReconcileContext) => Promise<ReconcileResult | undefined>): Promise<void> {
    this.#run = new AbortController()
    try {
      const after = await reconcile({ id: '', log: silentLog, signal: this.#run.signal })
      this.#lookAgainIn(after?.requeueAfterMillis ?? Number.POSITIVE_INFINITY)
    } catch (error) {
      if (error instanceof Killed) this.restart()
      else if (isOfEverydayLife(error)) {
        this.#failures += 1
        this.#lookAgainIn(Math.min(60_000, 5 * 2 ** this.#failures))
      } else throw error
    }
  }

  #lookAgainIn(millis: number): void {
    this.dueMillis = Math.min(this.dueMillis, this.#now().getTime() + millis)
  }

  async #reconcileRecording(context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const recording = this.#caches.recordings.get('lessons/math')
    if (recording === undefined) return undefined
    const dependencies = {
      client: this.#client,
      caches: this.#caches,
      admission: this.#admission,
      departed: this.#departed,
      secondTries: this.#secondTries,
      progress: { follow: () => ({ is: 'unknown' as const, why: 'it cannot be reached' }) },
      image: podConfig.image,
      events: { record() {}, flush: async () => {} },
      pod: podConfig,
      untold: this.#untold,
      now: this.#clock,
    }
    return reconcileRecording(recording, dependencies, context)
  }

  /** A new operator takes over: it knows what the API server knows now, and nothing else. */
  restart(): void {
    this.#caches = this.#emptyCaches()
    this.#departed = new DepartedPods()
    this.#admission = this.#newAdmission()
    this.#secondTries = this.#newSecondTries()
    this.#untold = new Untold()
    this.#watches = this.#server.watch()
    for (const plural of plurals) {
      for (const object of this.#server.list(plural)) this.#store(plural).apply({ type: 'ADDED', object } as never)
    }
    this.#colleague = this.#makeColleague(this.#client, this.#caches.recordings, this.#clock, this.#receiver)
    this.dueMillis = this.#now().getTime()
  }

  /** Watches bring what they have not brought yet; each kind by itself, so what happened later may be known sooner. */
  deliver(only?: Plural, most = Number.POSITIVE_INFINITY): void {
    for (const plural of plurals.filter((one) => only === undefined || one === only)) {
      for (const event of this.#watches.take(plural, most)) this.#store(plural).apply(event as never)
    }
  }

  /** Its watches break, and bring nothing of what has come to pass meanwhile: all is listed anew. */
  listsAnew(): void {
    this.#watches = this.#server.watch()
    const resourceVersion = String(this.#server.version)
    for (const plural of plurals) this.#store(plural).replace(this.#server.list(plural) as never, { resourceVersion })
  }

  #newAdmission() {
    const limits = { perNamespace: undefined, perCluster: undefined }
    return new Admission({ caches: this.#caches, limits, priorityOf: () => 0, wake() {} })
  }

  #newSecondTries() {
    return new SecondTries<Recording>({
      objects: this.#caches.recordings,
      refused: ({ status = {} }, word) => refused(status, word),
      wake: () => this.#lookAgainIn(0),
    })
  }

  #emptyCaches() {
    const pods = new Store<Pod, 'owner'>({ indexers: ownedIndexers })
    pods.subscribe((event) => {
      if (event.type === 'deleted') this.#departed.remember(event)
    })
    return {
      recordings: new Store({ indexers: recordingIndexers }),
      pods,
      claims: new Store<PersistentVolumeClaim, 'owner'>({ indexers: ownedIndexers }),
    }
  }

  #store = (plural: Plural) =>
    plural === 'recordings' ? this.#caches.recordings : plural === 'pods' ? this.#caches.pods : this.#caches.claims
}

/** A process that is not given any time, or a call that its network holds up. */
export type Frozen = 'the process' | 'the network'

const isOfEverydayLife = (error: unknown) =>
  error instanceof ApiError ||
  error instanceof ConnectionError ||
  error instanceof LeadershipInDoubt ||
  /decided again/.test((error as Error).message)

/** Each call waits at the gate first. One whose run was cut off is not made. */
const gated = (client: KubeClient, gate: () => Promise<void>): KubeClient =>
  new Proxy(client, {
    get(target, name) {
      const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        await gate()
        ;(args.at(-1) as { signal?: AbortSignal } | undefined)?.signal?.throwIfAborted()
        return call(...args)
      }
    },
  })
