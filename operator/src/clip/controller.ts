import { isDeepStrictEqual } from 'node:util'
import { clipsAnnotation, type Recording, type RecordingClip } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import { isConflict, type Pod, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { type Caches, recordingKeyOf } from '../caches.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { PriorityClasses } from '../priority-classes.ts'
import { recordingOf } from '../recording/names.ts'
import type { RecorderPodConfig } from '../recording/pod.ts'
import { hasEnded } from '../recording/pod-state.ts'
import type { Get } from '../recording/progress.ts'
import { apiServerLagMillis, SecondTries } from '../recording/second-tries.ts'
import { Controller, type ReconcileContext, type ReconcileResult } from '../runtime/controller.ts'
import { keyOf, ownerKey } from '../runtime/objects.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ClipRefusalWord } from './decide.ts'
import { clipOf } from './names.ts'
import { reconcileClip, unlessGone, writer } from './reconcile.ts'
import { RecorderAnswers } from './recorder-answers.ts'
import { RefusalsInARow } from './refusals-in-a-row.ts'
import { isPutOff, toldRequests, volumeOfPod, wantedRequests } from './requests.ts'
import { clipRefused, isClipOver } from './stage.ts'

export interface ClipDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'clips'>
  events: EventRecorder
  pod: RecorderPodConfig
  log: Logger
  metrics: Pick<Metrics, 'controller' | 'clipFinished'>
  /** Calls with a namespace whenever a quota of it has room. */
  onRoom?: (hear: (namespace: string) => void) => void
  /** Calls whenever a PriorityClass comes, goes, or counts otherwise than before. */
  onPriorities?: PriorityClasses['onChange']
  now?: () => Date
  /** How recorders are asked what has become of clips. */
  get?: Get
}

/** Clips worked on at the same time. The cutting is done by their Pods. */
const workers = 8

/** A recorder's Pod, whose clips are to be brought up to date, as a key of the queue. */
const recorderPrefix = 'recorder:'

/**
 * Turns RecordingClips into what recorders are asked for while they record, or else into Pods that cut, and what those say into status:
 * observe → decide → execute.
 *
 * Flow: a change of a clip, its Pod or its recorder's, a Recording that appears, enters its room or is over, and timers bring a clip's key. What a recorder is
 * asked for is all in one annotation of its Pod, which has a key of its own: it is written by one at a time, from all clips there are.
 *
 * Guarantees: one Pod at a time for a clip, as far as can be known; its name follows from the status, so that making it again after a crash does no harm;
 * a Pod is deleted when its result stands in the status. Two that cut the same write the same. Of a recorder's Pod nothing but that annotation is touched.
 *
 * Assumptions: one operator works at a time (the lease).
 */
export function clipController(dependencies: ClipDependencies): Controller {
  const { client, caches, events, pod, log, metrics, now = () => new Date() } = dependencies
  const answers = new RecorderAnswers(dependencies.get)
  const secondTries = new SecondTries<RecordingClip>({
    objects: caches.clips,
    refused: ({ status }, word) => clipRefused(status, word),
    wake: (key, { first }) => controller.enqueueAfter(key, first ? apiServerLagMillis : 0),
  })
  dependencies.onPriorities?.((name, { isThere }) => {
    if (isThere) secondTries.priorityClassIsThere(name)
  })
  dependencies.onRoom?.((namespace) => secondTries.quotaHasRoom(namespace))
  const refusals = new RefusalsInARow<ClipRefusalWord>()
  const heeded = new Map<string, Record<string, string>>()
  const acting = {
    ...{ client, caches, events, metrics, pod, answers, secondTries, refusals, heeded, now },
    onAsk: (namespace: string, name: string) => controller.enqueue(recorderPrefix + keyOf({ namespace, name })),
  }

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    if (key.startsWith(recorderPrefix)) return askRecorder(key.slice(recorderPrefix.length), context.signal)
    const clip = caches.clips.get(key)
    return clip === undefined ? undefined : reconcileClip(clip, acting, context)
  }

  /** Tells a recorder which clips are wanted of it now, and no others. */
  async function askRecorder(key: string, signal: AbortSignal): Promise<undefined> {
    const pod = caches.pods.get(key)
    const told = pod === undefined ? undefined : toldRequests(pod)
    const recordingKey = pod === undefined ? undefined : recordingKeyOfPod(pod)
    if (pod === undefined || told === undefined || recordingKey === undefined || hasEnded(pod)) return
    const recording = caches.recordings.get(recordingKey)
    if (recording === undefined || recording.metadata.uid !== recordingOf(pod)?.uid) return
    const clips = caches.clips.byIndex('recording', recordingKey)
    const wanted = wantedRequests(clips, recording, volumeOfPod(pod), now())
    if (isDeepStrictEqual(told, wanted)) return
    const { namespace, name, uid } = pod.metadata
    // The UID makes it fail for a Pod that is not the same any more.
    const body = { metadata: { uid, annotations: { [clipsAnnotation]: JSON.stringify(wanted) } } }
    const annotated = await client
      .patch(resources.pods, { namespace, name }, { type: 'merge', body }, { signal })
      .catch(unlessGone)
    if (annotated !== undefined) caches.pods.wrote(annotated, writer)
  }

  const waiting = (recordingKey: string) =>
    caches.clips
      .byIndex('recording', recordingKey)
      .filter((clip) => !isClipOver(clip))
      .map(({ metadata }) => keyOf(metadata))

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
    .watches(caches.recordings, (event) => {
      const { object } = event
      const isOver = object.status?.completionTime !== undefined
      const isNews =
        event.type !== 'updated' ||
        isOver ||
        event.previous.status?.startTime !== object.status?.startTime ||
        !isDeepStrictEqual(whereabouts(event.previous), whereabouts(object))
      return isNews ? waiting(keyOf(object.metadata)) : []
    })
    .watches(caches.pods, ({ type, object }) => {
      const key = recordingKeyOfPod(object)
      if (key === undefined) return []
      if (type === 'deleted') answers.forgetPod(object.metadata.uid)
      const isAsked = type !== 'deleted' && (toldRequests(object)?.clips.length ?? 0) > 0
      return [...waiting(key), ...(isAsked ? [recorderPrefix + keyOf(object.metadata)] : [])]
    })
    .watches(caches.clips, (event) => {
      const { type, object } = event
      const { uid, deletionTimestamp } = object.metadata
      const isWanted = type !== 'deleted' && deletionTimestamp === undefined && !isClipOver(object)
      const makesWay = type === 'updated' && isPutOff(object) && !isPutOff(event.previous)
      if (isWanted && !makesWay) return []
      if (!isWanted) {
        answers.forgetClip(uid)
        refusals.forget(uid)
      }
      if (type === 'deleted') heeded.delete(uid)
      const recording = caches.recordings.get(recordingKeyOf(object))
      if (recording === undefined) return []
      return caches.pods
        .byIndex('owner', ownerKey(recording.metadata))
        .filter((pod) => toldRequests(pod)?.clips.some(({ clip }) => clip.uid === uid))
        .map(({ metadata }) => recorderPrefix + keyOf(metadata))
    })
  hooks.watchQueue(controller.queue)
  return controller
}

/** On which volumes it was recorded, and when: what a recorder has of a clip depends on it. */
const whereabouts = ({ status }: Recording) =>
  status?.attempts?.map(({ volume, startTime, endTime }) => ({ volume, startTime, endTime })) ?? []

function recordingKeyOfPod(pod: Pod): string | undefined {
  const name = recordingOf(pod)?.name
  return name === undefined ? undefined : keyOf({ namespace: pod.metadata.namespace, name })
}
