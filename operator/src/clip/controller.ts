import { isDeepStrictEqual } from 'node:util'
import { clipKind, type RecordingClip, type RecordingClipStatus } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import { isAlreadyExists, isConflict, isNotFound, type Pod, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { Caches } from '../caches.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { RecorderPodConfig } from '../recording/pod.ts'
import { refusalOf } from '../recording/refusal.ts'
import { Controller, type ReconcileContext, type ReconcileResult } from '../runtime/controller.ts'
import { keyOf } from '../runtime/objects.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type ClipPlan, decideClip } from './decide.ts'
import { clipOf } from './names.ts'
import { observeClip } from './observe.ts'
import { clipPod } from './pod.ts'

export interface ClipDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'clips'>
  events: EventRecorder
  pod: RecorderPodConfig
  log: Logger
  metrics: Pick<Metrics, 'controller'>
  now?: () => Date
}

/** Clips worked on at the same time. The cutting is done by their Pods. */
const workers = 8
const writer = 'clip'

/**
 * Turns RecordingClips into Pods that cut, and what those say into status: observe → decide → execute.
 *
 * Flow: a change of a clip or its Pod, a Recording that appears or is over, and timers bring a clip's key.
 *
 * Guarantees: one Pod at a time for a clip, as far as can be known; its name follows from the status, so that making it again after a crash does no harm;
 * a Pod is deleted when its result stands in the status. Two that cut the same write the same.
 *
 * Assumptions: one operator works at a time (the lease).
 */
export function clipController(dependencies: ClipDependencies): Controller {
  const { client, caches, events, pod, log, metrics, now = () => new Date() } = dependencies

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const clip = caches.clips.get(key)
    // Its Pod goes with it, by its owner reference.
    if (clip === undefined || clip.metadata.deletionTimestamp !== undefined) return undefined
    const observed = await observeClip(clip, { client, caches, now }, context.signal)
    let plan = decideClip(observed, now())
    if (plan.action.do === 'createPod') {
      // Its name says which attempt it is, so that it may come before the status.
      const refusal = await create(clip, plan.action, context.signal)
      if (refusal !== undefined) plan = decideClip({ ...observed, refusal }, now())
    }
    await writeStatus(clip, plan.status, context)
    await act(clip, plan.action, context.signal)
    return plan.requeueAfterMillis === undefined ? undefined : { requeueAfterMillis: plan.requeueAfterMillis }
  }

  /** What the API server says if it will not have the Pod. */
  async function create(
    clip: RecordingClip,
    { recording, job, attempt }: ClipPlan['action'] & { do: 'createPod' },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const wanted = clipPod(clip, recording, job, attempt, pod)
    try {
      caches.pods.wrote(await client.create(resources.pods, wanted, { signal }), writer)
      return undefined
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal !== undefined) return refusal.message
      if (!isAlreadyExists(error)) throw error
    }
    const { name, namespace } = wanted.metadata as { name: string; namespace: string }
    const existing: Pod = await client.get(resources.pods, { namespace, name }, { signal })
    if (clipOf(existing)?.uid !== clip.metadata.uid) return `Pod ${name} already exists and does not belong to this RecordingClip`
    caches.pods.wrote(existing)
    return undefined
  }

  async function writeStatus(clip: RecordingClip, status: RecordingClipStatus, { signal, log }: ReconcileContext): Promise<void> {
    if (isDeepStrictEqual(clip.status, status)) return
    const written = await client
      .replace(resources.recordingClips, { ...clip, status }, { subresource: 'status', signal })
      .catch((error) => {
        if (!isNotFound(error)) throw error
        return undefined
      })
    if (written === undefined) return
    caches.clips.wrote(written, writer)
    const [succeeded] = status.conditions ?? []
    const before = clip.status?.conditions?.find(({ type }) => type === 'Succeeded')
    if (succeeded === undefined || before?.reason === succeeded.reason) return
    const { reason, message: note } = succeeded
    const isTrouble = status.conditions?.some(({ type }) => type === 'Stalled') ?? false
    log.info({ clip: clip.metadata.name, reason, note }, 'Clip changed')
    events.record({ ...written, kind: clipKind }, { type: isTrouble ? 'Warning' : 'Normal', reason, action: 'CutClip', note })
  }

  async function act(clip: RecordingClip, action: ClipPlan['action'], signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = clip.metadata
    switch (action.do) {
      case 'nothing':
      case 'createPod':
        return
      case 'deletePod':
        for (const { metadata } of caches.pods.byIndex('recordingUid', uid)) {
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

  const hooks = metrics.controller(writer)
  const controller = Controller.for(caches.clips, {
    name: writer,
    reconcile,
    log,
    workers,
    isOutdated: isConflict,
    queue: { observer: hooks.queue },
    observer: hooks.observer,
  })
    .owns((owned: Pod) => {
      const owner = clipOf(owned)
      return owner === undefined ? undefined : keyOf({ namespace: owned.metadata.namespace, name: owner.name })
    }, caches.pods)
    .watches(caches.recordings, ({ type, object }) => {
      // While it goes on nothing about its clips changes.
      if (type === 'updated' && object.status?.completionTime === undefined) return []
      return caches.clips
        .byIndex('recording', keyOf(object.metadata))
        .filter(({ status }) => status?.completionTime === undefined)
        .map(({ metadata }) => keyOf(metadata))
    })
  hooks.watchQueue(controller.queue)
  return controller
}

function unlessGone(error: unknown): undefined {
  if (!isNotFound(error) && !isConflict(error)) throw error
  return undefined
}
