import type { Stretch } from '../timeline/cuts.ts'

/**
 * What to do with media by when it arrived: `take` it; it `isRest` of before a pause and was on its way through the page, which still counts; it
 * came `tooLate` of such; or it came while it was `paused`, and is nobody's.
 */
export type Judgement = 'take' | 'isRest' | 'tooLate' | 'paused'

/** Nobody pauses so often while the page holds something. */
const rememberedPauses = 100

const isWithin = ({ fromMicros, toMicros }: Stretch, micros: number) => micros >= fromMicros && micros < toMicros

/** Lets nothing pass of what arrived during a pause, whenever it gets here. Pure; times in microseconds since 1970. */
export class PauseGate {
  /** The last pause. */
  #pause: Stretch = { fromMicros: Number.NEGATIVE_INFINITY, toMicros: Number.NEGATIVE_INFINITY }
  /** Those before it: what came during one may get here during the next. */
  readonly #earlier: Stretch[] = []
  #awaitsRest = false
  #number = 0

  /** How many pauses there were until now. */
  get number(): number {
    return this.#number
  }

  pause(nowMicros: number): void {
    this.#number++
    this.#earlier.push(this.#pause)
    if (this.#earlier.length > rememberedPauses) this.#earlier.shift()
    this.#pause = { fromMicros: nowMicros, toMicros: Number.POSITIVE_INFINITY }
    this.#awaitsRest = true
  }

  /** Says from when to when it was. A short one may be over before what was on its way is here. */
  resume(nowMicros: number): Stretch {
    this.#pause.toMicros = nowMicros
    return this.#pause
  }

  /** What was on its way when that pause began is here; of one that began since it may not be. Returns whether it is the last one. */
  restTaken(number: number): boolean {
    if (number !== this.#number) return false
    this.#awaitsRest = false
    return true
  }

  judge(arrivedMicros: number): Judgement {
    const { fromMicros, toMicros } = this.#pause
    if (arrivedMicros >= toMicros) return 'take'
    if (arrivedMicros >= fromMicros || this.#earlier.some((pause) => isWithin(pause, arrivedMicros))) return 'paused'
    return this.#awaitsRest ? 'isRest' : 'tooLate'
  }
}
