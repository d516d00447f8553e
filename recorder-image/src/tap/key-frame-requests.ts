/**
 * When to ask a sender for a key frame. After an unrecoverable loss Chromium hands out no frame until the next key frame and asks
 * for one itself only after 3 s (reference: measured with Chromium 156), so a gap would last that long or a whole GOP. And when the recorder had to
 * leave out pictures itself, nothing decodes until the next one.
 *
 * Frames that stay away longer than the stream's own rhythm and a repair or two explain are a gap; a mute looks the same, so the number of
 * requests in one gap is small. A still screen share sends a frame now and then: the threshold follows the usual distance of frames.
 */
const leastGapMillis = 300
const gapInFrameIntervals = 6
const leastPauseMillis = 1000
const requestsPerGap = 3

export class KeyFrameRequests {
  #lastFrameMillis: number | undefined
  #intervalMillis = 33
  #requests = 0
  #lastRequestMillis = Number.NEGATIVE_INFINITY
  #isNeeded = false

  /** Whether an answer may change by time alone. */
  get isWatching(): boolean {
    return this.#isNeeded || (this.#lastFrameMillis !== undefined && this.#requests < requestsPerGap)
  }

  frameArrived(nowMillis: number, key: boolean): void {
    if (this.#lastFrameMillis !== undefined && this.#requests === 0) {
      this.#intervalMillis += (nowMillis - this.#lastFrameMillis - this.#intervalMillis) / 8
    }
    this.#lastFrameMillis = nowMillis
    this.#requests = 0
    if (key) this.#isNeeded = false
  }

  /** The recorder left out pictures: nothing decodes before the next key frame. */
  need(): void {
    this.#isNeeded = true
  }

  /** Whether pictures stay away that were to come. */
  get isInGap(): boolean {
    return this.#requests > 0
  }

  /** Whether to ask now. Counts as asked when it says yes. */
  isDue(nowMillis: number): boolean {
    if (nowMillis - this.#lastRequestMillis < leastPauseMillis) return false
    if (!this.#isNeeded && !this.#isGap(nowMillis)) return false
    this.#requests += 1
    this.#lastRequestMillis = nowMillis
    return true
  }

  #isGap(nowMillis: number): boolean {
    if (this.#lastFrameMillis === undefined || this.#requests >= requestsPerGap) return false
    return nowMillis - this.#lastFrameMillis >= Math.max(leastGapMillis, gapInFrameIntervals * this.#intervalMillis)
  }
}
