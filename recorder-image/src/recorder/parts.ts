import { openMediaFile } from '../media/live-media-file.ts'
import { salvageMediaFiles } from '../media/salvage.ts'
import { openRoom } from '../room/room.ts'
import { createStore } from '../store/store.ts'
import type { Parts } from './run.ts'

/** What a recorder is really made of. */
export const parts: Parts = {
  openRoom,
  openMediaFile,
  salvageMediaFiles,
  createStore: (cos, credentials, log) => createStore({ cos, credentials, log }),
}
