import { setTimeout as sleep } from 'node:timers/promises'
import type { EncodedFrame } from '../tap/frame.ts'
import type { AudioAxis } from '../timeline/audio-axis.ts'

/** A stretch of sound as it goes to the body, and the record that says so. */
export interface SoundBatch {
  chunks: Uint8Array[]
  record: (offset: number) => Buffer
}

/** The sound of one file, from packets as they arrive to frames in the body. */
export interface SoundTrack {
  /** Where the sound came to lie. */
  readonly axis: AudioAxis
  /** Why not all sound will be in the file, after `finish`. */
  readonly problem: string | undefined
  /** Takes a packet that is Opus. */
  push(frame: EncodedFrame): void
  /** Writes the journal. */
  flush(): Promise<void>
  /** What is new since the last time, in batches of bounded size. */
  take(): SoundBatch[]
  /** Up to where on the axis sound was taken. */
  readonly reached: number
  /** Front part of the journal, in bytes, of which nothing is needed any more once what was taken is safe. */
  readonly journalDone: number
  /** Gives the journal back to the volume up to there; resolves with how many bytes that were. Rejects as `releaseJournal` does. */
  release(end: number): Promise<number>
  /** Nothing more comes. Afterwards `take` gives the rest. */
  finish(): Promise<void>
}

const writeOutMs = 500

/** Finishes a track, and writes out what comes of it meanwhile: where hours are encoded only now, they are not held in memory. */
export async function finishInto(track: SoundTrack, writeOut: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  const finished = track.finish().finally(() => over.abort())
  while (!over.signal.aborted) {
    await Promise.race([finished, sleep(writeOutMs, undefined, { ref: false })])
    if (!over.signal.aborted) await writeOut()
  }
  await finished
}
