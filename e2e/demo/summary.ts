import type { CallbackStatus, Mode, StopReason, Stream } from '@trtc-recorder/api'

/** demo-output/summary.json: what the demo recorded, and how long each step took. */
export interface DemoSummary {
  recordings: RecordingSummary[]
}

export interface RecordingSummary {
  name: string
  mode: Mode
  stopReason: StopReason
  files: FileSummary[]
  /** The Recording's status.callback. */
  callback: CallbackStatus | undefined
  timings: {
    /** From the moment it was applied, or the HTTP request sent, to the recorder being in the room and able to write. */
    applyToStartedMs: number
    /** From the moment the stop was asked for to the last file verified in COS. */
    stopToStoredMs: number
    /** From the same moment to the callback's arrival at its receiver; null where none was asked for. */
    stopToCallbackMs: number | null
  }
}

export interface FileSummary {
  userId: string
  stream: Stream
  /** Key in the bucket, and path of the copy below demo-output/. */
  path: string
  url: string
  bytes: number
  durationSeconds: number
}
