import { type ClipReason, clipTroubles, type RecordingClipStatus } from '@trtc-recorder/api'

/** What the fields of a clip's status mean, read in this one place. Statuses that an earlier release wrote are read here as well. */
export type ClipStage = { is: 'over'; completionTime: string } | { is: 'open'; attempt: ClipAttempt }

export type ClipAttempt =
  /** No Pod has been made, as far as is told. */
  | { is: 'none' }
  /** The API server would not have the next one: how often, when last, and when it is asked again. `made`: how many there were before. */
  | { is: 'refused'; made: number; reason: ClipReason; times: number; time: string; nextTime: string }
  /** There has been this one. */
  | { is: 'made'; number: number }
  /** It came to nothing, and the next one has its time. */
  | { is: 'failed'; number: number; nextTime: string }

const refusals: readonly string[] = Object.values(clipTroubles).flatMap(({ seen, condition }) =>
  seen === 'refusal' ? condition : [],
)

export function clipStage(status: RecordingClipStatus | undefined): ClipStage {
  const { completionTime, attempts = 0, nextAttemptTime, refusedTimes = 1, refusedTime, conditions } = status ?? {}
  if (completionTime !== undefined) return { is: 'over', completionTime }
  const reason = conditions?.find(({ type }) => type === 'Succeeded')?.reason
  if (nextAttemptTime === undefined) {
    return { is: 'open', attempt: attempts === 0 ? { is: 'none' } : { is: 'made', number: attempts } }
  }
  if (reason !== undefined && refusals.includes(reason)) {
    const time = refusedTime ?? nextAttemptTime
    return {
      is: 'open',
      attempt: { is: 'refused', made: attempts, reason, times: refusedTimes, time, nextTime: nextAttemptTime },
    }
  }
  return { is: 'open', attempt: { is: 'failed', number: attempts, nextTime: nextAttemptTime } }
}

/** How many Pods had been made when the clip was begun anew: what they came to, or still do, is past. */
export const attemptsBefore = (status: RecordingClipStatus | undefined) => status?.attemptsBefore ?? 0

/** How many Pods have been made. */
export function numberOf(attempt: ClipAttempt): number {
  switch (attempt.is) {
    case 'none':
      return 0
    case 'refused':
      return attempt.made
    case 'made':
    case 'failed':
      return attempt.number
  }
}

export const isClipOver = ({ status }: { status?: RecordingClipStatus }) => clipStage(status).is === 'over'

/** Since when a clip is refused its Pod for this reason, and in which words; undefined if it is not. */
export function clipRefused(
  status: RecordingClipStatus | undefined,
  reason: string,
): { since: string; message: string } | undefined {
  const stage = clipStage(status)
  if (stage.is === 'over' || stage.attempt.is !== 'refused' || stage.attempt.reason !== reason) return undefined
  const message = status?.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? ''
  return { since: stage.attempt.time, message }
}
