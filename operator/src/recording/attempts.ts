import type { Attempt } from '@trtc-recorder/api'
import { policyOf } from './failure-policy.ts'

/** As many as the schema of the status takes. */
const mostKept = 20
/** This many attempts in a row may fail without getting into the room. */
export const mostFailuresInARow = 5
/** An attempt that recorded for this long was no failure to start, so the next one does not wait long. */
const healthyMillis = 60_000
const firstDelayMillis = 5_000
const longestDelayMillis = 300_000
const longestWaitMillis = 30_000

/** The attempt that is under way or about to be. */
export const openAttempt = (attempts: readonly Attempt[]) => attempts.find((attempt) => attempt.endTime === undefined)

export const nextNumber = (attempts: readonly Attempt[]) => (attempts.at(-1)?.number ?? 0) + 1

/** Whether something that was recorded may be on the volume and not in COS. */
export function volumeHolds(attempts: readonly Attempt[]): boolean {
  let holds = false
  for (const { reason, startTime, endTime, exitCode } of attempts) {
    if (endTime === undefined) continue
    const volume = exitCode === 0 ? 'clean' : policyOf(reason).volume
    // A recorder that says it failed before it entered has recorded nothing.
    if (volume === 'same' || (reason === 'InternalError' && startTime === undefined)) continue
    holds = volume === 'holds'
  }
  return holds
}

/** Failed attempts at the end of the list, none of which got into the room. */
export const failuresInARow = (attempts: readonly Attempt[]) =>
  trailing(attempts, (attempt) => !attempt.uploadOnly && attempt.startTime === undefined && isFailure(attempt, attempts))

/** Failed uploads at the end of the list. COS being away is no failure: it is waited for. */
export const uploadFailuresInARow = (attempts: readonly Attempt[]) =>
  trailing(attempts, (attempt) => attempt.uploadOnly === true && isFailure(attempt, attempts))

/** Uploads at the end of the list that came to nothing, for whatever reason: what bounds the deletion of a Recording. */
export const fruitlessUploadsInARow = (attempts: readonly Attempt[]) =>
  trailing(attempts, (attempt) => attempt.uploadOnly === true && attempt.endTime !== undefined && attempt.exitCode !== 0)

function isFailure({ reason, endTime }: Attempt, attempts: readonly Attempt[]): boolean {
  // While there is something to save, COS being away is no reason to give up.
  if (reason === 'StorageUnavailable' && volumeHolds(attempts)) return false
  return endTime !== undefined && policyOf(reason).counts
}

/** How long after the end of the last attempt the next one begins. */
export function delayMillis(attempts: readonly Attempt[]): number {
  const last = attempts.at(-1)
  if (last === undefined) return 0
  const policy = policyOf(last.reason)
  // It was sent away in good health.
  if (last.startTime !== undefined && last.exitCode === 0) return 0
  const inARow = trailing(attempts, (attempt) => !recordedForLong(attempt) && policyOf(attempt.reason).next === policy.next)
  const delay = firstDelayMillis * 2 ** Math.max(0, inARow - 1)
  return Math.min(delay, policy.next === 'wait' ? longestWaitMillis : longestDelayMillis)
}

/** The last 20. What only repeats itself goes first, so that what explains the recording stays. */
export function keepLast(attempts: readonly Attempt[]): Attempt[] {
  const kept = [...attempts]
  while (kept.length > mostKept) {
    const repeated = kept.findIndex(
      ({ reason, startTime }, index) => index < kept.length - 2 && startTime === undefined && kept[index + 1]?.reason === reason,
    )
    kept.splice(Math.max(0, repeated), 1)
  }
  return kept
}

function recordedForLong({ startTime, endTime }: Attempt): boolean {
  return startTime !== undefined && endTime !== undefined && Date.parse(endTime) - Date.parse(startTime) >= healthyMillis
}

function trailing(attempts: readonly Attempt[], matches: (attempt: Attempt) => boolean): number {
  let count = 0
  while (count < attempts.length && matches(attempts[attempts.length - 1 - count]!)) count += 1
  return count
}
