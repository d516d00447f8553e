import type { NoticedLoss } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'

/** What is to be done about frames that nobody is known to own yet. `hold`: the number of a subscription of such. */
export type HeldAction =
  /** It goes to the volume at once: whatever is killed, it is there. */
  | { type: 'hold'; hold: number; frame: EncodedFrame }
  /** They leave the volume: they may be somebody's who is not recorded. */
  | { type: 'unhold'; hold: number }
  /** Nobody claimed them. What of them is on the volume stays there, unless they may be somebody's who is not recorded. */
  | { type: 'unclaimed'; hold: number; isKept: boolean; loss: NoticedLoss }

/** Enough for the page to say whose frames they are, which takes a moment; never enough to fill the memory. */
export const heldMicros = 10_000_000
const maxBytesPerSubscription = 8 * 1024 * 1024

interface Held {
  hold: number
  frames: EncodedFrame[]
  bytes: number
  sinceMicros: number
  isOnVolume: boolean
}

/** Frames of a subscription that nobody is known to own yet. */
export class HeldFrames {
  readonly #held = new Map<string, Held>()
  #lastHold = 0

  /** `mayBeKept`: everybody whose it may be is recorded. */
  hold(key: string, frame: EncodedFrame, mayBeKept: boolean): HeldAction[] {
    let held = this.#held.get(key)
    if (held === undefined) {
      const sinceMicros = frame.receiveTimeMicros
      held = { hold: ++this.#lastHold, frames: [], bytes: 0, sinceMicros, isOnVolume: mayBeKept }
      this.#held.set(key, held)
    }
    // The data of a frame is a view into its batch; holding a few frames must not hold all of the batch.
    const own = { ...frame, data: frame.data.slice() }
    held.frames.push(own)
    held.bytes += frame.data.length
    const actions: HeldAction[] = mayBeKept ? [] : this.#unhold(held)
    if (held.isOnVolume) actions.push({ type: 'hold', hold: held.hold, frame: own })
    return held.bytes > maxBytesPerSubscription ? [...actions, this.#giveUp(key)] : actions
  }

  /** Its owner is known. */
  release(key: string): { hold: number; frames: EncodedFrame[] } | undefined {
    const held = this.#held.get(key)
    this.#held.delete(key)
    return held
  }

  /** They may be somebody's who is not recorded: from now on they wait in memory alone. */
  unholdAll(mayBeKept: (kind: EncodedFrame['kind']) => boolean): HeldAction[] {
    return [...this.#held.values()].flatMap((held) => (mayBeKept(held.frames[0]!.kind) ? [] : this.#unhold(held)))
  }

  expire(nowMicros: number): HeldAction[] {
    return [...this.#held].filter(([, { sinceMicros }]) => sinceMicros + heldMicros < nowMicros).map(([key]) => this.#giveUp(key))
  }

  #unhold(held: Held): HeldAction[] {
    if (!held.isOnVolume) return []
    held.isOnVolume = false
    return [{ type: 'unhold', hold: held.hold }]
  }

  #giveUp(key: string): HeldAction {
    const { hold, frames, bytes, isOnVolume } = this.#held.get(key)!
    this.#held.delete(key)
    return { type: 'unclaimed', hold, isKept: isOnVolume, loss: unclaimedLoss(frames, bytes) }
  }
}

/** At least one frame. */
export const unclaimedLoss = (frames: readonly EncodedFrame[], bytes: number): NoticedLoss => ({
  ...{ userId: null, stream: null, medium: frames[0]!.kind, frames: frames.length, bytes, reason: 'Unclaimed', file: null },
  ...{ fromMicros: frames[0]!.receiveTimeMicros, toMicros: frames.at(-1)!.receiveTimeMicros, detail: '' },
})
