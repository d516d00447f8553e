import { isDeepStrictEqual } from 'node:util'
import { annotationName, kind, podFinalizer, type Recording, type RecordingStatus, recordingFinalizer } from '@trtc-recorder/api'
import type { DeleteOptions, KubeClient, KubeObject, New, PersistentVolumeClaim, Pod, Resource } from '@trtc-recorder/kube'
import { isAlreadyExists, isConflict, isInvalid, isNotFound, isServerError, resources } from '@trtc-recorder/kube'
import type { Caches } from '../caches.ts'

import type { EventRecorder } from '../kube/events.ts'
import type { ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { ownerKey } from '../runtime/objects.ts'
import { controlAnnotations, nudgedAnnotation } from './control.ts'
import { decide } from './decide.ts'
import { eventsOf } from './events.ts'
import { belongsTo, isLeftByNamesake, labels, takenOverAnnotation } from './names.ts'
import type { Action, Observed, Plan } from './plan.ts'
import { type RecorderPodConfig, recorderPod } from './pod.ts'
import { volumeClaim } from './pvc.ts'
import { Refusal, type RefusalWord, refusalOf } from './refusal.ts'
import { type Untold, untoldMillis } from './untold.ts'
import { writeWithinLimits } from './within-limits.ts'

/** Whose writes these are, for the caches. */
export const writer = 'recording'

export interface ExecuteDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'claims'>
  events: EventRecorder
  pod: RecorderPodConfig
  untold: Untold
  now: () => Date
}

/**
 * Carries a plan out: record, act, report. What an action rests on is in the status before it is done, so a crash between any two lines
 * is made good by deciding again; a status write is refused if the Recording is not what the decision was made from. Gives the time
 * after which to look again.
 *
 * The first recorder of a Recording does not wait for the status: its name is known beforehand, making it again does no harm, and the finalizer
 * has proved what the Recording is. What there is to tell is told in a run of its own, after everybody who waits for a recorder; and what
 * only tells waits for a moment, for it is mostly out of date by then.
 */
export async function execute(
  observed: Observed,
  plan: Plan,
  dependencies: ExecuteDependencies,
  context: ReconcileContext,
): Promise<ReconcileResult | undefined> {
  const { log } = context
  const before = observed.recording
  const hands = new Hands(dependencies, context)
  const held = plan.addFinalizer ? await hands.hold(before) : before

  const isFirst = held !== before && isFirstRecorder(before, plan)
  const untoldFor = isFirst ? untoldMillis : dependencies.untold.restMillis(observed, plan, dependencies.now())

  // Record.
  let recording = untoldFor > 0 ? held : await hands.writeStatus(held, plan.status)

  function report() {
    for (const event of eventsOf(before.status, recording.status ?? {}, plan.answers)) {
      dependencies.events.record({ ...recording, kind }, event)
      log.info({ recording: recording.metadata.name, reason: event.reason, note: event.note }, 'Recording changed')
    }
  }

  // Act.
  let requeueAfterMillis = plan.requeueAfterMillis
  let underWay: Action | undefined
  try {
    // Nothing was written, so nothing proved that the cache is not behind; it must not lead to a second recorder.
    if (recording === before && plan.actions.some((action) => action.do === 'createPod')) await hands.confirm(before)
    for (const action of plan.actions) {
      underWay = action
      await hands.act(action, recording)
    }
    if (untoldFor > 0) return { requeueAfterMillis: Math.min(untoldFor, requeueAfterMillis ?? untoldFor), priority: 'low' }
  } catch (error) {
    if (!(error instanceof Refusal)) {
      // What stands in the status has happened, whatever becomes of the rest.
      report()
      throw error
    }
    log.warn({ reason: error.word, error: error.message }, 'API server refused what a recorder needs')
    // What was refused is a fact like any other. What is to be done then is done in a run of its own, from the status that says so.
    const volume = volumeOf(underWay)
    const refusal = { word: error.word, message: error.message, volume, isFirstAsk: isFirstAsk(before, plan, volume) }
    const after = decide({ ...observed, recording, refusal }, dependencies.now())
    recording = await hands.writeStatus(recording, after.status)
    requeueAfterMillis = after.actions.length > 0 ? 0 : after.requeueAfterMillis
  }

  report()
  return requeueAfterMillis === undefined ? undefined : { requeueAfterMillis }
}

