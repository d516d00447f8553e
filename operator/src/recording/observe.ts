import { type Attempt, type RecorderProgress, type Recording, type RecordingStatus, recorderOutcomes } from '@trtc-recorder/api'

import type { KubeClient, KubeObject, PersistentVolumeClaim, Pod, Resource } from '@trtc-recorder/kube'
import { isNotFound, resources } from '@trtc-recorder/kube'
import type { Caches } from '../caches.ts'

import { keyOf, ownerKey } from '../runtime/objects.ts'
import { nextNumber } from './attempts.ts'
import { toldControl } from './control.ts'
import type { DepartedPods } from './departed.ts'
import { attemptOf, belongsTo } from './names.ts'
import type { Observed, ObservedPod } from './plan.ts'
import { recorderContainer } from './pod.ts'
import { newsOf } from './pod-news.ts'
import { departedState, hasRecorderRunning, isBeingCreatedForLong, podState, wasCalledNotReady } from './pod-state.ts'
import { isInTheRoom, type Progress, type ProgressPoller } from './progress.ts'
import { type ReadResult, type ResultReading, resultInLog, terminated, terminationResult } from './result.ts'
import { attemptState, mainAttempt, stageOf, timeToEnter, volumeState } from './stage.ts'
import { unheeded } from './unheeded.ts'
import { claimOf, isBound } from './volumes.ts'

export interface ObserveDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'claims'>
  departed: DepartedPods
  progress: Pick<ProgressPoller, 'follow'>
  image: string
}

/** A log that cannot be read for this long after the end is done without: the next attempt says again what is on the volume. */
const logPatienceMillis = 120_000
/** The last lines of a log. The runtime cuts long ones into pieces of 16 KiB, and each piece counts. */
const logLines = 400

/** All but whether it may begin, which is asked in one go with the decision. */
export type Seen = Omit<Observed, 'identityHeldBy' | 'identityIsWanted' | 'isBesideOthers' | 'place' | 'mayBeGrantedNow'>

/** Gathers what a decision about one Recording rests on: from the caches, and live where the caches may be behind. */
export async function observe(
  cached: Recording,
  dependencies: ObserveDependencies,
  now: Date,
  signal: AbortSignal,
): Promise<Seen> {
  const { caches, client, departed } = dependencies
  const first = await podsOf(cached, dependencies, signal)
  const recording = mayBeOld(cached, first) ? await upToDate(cached, dependencies, signal) : cached
  // It may tell of Pods that the cache does not have either.
  const known = recording === cached ? first : await podsOf(recording, dependencies, signal)
  const observed: ObservedPod[] = []
  for (const pod of known) observed.push(await observedPod(pod, recording, client, now, signal))
  for (const pod of departedPodsOf(recording, known, departed)) {
    observed.push({ pod, state: departedState(pod, await readResult(pod, client, now, true, signal)), isGone: true })
  }
  const main = mainAttempt(recording.status ?? {})
  // Of the first Pod of all no status may tell yet.
  const isMain = ({ pod }: ObservedPod) => (main === undefined ? isUntold(recording.status, pod) : isPodOf(pod, main))
  const entered = observed.find(
    (one) =>
      isMain(one) &&
      (one.state.kind === 'inRoom' || (['starting', 'leaving'].includes(one.state.kind) && hasEntered(recording, one.pod))),
  )
  const arriving =
    entered === undefined ? observed.find((one) => isMain(one) && isAwaited(one) && hasRecorderRunning(one.pod)) : undefined
  const said = arriving === undefined ? undefined : whenItWasThere(ask(arriving, recording, dependencies, true))
  return {
    recording,
    pods: said === undefined ? observed : observed.map((one) => (one === arriving ? arrived(one, said, now) : one)),
    claims: await claimsOf(recording, caches, client, signal),
    progress: entered === undefined ? (said ?? { is: 'not asked' }) : ask(entered, recording, dependencies, false),
    image: dependencies.image,
    refusal: undefined,
  }
}

/** How its recorder is doing, as far as it is known. */
function ask(
  { pod, state }: ObservedPod,
  { metadata }: Recording,
  { progress }: ObserveDependencies,
  isArriving: boolean,
): Progress {
  const asked = `${state.kind} ${toldControl(pod)?.desiredState} ${wasCalledNotReady(pod)}`
  return progress.follow(keyOf(metadata), pod, asked, { isArriving })
}

