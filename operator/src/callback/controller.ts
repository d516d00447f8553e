import {
  type CallbackStatus,
  callbackBody,
  clipCallbackBody,
  clipKind,
  type Recording,
  type RecordingClip,
  kind as recordingKind,
  trtcResultBody,
} from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { KubeClient } from '@trtc-recorder/kube'
import { isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import { allFiles } from '../file-list.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { Controller, ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { refOf } from '../runtime/objects.ts'
import type { Store } from '../runtime/store.ts'
import type { CallbackOutcome, Metrics } from '../telemetry/metrics.ts'
import { type Delivery, type DeliveryResult, deliver, inFull } from './delivery.ts'
import { afterTry, type CallbackLimits, due, sentence } from './policy.ts'
import { record } from './record.ts'
import { signingKey } from './signing-key.ts'
import { tellingController } from './telling-controller.ts'
import type { Told, ToldKind } from './told.ts'

export interface CallbackDependencies {
  client: KubeClient
  events: EventRecorder
  log: Logger
  metrics: Pick<Metrics, 'controller' | 'callbackDelivery'>
  workers: number
  timeoutMillis: number
  limits: CallbackLimits
  /** Who may be called. */
  policy: ReceiverPolicy
  proxy?: Delivery['proxy']
  fence?: Delivery['fence']
  now?: () => Date
  /** How a result is sent. */
  send?: typeof deliver
}

/** A try that was made and does not stand in the status yet. */
interface Tried {
  status: CallbackStatus
  at: Date
  /** What went wrong, for the log. */
  error: string | undefined
}

/**
 * Delivers results: due → deliver → record.
 *
 * Flow: the controller of a Recording, or of a clip, writes `status.callback` with state Pending when its result is final. From then on this controller
 * alone changes it, until it is Delivered or GivenUp. What is due, and when, follows from the status alone, so a new operator goes on where the last one was.
 *
 * Guarantees: at least once within the time for it; the same Idempotency-Key each time; never again after an answer with 2xx, unless the
 * operator dies between that answer and the status write. A write that fails is repeated, not the delivery.
 *
 * Assumptions: one operator works at a time (the lease).
 */
export function callbackController<T extends Told>(told: ToldKind<T>, dependencies: CallbackDependencies): Controller {
  return tellingController(
    {
      name: told.name,
      workers: dependencies.workers,
      reconcileTimeoutMillis: dependencies.timeoutMillis + 60_000,
      concerns: ({ status }) => status?.callback?.state === 'Pending',
      ...callbackReconciler(told, dependencies),
    },
    { ...dependencies, store: told.store },
  )
}

export type CallbackReconcilerDependencies = Omit<CallbackDependencies, 'metrics' | 'workers'> & {
  metrics: Pick<Metrics, 'callbackDelivery'>
}

/** What the controller does for one of them. `forget`: it is gone. */
export function callbackReconciler<T extends Told>(
  { kind, resource, store, resultOf }: ToldKind<T>,
  dependencies: CallbackReconcilerDependencies,
) {
  const { client, events, metrics, limits, timeoutMillis, policy, proxy, fence } = dependencies
  const { now = () => new Date(), send = deliver } = dependencies
  /** By UID. */
  const unrecorded = new Map<string, Tried>()

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const cached = store.get(key)
    if (cached === undefined) return undefined

    // 1. A try was made and could not be recorded: record it, whatever else is due.
    const earlier = unrecorded.get(cached.metadata.uid)
    if (earlier !== undefined) return recordTry(cached, earlier, context)

    // 2. Due? The cache says when to look, the API server itself whether to send: it may know of a delivery that the cache does not.
    const soon = due(cached, now(), limits)
    if (soon.is === 'never') return undefined
    if (soon.is === 'later') return { requeueAfterMillis: soon.inMillis }
    const live = await read(key, context.signal)
    if (live === undefined) return undefined
    store.wrote(live)
    const current = due(live, now(), limits)
    if (current.is !== 'now') return current.is === 'later' ? { requeueAfterMillis: current.inMillis } : undefined

    // 3. Deliver.
    const result = await attempt(live, current.callback, context.signal)
    metrics.callbackDelivery(result.outcome)

    // 4. Record, then report.
    const at = now()
    const error = result.outcome === 'delivered' ? undefined : inFull(result)
    const tried = { status: afterTry(live, current.callback, result, at, limits), at, error }
    unrecorded.set(live.metadata.uid, tried)
    return recordTry(live, tried, context)
  }

  async function attempt(told: T, callback: CallbackStatus, signal: AbortSignal): Promise<DeliveryResult> {
    const key = await signingKey(client, told, signal)
    if (key.is === 'missing') return { outcome: 'unsigned', message: key.message }
    return send({
      url: told.spec.callback?.url ?? '',
      id: callback.id,
      ...resultOf(told),
      ...(key.is === 'found' ? { signingKey: key.key } : {}),
      timeoutMillis,
      signal,
      policy,
      fence,
      ...(proxy === undefined ? {} : { proxy }),
    })
  }

  async function recordTry(before: T, tried: Tried, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const recorded = await record(client, resource, before, tried.status, tried.at, context.signal)
    unrecorded.delete(before.metadata.uid)
    if (recorded.is === 'obsolete') return undefined
    store.wrote(recorded.told)
    report(before, tried, context.log)
    const next = due(recorded.told, now(), limits)
    return next.is === 'never' ? undefined : { requeueAfterMillis: next.is === 'later' ? next.inMillis : 0 }
  }

  /** An Event for each change of the story, not for each try; a log line for each try. */
  function report(before: T, { status: { state, ...callback }, error }: Tried, log: Logger): void {
    const line = { attempts: callback.attempts, statusCode: callback.lastStatusCode, error }
    const regarding = { ...before, kind }
    const note = sentence({ state, ...callback })
    switch (state) {
      case 'Delivered':
        log.info(line, 'Callback delivered')
        events.record(regarding, { type: 'Normal', reason: 'CallbackDelivered', action: 'DeliverCallback', note })
        return
      case 'GivenUp':
        metrics.callbackDelivery('given_up' satisfies CallbackOutcome)
        log.error(line, 'Callback given up')
        events.record(regarding, { type: 'Warning', reason: 'CallbackFailed', action: 'DeliverCallback', note })
        return
      case 'Pending':
        log.warn({ ...line, nextAttemptTime: callback.nextAttemptTime }, 'Callback failed and is tried again')
        if (callback.attempts === 1) {
          events.record(regarding, { type: 'Warning', reason: 'CallbackFailed', action: 'DeliverCallback', note })
        }
    }
  }

  async function read(key: string, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await client.get(resource, refOf(key), { signal })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  return { reconcile, forget: ({ metadata }: T) => void unrecorded.delete(metadata.uid) }
}

/** Recordings, with the result in the words that each asks for. */
export const toldRecordings = (store: Store<Recording, string>, now = () => new Date()): ToldKind<Recording> => ({
  name: 'callback',
  kind: recordingKind,
  resource: resources.recordings,
  store,
  resultOf(recording) {
    const { spec, status = {} } = recording
    const files = allFiles(status)
    switch (spec.callback?.format) {
      case 'TRTC':
        return { body: trtcResultBody(recording, files, now()), sdkAppId: spec.sdkAppId }
      case 'Result':
      // One that was made before there was a choice.
      case undefined:
        return { body: callbackBody(spec, files, status) }
    }
  },
})

export const toldClips = (store: Store<RecordingClip, string>): ToldKind<RecordingClip> => ({
  name: 'clip-callback',
  kind: clipKind,
  resource: resources.recordingClips,
  store,
  resultOf: (clip) => ({ body: clipCallbackBody(clip) }),
})
