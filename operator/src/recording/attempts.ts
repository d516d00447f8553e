import { type Attempt, troubleOf } from '@trtc-recorder/api'
import { attemptState } from './stage.ts'

/** As many as the schema of the status takes. */
const mostKept = 20
/** This many attempts in a row may fail without getting into the room. */
export const mostFailuresInARow = 5
/** An attempt that recorded for this long was no failure to start, so the next one does not wait long. */
const healthyMillis = 60_000

export const nextNumber = (attempts: readonly Attempt[]) => Math.max(0, ...attempts.map(({ number }) => number)) + 1

/** Failed attempts at the end of the list, none of which got into the room. */
export const failuresInARow = (attempts: readonly Attempt[]) =>
  trailing(ended(attempts).filter(isRecorder), (attempt) => attempt.startTime === undefined && isFailure(attempt))

/** Failed uploads of one volume at the end of its list. COS being away is no failure: it is waited for. */
export const uploadFailuresInARow = (attempts: readonly Attempt[]) =>
  trailing(ended(attempts), (attempt) => attempt.uploadOnly === true && isFailure(attempt))

/** Uploads of one volume at the end of its list that came to nothing, for whatever reason: what bounds the deletion of a Recording. */
export const fruitlessUploadsInARow = (attempts: readonly Attempt[]) =>
  trailing(ended(attempts), (attempt) => attempt.uploadOnly === true && attempt.exitCode !== 0)

export const isRecorder = ({ uploadOnly }: Attempt) => !uploadOnly

const ended = (attempts: readonly Attempt[]) => attempts.filter((attempt) => attemptState(attempt).is === 'ended')

const isFailure = ({ reason }: Attempt) => troubleOf(reason).counts

/** How long after the end of the last attempt the next one begins. */
export function delayMillis(attempts: readonly Attempt[]): number {
  const last = ended(attempts).at(-1)
  if (last === undefined) return 0
  const trouble = troubleOf(last.reason)
  if (wasSentAway(last)) {
    // Whatever sends it away each time that it has just come, it does not help to be there again at once.
    const soonAfter = trailing(ended(attempts), (attempt) => wasSentAway(attempt) && !recordedForLong(attempt))
    return soonAfter <= 1 ? 0 : growingMillis(trouble.after, soonAfter - 1)
  }
  const inARow = trailing(
    ended(attempts),
    (attempt) => !recordedForLong(attempt) && troubleOf(attempt.reason).next === trouble.next,
  )
  return growingMillis(trouble.after, inARow)
}

/** In good health. */
const wasSentAway = ({ startTime, exitCode }: Attempt) => startTime !== undefined && exitCode === 0

/** The first time, doubled for each time in a row, up to the longest. */
export function growingMillis(after: { firstSeconds: number; longestSeconds: number }, times: number): number {
  return Math.min(after.firstSeconds * 2 ** Math.max(0, times - 1), after.longestSeconds) * 1000
}

/**
 * When to look again at what has been the same for some time: after as long as it has lasted, within the bounds. So looks become rare by
 * themselves, whoever takes over from whom.
 */
export function nextLookMillis(
  after: { firstSeconds: number; longestSeconds: number },
  sinceMillis: number,
  nowMillis: number,
): number {
  return Math.min(Math.max(nowMillis - sinceMillis, after.firstSeconds * 1000), after.longestSeconds * 1000)
}

/** The last 20. What only repeats itself goes first, so that what explains the recording stays; what has not ended always stays. */
export function keepLast(attempts: readonly Attempt[]): Attempt[] {
  const kept = [...attempts]
  const mayGo = (attempt: Attempt, index: number) => index < kept.length - 2 && attemptState(attempt).is === 'ended'
  while (kept.length > mostKept) {
    const repeated = kept.findIndex(
      (attempt, index) => mayGo(attempt, index) && attempt.startTime === undefined && kept[index + 1]?.reason === attempt.reason,
    )
    const oldest = kept.findIndex(mayGo)
    kept.splice(Math.max(0, repeated === -1 ? oldest : repeated), 1)
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