/** The volume that an action makes, or makes a Pod for. */
export const volumeOf = (action: Action | undefined): string =>
  action?.do === 'ensureVolume' ? action.name : action?.do === 'createPod' ? action.order.volume : ''

/**
 * Whether the Pod that was to work on this volume was to be made for the first time: the status that the plan was made from tells of no such attempt. Only the first of
 * all may have been asked for without that.
 */
export const isFirstAsk = ({ status }: Recording, { actions }: Pick<Plan, 'actions'>, volume: string): boolean =>
  actions.some(
    (action) =>
      action.do === 'createPod' &&
      action.order.volume === volume &&
      action.order.attempt > 1 &&
      !status?.attempts?.some(({ number }) => number === action.order.attempt),
  )

const isFirstRecorder = ({ status }: Recording, { actions }: Plan) =>
  status?.attempts === undefined &&
  actions.some((action) => action.do === 'createPod') &&
  actions.every((action) => action.do === 'createPod' || action.do === 'ensureVolume')

/** Nobody is left who could read its result; its recorder is asked to finish, in case it still runs. */
export async function removeOrphan({ client, caches }: Remover, pod: Pod, signal: AbortSignal): Promise<void> {
  if (pod.metadata.deletionTimestamp === undefined) await remove(client, resources.pods, pod, caches.pods, { signal })
  await releasePod(client, pod, signal)
}

/** Nobody is left who would. */
export async function removeEmptyVolume(
  { client, caches }: Remover,
  claim: PersistentVolumeClaim,
  signal: AbortSignal,
): Promise<void> {
  if (claim.metadata.deletionTimestamp !== undefined) return
  await remove(client, resources.persistentVolumeClaims, claim, caches.claims, { signal })
}

type Remover = Pick<ExecuteDependencies, 'client' | 'caches'>

