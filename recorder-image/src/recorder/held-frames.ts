import type { NoticedLoss } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { Stretch } from '../timeline/cuts.ts'

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

/** What came of one subscription without a pause in between. */
export interface Held {
  hold: number
  frames: EncodedFrame[]
  bytes: number
  sinceMicros: number
  isOnVolume: boolean
  /** What came in this pause after them is missing. */
  pause: Stretch | undefined
}

/** Frames of a subscription that nobody is known to own yet. */
export class HeldFrames {
  /** By subscription; each in the order in which they came. */
  readonly #held = new Map<string, Held[]>()
  #lastHold = 0
  /** The last one that is over. */
  #pause: Stretch | undefined

  /** `mayBeKept`: everybody whose it may be is recorded. `isRest`: it came before that pause, and was on its way until now. */
  hold(key: string, frame: EncodedFrame, { mayBeKept, isRest }: { mayBeKept: boolean; isRest: boolean }): HeldAction[] {
    const pause = isRest ? this.#pause : undefined
    const all = this.#held.get(key) ?? []
    let held = all.findLast((one) => one.pause === pause)
    if (held === undefined) {
      const sinceMicros = frame.receiveTimeMicros
      held = { hold: ++this.#lastHold, frames: [], bytes: 0, sinceMicros, isOnVolume: mayBeKept, pause }
      all.push(held)
      this.#held.set(key, all)
    }
    // The data of a frame is a view into its batch; holding a few frames must not hold all of the batch.
    const own = { ...frame, data: frame.data.slice() }
    held.frames.push(own)
    held.bytes += frame.data.length
    const actions: HeldAction[] = mayBeKept ? [] : this.#unhold(held)
    if (held.isOnVolume) actions.push({ type: 'hold', hold: held.hold, frame: own })
    const isTooMuch = all.reduce((sum, { bytes }) => sum + bytes, 0) > maxBytesPerSubscription
    return isTooMuch ? [...actions, ...this.#giveUp((one) => all.includes(one))] : actions
  }

  /** A pause is over: what comes from now on goes on from what came in it. */
  paused(pause: Stretch): void {
    this.#pause = pause
    for (const held of this.#all) held.pause ??= pause
  }

  /** Their owner is known. */
  release(key: string): Held[] {
    const held = this.#held.get(key) ?? []
    this.#held.delete(key)
    return held
  }

  /** They may be somebody's who is not recorded: from now on they wait in memory alone. */
  unholdAll(mayBeKept: (kind: EncodedFrame['kind']) => boolean): HeldAction[] {
    return this.#all.flatMap((held) => (mayBeKept(held.frames[0]!.kind) ? [] : this.#unhold(held)))
  }

  expire(nowMicros: number): HeldAction[] {
    return this.#giveUp(({ sinceMicros }) => sinceMicros + heldMicros < nowMicros)
  }

  get #all(): Held[] {
    return [...this.#held.values()].flat()
  }

  #unhold(held: Held): HeldAction[] {
    if (!held.isOnVolume) return []
    held.isOnVolume = false
    return [{ type: 'unhold', hold: held.hold }]
  }

  #giveUp(isOver: (held: Held) => boolean): HeldAction[] {
    const over = this.#all.filter(isOver)
    for (const [key, held] of this.#held) {
      const rest = held.filter((one) => !over.includes(one))
      if (rest.length === 0) this.#held.delete(key)
      else this.#held.set(key, rest)
    }
    return over.map(({ hold, frames, bytes, isOnVolume }) => ({
      ...{ type: 'unclaimed', hold, isKept: isOnVolume },
      loss: unclaimedLoss(frames, bytes),
    }))
  }
}

/** At least one frame. */
export const unclaimedLoss = (frames: readonly EncodedFrame[], bytes: number): NoticedLoss => ({
  ...{ userId: null, stream: null, medium: frames[0]!.kind, frames: frames.length, bytes, reason: 'Unclaimed', file: null },
  ...{ fromMicros: frames[0]!.receiveTimeMicros, toMicros: frames.at(-1)!.receiveTimeMicros, detail: '' },
})
