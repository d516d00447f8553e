import type { LiveCounts, LivePartName, Medium, SentSound, Stream } from '@trtc-recorder/api'
import type { StoredVideoConfig } from '../media/video-codec.ts'

/** Where media comes from: one file of the recording. A user who comes back, or whose file is split, is another source. */
export interface LiveSource {
  /** Of this process, never used twice. */
  readonly id: number
  readonly userId: string
  readonly stream: Stream
  readonly attempt: number
  /** Name of the file of the recording that gets the same. */
  readonly file: string
}

/** One picture, in decoding order; no part can use what comes before the first key frame. Times are wall-clock time in microseconds since 1970. */
export interface LivePicture {
  /** As a sample of MP4 (H.264 and H.265: NAL units behind their lengths), without parameter sets. A view: copy what you keep. */
  data: Uint8Array
  /** Parameter sets that came with it, as a part of such a sample; mostly empty but for key frames. A view. */
  parameterSets: Uint8Array
  /** Can be decoded by itself. */
  key: boolean
  /** What a decoder must know; the same object until it changes. */
  config: StoredVideoConfig
  /** When it is shown. */
  ptsMicros: number
}

/** The next stretch of one gapless sound, in the order in which it was sent; one begins where the one before it ended, to a few ms of drift. */
export type LiveSound =
  /** A valid Opus packet. `data` is a view: copy what you keep. */
  | { is: 'packet'; data: Uint8Array; samples: number; ptsMicros: number }
  /** Nothing came: it was lost, or the user was muted or away. May be hours; a multiple of 2.5 ms. */
  | { is: 'missing'; samples: number; ptsMicros: number }

export type LiveEvent =
  | { type: 'opened'; source: LiveSource }
  | { type: 'picture'; source: LiveSource; picture: LivePicture }
  | { type: 'sound'; source: LiveSource; sound: LiveSound }
  /** The user began or ceased to send this kind of media (a mute). */
  | { type: 'sends'; source: LiveSource; kind: Medium; sends: boolean; atMicros: number }
  /** All there is of before this time has been told; several times a second, also while nothing comes. */
  | { type: 'reached'; source: LiveSource; micros: number }
  /** The recording is paused, and all of before it has been told; nothing of the source comes until it is resumed. */
  | { type: 'paused'; source: LiveSource }
  /** Nothing of before this time comes, though it was not told that it had been reached. */
  | { type: 'resumed'; source: LiveSource; micros: number }
  /** Nothing of it comes any more. */
  | { type: 'closed'; source: LiveSource }

/**
 * Something that is made of a recording while it goes on. It is told of what is recorded, in order, and never waited for: `on` returns at once.
 * What it throws ends what it makes of that source, and is in the ledger; nothing else notices.
 */
export interface LivePart {
  readonly name: LivePartName
  /** Which media of a source it wants to be told of; none: nothing of it at all. */
  wants(source: Pick<LiveSource, 'userId' | 'stream'>): readonly Medium[]
  on(event: LiveEvent): void
  /** All sources are closed. Resolves when what was begun is made, and handed on; need not wait for COS. */
  end(): Promise<void>
  /** Of a part that sends what it makes, and stores nothing. */
  sent?(): { counts: LiveCounts | undefined; sounds: SentSound[] }
}

/** What parts may ask for. */
export interface LiveRoom {
  /** Asks the sender for a key frame, at most once a second a source however often this is called. */
  requestKeyFrame(source: LiveSource): void
}
