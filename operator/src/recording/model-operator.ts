/** The operator of the model for the property tests: its caches, its own observe, decide and execute, and what is lost of it when it is killed. */
import type { Recording } from '@trtc-recorder/api'
import type { KubeClient, KubeObject, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import { ApiError, ConnectionError } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { recordingIndexers } from '../caches.ts'
import type { Reconcile, ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { Store } from '../runtime/store.ts'
import { Admission } from './admission.ts'
import { DepartedPods } from './departed.ts'
import { Killed, type ModelServer, type Plural, plurals } from './model-server.ts'
import { labels } from './names.ts'
import { reconcileRecording } from './reconcile.ts'
import { SecondTries } from './second-tries.ts'
import { refusedSince } from './stage.ts'
import { podConfig } from './testing.ts'
import { Untold } from './untold.ts'

const silentLog = { warn() {}, info() {}, debug() {}, error() {} } as unknown as Logger

/** What else is at work in the operator's process. */
export type MakeColleague = (client: KubeClient, recordings: Store<Recording, string>, now: () => Date) => Reconcile

export class ModelOperator {
  /** When it looks again by itself; infinite if it does not. */
  dueMillis = 0
  readonly #server: ModelServer
  readonly #now: () => Date
  readonly #makeColleague: MakeColleague
  #caches = this.#emptyCaches()
  #departed = new DepartedPods()
  #admission = this.#newAdmission()
  #secondTries = this.#newSecondTries()
  #untold = new Untold()
  #failures = 0
  #colleague: Reconcile

  constructor(server: ModelServer, now: () => Date, makeColleague: MakeColleague) {
    this.#server = server
    this.#now = now
    this.#makeColleague = makeColleague
    this.#colleague = makeColleague(server.client, this.#caches.recordings, now)
  }

  quotaHasRoom(namespace: string): void {
    this.#secondTries.quotaHasRoom(namespace)
  }

  /** The recording controller, and after it whoever else is at work. */
  async reconcile(): Promise<void> {
    this.dueMillis = Number.POSITIVE_INFINITY
    await this.#run((context) => this.#reconcileRecording(context))
    await this.#run((context) => this.#colleague('lessons/math', context))
  }

  async #run(reconcile: (context: ReconcileContext) => Promise<ReconcileResult | undefined>): Promise<void> {
    const { signal } = new AbortController()
    try {
      const after = await reconcile({ id: '', log: silentLog, signal })
      this.#failures = 0
      this.#lookAgainIn(after?.requeueAfterMillis ?? Number.POSITIVE_INFINITY)
    } catch (error) {
      if (error instanceof Killed) this.restart()
      else if (error instanceof ApiError || error instanceof ConnectionError || /decided again/.test((error as Error).message)) {
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
      client: this.#server.client,
      caches: this.#caches,
      admission: this.#admission,
      departed: this.#departed,
      secondTries: this.#secondTries,
      progress: { follow: () => ({ is: 'unknown' as const, why: 'it cannot be reached' }) },
      image: podConfig.image,
      events: { record() {}, flush: async () => {} },
      pod: podConfig,
      untold: this.#untold,
      now: this.#now,
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
    for (const plural of plurals) {
      this.#server.takeWritten(plural)
      for (const object of this.#server.list(plural))
        this.#store(plural).apply({ type: 'ADDED', object: structuredClone(object) } as never)
    }
    this.#colleague = this.#makeColleague(this.#server.client, this.#caches.recordings, this.#now)
    this.dueMillis = this.#now().getTime()
  }

  /** Watches bring what they have not brought yet; each kind by itself, so what happened later may be known sooner. */
  deliver(only?: Plural, most = Number.POSITIVE_INFINITY): void {
    for (const plural of plurals.filter((one) => only === undefined || one === only)) {
      for (const event of this.#server.takeWritten(plural, most)) {
        this.#store(plural).apply(event as never)
        if (plural === 'pods' && event.type === 'DELETED') this.#departed.remember(event.object as Pod)
      }
    }
  }

  #newAdmission() {
    const limits = { perNamespace: undefined, perCluster: undefined }
    return new Admission({ caches: this.#caches, limits, priorityOf: () => 0, wake() {} })
  }

  #newSecondTries() {
    return new SecondTries<Recording>({
      objects: this.#caches.recordings,
      refusedSince: ({ status = {} }, word) => refusedSince(status, word),
      wake: () => this.#lookAgainIn(0),
    })
  }

  #emptyCaches() {
    const uids = ({ metadata }: KubeObject) => [metadata.labels?.[labels.recordingUid] ?? '']
    return {
      recordings: new Store({ indexers: recordingIndexers }),
      pods: new Store<Pod, 'recordingUid'>({ indexers: { recordingUid: uids } }),
      claims: new Store<PersistentVolumeClaim, 'recordingUid'>({ indexers: { recordingUid: uids } }),
    }
  }

  #store = (plural: Plural) =>
    plural === 'recordings' ? this.#caches.recordings : plural === 'pods' ? this.#caches.pods : this.#caches.claims
}
