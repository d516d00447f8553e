import { openMediaFile } from '../media/live-media-file.ts'
import { leftMediaFiles, salvageMediaFile } from '../media/salvage.ts'
import { openRoom } from '../room/room.ts'
import { beginRoomPage } from '../room/room-page.ts'
import { createStore } from '../store/store.ts'
import type { Components } from './options.ts'

/** What a recorder is really made of. */
export const components: Components = {
  beginPage: beginRoomPage,
  openRoom,
  openMediaFile,
  leftMediaFiles,
  salvageMediaFile,
  createStore: (cos, credentials, log, traffic) => createStore({ cos, credentials, log, ...traffic }),
}
