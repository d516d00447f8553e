import type { Recording } from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { KubeClient, KubeObject, Pod } from '@trtc-recorder/kube'
import { isConflict, isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { Caches } from '../caches.ts'
import type { Config } from '../config.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { PriorityClasses } from '../priority-classes.ts'
import { Controller, type ReconcileContext, type ReconcileResult, type Territory } from '../runtime/controller.ts'
import { keyOf, namespaceOfKey, ownerKey } from '../runtime/objects.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { Admission } from './admission.ts'
import { DepartedPods } from './departed.ts'
import { removeEmptyVolume, removeOrphan, writer } from './execute.ts'
import { belongsTo, recordingOf } from './names.ts'
import type { RecorderPodConfig } from './pod.ts'
import { type Get, ProgressPoller } from './progress.ts'
import { reconcileRecording } from './reconcile.ts'
import { apiServerLagMillis, SecondTries } from './second-tries.ts'
import { refused } from './stage.ts'
import { Untold } from './untold.ts'
import { urgencyOfPod, urgencyOfRecording } from './urgency.ts'
import { isBound } from './volumes.ts'

export interface RecordingDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'claims'>
  events: EventRecorder
  config: RecordingConfig
  log: Logger
  metrics: Pick<Metrics, 'controller' | 'progressUnknown'>
  /** Calls with a namespace whenever a quota of it has room. */
  onRoom?: (hear: (namespace: string) => void) => void
  now?: () => Date
  /** Value of the PriorityClass of a Recording’s recorder. */
  priorityOf?: (recording: Recording) => number
  /** Calls whenever a PriorityClass comes, goes, or counts otherwise than before. */
  onPriorities?: PriorityClasses['onChange']
  /** Whom recorders may send live sound to. */
  receivers: ReceiverPolicy
  /** Namespaces that are served here. Default: all. */
  territory?: Territory
  /** How recorders are asked for their progress. */
  get?: Get
}

export type RecordingConfig = Pick<
  Config,
  | 'workers'
  | 'recorderImage'
  | 'recorderImagePullPolicy'
  | 'recorderImagePullSecrets'
  | 'recorderResources'
  | 'recorderServiceAccount'
  | 'recorderChromiumArgs'
  | 'recorderPod'
> &
  Partial<Pick<Config, 'recordingsPerNamespace' | 'recordingsPerCluster'>>

/** A Pod that keeps its finalizer although its Recording is gone, as a key of the queue. */
const orphanPrefix = 'orphan:'

/**
 * Turns Recordings into recorder Pods and what those leave into status: observe → decide → execute.
 *
 * Flow: a change of a Recording, of its Pods or its volume, and timers bring its key; one reconcile decides once and carries that out.
 *
 * Guarantees: at most one recorder at a time for a Recording and for an identity; a Pod is kept until its result stands in the status;
 * nothing that a killed operator had begun is lost or done twice.
 *
 * Assumptions: one operator works at a time (the lease); the caches have read everything once before the controller is started.
 */
