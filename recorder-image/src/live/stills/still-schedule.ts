/** When a still is due, and when a key frame has to be asked for to make one. Times in microseconds; pure. */
export class StillSchedule {
  readonly #interval: number
  #dueMicros: number | undefined
  /** The last key frame that there was no still due of. */
  #keyMicros = Number.NEGATIVE_INFINITY
  #askedMicros = Number.NEGATIVE_INFINITY

  constructor(intervalSeconds: number) {
    this.#interval = intervalSeconds * 1_000_000
  }

  /** Whether a still is to be made of this key frame. Counts as made when it says yes. */
  takes(micros: number): boolean {
    const due = this.#dueMicros ?? micros
    if (micros < due) {
      this.#keyMicros = micros
      return false
    }
    // On a grid, so that stills do not become rarer by what each one is late; after a pause it begins anew.
    this.#dueMicros = micros - due < this.#interval ? due + this.#interval : micros + this.#interval
    return true
  }

  /**
   * Whether to ask for a key frame, for a picture that is none. One that came within the interval says that the next comes by itself. Counts as asked when it
   * says yes; asks once in an interval.
   */
  asks(micros: number): boolean {
    const due = this.#dueMicros ?? micros
    if (micros < due || micros - this.#askedMicros < this.#interval) return false
    const comesByItself = this.#keyMicros > due - this.#interval && micros - due < this.#interval
    if (comesByItself) return false
    this.#askedMicros = micros
    return true
  }
}
