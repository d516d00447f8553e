import type { CutsOf } from '../timeline/audio-axis.ts'
import { cutsIn, type Stretch } from '../timeline/cuts.ts'
import type { MediaFileIdentity } from './media-file.ts'

/**
 * What is taken out of sound while it is laid. MP3 has no times of its own, so its silence must never be written; and there is nothing beside
 * it. In MP4 that is decided when the head is made, when the pictures are known too: `pauses` may grow until then.
 */
export const liveCuts = (identity: MediaFileIdentity, pauses: readonly Stretch[]): CutsOf =>
  identity.mode === '00' ? (absence) => cutsIn(absence, pauses, identity) : () => []
