/**
 * When to ask a sender for a key frame. After an unrecoverable loss Chromium hands out no frame until the next key frame and asks
 * for one itself only after 3 s (reference: measured with Chromium 156), so a gap would last that long or a whole GOP.
 *
 * Frames that stay away longer than the stream's own rhythm explains are a gap; a mute looks the same, so the number of requests in one gap
 * is small. A still screen share sends a frame now and then: the threshold follows the usual distance of frames.
 */
const leastGapMillis = 500
const gapInFrameIntervals = 6
const leastPauseMillis = 1000
const requestsPerGap = 3

export class KeyFrameRequests {
  #lastFrameMillis: number | undefined
  #intervalMillis = 33
  #requests = 0
  #lastRequestMillis = Number.NEGATIVE_INFINITY

  frameArrived(nowMillis: number): void {
    if (this.#lastFrameMillis !== undefined && this.#requests === 0) {
      this.#intervalMillis += (nowMillis - this.#lastFrameMillis - this.#intervalMillis) / 8
    }
    this.#lastFrameMillis = nowMillis
    this.#requests = 0
  }

  /** Whether to ask now. Counts as asked when it says yes. */
  isDue(nowMillis: number): boolean {
    if (this.#lastFrameMillis === undefined || this.#requests >= requestsPerGap) return false
    if (nowMillis - this.#lastFrameMillis < Math.max(leastGapMillis, gapInFrameIntervals * this.#intervalMillis)) return false
    if (nowMillis - this.#lastRequestMillis < leastPauseMillis) return false
    this.#requests += 1
    this.#lastRequestMillis = nowMillis
    return true
  }
}
