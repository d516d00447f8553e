/** The one clock of the page. Positions in wall-clock milliseconds of the recording, `now` in milliseconds of the page (`performance.now`). */
export class Clock {
  readonly start: number
  readonly end: number
  #position: number
  #anchoredAt = 0
  #rate = 1
  #isPlaying = false
  #isHeld = false

  constructor(start: number, end: number) {
    this.start = start
    this.end = end
    this.#position = start
  }

  /** Asked to play; it may be held all the same. */
  get isPlaying(): boolean {
    return this.#isPlaying
  }

  /** It waits for media that is on its way. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  get isRunning(): boolean {
    return this.#isPlaying && !this.#isHeld
  }

  get rate(): number {
    return this.#rate
  }

  at(now: number): number {
    const elapsed = this.isRunning ? (now - this.#anchoredAt) * this.#rate : 0
    return Math.min(this.end, this.#position + elapsed)
  }

  play(now: number): void {
    const position = this.at(now)
    this.#anchor(position >= this.end ? this.start : position, now)
    this.#isPlaying = true
  }

  pause(now: number): void {
    this.#anchor(this.at(now), now)
    this.#isPlaying = false
  }

  hold(isHeld: boolean, now: number): void {
    if (isHeld === this.#isHeld) return
    this.#anchor(this.at(now), now)
    this.#isHeld = isHeld
  }

  seek(position: number, now: number): void {
    this.#anchor(Math.min(this.end, Math.max(this.start, position)), now)
  }

  setRate(rate: number, now: number): void {
    this.#anchor(this.at(now), now)
    this.#rate = rate
  }

  #anchor(position: number, now: number): void {
    this.#position = position
    this.#anchoredAt = now
  }
}
