/**
 * A model of the outside of one Recording for the property tests: an API server with the operator's caches behind it, kubelets and nodes,
 * recorders and what is on their volumes, COS, a user, and a clock. The operator's own observe, decide and execute run against it. Nothing
 * of the product imports it.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  annotationName,
  type RecordedFile,
  type Recording,
  type RecordingSpec,
  type RecordingStatus,
  recorderOutcomes,
  type UserAnnotation,
} from '@trtc-recorder/api'
import type { JsonPatchOperation, KubeClient, KubeObject, Patch, PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import { ApiError, ConnectionError } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { recordingIndexers } from '../caches.ts'
import type { Reconcile, ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { Store } from '../runtime/store.ts'
import { Admission } from './admission.ts'
import { DepartedPods } from './departed.ts'
import { attemptOf, labels } from './names.ts'
import { reconcileRecording } from './reconcile.ts'
import { SecondTries } from './second-tries.ts'
import { aFile, aRecording, endPod, enter, podConfig, schedule, start } from './testing.ts'
import { Untold } from './untold.ts'

type Plural = 'recordings' | 'pods' | 'persistentvolumeclaims'
export type Fault = '409' | '429' | '500' | 'lost' | 'lost, but done'
/** The operator dies with it. */
export type Death = 'killed before' | 'killed after'

/** What is on a volume: every file that was recorded on it, and whether it is in COS. */
type Media = Map<string, 'on the volume' | 'in COS'>

const silentLog = { warn() {}, info() {}, debug() {}, error() {} } as unknown as Logger
const foreground = 'foregroundDeletion'

