import { mendHoles } from '../disk/holes.ts'
import { tellDamagedLines } from '../ledger/kept-records.ts'
import type { MediaFileDeps, MediaFileIdentity } from './media-file.ts'
import type { MediaPaths } from './media-paths.ts'

/** To be called before a body is read again: where its list of what was given back to the volume is damaged, that is made anew, and the ledger is told. */
export async function knowHoles(
  { body }: MediaPaths,
  { mode }: Pick<MediaFileIdentity, 'mode'>,
  { ledger, log }: Pick<MediaFileDeps, 'ledger' | 'log'>,
): Promise<void> {
  for (const damage of await mendHoles(body)) tellDamagedLines({ spec: { mode } }, ledger, log)(damage)
}
