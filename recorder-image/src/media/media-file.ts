import type {
  AudioCodec,
  FileCheck,
  Gaps,
  Medium,
  Mode,
  PausedTime,
  RecordedFile,
  Stream,
  TimelineEvent,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { Stretch } from '../timeline/cuts.ts'
import type { CountedHole } from '../timeline/picture-gaps.ts'
import type { TimePoint } from '../timeline/time-table.ts'
import type { LatestSound } from './sound-seam.ts'
import type { PicturesHandover } from './video-track.ts'

/** Who and what a file is of. Kept beside the media, so that a later attempt can finish it. */
export interface MediaFileIdentity {
  /** File name in the bucket, with its extension. */
  name: string
  userId: string
  stream: Stream
  mode: Mode
  /** Of mode 02. */
  audioCodec: AudioCodec
  /** What becomes of time in which nothing came, and of pauses. */
  gaps: Gaps
  pause: PausedTime
  attempt: number
  /** From 1 on: which of the files that one stream became. */
  part: number
  /** Wall-clock time the file was opened, in microseconds; the head's startTime comes from the media itself. */
  openedMicros: number
}

export interface MediaFileDeps {
  log: Logger
  /** Told of everything that should be in the file and is not; `file` is its name. */
  ledger: Ledger
  /** Told when something could not be written because the volume is full. What came until then is safe, what comes later is lost. */
  onVolumeFull?: () => void
  /** Told when the volume takes nothing of a file any more, for another reason than that it is full: it was made read-only, or is gone. */
  onVolumeFailed?: (error: Error) => void
  /** Found by `findFfmpeg` where it is not given. */
  ffmpegPath?: string
  /** How long frames are gathered before they are written; 250 ms. */
  batchMs?: number
  /** How long sound waits in the journal after an encoder that failed twice within this time, the first time; a minute. */
  encoderRestMs?: number
  /** The file before, from which this one goes on. */
  before?: MediaFile | undefined
}

/**
 * A media file that grows. On disk it is a body (`<name>.body`: the bytes of the final file after its head, only ever appended to), an
 * index (`<name>.index`: what lies where in the body, and when it arrived) and, with sound, a journal (`<name>.opus`: each packet as
 * it arrived). All three are only appended to, so that a crash at any moment leaves something that can be finished. The head
 * (MP4: ftyp, moov and the mdat header; MP3: the Info frame) is made at the end and never needs the body to be moved.
 */
export interface MediaFile {
  readonly identity: MediaFileIdentity
  readonly bodyPath: string
  /** Bytes at the front of the body that are final and on disk, whatever happens to process and machine. */
  readonly bodyBytes: number
  /** Bytes recorded so far, written or not. */
  readonly recordedBytes: number
  /** What has gone wrong so far, such as a full disk; undefined while all is well. Known for good after `finish`. */
  readonly problem: string | undefined
  /** Called whenever bodyBytes grew. */
  onGrowth: (bodyBytes: number) => void
  /** Called by `finish` when the body is what it will be, and the head is still to be made. */
  onBody: (bodyBytes: number) => void
  /** Called by `finish` when head and body are what they will be, and are being checked; not at all where nothing could be made of what came. */
  onWhole: (whole: WholeMedia) => void
  /** Whether the file has room for it; if not it is to be finished, and the next one begins with this frame. */
  takes(frame: EncodedFrame): boolean
  /**
   * Takes a frame; never throws, never waits. `data` must not be changed afterwards. Frames of the wrong kind for the mode are ignored. Returns
   * false for a picture that is no use: nothing decodes before the next key frame, and somebody should ask for it.
   */
  write(frame: EncodedFrame): boolean
  /** Whether the user sends this kind of media from now on, muted or not, by what the room says. */
  sends(kind: 'audio' | 'video', sends: boolean, atMicros: number): void
  /** A pause is over in which nothing was taken; told before what came after it. */
  paused(pause: Stretch): void
  /**
   * Gives back to the volume what only a crash would have needed: the sound as it arrived, where what was made of it is safe. Resolves with how many bytes
   * that were; rejects where the file system cannot do it.
   */
  release(): Promise<number>
  /** The next file goes on from here: what turns out to be missing between the two, that tells. */
  handOver(): Handover
  /** To be finished as soon as another file can go on without a loss: `takes` says false of the first frame with which one can begin. */
  endSoon(): void
  /** What the receiver counted around a hole in the pictures: whether something was lost, or not sent. */
  hole(counted: CountedHole): void
  /**
   * What there is of it by now on the volume, as a file that is whole up to there; it goes on meanwhile. Undefined where nothing has come, or it is being
   * finished; rejects where it cannot be read.
   */
  snapshot(): Promise<MediaSnapshot | undefined>
  /** Resolves with true when all that it was given until now would survive the loss of the machine; with false when the volume does not take it. */
  safe(): Promise<boolean>
  /** It is about to be finished: what takes long of that is begun. */
  willFinish(): void
  /** Stops taking frames, drains the encoder, makes and checks the head. Never throws for bad media: it says so in `problem`. */
  finish(): Promise<FinishedMedia>
  /** Deletes what is on disk. For when the file is stored; only after `finish`. */
  discard(): Promise<void>
}

/** What the next file of a publication has to know to tell what is missing between the two. */
export interface Handover {
  pictures: PicturesHandover | undefined
  sound: LatestSound
}

/** A file that an earlier attempt left: as it is, with nothing more to write. */
export type SalvagedMediaFile = Omit<
  MediaFile,
  | 'onBody'
  | 'write'
  | 'takes'
  | 'sends'
  | 'paused'
  | 'release'
  | 'handOver'
  | 'endSoon'
  | 'hole'
  | 'snapshot'
  | 'safe'
  | 'willFinish'
>

/** A file that goes on, as it is on the volume by now: whole up to there. */
export interface MediaSnapshot extends Pick<FinishedMedia, 'bodyBytes' | 'startTime' | 'endTime' | 'durationSeconds' | 'times'> {
  head: Uint8Array
  /** Wall time, in microseconds since 1970, up to which there is of each medium that has begun. */
  reachesMicros: number
}

/** The front of a finished file: beside its body on the volume, or in memory where the volume could not take it. */
export type FinishedHead =
  | { kind: 'onVolume'; path: string; bytes: number }
  | { kind: 'inMemory'; data: Uint8Array; bytes: number }

/** Final file = head + body. */
export interface WholeMedia {
  head: FinishedHead
  bodyBytes: number
}

export interface FinishedMedia extends WholeMedia {
  startTime: Date
  endTime: Date
  /** When each medium of it ends. */
  ends: Partial<Record<Medium, Date>>
  durationSeconds: number
  /** By how much a time in the file may be off from wall time, in milliseconds; null where nothing came. */
  clockErrorMs: number | null
  /** What wall time a time in the file is: straight lines between these, a millisecond off at most. */
  times: TimePoint[]
  video?: NonNullable<RecordedFile['video']>
  audio?: NonNullable<RecordedFile['audio']>
  /** Gaps and changes of size, for the manifest. */
  events: TimelineEvent[]
  /** What was proven of it; null where nothing could be made of it. */
  check: FileCheck | null
  /** Why the file cannot be called whole; undefined when it passed its self-check. */
  problem?: string
}
