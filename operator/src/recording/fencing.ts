import { type Recording, troubleOf } from '@trtc-recorder/api'
import { findCondition } from './conditions.ts'
import { attemptState, endedAttempts, openRecorder } from './stage.ts'

/**
 * TRTC removes the earlier of two users with one id from a room. Two recorders with one identity would do that to each other for ever, so
 * at any time one Recording holds an identity, across all namespaces, and the others wait.
 */

export const isFinished = ({ status }: Pick<Recording, 'status'>) => status?.completionTime !== undefined

/**
 * Whether it has a recorder that is or may be in the room, or is about to have one. One that only finishes and uploads files keeps nobody
 * out, and neither does one without a Pod that waits for something else.
 */
export const holds = (recording: Recording) =>
  !isFinished(recording) &&
  (mayBeInRoom(recording) || (recording.status?.stopReason === undefined && !isLeaving(recording) && !isHeldUp(recording)))

/** A Pod that the API server refused is in no room. */
export function mayBeInRoom({ status }: Pick<Recording, 'status'>): boolean {
  const open = openRecorder(status?.attempts ?? [])
  return open !== undefined && open.leftTime === undefined && !isRefused(open)
}

/** It was in the room, and its next attempt begins shortly: between two of them nobody else takes its place. */
export function goesOn(recording: Recording): boolean {
  const { status } = recording
  if (isFinished(recording) || status?.startTime === undefined || status.stopReason !== undefined) return false
  return openRecorder(status.attempts ?? []) === undefined && !isHeldUp(recording)
}

/** It had a recorder that has left the room, and whether it wants another is not known before its result is. */
const isLeaving = ({ status }: Recording) => openRecorder(status?.attempts ?? [])?.leftTime !== undefined

const isRefused = (attempt: Parameters<typeof attemptState>[0]) => {
  const state = attemptState(attempt)
  return state.is === 'planned' && state.refused !== undefined
}

/** It has no Pod, and what it waits for is something else than the identity. */
function isHeldUp({ status }: Recording): boolean {
  const attempts = status?.attempts ?? []
  const open = openRecorder(attempts)
  if (open !== undefined) return isRefused(open)
  if (findCondition(status?.conditions, 'Succeeded')?.reason === 'Queued') return true
  // Only a person can help it on.
  if (findCondition(status?.conditions, 'Stalled')?.status === 'True') return true
  const last = endedAttempts(attempts).findLast(({ uploadOnly }) => !uploadOnly)
  return last !== undefined && (status?.startTime === undefined || troubleOf(last.reason).next === 'wait')
}

/**
 * Which of the Recordings with one identity holds it: of those that want it, the one whose recorder is or may be in the room, else one that
 * was there and goes on, else the earliest, else (within one second) the one with the smaller UID. `askedBy` is the UID of one that could
 * begin now, `claimedBy` that of one that is about to make its recorder; `hasPod` says of one whose status tells of no attempt yet whether its
 * recorder has been made.
 */
export function holderOf(
  rivals: readonly Recording[],
  claimedBy?: string,
  askedBy?: string,
  hasPod: (recording: Recording) => boolean = () => false,
): Recording | undefined {
  const rank = (recording: Recording) => {
    if (mayBeInRoom(recording) || (recording.status?.attempts === undefined && hasPod(recording))) return 0
    if (recording.metadata.uid === claimedBy) return 1
    return recording.status?.startTime !== undefined ? 2 : 3
  }
  const wants = (recording: Recording) =>
    holds(recording) || (!isFinished(recording) && [claimedBy, askedBy].includes(recording.metadata.uid))
  return rivals
    .filter(wants)
    .toSorted(
      (a, b) =>
        rank(a) - rank(b) ||
        a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) ||
        a.metadata.uid.localeCompare(b.metadata.uid),
    )[0]
}

/**
 * Who is about to make a recorder, within this process. Two Recordings of one second can be seen in either order; the first that is let in claims
 * the identity before anything is written, and what is written tells the next leader.
 */
export class IdentityClaims {
  readonly #claims = new Map<string, string>()

  /** The Recording that holds an identity; `rivals` are all that have it. Nobody but the asker: it may begin. */
  holderFor(
    identity: string,
    recording: Recording,
    rivals: readonly Recording[],
    hasPod?: (recording: Recording) => boolean,
  ): Recording {
    return holderOf(rivals, this.#claims.get(identity), recording.metadata.uid, hasPod) ?? recording
  }

  claim(identity: string, { metadata }: Recording): void {
    this.#claims.set(identity, metadata.uid)
  }

  /** Says whether there was a claim. */
  release(identity: string, { metadata }: Recording): boolean {
    return this.#claims.get(identity) === metadata.uid && this.#claims.delete(identity)
  }
}
