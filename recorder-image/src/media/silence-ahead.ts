import { sampleRate, soundKind } from './audio-format.ts'
import type { BodyWriter } from './body-writer.ts'
import { silenceRecord } from './index-records.ts'
import type { MediaFileIdentity } from './media-file.ts'

/** Sound is placed by a clock that is known better at the end. */
const secondsAhead = 1

/**
 * Pictures may be here long before there is sound. Until it comes, silence is written beside them, a little ahead, so that a player finds
 * it where it plays: Chromium plays no frame that lies where another one does, and does not wait where there is none.
 */
export class SilenceAhead {
  readonly #writer: BodyWriter
  readonly #kind: ReturnType<typeof soundKind>
  #frames = 0

  constructor(writer: BodyWriter, identity: MediaFileIdentity) {
    this.#writer = writer
    this.#kind = soundKind(identity)
  }

  /** What a decoder begins with, before there is any sound. */
  async writeLead(): Promise<void> {
    await this.#upTo(this.#kind.leadFrames)
  }

  /** Beside pictures of so many seconds. */
  async writeBeside(seconds: number): Promise<void> {
    const { leadFrames, silence } = this.#kind
    await this.#upTo(leadFrames + Math.ceil(((seconds + secondsAhead) * sampleRate) / silence.samples))
  }

  async #upTo(count: number): Promise<void> {
    const { frame } = this.#kind.silence
    const frames = count - this.#frames
    if (frames <= 0) return
    this.#frames = count
    const chunks = new Array<Uint8Array>(frames).fill(frame)
    await this.#writer.writeBatch([Buffer.concat(chunks)], (offset) => silenceRecord(offset, frame, frames))
  }
}
