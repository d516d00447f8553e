import type { AudioCodec, Mode, Stream } from '@trtc-recorder/api'
import type { Span } from './hear.ts'

/** What must be in a file, said by whoever made the anchor publish. */
export interface Expectation {
  /** Whose file it is; their mark and their pitch must be in it, and nobody else's. */
  userId: string
  /** `main` where not set. */
  stream?: Stream
  mode: Mode
  /** What the user published. Both where not set; a mode leaves out what it does not record. */
  published?: { video: boolean; audio: boolean }
  /** Of mode 02; AAC where not set. */
  audioCodec?: AudioCodec
  /** Pictures a second of the anchor's clip. */
  framesPerSecond: number
  /** The number in the picture starts again at 0 after this many frames. */
  framesInLoop: number
  /**
   * Which frames were sent, and when, by the sender's clock; from before the file's first to after its last. Without it, frames
   * are taken to have been sent evenly, one for each number.
   */
  sent?: readonly SentFrame[]
  /** Spans of file time in which the user sent no picture: the last one before must be held. */
  videoGaps?: readonly Span[]
  /** Spans of file time in which the user sent no sound: there must be silence. */
  audioGaps?: readonly Span[]
  /** Wall-clock time of the file's first instant as the recorder reports it; frames must be where `sent` says they were. */
  startTime?: Date
  durationSeconds?: { atLeast: number; atMost: number }
}

export interface SentFrame {
  /** As it stands in the picture. */
  frameNumber: number
  /** Milliseconds since 1970. */
  timeMillis: number
}

/** How far from perfect is still good. */
export const tolerance = {
  /** Part of the frames sent between the first and the last recorded one that must be there. */
  completeness: 0.99,
  /** A frame against the sender's clock. */
  frameTimeSeconds: 0.04,
  beepToFlashSeconds: 0.06,
  /** Begin and end of a gap: a mute takes effect at the next packet, and sound is muted and picture held independently. */
  gapEdgeSeconds: 0.35,
  /** Longest hold of the picture, or silence, that nobody asked for. */
  unexpectedGapSeconds: 0.25,
  pitchHertz: 4,
  /** Another tone has to be this much quieter than the user's. */
  otherPitchDecibels: -25,
  /** Network, jitter buffer and clock between sender and recorder. */
  startTimeSeconds: 0.5,
} as const

/** Something that is wrong with a file. */
export interface Finding {
  check: 'format' | 'decoding' | 'identity' | 'completeness' | 'order' | 'timing' | 'sync' | 'gaps' | 'duration'
  /** For a person, with the numbers. */
  message: string
}

/** What was measured on the way, for tables and logs. */
export interface Measures {
  framesSent: number
  framesRecorded: number
  completeness: number
  worstFrameTimeSeconds: number
  beepsCompared: number
  worstBeepToFlashSeconds: number
  durationSeconds: number
}
