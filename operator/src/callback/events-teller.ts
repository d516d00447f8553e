import {
  type EventsBody,
  eventsBody,
  type RecorderEvents,
  type Recording,
  recorderEventsSchema,
  kind as recordingKind,
  type TrtcCallbackBody,
  trtcEventBodies,
  wantsEvents,
} from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { KubeClient, Pod } from '@trtc-recorder/kube'
import { isNotFound, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { EventRecorder } from '../kube/events.ts'
import { getFromRecorder, recorderUrl } from '../recorder-http.ts'
import { backoffMillis } from '../runtime/backoff.ts'
import type { Controller, ReconcileContext, ReconcileResult } from '../runtime/controller.ts'
import { ownerKey, refOf } from '../runtime/objects.ts'
import type { Store } from '../runtime/store.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Delivery, type DeliveryResult, deliver, inFull } from './delivery.ts'
import { signingKey } from './signing-key.ts'
import { tellingController } from './telling-controller.ts'

/** What happens within this time is told at once. */
const batchMillis = 2_000
const timeoutMillis = 5_000
const retries = { initialMillis: 2_000, maxMillis: 60_000, jitter: 0.2 }
/** In one run; then others have their turn. */
const mostBatches = 10

export interface EventsDependencies {
  client: KubeClient
  recordings: Store<Recording, string>
  pods: Pick<Store<Pod, 'owner'>, 'byIndex'>
  events: EventRecorder
  log: Logger
  metrics: Pick<Metrics, 'controller' | 'callbackDelivery'>
  workers: number
  policy: ReceiverPolicy
  proxy?: Delivery['proxy']
  fence?: Delivery['fence']
  /** Gives the body of a GET. */
  get?: typeof getFromRecorder
  now?: () => Date
  send?: typeof deliver
}

/** Whether there may be something to tell. */
const concerns = ({ spec, status }: Recording) => wantsEvents(spec) && status?.completionTime === undefined

/**
 * Tells what happens in recorders, where spec.callback asks for it: ask the recorder what came after the last event that was told → deliver, in one POST
 * (of TRTC's events, each in its own) → record in `status.notices` → and again. Recorders keep events on their volumes, so a new operator, and a new attempt, go on where
 * the last one was.
 *
 * Guarantees: in order, each at least once, and once as long as one operator is at work; the next batch is not sent before the one before it was answered with 2xx. A receiver that is away is
 * tried ever less often, once a minute at least, and misses what a recorder does not keep (the last 5000), or what is not told within 10 s of its end.
 */
export function eventsController(dependencies: EventsDependencies): Controller {
  return tellingController(
    {
      name: 'events',
      workers: dependencies.workers,
      reconcileTimeoutMillis: 120_000,
      concerns,
      ...eventsReconciler(dependencies),
    },
    { ...dependencies, store: dependencies.recordings },
  )
}

/** One that the status knows, and not one that somebody has given the same labels: what it says is signed. */
const isOf = ({ metadata, status }: Recording, pod: Pod) =>
  pod.metadata.namespace === metadata.namespace &&
  (status?.attempts ?? []).some(
    ({ pod: name, podUid }) => name === pod.metadata.name && (podUid === undefined || podUid === pod.metadata.uid),
  )

/** Of which volume the last event was told. */
const toldKey = (volume: number) => `v${volume}`
const toldOf = ({ status }: Recording, volume: number) => Number(status?.notices?.[toldKey(volume)] ?? 0)

export function eventsReconciler(
  dependencies: Omit<EventsDependencies, 'workers' | 'metrics'> & { metrics: Pick<Metrics, 'callbackDelivery'> },
) {
  const { client, recordings, pods, events, metrics, policy, proxy, fence, get = getFromRecorder, send = deliver } = dependencies
  const { now = () => new Date() } = dependencies
  /** By UID: how often the batch that is due has failed, and since when it is not to be tried. */
  const failed = new Map<string, { tries: number; notBefore: number }>()
  /** By UID: which volume the recorder of that Pod works on. */
  const volumes = new Map<string, { podUid: string; volume: number }>()
  /** By UID: the keys of what was taken of the batch that is due. */
  const taken = new Map<string, Set<string>>()
  /** By UID: the last event of a batch that was taken, and does not stand in the status yet. */
  const unrecorded = new Map<string, { name: string; text: string }>()

  async function reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const cached = recordings.get(key)
    if (cached === undefined || !concerns(cached)) return undefined
    const { uid } = cached.metadata
    const earlier = unrecorded.get(uid)
    // Another one may have told more meanwhile.
    const isNews = earlier !== undefined && Number(earlier.text) > Number(cached.status?.notices?.[earlier.name] ?? 0)
    if (isNews) await record(cached, earlier, context.signal)
    else unrecorded.delete(uid)
    const waits = (failed.get(uid)?.notBefore ?? 0) - performance.now()
    if (waits > 0) return { requeueAfterMillis: waits, priority: 'low' }
    for (const pod of pods.byIndex('owner', ownerKey(cached.metadata))) {
      if (!pod.status?.podIP || pod.status.phase !== 'Running' || !isOf(cached, pod)) continue
      const isTold = await tellAll(key, pod, context)
      if (!isTold) break
    }
    return { requeueAfterMillis: Math.max(batchMillis, (failed.get(uid)?.notBefore ?? 0) - performance.now()), priority: 'low' }
  }

  /** False where the receiver did not take something. */
  async function tellAll(key: string, pod: Pod, context: ReconcileContext): Promise<boolean> {
    for (let batch = 0; batch < mostBatches; batch++) {
      const cached = recordings.get(key)
      if (cached === undefined || !concerns(cached)) return true
      const volume = await volumeOf(cached, pod, context.signal)
      if (volume === undefined) return true
      const said = await ask(pod, toldOf(cached, volume), context.signal)
      if (said === undefined || said.events.length === 0) return true
      // The API server itself says what was told: it may know of more than the cache does.
      const live = await read(key, context.signal)
      if (live === undefined || live.metadata.uid !== cached.metadata.uid) return true
      recordings.wrote(live)
      if (toldOf(live, volume) !== toldOf(cached, volume)) continue
      if (!(await tell(live, said, context))) return false
      await record(live, { name: toldKey(volume), text: String(said.events.at(-1)!.id) }, context.signal)
    }
    return true
  }

  async function volumeOf({ metadata: { uid } }: Recording, pod: Pod, signal: AbortSignal): Promise<number | undefined> {
    const known = volumes.get(uid)
    if (known?.podUid === pod.metadata.uid) return known.volume
    const volume = (await ask(pod, Number.MAX_SAFE_INTEGER, signal))?.volume
    if (volume !== undefined) volumes.set(uid, { podUid: pod.metadata.uid, volume })
    return volume
  }

  /** Undefined where it does not answer: then it is asked again soon. */
  async function ask({ status }: Pod, after: number, signal: AbortSignal): Promise<RecorderEvents | undefined> {
    const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMillis)])
    const answer = await get(recorderUrl(status!.podIP!, `/events?after=${after}`), both).catch(() => undefined)
    return recorderEventsSchema.safeParse(answer).data
  }

  async function tell(recording: Recording, said: RecorderEvents, context: ReconcileContext): Promise<boolean> {
    const { uid } = recording.metadata
    const [first, last] = [said.events[0]!.id, said.events.at(-1)!.id]
    let result: DeliveryResult | undefined
    const had = taken.get(uid) ?? new Set()
    taken.set(uid, had)
    for (const [id, body] of bodiesOf(recording, said)) {
      if (had.has(id)) continue
      result = await attempt(recording, body, `${uid}/${id}`, context.signal)
      metrics.callbackDelivery(result.outcome)
      if (result.outcome !== 'delivered') break
      had.add(id)
    }
    if (result === undefined || result.outcome === 'delivered') {
      failed.delete(uid)
      taken.delete(uid)
      return true
    }
    const tries = (failed.get(uid)?.tries ?? 0) + 1
    failed.set(uid, { tries, notBefore: performance.now() + backoffMillis(tries, { ...retries, random: Math.random }) })
    context.log.warn({ events: said.events.length, tries, error: inFull(result) }, 'Events could not be told')
    if (tries === 1) {
      const note = `Events ${first} to ${last} could not be told, and are tried again: ${result.message}`
      events.record(
        { ...recording, kind: recordingKind },
        { type: 'Warning', reason: 'CallbackFailed', action: 'DeliverCallback', note },
      )
    }
    return false
  }

  /** What is POSTed, each with its key. TRTC's events are none but those of its own that have a counterpart. */
  function bodiesOf(recording: Recording, said: RecorderEvents): [id: string, body: EventsBody | TrtcCallbackBody][] {
    const { volume, events } = said
    if (recording.spec.callback?.format !== 'TRTC') {
      return [[`events-${volume}-${events[0]!.id}-${events.at(-1)!.id}`, eventsBody(recording.spec, said)]]
    }
    return events.flatMap((event) =>
      trtcEventBodies(recording, event, now()).map((body): [string, TrtcCallbackBody] => [
        `${body.EventType}-${volume}-${event.id}`,
        body,
      ]),
    )
  }

  async function attempt(
    recording: Recording,
    body: EventsBody | TrtcCallbackBody,
    id: string,
    signal: AbortSignal,
  ): ReturnType<typeof deliver> {
    const key = await signingKey(client, recording, signal)
    if (key.is === 'missing') return { outcome: 'unsigned', message: key.message }
    return send({
      ...{ url: recording.spec.callback?.url ?? '', id, body, timeoutMillis, signal, policy },
      ...('EventType' in body ? { sdkAppId: recording.spec.sdkAppId } : {}),
      ...(key.is === 'found' ? { signingKey: key.key } : {}),
      fence,
      ...(proxy === undefined ? {} : { proxy }),
    })
  }

  /** Written for this very Recording, beside what others write in its status. */
  async function record(
    { metadata }: Recording,
    { name, text }: { name: string; text: string },
    signal: AbortSignal,
  ): Promise<void> {
    unrecorded.set(metadata.uid, { name, text })
    const body = { metadata: { uid: metadata.uid }, status: { notices: { [name]: text } } }
    const ref = { namespace: metadata.namespace, name: metadata.name }
    const written = await client
      .patch(resources.recordings, ref, { type: 'merge', body }, { subresource: 'status', signal })
      .catch((error) => {
        if (isNotFound(error)) return undefined
        throw error
      })
    unrecorded.delete(metadata.uid)
    if (written !== undefined) recordings.wrote(written)
  }

  async function read(key: string, signal: AbortSignal): Promise<Recording | undefined> {
    return client.get(resources.recordings, refOf(key), { signal }).catch((error) => {
      if (isNotFound(error)) return undefined
      throw error
    })
  }

  return { reconcile, forget }

  function forget({ metadata: { uid } }: Recording): void {
    for (const known of [failed, volumes, taken, unrecorded]) known.delete(uid)
  }
}
