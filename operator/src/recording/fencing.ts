import type { Recording } from '@trtc-recorder/api'

/**
 * TRTC removes the earlier of two users with one id from a room. Two recorders with one identity would do that to each other for ever, so
 * at any time one Recording holds an identity, across all namespaces, and the others wait.
 */

export const isFinished = ({ status }: Pick<Recording, 'status'>) => status?.completionTime !== undefined

/**
 * Which of the Recordings with one identity holds it: of those not finished, the one whose recorder was made already, else the earliest,
 * else (within one second) the one with the smaller UID. `claimedBy` is the UID of one that is about to make its recorder.
 */
export function holderOf(rivals: readonly Recording[], claimedBy?: string): Recording | undefined {
  const rank = (recording: Recording) => (recording.metadata.uid === claimedBy || recording.status?.attempts?.length ? 0 : 1)
  return rivals
    .filter((recording) => !isFinished(recording))
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
