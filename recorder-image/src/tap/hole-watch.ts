/** A step longer than this many usual ones is one. Whoever judges what it means looks closer; asking once too often costs nothing. */
const longStep = 1.5
/** Ticks at 90 kHz; where a stream begins with it, it is soon what is usual there. */
const thirtyASecond = 3000

/** Tells that pictures may be missing before a key frame: by the sender's clock it comes later than pictures do. */
export class HoleWatch {
  #latest: number | undefined
  #usual = thirtyASecond

  /** How long the hole before this picture is, in ticks; 0 where there is none. */
  before(rtpTimestamp: number, key: boolean): number {
    const step = this.#latest === undefined ? 0 : (rtpTimestamp - this.#latest) | 0
    if (this.#latest === undefined || step > 0) this.#latest = rtpTimestamp
    if (key && step > longStep * this.#usual) return step
    // Of B pictures each goes on by one on average.
    this.#usual += (Math.max(0, step) - this.#usual) / 8
    return 0
  }
}
