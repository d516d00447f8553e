import type { AxisRules } from '../timeline/audio-axis.ts'
import { cutsIn, type Stretch } from '../timeline/cuts.ts'
import type { MediaFileIdentity } from './media-file.ts'

/**
 * How the sound of a file is laid. MP3 has no times of its own: where it is laid it stays, silence that is taken out of it must never be written, and there is
 * nothing beside it. In MP4 that is decided when the head is made, when the pictures are known too. `pauses` may grow until then.
 */
export const axisRules = (identity: MediaFileIdentity, pauses: readonly Stretch[]): AxisRules =>
  identity.mode === '00' ? { isFinal: true, cutsOf: (absence) => cutsIn(absence, pauses, identity) } : {}