export class Model {
  now = start
  /** Writes that come next are answered so. */
  faults: Fault[] = []
  /** Counted from 1, over all writes of the operator. */
  failure: { write: number; how: Fault | Death } | undefined
  /** Called with each status of the Recording that comes to stand in it. */
  onStatus: (status: RecordingStatus) => void = () => {}
  /** All that the operator wrote, or tried to. */
  readonly writes: string[] = []
  cosIsAway = false
  quotaIsUsedUp = false
  secretIsMissing = false
  nodeIsSilent = false
  /** The operator looks again before a watch has brought what it wrote. */
  watchesAreLate = false
  /** In the order in which things went; said when a property does not hold. */
  readonly story: string[] = []
  /** Media of volumes that a user took away. */
  readonly taken = new Set<string>()
  /** Files that were recorded and whose record no recorder could hand on, for its Pod was taken by force while it wrote. */
  readonly media = new Map<string, Media>()
  readonly #objects: Record<Plural, Map<string, KubeObject>> = {
    recordings: new Map(),
    pods: new Map(),
    persistentvolumeclaims: new Map(),
  }
  readonly #undelivered: Record<Plural, { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject }[]> = {
    recordings: [],
    pods: [],
    persistentvolumeclaims: [],
  }
  /** Names of volumes whose recorder was sent out for good. */
  readonly #over = new Map<string, string>()
  #version = 1
  #files = 0
  #caches = this.#emptyCaches()
  #departed = new DepartedPods()
  #admission = this.#newAdmission()
  #secondTries = this.#newSecondTries()
  #untold = new Untold()
  #dueMillis = 0
  #failures = 0
  readonly #makeColleague: MakeColleague
  #colleague: Reconcile

  /** `makeColleague`: what else is at work in the operator's process. */
  constructor(spec: Partial<RecordingSpec> = {}, makeColleague: MakeColleague = () => async () => undefined) {
    this.#makeColleague = makeColleague
    this.#colleague = makeColleague(this.#client, this.#caches.recordings, () => this.now)
    const { status: _, ...recording } = aRecording(spec)
    this.#put('recordings', { ...recording, status: { observedGeneration: -1 } } as Recording)
  }

  get recording(): Recording | undefined {
    return this.#objects.recordings.get('math') as Recording | undefined
  }

  get pods(): Pod[] {
    return [...this.#objects.pods.values()] as Pod[]
  }

  get volumes(): PersistentVolumeClaim[] {
    return [...this.#objects.persistentvolumeclaims.values()] as PersistentVolumeClaim[]
  }

  /** When the operator looks again by itself; infinite if it does not. */
  get dueMillis(): number {
    return this.#dueMillis
  }

  // The operator.

  /** The recording controller, and after it whoever else is at work. */
  async reconcile(): Promise<void> {
    this.#dueMillis = Number.POSITIVE_INFINITY
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
    this.#dueMillis = Math.min(this.#dueMillis, this.now.getTime() + millis)
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
      now: () => this.now,
    }
    return reconcileRecording(recording, dependencies, context)
  }

  /** Until it has nothing more to do at this moment; throws where that never comes. */
  async settle(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      const version = this.#version
      const isLate = this.watchesAreLate && round % 2 === 0
      if (!isLate) this.deliver()
      await this.reconcile()
      if (isLate) continue
      if (this.#version === version && this.#dueMillis > this.now.getTime() + 2000 && this.faults.length === 0) return
      if (this.#version === version) this.after(Math.max(0, Math.min(this.#dueMillis - this.now.getTime(), 60_000)) / 1000)
    }
    throw new Error('the operator never comes to rest')
  }

  /** A new operator takes over: it knows what the API server knows now, and nothing else. */
  restart(): void {
    this.#caches = this.#emptyCaches()
    this.#departed = new DepartedPods()
    this.#admission = this.#newAdmission()
    this.#secondTries = this.#newSecondTries()
    this.#untold = new Untold()
    for (const plural of plurals) {
      this.#undelivered[plural] = []
      for (const object of this.#objects[plural].values())
        this.#store(plural).apply({ type: 'ADDED', object: structuredClone(object) } as never)
    }
    this.#colleague = this.#makeColleague(this.#client, this.#caches.recordings, () => this.now)
    this.#dueMillis = this.now.getTime()
  }

  /** Watches bring what they have not brought yet; each kind by itself, so what happened later may be known sooner. */
  deliver(only?: Plural, most = Number.POSITIVE_INFINITY): void {
    for (const plural of plurals.filter((one) => only === undefined || one === only)) {
      for (const event of this.#undelivered[plural].splice(0, most)) {
        this.#store(plural).apply(event as never)
        if (plural === 'pods' && event.type === 'DELETED') this.#departed.remember(event.object as Pod)
      }
    }
  }

  after(seconds: number): void {
    this.now = new Date(this.now.getTime() + seconds * 1000)
  }

  // The user.

  changes(spec: Partial<RecordingSpec>): void {
    const { recording } = this
    if (recording === undefined) return
    const generation = recording.metadata.generation + 1
    this.#put('recordings', {
      ...recording,
      spec: { ...recording.spec, ...spec },
      metadata: { ...recording.metadata, generation },
    })
  }

  annotates(annotation: UserAnnotation): void {
    const { recording } = this
    if (recording === undefined) return
    const annotations = { ...recording.metadata.annotations, [annotationName(annotation)]: String(this.#version) }
    this.#put('recordings', { ...recording, metadata: { ...recording.metadata, annotations } })
  }

  deletes(how: 'background' | 'foreground' = 'background'): void {
    const { recording } = this
    if (recording === undefined || recording.metadata.deletionTimestamp !== undefined) return
    const finalizers = [...(recording.metadata.finalizers ?? []), ...(how === 'foreground' ? [foreground] : [])]
    const deletionTimestamp = this.now.toISOString()
    const deleted = { ...recording, metadata: { ...recording.metadata, finalizers, deletionTimestamp } }
    if (finalizers.length === 0) this.#remove('recordings', deleted)
    else this.#put('recordings', deleted)
    this.collectGarbage()
  }

  deletesPod(force = false): void {
    const pod = this.pods.at(-1)
    if (pod === undefined) return
    if (force) this.#remove('pods', pod)
    else this.#deletePod(pod)
  }

  deletesVolume(): void {
    const volume = this.volumes.at(-1)
    if (volume === undefined) return
    this.taken.add(volume.metadata.uid)
    this.#deleteVolume(volume)
  }

  // Kubernetes.

  schedules(): void {
    for (const pod of this.pods.filter((one) => !one.spec?.nodeName && one.metadata.deletionTimestamp === undefined)) {
      const volume = this.#volumeOf(pod) as PersistentVolumeClaim | undefined
      if (volume === undefined) continue
      if (volume.spec?.volumeName === undefined) {
        const spec = { ...volume.spec, volumeName: `pv-of-${volume.metadata.uid}` }
        this.#put('persistentvolumeclaims', { ...volume, spec })
      }
      this.#changePod(pod, (copy) => schedule(copy))
    }
  }

  /** Those that were deleted are asked to end, and go when they have; those of a deleted Recording are collected. */
  collectGarbage(): void {
    const { recording } = this
    const owned = this.pods.filter((pod) => pod.metadata.ownerReferences?.length)
    const isForeground = recording?.metadata.finalizers?.includes(foreground) ?? false
    if (recording === undefined || isForeground) for (const pod of owned) this.#deletePod(pod)
    if (recording !== undefined && isForeground && this.pods.every((pod) => !pod.metadata.ownerReferences?.length)) {
      this.#writeFinalizers(
        recording,
        recording.metadata.finalizers!.filter((name) => name !== foreground),
      )
    }
  }

  kubeletReaps(): void {
    if (this.nodeIsSilent) return
    for (const pod of this.pods.filter((one) => one.metadata.deletionTimestamp !== undefined && isOver(one)))
      this.#remove('pods', pod)
    for (const volume of this.volumes.filter((one) => one.metadata.deletionTimestamp !== undefined)) this.#deleteVolume(volume)
    this.collectGarbage()
  }

  quotaHasRoom(): void {
    this.quotaIsUsedUp = false
    this.#secondTries.quotaHasRoom('lessons')
  }

  nodeFallsSilent(): void {
    this.nodeIsSilent = true
    for (const pod of this.pods.filter((one) => one.spec?.nodeName && !isOver(one))) {
      this.#changePod(pod, ({ status }) => {
        const others = status!.conditions?.filter(({ type }) => type !== 'Ready' && type !== 'ContainersReady') ?? []
        const lastTransitionTime = this.now.toISOString()
        const conditions = [
          { type: 'Ready', status: 'False', lastTransitionTime },
          { type: 'ContainersReady', status: 'True' },
        ]
        status!.conditions = [...others, ...conditions]
      })
    }
  }

  nodeComesBack(): void {
    this.nodeIsSilent = false
    for (const pod of this.pods.filter(
      (one) => !isOver(one) && one.status?.conditions?.some(({ type }) => type === 'ContainersReady'),
    )) {
      this.#changePod(pod, ({ status }) => {
        status!.conditions = status!.conditions!.filter(({ type }) => type !== 'Ready' && type !== 'ContainersReady')
      })
    }
  }

  /** What was left behind on a node that is silent to Kubernetes alone finds its way into the room again, and TRTC sends the other one out. */
  oneLeftBehindComesBack(): void {
    const left = this.recording?.status?.attempts?.find(({ state }) => state === 'LeftBehind')
    const pod = this.pods.find(({ metadata }) => metadata.name === left?.pod)
    if (pod === undefined || isOver(pod) || !hasEntered(pod)) return
    const other = this.running.find((one) => hasEntered(one) && one !== pod)
    if (other !== undefined) this.ends('DuplicateUser', {}, other)
  }

  // Recorders. Each is that of the newest Pod that has not ended, or of all.

  get running(): Pod[] {
    return this.pods.filter((pod) => pod.spec?.nodeName && !isOver(pod) && !isSilent(pod))
  }

  enters(pod = this.running.at(-1)): void {
    if (pod === undefined || jobOf(pod).uploadOnly || hasEntered(pod) || pod.metadata.deletionTimestamp !== undefined) return
    // What stands on its volume says that it is over.
    const over = this.#over.get(claimName(pod) ?? '')
    if (over !== undefined) {
      this.ends(over, {}, pod)
      return
    }
    this.#files += 1
    this.#mediaOf(pod).set(`file-${this.#files}`, 'on the volume')
    this.#changePod(pod, (copy) => enter(copy, this.now))
  }

  /** It finishes, uploads what the volume has, and says so. */
  ends(stopReason: string, how: { omitted?: boolean; unknown?: boolean } = {}, pod = this.running.at(-1)): void {
    if (pod === undefined) return
    const { uploadOnly, attempt } = jobOf(pod)
    if (stopReason === 'DuplicateUser') this.#over.set(claimName(pod) ?? '', stopReason)
    const media = this.#mediaOf(pod)
    if (!this.cosIsAway) for (const name of media.keys()) media.set(name, 'in COS')
    const files = [...media].map(([name, where]) => fileOf(name, where === 'in COS' ? 1 : 0, attempt))
    const complete = files.every(({ status }) => status === 1)
    const outcome = complete ? 'Completed' : 'UploadIncomplete'
    const said = {
      attempt,
      outcome: how.unknown ? 'Merged' : outcome,
      message: 'It ended.',
      stopReason: uploadOnly ? 'NeverStarted' : stopReason,
      files: how.omitted && files.length > 0 ? [] : files,
      ...(how.omitted && files.length > 0 ? { filesOmitted: files.length } : {}),
      ...(hasEntered(pod) ? { startedAt: this.now.toISOString() } : {}),
    }
    this.#changePod(pod, (copy) => endPod(copy, this.now, said as never, { exitCode: recorderOutcomes[outcome].exitCode }))
  }

  /** It does not get into the room, or a Secret or COS is not there. */
  fails(pod = this.running.at(-1)): void {
    if (pod === undefined || hasEntered(pod)) return
    const { attempt, uploadOnly } = jobOf(pod)
    const notStored = this.cosIsAway ? 'UploadIncomplete' : 'InternalError'
    const outcome = this.secretIsMissing ? 'SecretNotFound' : uploadOnly ? notStored : 'StartTimeout'
    const said = { attempt, outcome, message: 'It could not.', stopReason: 'NeverStarted', files: [] }
    this.#changePod(pod, (copy) => endPod(copy, this.now, said as never))
  }

  isKilled(how: 'OOMKilled' | 'Error', pod = this.running.at(-1)): void {
    if (pod !== undefined) this.#changePod(pod, (copy) => endPod(copy, this.now, undefined, { reason: how }))
  }

  /** Those that are asked to end do, and the world goes on as it should. */
  everythingIsWell(): void {
    this.schedules()
    for (const pod of this.running) {
      const isAsked =
        pod.metadata.deletionTimestamp !== undefined ||
        pod.metadata.annotations?.['trtc-recorder.dev/control']?.includes('"Stopped"')
      if (isAsked || jobOf(pod).uploadOnly) this.ends('Terminated', {}, pod)
    }
    this.kubeletReaps()
  }

  /** Files and whether they are in COS, on volumes that are there or of which nobody but the operator could have taken. */
  get files(): { name: string; where: 'on the volume' | 'in COS'; volumeUid: string }[] {
    return [...this.media].flatMap(([volumeUid, media]) => [...media].map(([name, where]) => ({ name, where, volumeUid })))
  }

  // The API server.

  readonly #client = {
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
        return this.#put(plural, { ...known, status: JSON.parse(JSON.stringify(object.status)) } as KubeObject)
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
        if (plural === 'pods') this.#deletePod(known as Pod)
        else this.#operatorDeletesVolume(known as PersistentVolumeClaim)
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
        return structuredClone(carryOut())
    }
  }

  #create(plural: Plural, object: KubeObject): KubeObject {
    if (plural === 'pods' && this.quotaIsUsedUp) {
      throw new ApiError('create', 403, { reason: 'Forbidden', message: 'exceeded quota: none' })
    }
    if (this.#objects[plural].has(object.metadata.name)) throw new ApiError('create', 409, { reason: 'AlreadyExists' })
    if (plural === 'pods') this.#checkNoOtherRecorder(object as Pod)
    const made = structuredClone(object)
    made.metadata = { ...made.metadata, uid: `uid-${++this.#version}`, generation: 1, creationTimestamp: this.now.toISOString() }
    if (plural === 'pods') Object.assign(made, { status: { phase: 'Pending' } })
    const put = this.#put(plural, made)
    this.collectGarbage()
    return put
  }

  /** Two recorders at once would be worse than a gap, unless the earlier one is lost to its node; two on one volume always would. */
  #checkNoOtherRecorder(pod: Pod): void {
    const left = this.recording?.status?.attempts?.filter(({ state }) => state === 'LeftBehind').map(({ pod: name }) => name)
    const { uploadOnly } = jobOf(pod)
    const other = this.pods.find(
      (one) =>
        !isOver(one) &&
        isAlive(one) &&
        (claimName(one) === claimName(pod) || !(left?.includes(one.metadata.name) || uploadOnly || jobOf(one).uploadOnly)),
    )
    if (other !== undefined) throw new PropertyError(`Pod ${pod.metadata.name} is made while ${other.metadata.name} lives`)
  }

  #operatorDeletesVolume(volume: PersistentVolumeClaim): void {
    const unsaved = [...(this.media.get(volume.metadata.uid) ?? [])].filter(([, where]) => where === 'on the volume')
    if (unsaved.length > 0)
      throw new PropertyError(`volume ${volume.metadata.name} is deleted with ${unsaved.length} files that are nowhere else`)
    this.#deleteVolume(volume)
  }

  #patch(plural: Plural, name: string, { metadata }: PatchBody): KubeObject {
    const known = this.#get(plural, name)
    const { resourceVersion, uid, finalizers, annotations, ownerReferences } = metadata
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      throw new ApiError('patch', 409, { reason: 'Conflict' })
    }
    if (uid !== undefined && uid !== known.metadata.uid) throw new ApiError('patch', 409, { reason: 'Conflict' })
    if (finalizers !== undefined) return this.#writeFinalizers(known as Recording, finalizers)
    const changed = structuredClone(known)
    if (annotations !== undefined) {
      const merged = Object.entries({ ...changed.metadata.annotations, ...annotations }).filter(([, value]) => value !== null)
      changed.metadata.annotations = Object.fromEntries(merged) as Record<string, string>
    }
    if (ownerReferences === null) delete changed.metadata.ownerReferences
    return this.#put(plural, changed)
  }

  #patchByOperations(plural: Plural, name: string, operations: readonly JsonPatchOperation[]): KubeObject {
    const changed = this.#get(plural, name)
    for (const { op, path, value } of operations) {
      const steps = path.slice(1).split('/')
      const last = steps.pop()!
      const parent = steps.reduce<Record<string, unknown> | undefined>((at, step) => at?.[step] as never, changed as never)
      const isSame = isDeepStrictEqual(parent?.[last], value)
      if (parent === undefined || (op === 'test' && !isSame)) throw new ApiError('patch', 422, { reason: 'Invalid' })
      if (op === 'remove') throw new Error('the model removes nothing by a JSON patch')
      if (op !== 'test') parent[last === '-' ? (parent as unknown as unknown[]).length : last] = structuredClone(value)
    }
    return this.#put(plural, changed)
  }

  #writeFinalizers(recording: Recording, finalizers: string[]): Recording {
    const written = { ...recording, metadata: { ...recording.metadata, finalizers } }
    if (finalizers.length > 0 || recording.metadata.deletionTimestamp === undefined) return this.#put('recordings', written)
    this.#remove('recordings', written)
    this.collectGarbage()
    return written
  }

  #get(plural: Plural, name: string): KubeObject {
    const known = this.#objects[plural].get(name)
    if (known === undefined) throw new ApiError(`get ${plural} ${name}`, 404, { reason: 'NotFound' })
    return structuredClone(known)
  }

  #put<T extends KubeObject>(plural: Plural, object: T): T {
    const isNew = !this.#objects[plural].has(object.metadata.name)
    const put = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } }
    this.#objects[plural].set(object.metadata.name, put)
    if (plural === 'recordings') this.onStatus((put as unknown as Recording).status ?? {})
    this.#undelivered[plural].push({ type: isNew ? 'ADDED' : 'MODIFIED', object: structuredClone(put) })
    return put
  }

  #remove(plural: Plural, object: KubeObject): void {
    if (!this.#objects[plural].delete(object.metadata.name)) return
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) }
    this.#undelivered[plural].push({ type: 'DELETED', object: structuredClone({ ...object, metadata }) })
  }

  #deletePod(pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) return
    if (!pod.spec?.nodeName) this.#remove('pods', pod)
    else {
      const grace = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000
      const deletionTimestamp = new Date(this.now.getTime() + grace).toISOString()
      this.#changePod(pod, (copy) => Object.assign(copy.metadata, { deletionTimestamp }))
    }
  }

  /** A volume stays while a Pod uses it. */
  #deleteVolume(volume: PersistentVolumeClaim): void {
    if (volume.metadata.deletionTimestamp === undefined) {
      this.#put('persistentvolumeclaims', {
        ...volume,
        metadata: { ...volume.metadata, deletionTimestamp: this.now.toISOString() },
      })
    }
    const current = this.#objects.persistentvolumeclaims.get(volume.metadata.name)!
    if (!this.pods.some((pod) => !isOver(pod) && claimName(pod) === volume.metadata.name))
      this.#remove('persistentvolumeclaims', current)
  }

  #changePod(pod: Pod, change: (pod: Pod) => void): void {
    const current = this.#objects.pods.get(pod.metadata.name)
    if (current?.metadata.uid !== pod.metadata.uid) return
    const copy = structuredClone(current) as Pod
    change(copy)
    this.#put('pods', copy)
  }

  #volumeOf = (pod: Pod) => this.#objects.persistentvolumeclaims.get(claimName(pod) ?? '')

  #mediaOf(pod: Pod): Media {
    const uid = this.#volumeOf(pod)?.metadata.uid ?? 'none'
    const media = this.media.get(uid) ?? new Map()
    this.media.set(uid, media)
    return media
  }

  #newAdmission() {
    const limits = { perNamespace: undefined, perCluster: undefined }
    return new Admission({ caches: this.#caches, limits, priorityOf: () => 0, wake() {} })
  }

  #newSecondTries() {
    return new SecondTries({ recordings: this.#caches.recordings, wake: () => this.#lookAgainIn(0) })
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

export class PropertyError extends Error {}
class Killed extends Error {}

type MakeColleague = (client: KubeClient, recordings: Store<Recording, string>, now: () => Date) => Reconcile

interface PatchBody {
  metadata: {
    resourceVersion?: string
    uid?: string
    finalizers?: string[]
    annotations?: Record<string, string | null>
    ownerReferences?: null
  }
}

const plurals: readonly Plural[] = ['recordings', 'pods', 'persistentvolumeclaims']

export const isOver = (pod: Pod) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const isAlive = (pod: Pod) => pod.metadata.deletionTimestamp === undefined || pod.spec?.nodeName !== undefined
const hasEntered = (pod: Pod) => pod.status?.containerStatuses?.[0]?.ready === true
const isSilent = (pod: Pod) => pod.status?.conditions?.some(({ type }) => type === 'ContainersReady') ?? false
const claimName = (pod: Pod) =>
  pod.spec?.volumes?.find((volume) => volume.persistentVolumeClaim !== undefined)?.persistentVolumeClaim?.claimName

function jobOf(pod: Pod): { attempt: number; uploadOnly: boolean } {
  const job = pod.spec?.containers[0]?.env?.find(({ name }) => name === 'TRTC_RECORDER_JOB')?.value ?? '{}'
  return { attempt: attemptOf(pod) ?? 1, uploadOnly: job.includes('"uploadOnly":true') }
}

const fileOf = (name: string, status: 0 | 1, attempt: number): RecordedFile =>
  aFile('alice', { path: name, status, attempt, message: status === 1 ? 'ok' : 'writing to COS' })
