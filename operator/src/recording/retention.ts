import type { Recording } from '@trtc-recorder/api'

/**
 * What becomes of the volume of a finished Recording.
 * `delete`: everything on it is verified in COS. `keep`: it stays with the Recording. `leave`: it outlives the Recording, either because the
 * user wants that or because it holds something that is nowhere else.
 */
export type VolumeFate = 'delete' | 'keep' | 'leave'

export function volumeFate(recording: Recording, holdsUnstored: boolean): VolumeFate {
  if (recording.spec.storage.retention === 'Retain') return 'leave'
  if (!holdsUnstored) return 'delete'
  return recording.metadata.deletionTimestamp === undefined ? 'keep' : 'leave'
}