export function recordingController(dependencies: RecordingDependencies): Controller {
  const { client, caches, events, config, log, metrics, now = () => new Date() } = dependencies
  const { recordings, pods, claims } = caches
  const pod = podConfig(config, dependencies.receivers)
  const progress = new ProgressPoller({ get: dependencies.get, onNews: (key) => controller.enqueue(key), now })
  const departed = new DepartedPods()
  const admission = new Admission({
    caches,
    limits: { perNamespace: config.recordingsPerNamespace, perCluster: config.recordingsPerCluster },
    priorityOf: dependencies.priorityOf ?? (() => 0),
    territory: dependencies.territory,
    wake(key) {
      const namespace = namespaceOfKey(key)
      // Otherwise it is looked at anyway, once all of its namespace has been read.
      if (Object.values({ recordings, pods, claims }).every((store) => store.hasSynced(namespace))) controller.enqueue(key)
    },
  })
  const secondTries = new SecondTries<Recording>({
    objects: recordings,
    refused: ({ status = {} }, word) => refused(status, word),
    wake: (key, { first }) => controller.enqueueAfter(key, first ? apiServerLagMillis : 0),
  })
  dependencies.onPriorities?.((name, { isThere }) => {
    admission.prioritiesChanged()
    if (isThere) secondTries.priorityClassIsThere(name)
  })
  dependencies.onRoom?.((namespace) => secondTries.quotaHasRoom(namespace))
  const untold = new Untold()
  const image = pod.image
  const acting = { client, caches, events, pod, untold, now, departed, progress, admission, secondTries, image }

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    if (key.startsWith(orphanPrefix)) return releaseOrphan(key.slice(orphanPrefix.length), context.signal)
    const recording = caches.recordings.get(key)
    if (recording === undefined) return undefined
    return reconcileRecording(recording, acting, context)
  }

  /**
   * Somebody took the finalizer off a Recording by force, or deleted it in the very moment in which the operator held it (the API server may have looked at
   * its finalizers before), or it went while the operator was down. A volume that is not bound holds nothing, and goes too.
   */
  async function releaseOrphan(key: string, signal: AbortSignal): Promise<undefined> {
    const orphan = caches.pods.get(key)
    const owner = orphan === undefined ? undefined : recordingOf(orphan)
    if (orphan === undefined || owner === undefined || hasOwner(orphan)) return
    const ref = { namespace: orphan.metadata.namespace, name: owner.name }
    const live = await client.get(resources.recordings, ref, { signal }).catch((error) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    if (live?.metadata.uid === owner.uid) return
    await removeOrphan(dependencies, orphan, signal)
    const empty = claims
      .byIndex('owner', ownerKey({ ...ref, uid: owner.uid }))
      .filter((claim) => belongsTo(claim, owner.uid) && !isBound(claim))
    for (const claim of empty) await removeEmptyVolume(dependencies, claim, signal)
  }

  const hasOwner = (owned: Pod) => {
    const owner = recordingOf(owned)
    if (owner === undefined) return false
    return caches.recordings.get(keyOf({ namespace: owned.metadata.namespace, name: owner.name }))?.metadata.uid === owner.uid
  }

  const hooks = metrics.controller('recording')
  const orphanOf = (pod: Pod) => orphanPrefix + keyOf(pod.metadata)
  const ownerOf = (object: KubeObject) => {
    const name = recordingOf(object)?.name
    return name === undefined ? undefined : keyOf({ namespace: object.metadata.namespace, name })
  }

  const controller = Controller.for(caches.recordings, {
    name: writer,
    reconcile,
    priorityOf: urgencyOfRecording,
    log,
    workers: config.workers,
    isOutdated: isConflict,
    queue: { observer: hooks.queue },
    observer: hooks.observer,
  })
    .owns(ownerOf, caches.pods, urgencyOfPod)
    .owns(ownerOf, caches.claims, () => 'low')
    .watches(caches.recordings, (event) => {
      admission.heard(event)
      if (event.type !== 'deleted') return []
      const { uid } = event.object.metadata
      departed.forgetAll(uid)
      untold.forget(event.object)
      return caches.pods.byIndex('owner', ownerKey(event.object.metadata)).map(orphanOf)
    })
    .watches(caches.claims, ({ type, object }) => {
      const key = ownerOf(object)
      if (type === 'deleted' && key !== undefined) secondTries.isFree(key)
      return []
    })
    .watches(caches.pods, (event) => {
      const { type, object } = event
      if (type === 'deleted') {
        progress.forget(object.metadata.uid)
        if (hasOwner(object)) departed.remember(event)
      }
      const isOrphan = type !== 'deleted' && recordingOf(object) !== undefined && !hasOwner(object)
      return isOrphan ? [orphanOf(object)] : []
    })
  hooks.watchQueue(controller.queue)
  metrics.progressUnknown(() => progress.unknown())
  return controller
}

export function podConfig(config: RecordingConfig, receivers: ReceiverPolicy): RecorderPodConfig {
  return {
    image: config.recorderImage,
    imagePullPolicy: config.recorderImagePullPolicy,
    imagePullSecrets: config.recorderImagePullSecrets,
    chromiumArgs: config.recorderChromiumArgs,
    receivers,
    resources: config.recorderResources,
    serviceAccountName: config.recorderServiceAccount,
    options: config.recorderPod,
  }
}
