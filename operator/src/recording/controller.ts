import type { Recording } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { type Caches, identityOf } from '../caches.ts'
import type { Config } from '../config.ts'
import type { KubeClient } from '../kube/client.ts'
import { isNotFound } from '../kube/errors.ts'
import type { EventRecorder } from '../kube/events.ts'
import { resources } from '../kube/resources.ts'
import { keyOf, type Pod } from '../kube/types.ts'
import { Controller, type ReconcileContext, type ReconcileResult } from '../runtime/controller.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { decide } from './decide.ts'
import { execute, releasePod } from './execute.ts'
import { holds, IdentityClaims, isFinished } from './fencing.ts'
import { controllingRecording } from './names.ts'
import { observe } from './observe.ts'
import type { RecorderPodConfig } from './pod.ts'
import { type Get, ProgressReader } from './progress.ts'

export interface RecordingDependencies {
  client: KubeClient
  caches: Pick<Caches, 'recordings' | 'pods' | 'claims'>
  events: EventRecorder
  config: RecordingConfig
  log: Logger
  metrics: Pick<Metrics, 'controller'>
  now?: () => Date
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
>

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
  const pod = podConfig(config)
  const claims = new IdentityClaims()
  const progress = new ProgressReader(dependencies.get)
  const observing = { client, caches, claims, progress, image: pod.image }
  const executing = { client, caches, events, pod, now }

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    if (key.startsWith(orphanPrefix)) return releaseOrphan(key.slice(orphanPrefix.length), context.signal)
    const recording = caches.recordings.get(key)
    if (recording === undefined) return undefined
    const observed = await observe(recording, observing, now(), context.signal)
    const plan = decide(observed, now())
    const requeueAfterMillis = await execute(observed, plan, executing, context)
    return requeueAfterMillis === undefined ? undefined : { requeueAfterMillis }
  }

  /** Somebody took the finalizer off a Recording by force, or the Recording went while the operator was down. */
  async function releaseOrphan(key: string, signal: AbortSignal): Promise<undefined> {
    const orphan = caches.pods.get(key)
    const owner = orphan === undefined ? undefined : controllingRecording(orphan)
    if (orphan === undefined || owner === undefined || hasOwner(orphan)) return
    const ref = { namespace: orphan.metadata.namespace, name: owner.name }
    const live = await client.get(resources.recordings, ref, { signal }).catch((error) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    if (live?.metadata.uid === owner.uid) return
    await releasePod(client, orphan, signal)
  }

  const hasOwner = (owned: Pod) => {
    const owner = controllingRecording(owned)
    if (owner === undefined) return false
    return caches.recordings.get(keyOf({ namespace: owned.metadata.namespace, name: owner.name }))?.metadata.uid === owner.uid
  }

  const hooks = metrics.controller('recording')
  const controller = new Controller({
    name: 'recording',
    reconcile,
    log,
    workers: config.workers,
    queue: { observer: hooks.queue },
    observer: hooks.observer,
  })
  hooks.watchQueue(controller.queue)

  const enqueueRivals = (recording: Recording) => {
    for (const rival of caches.recordings.byIndex('identity', identityOf(recording))) {
      if (rival.metadata.uid !== recording.metadata.uid && !isFinished(rival)) controller.enqueue(keyOf(rival.metadata))
    }
  }

  caches.recordings.subscribe((event) => {
    const { object } = event
    if (event.type !== 'deleted') controller.enqueue(keyOf(object.metadata))
    const freed = event.type === 'deleted' || (event.type === 'updated' && holds(event.previous) && !holds(object))
    if (!freed) return
    claims.release(identityOf(object), object)
    enqueueRivals(object)
    if (event.type !== 'deleted') return
    for (const left of caches.pods.byIndex('recordingUid', object.metadata.uid)) {
      controller.enqueue(orphanPrefix + keyOf(left.metadata))
    }
  })
  caches.pods.subscribe(({ type, object }) => {
    const owner = controllingRecording(object)
    if (owner === undefined) return
    if (type === 'deleted') progress.forget(object.metadata.uid)
    else if (!hasOwner(object)) controller.enqueue(orphanPrefix + keyOf(object.metadata))
    controller.enqueue(keyOf({ namespace: object.metadata.namespace, name: owner.name }))
  })
  caches.claims.subscribe(({ object }) => {
    const { namespace, labels } = object.metadata
    const name = labels?.['app.kubernetes.io/instance']
    if (name !== undefined) controller.enqueue(keyOf({ namespace, name }))
  })
  return controller
}

function podConfig(config: RecordingConfig): RecorderPodConfig {
  return {
    image: config.recorderImage,
    imagePullPolicy: config.recorderImagePullPolicy,
    imagePullSecrets: config.recorderImagePullSecrets,
    chromiumArgs: config.recorderChromiumArgs,
    resources: config.recorderResources,
    serviceAccountName: config.recorderServiceAccount,
  }
}
