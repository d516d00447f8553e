import type { Control, RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Clock, ClockStep } from '../clock/clock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ReceiveBuffer } from '../ledger/receive-buffer.ts'
import type { LiveOutputs } from '../live/live-outputs.ts'
import type { Room, RoomHandlers, RoomOptions } from '../room/room.ts'
import type { BegunPage } from '../room/room-page.ts'
import type { Awaited } from './awaited.ts'
import type { ControlFile } from './control-file.ts'
import type { FileKeeper } from './file-keeper.ts'
import type { HeldOnVolume } from './held-on-volume.ts'
import type { Sessions } from './sessions.ts'
import type { Stop } from './stop-policy.ts'
import type { Volume } from './volume.ts'

/** What a recording is made with. */
export interface RecordContext {
  job: RecorderJob
  /** A UserSig that is good now. */
  userSig(): Promise<string>
  /** Password of the TURN user, where the network proxy names a TURN server. */
  turnCredential?: string
  chromium: RoomOptions['chromium']
  /** Starts since before all of this was there. */
  firstPage: BegunPage | undefined
  openRoom(options: RoomOptions, handlers: RoomHandlers): Room
  stopRequested: Promise<Stop>
  clock: Clock
  sessions: Sessions
  awaited: Awaited
  keeper: FileKeeper
  /** What is made of it while it goes on. */
  live: LiveOutputs
  volume: Volume
  /** What nobody is known to own yet. */
  held: HeldOnVolume
  /** Told of everything that does not get into a file. */
  ledger: Ledger
  receiveBuffer: ReceiveBuffer
  control: ControlFile<Control>
  /** Told when nothing of anybody is taken any more, and when it is again. */
  onPause(paused: boolean, at: Date): void
  /** Told when somebody has set the wall clock. */
  onClockSet(step: ClockStep): void
  /** Told when the recorder is in the room for the first time. */
  onEntered(at: Date): void
  log: Logger
}