const isAwaited = ({ state }: ObservedPod) => state.kind === 'starting' || (state.kind === 'silent' && state.isOverdue === true)

/** The kubelet tells that a recorder is ready up to a second later than the recorder itself, if it can be asked, and never of one that left at once. */
const whenItWasThere = (progress: Progress) =>
  progress.is === 'known' && (isInTheRoom(progress.said) || hasLeft(progress.said)) ? progress : undefined

const arrived = (arriving: ObservedPod, { said }: Extract<Progress, { is: 'known' }>, now: Date): ObservedPod => ({
  ...arriving,
  state: isInTheRoom(said) ? { kind: 'inRoom', since: now.toISOString() } : { kind: 'leaving' },
})

const hasLeft = ({ state }: RecorderProgress) => state === 'finishing' || state === 'done'

async function observedPod(
  pod: Pod,
  recording: Recording,
  client: KubeClient,
  now: Date,
  signal: AbortSignal,
): Promise<ObservedPod> {
  const reading = await readResult(pod, client, now, false, signal)
  const news = isBeingCreatedForLong(pod, now) ? await newsOf(pod, client, signal) : undefined
  const attempt = recording.status?.attempts?.find((one) => isPodOf(pod, one))
  const beside = { news, startTimeoutSeconds: timeToEnter(recording, attempt), uploadOnly: attempt?.uploadOnly }
  return { pod, state: podState(pod, reading, now, beside), isGone: false }
}

/** It was in the room and is no longer ready: it finishes its files. */
const hasEntered = ({ status }: Recording, { metadata }: Pod) =>
  status?.attempts?.some((attempt) => attempt.podUid === metadata.uid && attempt.startTime !== undefined) ?? false

/**
 * A Pod of an attempt that the status does not know: the Recording at hand may be old, or nobody planned it. Only the first Pod of all is made
 * before a status tells of it.
 */
const mayBeOld = ({ status }: Recording, pods: readonly Pod[]) =>
  pods.some((pod) => (attemptOf(pod) ?? 0) >= nextNumber(status?.attempts ?? []) && !isUntold(status, pod))

/** It has not run, so whoever has a newer Recording knows no more of it; and the status that is written then is refused if it is old. */
const isUntold = (status: RecordingStatus | undefined, pod: Pod) =>
  status?.attempts === undefined && attemptOf(pod) === 1 && pod.metadata.deletionTimestamp === undefined

async function upToDate(recording: Recording, { client, caches }: ObserveDependencies, signal: AbortSignal): Promise<Recording> {
  const live = await getLive(client, resources.recordings, recording.metadata, recording.metadata.name, signal)
  if (live?.metadata.uid !== recording.metadata.uid) {
    throw new Error(`Recording ${recording.metadata.name} is gone; decided again when the cache knows`)
  }
  caches.recordings.wrote(live)
  return live
}

/** A Pod that the cache does not have may be younger than the cache. Only the API server can say that it is not there. */
async function podsOf(
  recording: Recording,
  { caches, client, departed }: ObserveDependencies,
  signal: AbortSignal,
): Promise<Pod[]> {
  const { uid } = recording.metadata
  const cached = caches.pods.byIndex('owner', ownerKey(recording.metadata)).filter((pod) => belongsTo(pod, uid))
  const gone = departed.of(uid)
  const missing = (recording.status?.attempts ?? []).filter(
    (attempt) => mayHavePod(recording, attempt, caches) && ![...cached, ...gone].some((pod) => isPodOf(pod, attempt)),
  )
  const live = await Promise.all(missing.map(({ pod }) => getLive(client, resources.pods, recording.metadata, pod, signal)))
  const found = live.filter((pod) => pod !== undefined && belongsTo(pod, uid))
  return [...cached, ...(found as Pod[]).filter((pod) => !cached.some((other) => other.metadata.uid === pod.metadata.uid))]
}

/**
 * A plan that nobody wants to give up is simply carried out again: making a Pod that is there already does no harm. On a volume that is bound
 * one may have run and be gone, which is for the API server to say.
 */
