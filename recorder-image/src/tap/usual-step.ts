/** The least of so many steps is usual at first: none of a slow camera is then taken for a hole, and a hole not for what is usual. */
const firstSteps = 5

/** How far apart pictures usually are shown, in ticks of 90 kHz: the mean of late, and at first the least. */
export class UsualStep {
  #ticks = Number.POSITIVE_INFINITY
  #seen = 0

  /** Infinite before the first step: nothing is longer. */
  get ticks(): number {
    return this.#ticks
  }

  /** `step`: from the picture shown last; 0 of one shown before it. `most`: what is longer than so many usual ones says no more than that. */
  add(step: number, most: number): void {
    if (this.#seen < firstSteps) {
      if (step <= 0) return
      this.#seen++
      this.#ticks = Math.min(this.#ticks, step)
    } else this.#ticks += (Math.min(step, most * this.#ticks) - this.#ticks) / 8
  }
}
