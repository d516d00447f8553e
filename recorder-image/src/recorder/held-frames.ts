import type { NoticedLoss } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'

/** What the ledger is to be told. */
export interface Lost {
  type: 'lost'
  loss: NoticedLoss
}

/** Enough for the page to say whose frames they are, which takes a moment; never enough to fill the memory. */
const maxMicros = 10_000_000
const maxBytesPerSubscription = 8 * 1024 * 1024

/** Frames of a subscription that nobody is known to own yet. */
export class HeldFrames {
  readonly #held = new Map<string, { frames: EncodedFrame[]; bytes: number; sinceMicros: number }>()

  hold(key: string, frame: EncodedFrame): Lost[] {
    let held = this.#held.get(key)
    if (held === undefined) {
      held = { frames: [], bytes: 0, sinceMicros: frame.receiveTimeMicros }
      this.#held.set(key, held)
    }
    // The data of a frame is a view into its batch; holding a few frames must not hold all of the batch.
    held.frames.push({ ...frame, data: frame.data.slice() })
    held.bytes += frame.data.length
    return held.bytes > maxBytesPerSubscription ? [this.#giveUp(key)] : []
  }

  release(key: string): EncodedFrame[] {
    const frames = this.#held.get(key)?.frames ?? []
    this.#held.delete(key)
    return frames
  }

  expire(nowMicros: number): Lost[] {
    return [...this.#held].filter(([, { sinceMicros }]) => sinceMicros + maxMicros < nowMicros).map(([key]) => this.#giveUp(key))
  }

  #giveUp(key: string): Lost {
    const { frames, bytes } = this.#held.get(key)!
    this.#held.delete(key)
    const loss = {
      userId: null,
      stream: null,
      medium: frames[0]!.kind,
      fromMicros: frames[0]!.receiveTimeMicros,
      toMicros: frames.at(-1)!.receiveTimeMicros,
      frames: frames.length,
      bytes,
      reason: 'Unclaimed' as const,
      file: null,
      detail: '',
    }
    return { type: 'lost', loss }
  }
}
