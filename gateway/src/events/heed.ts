import type { Recording, RecordingPolicy } from '@trtc-recorder/api'
import { ApiError, isNotFound, type KubeClient, resources } from '@trtc-recorder/kube'
import type { Logger } from 'pino'
import type { ActiveCounts } from '../callers/quota.ts'
import { RefusedRequest } from '../errors.ts'
import type { Fresh } from '../fresh.ts'
import { labelled } from '../recordings/find.ts'
import type { Application, Applications } from './applications.ts'
import { makeRecording, noteEnd } from './make.ts'
import { selectorOfPolicy, selectorOfRoom } from './names.ts'
import { listPolicies } from './policies.ts'
import { asksForRoom, type Decision, decide, type EventOutcome, type Heard, isInTime } from './sessions.ts'
import { type Fact, writeStatus } from './status.ts'

/** What hearing events takes. */
export interface Events {
  /** As they stand now: the Secret may change. */
  applications(): Applications
  policies: Fresh<RecordingPolicy[]>
  counts: ActiveCounts
  /** What keeps policies from being heeded, in words: the API server may have dropped what restricts them. */
  trouble(): string | undefined
}

interface Context {
  client: KubeClient
  events: Events
  log: Logger
  now(): Date
}

export interface Heeded {
  outcome: EventOutcome
  /** `<namespace>/<name>` of a Recording that was made. */
  recording?: string
}

/**
 * Does what an event leads to, for each policy of its application by itself: what one namespace cannot have done keeps no other from it. Where
 * anything failed that may go well the next time, it throws when all is done, so that TRTC tells again; what was done is then found done.
 */
export async function heed(context: Context, application: Application, event: Heard['event']): Promise<Heeded[]> {
  if (!isInTime(event, context.now())) return [{ outcome: 'OutOfTime' }]
  const results = await Promise.allSettled(
    application.namespaces.map((namespace) => heedIn(context, application, namespace, event)),
  )
  const failure = results.find((result) => result.status === 'rejected')
  if (failure !== undefined) throw refusalFor(failure.reason)
  const heeded = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  return heeded.length > 0 ? heeded : [{ outcome: 'NotAsked' }]
}

async function heedIn(context: Context, { sdkAppId }: Application, namespace: string, event: Heard['event']): Promise<Heeded[]> {
  const { client, events } = context
  const all = await events.policies.get(namespace, () => listPolicies(client, namespace))
  const policies = all.filter(({ spec }) => spec.sdkAppId === sdkAppId)
  const trouble = events.trouble()
  if (event.is === 'present' && policies.length > 0 && trouble !== undefined) {
    context.log.error({ namespace }, `Event is not heeded: ${trouble}`)
    throw new RefusedRequest('Unavailable', 'The cluster keeps policies in part only. Tell it again', { retryAfterSeconds: 10 })
  }
  // Also where it creates the room: then nobody else is in it.
  if (event.is !== 'dismissed' && policies.some(({ spec }) => spec.recorderUserId === event.userId))
    return [{ outcome: 'OfRecorder' }]
  const results = await Promise.allSettled(
    policies.filter(({ spec }) => asksForRoom(spec, event.room)).map((policy) => heedBy(context, policy, event)),
  )
  const failure = results.find((result) => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}

async function heedBy(context: Context, policy: RecordingPolicy, event: Heard['event']): Promise<Heeded> {
  const { client } = context
  const { metadata, spec } = policy
  // Most events ask for nothing, whatever Recordings there are.
  const [blind] = decide({ event, policy: spec, recordings: [] })
  if (event.is === 'present' && blind?.do === 'nothing') return { outcome: blind.outcome }
  const selector = selectorOfRoom(metadata.name, spec.sdkAppId, event.room)
  const recordings: Recording[] = []
  for await (const recording of labelled(client, metadata.namespace, selector)) recordings.push(recording)
  const decisions = decide({ event, policy: spec, recordings })
  if (decisions.some((decision) => decision.do === 'make')) {
    const current = await asItIsNow(client, policy)
    if (current === undefined) return { outcome: 'NotAsked' }
    if (current.metadata.generation !== metadata.generation) {
      if (current.spec.sdkAppId !== spec.sdkAppId || !asksForRoom(current.spec, event.room)) return { outcome: 'NotAsked' }
      return carryOutAll(context, current, event, decide({ event, policy: current.spec, recordings }))
    }
  }
  return carryOutAll(context, policy, event, decisions)
}

/** What was listed may be two seconds old, and somebody may have suspended or changed the policy since: what a Recording is made of is read. */
async function asItIsNow(client: KubeClient, { metadata }: RecordingPolicy): Promise<RecordingPolicy | undefined> {
  const { namespace, name, uid } = metadata
  const found = await client.get(resources.recordingPolicies, { namespace, name }).catch((error) => {
    if (isNotFound(error)) return undefined
    throw error
  })
  return found?.metadata.uid === uid ? found : undefined
}

async function carryOutAll(
  context: Context,
  policy: RecordingPolicy,
  event: Heard['event'],
  decisions: readonly Decision[],
): Promise<Heeded> {
  let heeded: Heeded = { outcome: 'NotAsked' }
  for (const decision of decisions) heeded = await carryOut(context, policy, event, decision)
  return heeded
}

async function carryOut(context: Context, policy: RecordingPolicy, event: Heard['event'], decision: Decision): Promise<Heeded> {
  const { client, events } = context
  const { atMillis, room } = event
  const { namespace, name } = policy.metadata
  switch (decision.do) {
    case 'nothing':
      if (decision.outcome === 'Recorded') await told(context, policy, { is: 'met', atMillis })
      return { outcome: decision.outcome }
    case 'note':
      await noteEnd(client, decision.recording, decision.endedMillis)
      return { outcome: 'Noted' }
    case 'make': {
      const most = policy.spec.limits.activeRecordings
      const list = () => labelled(client, namespace, selectorOfPolicy(name))
      const making = (await events.counts.take(`${namespace}/${name}`, most, list))
        ? await makeRecording(client, policy, { room, number: decision.number, atMillis })
        : {
            is: 'refused' as const,
            reason: 'LimitReached' as const,
            message: `There are ${most} Recordings of this policy under way`,
          }
      switch (making.is) {
        case 'made':
          await told(context, policy, { is: 'made', recording: making.name, atMillis })
          return { outcome: 'Made', recording: `${namespace}/${making.name}` }
        case 'found':
          return { outcome: 'Recorded' }
        case 'refused': {
          const message = `Room ${JSON.stringify(room)} at ${new Date(atMillis).toISOString()}: ${making.message}`
          await told(context, policy, { ...making, message, atMillis })
          return { outcome: making.reason }
        }
      }
    }
  }
}

/** What the status says comes after what was done: that it cannot be written is no reason to be told of the event again. */
async function told({ client, log, now }: Context, policy: RecordingPolicy, fact: Exclude<Fact, { is: 'reviewed' }>) {
  await writeStatus(client, policy, () => fact, now()).catch((error) => {
    const { namespace, name } = policy.metadata
    log.warn({ err: error, policy: `${namespace}/${name}` }, 'Status of a policy could not be written')
  })
}

function refusalFor(cause: unknown): RefusedRequest {
  if (cause instanceof RefusedRequest) return cause
  const isSetUpWrong = cause instanceof ApiError && (cause.code === 403 || cause.code === 404)
  return isSetUpWrong
    ? new RefusedRequest('InternalError', 'The gateway may not do this in a namespace of the application', { cause })
    : new RefusedRequest('Unavailable', 'The cluster did not answer. Tell it again', { cause, retryAfterSeconds: 10 })
}
