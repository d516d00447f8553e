import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Clock } from '../clock/clock.ts'
import type { MediaFile, MediaFileDeps, MediaFileIdentity, SalvagedMediaFile } from '../media/media-file.ts'
import type { RoomOptions } from '../room/room.ts'
import type { BegunPage, PageOptions } from '../room/room-page.ts'
import type { StoreTraffic } from '../store/store.ts'
import type { ReadableStore } from '../store/upload.ts'
import type { RecordContext } from './record-context.ts'
import type { Secrets } from './secrets.ts'
import type { Stop } from './stop-policy.ts'

/** What a run is made of; tests bring their own. */
export interface Components {
  beginPage(options: PageOptions): BegunPage
  openRoom: RecordContext['openRoom']
  openMediaFile(directory: string, identity: MediaFileIdentity, deps: MediaFileDeps): MediaFile
  /** Names of the files in a directory. */
  leftMediaFiles(directory: string): Promise<string[]>
  /** Undefined of a file that held nothing yet; rejects for one that cannot be read. */
  salvageMediaFile(directory: string, name: string, deps: MediaFileDeps): Promise<SalvagedMediaFile | undefined>
  createStore(cos: RecorderJob['spec']['cos'], credentials: Secrets['cos'], log: Logger, traffic?: StoreTraffic): ReadableStore
}

export interface RunOptions {
  job: RecorderJob
  /** Run by a person, without an operator to number the attempts: the volume says which one this is. */
  byHand: boolean
  workDirectory: string
  /** File that says what has changed since the job was given; see `controlSchema`. */
  controlPath: string | undefined
  /** File that says which clips are wanted now; see `clipRequestsSchema`. */
  clipsPath: string | undefined
  secretsDirectory: string
  chromium: RoomOptions['chromium']
  /** File with the replay page as replay/ builds it. */
  replayPage: string
  /** How long storing may take after the stop. What is not done then waits on the volume. */
  uploadSeconds: number
  /** Resolves when the recorder is asked to stop; rejects on a defect. */
  stopRequested: Promise<Stop>
  /** Told of every secret as soon as it is known, so that no log line can hold it. */
  onSecret(value: string): void
  log: Logger
  components: Components
  /** The machine's, unless a test brings its own. */
  clock?: Clock
}
