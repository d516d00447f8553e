import type { Recording } from '@trtc-recorder/api'

/**
 * What becomes of the volume of a finished Recording. `delete`: everything on it is verified in COS. `leave`: it is nobody's from now on and
 * outlives the Recording, either because the user wants that or because it holds something that is nowhere else.
 */
export type VolumeFate = 'delete' | 'leave'

export function volumeFate(recording: Recording, holdsUnstored: boolean): VolumeFate {
  return holdsUnstored || recording.spec.storage.retention === 'Retain' ? 'leave' : 'delete'
}