/** The answer goes into the cache at once: what is known to be going is not deleted again. Everybody hears of it, as if a watch had brought it. */
async function remove<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  cache: { wrote(object: T): void },
  options: Pick<DeleteOptions, 'gracePeriodSeconds' | 'signal'>,
): Promise<void> {
  try {
    const going = await client.delete(resource, refOf(object), { uid: object.metadata.uid, ...options })
    if (going !== undefined) cache.wrote(going)
  } catch (error) {
    // Gone, or replaced by another object of the same name.
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
}

/** Takes the result's finalizer off a Pod, so that it can go. */
export async function releasePod(client: KubeClient, pod: Pod, signal: AbortSignal): Promise<void> {
  const index = pod.metadata.finalizers?.indexOf(podFinalizer) ?? -1
  if (index < 0) return
  const path = `/metadata/finalizers/${index}`
  const operations = [
    { op: 'test' as const, path: '/metadata/uid', value: pod.metadata.uid },
    { op: 'test' as const, path, value: podFinalizer },
    { op: 'remove' as const, path },
  ]
  try {
    await client.patch(resources.pods, refOf(pod), { type: 'json', operations }, { signal })
  } catch (error) {
    if (isNotFound(error)) return
    if (!isInvalid(error)) throw error
    // The list of finalizers is not what it was.
    const live = await client.get(resources.pods, refOf(pod), { signal }).catch(unlessGone)
    if (live?.metadata.uid === pod.metadata.uid) await releasePod(client, live, signal)
  }
}

/** The writes of one reconcile. Each can be repeated without harm. */
class Hands {
  readonly #client: KubeClient
  readonly #caches: ExecuteDependencies['caches']
  readonly #pod: RecorderPodConfig
  readonly #signal: AbortSignal
  readonly #log: ReconcileContext['log']

  constructor({ client, caches, pod }: ExecuteDependencies, { log, signal }: ReconcileContext) {
    this.#log = log
    this.#client = client
    this.#caches = caches
    this.#pod = pod
    this.#signal = signal
  }

  hold = (recording: Recording) =>
    this.#writeFinalizers(recording, [...(recording.metadata.finalizers ?? []), recordingFinalizer])

  /** Throws a Conflict if the API server has a newer Recording than the one decided on. */
  async confirm(recording: Recording): Promise<void> {
    const live = await this.#client.get(resources.recordings, refOf(recording), { signal: this.#signal })
    if (live.metadata.resourceVersion === recording.metadata.resourceVersion) return
    this.#caches.recordings.wrote(live)
    throw new Error(`Recording ${recording.metadata.name} has changed meanwhile; decided again from what it is now`)
  }

  async writeStatus(recording: Recording, status: RecordingStatus): Promise<Recording> {
    if (isDeepStrictEqual(recording.status ?? {}, status)) return recording
    const { written, isShortened } = await writeWithinLimits(this.#client, recording, status, this.#signal)
    if (isShortened) this.#log.warn({ recording: recording.metadata.name }, 'Status was too large and was shortened')
    this.#caches.recordings.wrote(written, writer)
    return written
  }

  async act(action: Action, recording: Recording): Promise<void> {
    switch (action.do) {
      case 'ensureVolume': {
        const { uid } = recording.metadata
        const { name } = action
        if (
          this.#caches.claims
            .byIndex('owner', ownerKey(recording.metadata))
            .some((claim) => claim.metadata.name === name && belongsTo(claim, uid))
        ) {
          return
        }
        const wanted = volumeClaim(recording, name, this.#pod.options)
        const { object, by } = await this.#ensure(resources.persistentVolumeClaims, wanted, recording, 'VolumeNotOwned')
        this.#caches.claims.wrote(object, by)
        return
      }
      case 'createPod': {
        const wanted = recorderPod(recording, action.order, this.#pod)
        const { object, by } = await this.#ensure(resources.pods, wanted, recording, 'PodRejected')
        this.#caches.pods.wrote(object, by)
        return
      }
      case 'steerPod':
        await this.#annotatePod(action.pod, controlAnnotations(action.control, action.at))
        return
      case 'nudgePod':
        await this.#annotatePod(action.pod, { [nudgedAnnotation]: action.at.toISOString() })
        return
      case 'deletePod':
        await this.#remove(resources.pods, action.pod, this.#caches.pods, action.gracePeriodSeconds)
        return
      case 'releasePod':
        await releasePod(this.#client, action.pod, this.#signal)
        return
      case 'deleteVolume':
        await this.#remove(resources.persistentVolumeClaims, action.claim, this.#caches.claims)
        return
      case 'takeOverVolume':
        await this.#takeOverVolume(action.name, recording)
        return
      case 'disownVolume':
        await this.#disownVolume(action.claim)
        return
      case 'deleteRecording':
        await this.#remove(resources.recordings, recording, this.#caches.recordings)
        return
      case 'letGo':
        await this.#writeFinalizers(recording, recording.metadata.finalizers?.filter((name) => name !== recordingFinalizer) ?? [])
    }
  }

  /** Makes an object, or finds that it was made before, and whatever has become of it since. One of the same name that belongs to something else is never touched. */
  async #ensure<T extends KubeObject>(
    resource: Resource<T>,
    object: New<T>,
    recording: Recording,
    unlessOurs: RefusalWord,
  ): Promise<{ object: T; by?: string }> {
    const ref = { namespace: recording.metadata.namespace, name: (object.metadata as { name: string }).name }
    try {
      return { object: await this.#client.create(resource, object, { signal: this.#signal }), by: writer }
    } catch (error) {
      const refusal = refusalOf(error)
      const isMade = isServerError(error) && (await this.#isMade(resource, ref, recording))
      if (refusal !== undefined && !isMade) throw refusal
      if (!isAlreadyExists(error) && !isMade) throw error
    }
    const existing = await this.#client.get(resource, ref, { signal: this.#signal })
    if (belongsTo(existing, recording.metadata.uid)) return { object: existing }
    throw new Refusal(unlessOurs, inTheWay(existing, recording, resource.kind))
  }

  /** etcd may have it although the API server gave up waiting for etcd. */
  async #isMade(resource: Resource, ref: { namespace: string; name: string }, { metadata }: Recording): Promise<boolean> {
    const live = await this.#client.get(resource, ref, { signal: this.#signal }).catch(unlessGone)
    return live !== undefined && belongsTo(live, metadata.uid)
  }

  async #remove<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    cache: { wrote(object: T): void },
    gracePeriodSeconds?: number,
  ): Promise<void> {
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
    await remove(this.#client, resource, object, cache, { ...grace, signal: this.#signal })
  }

  async #annotatePod(pod: Pod, annotations: Record<string, string | null>): Promise<void> {
    // The UID makes it fail for a Pod that is not the same any more.
    const body = { metadata: { uid: pod.metadata.uid, annotations } }
    const annotated = await this.#client
      .patch(resources.pods, refOf(pod), { type: 'merge', body }, { signal: this.#signal })
      .catch(unlessGone)
    if (annotated !== undefined) this.#caches.pods.wrote(annotated, writer)
  }

  /** Nothing that does not say that it was made for a Recording of this name, which is no longer there, is touched. */
  async #takeOverVolume(name: string, recording: Recording): Promise<void> {
    const { namespace } = recording.metadata
    const ref = { namespace, name }
    const left = await this.#client.get(resources.persistentVolumeClaims, ref, { signal: this.#signal }).catch(unlessGone)
    if (left === undefined || !isLeftByNamesake(left, recording)) return
    const { uid, resourceVersion } = left.metadata
    const mine = { [labels.recordingUid]: recording.metadata.uid }
    const body = {
      metadata: { uid, resourceVersion, labels: mine, annotations: { [takenOverAnnotation]: recording.metadata.uid } },
    }
    const taken = await this.#client.patch(
      resources.persistentVolumeClaims,
      ref,
      { type: 'merge', body },
      { signal: this.#signal },
    )
    this.#caches.claims.wrote(taken, writer)
  }

  async #disownVolume(claim: PersistentVolumeClaim): Promise<void> {
    const body = { metadata: { uid: claim.metadata.uid, ownerReferences: null } }
    const disowned = await this.#client
      .patch(resources.persistentVolumeClaims, refOf(claim), { type: 'merge', body }, { signal: this.#signal })
      .catch(unlessGone)
    if (disowned !== undefined) this.#caches.claims.wrote(disowned, writer)
  }

  async #writeFinalizers(recording: Recording, finalizers: string[]): Promise<Recording> {
    const body = { metadata: { resourceVersion: recording.metadata.resourceVersion, finalizers } }
    const written = await this.#client
      .patch(resources.recordings, refOf(recording), { type: 'merge', body }, { signal: this.#signal })
      .catch(unlessGone)
    if (written === undefined) return recording
    // With its last finalizer a deleted object is gone, and the answer is the last that was seen of it.
    if (finalizers.length > 0 || written.metadata.deletionTimestamp === undefined) this.#caches.recordings.wrote(written, writer)
    return written
  }
}

function inTheWay(existing: KubeObject, recording: Recording, kind: string): string {
  const { name, annotations } = existing.metadata
  const isVolume = kind === resources.persistentVolumeClaims.kind
  if (isVolume && annotations?.[takenOverAnnotation] === undefined && isLeftByNamesake(existing, recording)) {
    return `${kind} ${name} was left by an earlier Recording of this name. Annotate this one with ${annotationName('take-over-volume')}, and what is on it is uploaded; or delete it, if that is not wanted.`
  }
  return `${kind} ${name} already exists and does not belong to this Recording. Delete it, or use another name.`
}

const refOf = ({ metadata }: KubeObject) => ({ namespace: metadata.namespace, name: metadata.name })

function unlessGone(error: unknown): undefined {
  if (!isNotFound(error)) throw error
  return undefined
}
