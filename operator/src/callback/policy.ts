import type { CallbackStatus, Condition } from '@trtc-recorder/api'
import { backoffMillis } from '../runtime/backoff.ts'
import { leftMillis } from '../runtime/timers.ts'
import type { DeliveryResult } from './delivery.ts'
import type { Told } from './told.ts'

/** When to try, when to try again, when to stop trying. Pure: what was and what time it is come in. */

export interface CallbackLimits {
  giveUpMillis: number
  /** For a deleted Recording, which the callback keeps from going away. */
  giveUpDeletedMillis: number
}

export type Due =
  /** Nothing to deliver, or no longer. */
  { is: 'never' } | { is: 'later'; inMillis: number } | { is: 'now'; callback: CallbackStatus }

export function due(told: Told, now: Date, limits: CallbackLimits): Due {
  const callback = told.status?.callback
  if (told.spec.callback === undefined || callback?.state !== 'Pending') return { is: 'never' }
  const next = callback.nextAttemptTime ?? callback.dueSince
  const dueMillis = Math.min(Date.parse(next), givesUpAt(told, callback, limits))
  const inMillis = leftMillis(dueMillis, longestPauseMillis, now.getTime())
  return inMillis > 0 ? { is: 'later', inMillis } : { is: 'now', callback }
}

/** As the schema has it. */
const longestError = 512

const retries = { initialMillis: 1000, maxMillis: 600_000, jitter: 0.2 }
const longestPauseMillis = retries.maxMillis * (1 + retries.jitter)

/** What stands in the status after a try. The back-off follows from `attempts`, so it goes on where it was after a restart. */
export function afterTry(
  told: Told,
  before: CallbackStatus,
  result: DeliveryResult,
  now: Date,
  limits: CallbackLimits,
  random: () => number = Math.random,
): CallbackStatus {
  const { id, dueSince } = before
  const attempts = before.attempts + 1
  const time = now.toISOString()
  const tried = {
    id,
    attempts,
    dueSince,
    lastAttemptTime: time,
    ...('statusCode' in result ? { lastStatusCode: result.statusCode } : {}),
  }
  if (result.outcome === 'delivered') return { ...tried, state: 'Delivered', deliveredTime: time }
  const end = givesUpAt(told, before, limits)
  const lastError = result.message.slice(0, longestError)
  if (now.getTime() >= end) return { ...tried, state: 'GivenUp', lastError }
  const next = Math.min(end, now.getTime() + backoffMillis(attempts, { ...retries, random }))
  return { ...tried, state: 'Pending', lastError, nextAttemptTime: new Date(next).toISOString() }
}

function givesUpAt(told: Told, callback: CallbackStatus, limits: CallbackLimits): number {
  const since = Date.parse(callback.dueSince)
  const end = since + limits.giveUpMillis
  const deleted = told.metadata.deletionTimestamp
  return deleted === undefined ? end : Math.min(end, Math.max(since, Date.parse(deleted)) + limits.giveUpDeletedMillis)
}

/** The condition `CallbackDelivered` that goes with a status. */
export function conditionOf(told: Told, callback: CallbackStatus, now: Date): Condition {
  const before = told.status?.conditions?.find((condition) => condition.type === 'CallbackDelivered')
  const status = callback.state === 'Delivered' ? 'True' : 'False'
  return {
    type: 'CallbackDelivered',
    status,
    reason: ({ Delivered: 'Delivered', Pending: 'Retrying', GivenUp: 'GivenUp' } as const)[callback.state],
    message: sentence(callback),
    observedGeneration: told.metadata.generation,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now.toISOString(),
  }
}

export function sentence(callback: CallbackStatus): string {
  switch (callback.state) {
    case 'Delivered':
      return `Delivery ${callback.attempts} was answered with ${callback.lastStatusCode}.`
    case 'Pending':
      return `Delivery ${callback.attempts} failed: ${callback.lastError}. The next is due at ${callback.nextAttemptTime}.`
    case 'GivenUp':
      return `Given up after ${callback.attempts} deliveries since ${callback.dueSince}. The last one failed: ${callback.lastError}.`
  }
}
