import { dueTrtcNotice, type Recording, kind as recordingKind, type TrtcNotice, trtcNoticeBody } from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { KubeClient } from '@trtc-recorder/kube'
import { isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { EventRecorder } from '../kube/events.ts'
import type { Controller, ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { refOf } from '../runtime/objects.ts'
import type { Store } from '../runtime/store.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Delivery, deliver, inFull } from './delivery.ts'
import { signingKey } from './signing-key.ts'
import { tellingController } from './telling-controller.ts'

/** As TRTC does it: once more at once, then every ten seconds until a minute has passed. */
const patience = { againMillis: 10_000, givesUpMillis: 60_000, timeoutMillis: 5000 }

export interface NoticeDependencies {
  client: KubeClient
  recordings: Store<Recording, string>
  events: EventRecorder
  log: Logger
  metrics: Pick<Metrics, 'controller' | 'callbackDelivery'>
  workers: number
  policy: ReceiverPolicy
  proxy?: Delivery['proxy']
  fence?: Delivery['fence']
  now?: () => Date
  send?: typeof deliver
}

/**
 * Tells TRTC's events of what goes on, one after the other: due → deliver → record in `status.notices`. What is due follows from the status; how often
 * it was tried is only remembered, so that a new operator tries for another minute. A write that fails is repeated, not the delivery. The result (310) is the
 * callback controller's.
 */
export function noticeController(dependencies: NoticeDependencies): Controller {
  return tellingController(
    {
      name: 'notices',
      workers: dependencies.workers,
      reconcileTimeoutMillis: 60_000,
      concerns: (recording) => dueTrtcNotice(recording) !== undefined,
      ...noticeReconciler(dependencies),
    },
    { ...dependencies, store: dependencies.recordings },
  )
}

interface Told {
  type: TrtcNotice['type']
  text: string
  /** What the status said of it before. */
  before: string | undefined
}

interface Tries {
  of: string
  count: number
  since: number
}

const toldOf = ({ status }: Recording, { type }: TrtcNotice, text: string): Told => ({
  ...{ type, text },
  before: status?.notices?.[type],
})

export function noticeReconciler(
  dependencies: Omit<NoticeDependencies, 'workers' | 'metrics'> & { metrics: Pick<Metrics, 'callbackDelivery'> },
) {
  const { client, recordings, events, metrics, policy, proxy, fence } = dependencies
  const { now = () => new Date(), send = deliver } = dependencies
  /** By UID of the Recording: how the notice that is due has fared so far. */
  const tries = new Map<string, Tries>()
  /** By UID of the Recording: what became of a notice, and does not stand in the status yet. */
  const unrecorded = new Map<string, Told>()

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const cached = recordings.get(key)
    if (cached === undefined) return undefined
    const earlier = unrecorded.get(cached.metadata.uid)
    // Another one may have told more meanwhile.
    if (earlier !== undefined && cached.status?.notices?.[earlier.type] === earlier.before)
      return record(cached, earlier, context)
    unrecorded.delete(cached.metadata.uid)
    if (dueTrtcNotice(cached) === undefined) return undefined
    const live = await client.get(resources.recordings, refOf(key), { signal: context.signal }).catch((error) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    const notice = live && dueTrtcNotice(live)
    if (live === undefined || notice === undefined) return undefined
    recordings.wrote(live)
    const { uid } = live.metadata
    const of = `${notice.type} ${notice.instance}`
    const former = tries.get(uid)
    const begun = now().getTime()
    // One that began later was begun by a clock that has been set back since.
    const tried = former?.of === of && former.since <= begun ? former : { of, count: 0, since: begun }
    const result = await attempt(live, notice, context.signal)
    metrics.callbackDelivery(result.outcome)
    if (result.outcome === 'delivered') return record(live, toldOf(live, notice, notice.instance), context)

    const count = tried.count + 1
    tries.set(uid, { ...tried, count })
    context.log.warn({ event: notice.type, tries: count, error: inFull(result) }, 'Event could not be told')
    const isTooLate = now().getTime() + patience.againMillis > tried.since + patience.givesUpMillis
    if (!isTooLate) return { requeueAfterMillis: count === 1 ? 0 : patience.againMillis }
    metrics.callbackDelivery('given_up')
    events.record(
      { ...live, kind: recordingKind },
      {
        ...{ type: 'Warning', reason: 'CallbackFailed', action: 'DeliverCallback' },
        note: `Event ${notice.type} could not be told within a minute: ${result.message}`,
      },
    )
    return record(live, toldOf(live, notice, `${notice.instance} GivenUp`), context)
  }

  async function attempt(recording: Recording, notice: TrtcNotice, signal: AbortSignal): ReturnType<typeof deliver> {
    const key = await signingKey(client, recording, signal)
    if (key.is === 'missing') return { outcome: 'unsigned', message: key.message }
    return send({
      url: recording.spec.callback?.url ?? '',
      id: `${recording.metadata.uid}/${notice.type}-${notice.instance}`,
      body: trtcNoticeBody(recording, notice, now()),
      sdkAppId: recording.spec.sdkAppId,
      ...(key.is === 'found' ? { signingKey: key.key } : {}),
      timeoutMillis: patience.timeoutMillis,
      signal,
      policy,
      fence,
      ...(proxy === undefined ? {} : { proxy }),
    })
  }

  /** Written for this very Recording, beside what others write in its status; then the next one is looked for. */
  async function record({ metadata }: Recording, told: Told, { signal }: ReconcileContext): Promise<ReconcileResult | undefined> {
    const { namespace, name, uid } = metadata
    unrecorded.set(uid, told)
    const body = { metadata: { uid }, status: { notices: { [told.type]: told.text } } }
    const written = await client
      .patch(resources.recordings, { namespace, name }, { type: 'merge', body }, { subresource: 'status', signal })
      .catch((error) => {
        if (isNotFound(error)) return undefined
        throw error
      })
    forget(metadata)
    if (written === undefined) return undefined
    recordings.wrote(written)
    return dueTrtcNotice(written) === undefined ? undefined : { requeueAfterMillis: 0 }
  }

  function forget({ uid }: { uid: string }): void {
    tries.delete(uid)
    unrecorded.delete(uid)
  }

  return { reconcile, forget: ({ metadata }: Recording) => forget(metadata) }
}
