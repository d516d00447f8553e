import { isDeepStrictEqual } from 'node:util'
import { clipKind, type RecordingClip } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import { isAlreadyExists, isConflict, isNotFound, isServerError, type Pod, resources } from '@trtc-recorder/kube'
import type { Caches } from '../caches.ts'
import type { EventRecorder } from '../kube/events.ts'
import { answerEvents } from '../recording/answers.ts'
import type { RecorderPodConfig } from '../recording/pod.ts'
import { type Refusal, refusalOf } from '../recording/refusal.ts'
import type { SecondTries } from '../recording/second-tries.ts'
import type { ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { ownerKey } from '../runtime/objects.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type ClipPlan, type ClipRefusalWord, decideClip, type ObservedClip } from './decide.ts'
import { clipOf } from './names.ts'
import { observeClip } from './observe.ts'
import { clipPod } from './pod.ts'
import type { RecorderAnswers } from './recorder-answers.ts'
import type { RefusalsInARow } from './refusals-in-a-row.ts'

/** Whose writes these are, for the caches. */
export const writer = 'clip'

export interface ReconcileClipDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'clips'>
  events: EventRecorder
  metrics: Pick<Metrics, 'clipFinished'>
  pod: RecorderPodConfig
  answers: RecorderAnswers
  secondTries: SecondTries<RecordingClip>
  refusals: RefusalsInARow<ClipRefusalWord>
  /** By UID, what annotations were heeded: a CRD of an earlier release does not keep that. */
  heeded: Map<string, Record<string, string>>
  /** What is asked of this Pod's recorder is to be brought up to date. */
  onAsk: (namespace: string, pod: string) => void
  now: () => Date
}

/** One look at one clip: observe → decide → execute. Gives when to look again. */
export async function reconcileClip(
  cached: RecordingClip,
  dependencies: ReconcileClipDependencies,
  context: ReconcileContext,
): Promise<ReconcileResult | undefined> {
  // Its Pod goes with it, by its owner reference.
  if (cached.metadata.deletionTimestamp !== undefined) return undefined
  const { secondTries, refusals, heeded } = dependencies
  // One moment for all of it: what is due is due to who observes as to who decides.
  const now = dependencies.now()
  const handled = { ...heeded.get(cached.metadata.uid), ...cached.status?.handled }
  const clip = heeded.has(cached.metadata.uid) ? { ...cached, status: { ...cached.status, handled } } : cached
  try {
    const seen = await observeClip(clip, { ...dependencies, now }, context.signal)
    const observed = { ...seen, ...secondTries.ask(clip) }
    let plan = decideClip(observed, now)
    let known: RecordingClip | undefined = clip
    if (plan.action.do === 'createPod') {
      // Which Recording it is of is told before anything is made of that: a cache that is behind may not know that it is another one's, and then this is refused.
      if (clip.status?.recordingUid === undefined) known = await writeStatus(clip, plan, dependencies, context)
      if (known === undefined) return undefined
      // Its name says which attempt it is, so that it may come before the status.
      const refusal = await create(clip, plan.action, dependencies, context.signal)
      if (refusal === undefined) refusals.forget(clip.metadata.uid)
      else {
        const times = refusals.count(clip.metadata.uid, refusal.word)
        plan = decideClip({ ...observed, clip: known, refusal: { ...refusal, times } }, now)
      }
    }
    await writeStatus(known, plan, dependencies, context)
    await act(clip, plan.action, dependencies, context.signal)
    return plan.requeueAfterMillis === undefined ? undefined : { requeueAfterMillis: plan.requeueAfterMillis }
  } finally {
    secondTries.settle(clip)
  }
}

type ClipRefusal = Pick<NonNullable<ObservedClip['refusal']>, 'word' | 'message'>

/** What the API server says if it will not have the Pod. */
async function create(
  clip: RecordingClip,
  { recording, job, attempt }: ClipPlan['action'] & { do: 'createPod' },
  { client, caches, pod }: ReconcileClipDependencies,
  signal: AbortSignal,
): Promise<ClipRefusal | undefined> {
  const wanted = clipPod(clip, recording, job, attempt, pod)
  const { name, namespace } = wanted.metadata as { name: string; namespace: string }
  try {
    caches.pods.wrote(await client.create(resources.pods, wanted, { signal }), writer)
    return undefined
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal !== undefined && !isServerError(error)) return refusedWith(refusal)
    // etcd may have it although the API server, or the connection to it, gave up.
    const existing: Pod | undefined = await client.get(resources.pods, { namespace, name }, { signal }).catch(unlessGone)
    if (existing !== undefined && clipOf(existing)?.uid === clip.metadata.uid) {
      caches.pods.wrote(existing)
      return undefined
    }
    if (refusal !== undefined) return refusedWith(refusal)
    if (!isAlreadyExists(error) || existing === undefined) throw error
    return { word: 'PodRejected', message: `Pod ${name} already exists and does not belong to this RecordingClip` }
  }
}

const refusedWith = ({ word, message }: Refusal): ClipRefusal => ({
  word: word === 'VolumeNotOwned' ? 'PodRejected' : word,
  message,
})

/** As it was written; undefined where the clip is gone. */
async function writeStatus(
  clip: RecordingClip,
  { status, answers = {} }: ClipPlan,
  { client, caches, events, metrics, heeded }: ReconcileClipDependencies,
  { signal, log }: ReconcileContext,
): Promise<RecordingClip | undefined> {
  if (isDeepStrictEqual(clip.status, status)) return clip
  const written = await client
    .replace(resources.recordingClips, { ...clip, status }, { subresource: 'status', signal })
    .catch((error) => {
      if (!isNotFound(error)) throw error
      return undefined
    })
  if (written === undefined) return undefined
  caches.clips.wrote(written, writer)
  if (status.handled !== undefined) heeded.set(clip.metadata.uid, status.handled)
  const regarding = { ...written, kind: clipKind }
  for (const note of answerEvents(clip.status, status, answers)) events.record(regarding, note)
  const [succeeded] = status.conditions ?? []
  const before = clip.status?.conditions?.find(({ type }) => type === 'Succeeded')
  if (succeeded === undefined || before?.reason === succeeded.reason) return written
  if (status.completionTime !== undefined) metrics.clipFinished(succeeded.reason)
  const { reason, message: note } = succeeded
  const isTrouble = status.conditions?.some(({ type }) => type === 'Stalled') ?? false
  log.info({ clip: clip.metadata.name, reason, note }, 'Clip changed')
  events.record(regarding, { type: isTrouble ? 'Warning' : 'Normal', reason, action: 'CutClip', note })
  return written
}

async function act(
  clip: RecordingClip,
  action: ClipPlan['action'],
  { client, caches, onAsk }: ReconcileClipDependencies,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = clip.metadata
  switch (action.do) {
    case 'nothing':
    case 'createPod':
      return
    case 'askRecorder':
      onAsk(namespace, action.pod)
      return
    case 'deletePod':
      for (const { metadata } of caches.pods.byIndex('owner', ownerKey(clip.metadata))) {
        if (metadata.deletionTimestamp !== undefined) continue
        const ref = { namespace, name: metadata.name }
        const going = await client.delete(resources.pods, ref, { uid: metadata.uid, signal }).catch(unlessGone)
        if (going !== undefined) caches.pods.wrote(going)
      }
      return
    case 'deleteClip':
      await client.delete(resources.recordingClips, { namespace, name }, { uid, signal }).catch(unlessGone)
  }
}

export function unlessGone(error: unknown): undefined {
  if (!isNotFound(error) && !isConflict(error)) throw error
  return undefined
}
