import type { Recording } from '@trtc-recorder/api'
import { openAttempt } from './stage.ts'

/**
 * TRTC removes the earlier of two users with one id from a room. Two recorders with one identity would do that to each other for ever, so
 * at any time one Recording holds an identity, across all namespaces, and the others wait.
 */

export const isFinished = ({ status }: Pick<Recording, 'status'>) => status?.completionTime !== undefined

/** Whether it has a recorder that is or may be in the room, or wants one there. One that only finishes and uploads files keeps nobody out. */
export const holds = (recording: Recording) =>
  !isFinished(recording) && (mayBeInRoom(recording) || (recording.status?.stopReason === undefined && !isLeaving(recording)))

export function mayBeInRoom({ status }: Pick<Recording, 'status'>): boolean {
  const open = openAttempt(status?.attempts ?? [])
  return open !== undefined && !open.uploadOnly && open.leftTime === undefined
}

/** It had a recorder that has left the room, and whether it wants another is not known before its result is. */
const isLeaving = ({ status }: Recording) => openAttempt(status?.attempts ?? [])?.leftTime !== undefined

/**
 * Which of the Recordings with one identity holds it: of those that want it, the one whose recorder is or may be in the room, else one that
 * was there and goes on, else the earliest, else (within one second) the one with the smaller UID. `claimedBy` is the UID of one that is
 * about to make its recorder.
 */
export function holderOf(rivals: readonly Recording[], claimedBy?: string): Recording | undefined {
  const rank = (recording: Recording) => {
    if (mayBeInRoom(recording)) return 0
    if (recording.metadata.uid === claimedBy) return 1
    return recording.status?.startTime !== undefined ? 2 : 3
  }
  return rivals
    .filter(holds)
    .toSorted(
      (a, b) =>
        rank(a) - rank(b) ||
        a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) ||
        a.metadata.uid.localeCompare(b.metadata.uid),
    )[0]
}

/**
 * Who holds what, within this process. Two Recordings of one second can be seen in either order; the first to be decided on claims the
 * identity before anything is written, and what is written tells the next leader.
 */
export class IdentityClaims {
  readonly #claims = new Map<string, string>()

  /** The Recording that holds an identity; `rivals` are all that have it. If nobody holds it, this one does from now on. */
  holderFor(identity: string, recording: Recording, rivals: readonly Recording[]): Recording {
    const holder = holderOf(rivals, this.#claims.get(identity)) ?? recording
    this.#claims.set(identity, holder.metadata.uid)
    return holder
  }

  release(identity: string, { metadata }: Recording): void {
    if (this.#claims.get(identity) === metadata.uid) this.#claims.delete(identity)
  }
}
