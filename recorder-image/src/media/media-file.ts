import type { Mode, RecordedFile, Stream, TimelineEvent } from '@trtc-recorder/api'
import type { EncodedFrame } from '../tap/frame.ts'

/** Who and what a file is of. Kept beside the media, so that a later attempt can finish it. */
export interface MediaFileIdentity {
  /** File name in the bucket, with its extension. */
  name: string
  userId: string
  stream: Stream
  mode: Mode
  attempt: number
  /** Wall-clock time the file was opened, in microseconds; the head's startTime comes from the media itself. */
  openedMicros: number
}

/**
 * A media file that grows. On disk it is a body (the bytes of the final file after its head, only ever appended to) and an index
 * (one record per sample, also only appended to), so that a crash at any moment leaves something that can be finished. The head
 * (MP4: ftyp, moov and the mdat header; MP3: the Info frame) is made at the end and never needs the body to be moved.
 */
export interface MediaFile {
  readonly identity: MediaFileIdentity
  readonly bodyPath: string
  /** Bytes at the front of the body that are final and on disk. */
  readonly bodyBytes: number
  /** Called whenever bodyBytes grew. */
  onGrowth: (bodyBytes: number) => void
  write(frame: EncodedFrame): void
  /** Stops taking frames, drains the encoder, makes and checks the head. Never throws for bad media: it says so in `problem`. */
  finish(): Promise<FinishedMedia>
}

export interface FinishedMedia {
  /** Final file = head + body. */
  head: Uint8Array
  bodyBytes: number
  startTime: Date
  endTime: Date
  durationSeconds: number
  video?: NonNullable<RecordedFile['video']>
  audio?: NonNullable<RecordedFile['audio']>
  /** Gaps and changes of size, for the manifest. */
  events: TimelineEvent[]
  /** Why the file cannot be called whole; undefined when it passed its self-check. */
  problem?: string
}