function mayHavePod(recording: Recording, attempt: Attempt, { claims }: Pick<ObserveDependencies['caches'], 'claims'>): boolean {
  const { spec, metadata } = recording
  const state = attemptState(attempt)
  if (state.is === 'ended') return false
  if (state.is !== 'planned') return true
  const own = claims.byIndex('owner', ownerKey(metadata))
  return (
    own.some((claim) => claim.metadata.name === attempt.volume && isBound(claim)) ||
    spec.desiredState === 'Stopped' ||
    stageOf(recording.status ?? {}).is === 'storing' ||
    recording.status?.stopRequestedTime !== undefined ||
    metadata.deletionTimestamp !== undefined ||
    unheeded(recording).length > 0
  )
}

const isPodOf = ({ metadata }: Pod, attempt: Attempt) =>
  metadata.name === attempt.pod && (!attempt.podUid || metadata.uid === attempt.podUid)

/** Those whose end does not stand in the status yet. */
function departedPodsOf(recording: Recording, known: readonly Pod[], departed: DepartedPods): Pod[] {
  const { uid } = recording.metadata
  const attempts = recording.status?.attempts ?? []
  return departed.of(uid).filter((pod) => {
    if (known.some((other) => other.metadata.uid === pod.metadata.uid)) return false
    const isRecorded = attempts.some((attempt) => attempt.podUid === pod.metadata.uid && attempt.endTime !== undefined)
    if (isRecorded || stageOf(recording.status ?? {}).is === 'finished') departed.forget(uid, pod.metadata.uid)
    return !isRecorded
  })
}

async function claimsOf(
  { metadata, status }: Recording,
  caches: ObserveDependencies['caches'],
  client: KubeClient,
  signal: AbortSignal,
): Promise<PersistentVolumeClaim[]> {
  const cached = caches.claims.byIndex('owner', ownerKey(metadata)).filter((claim) => belongsTo(claim, metadata.uid))
  const missing = missingVolumes(status ?? {}, cached)
  const live = await Promise.all(
    missing.map(({ name }) => getLive(client, resources.persistentVolumeClaims, metadata, name, signal)),
  )
  const found = live.filter((claim) => claim !== undefined && belongsTo(claim, metadata.uid)) as PersistentVolumeClaim[]
  return [...cached, ...found.filter((claim) => !cached.some((other) => other.metadata.uid === claim.metadata.uid))]
}

/** Nothing is called lost on the word of a cache. */
function missingVolumes(status: RecordingStatus, cached: readonly PersistentVolumeClaim[]) {
  if (stageOf(status).is === 'finished') return []
  return (status.volumes ?? []).filter(
    (volume) => ['empty', 'holding'].includes(volumeState(volume).is) && claimOf(cached, volume) === undefined,
  )
}

async function getLive<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { namespace }: { namespace: string },
  name: string,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await client.get(resource, { namespace, name }, { signal })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function readResult(pod: Pod, client: KubeClient, now: Date, isGone: boolean, signal: AbortSignal): Promise<ResultReading> {
  const end = terminated(pod)
  if (end === undefined) return { kind: 'none' }
  const said = terminationResult(pod)
  if (said !== undefined && said.filesOmitted === undefined) return { kind: 'read', result: said }
  const short: ResultReading = said === undefined ? { kind: 'none' } : { kind: 'read', result: said satisfies ReadResult }
  if (isGone) return short
  const ended = Date.parse(end.finishedAt ?? pod.metadata.creationTimestamp)
  try {
    const result = resultInLog(await readLog(pod, client, signal))
    if (result !== undefined) return { kind: 'read', result }
  } catch (error) {
    const why = `The result of Pod ${pod.metadata.name} is not in its termination message, and its log cannot be read yet: ${(error as Error).message}`
    // Either way: the clock of its node may be far ahead.
    const mayCome = Math.abs(now.getTime() - ended) < logPatienceMillis && !isNotFound(error)
    if ((said !== undefined || hasSaidSomething(end.exitCode)) && mayCome) return { kind: 'pending', why }
  }
  return short
}

/** Whoever ends with a code of the recorder's contract has left a result, also where no message shows it: a kubelet cuts those of a Pod with many. */
const hasSaidSomething = (code: number) =>
  Object.values(recorderOutcomes).some(({ exitCode }) => exitCode === code && (code === 0 || code >= 10))

function readLog({ metadata }: Pod, client: KubeClient, signal: AbortSignal): Promise<string> {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/log?container=${recorderContainer}&tailLines=${logLines}`
  return client.text('GET', path, { signal })
}
