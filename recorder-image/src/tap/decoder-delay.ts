/**
 * How much later than they came pictures go on to the decoder. Once Chromium has decoded a key frame it gives up what is missing before it, even
 * if it is on its way; with packets that were lost and repaired that cost 5 to 10 of 1000 pictures. Measured with repairs after 60 ms: with 400 ms of
 * delay none is given up. A second is what ten retransmissions at a round trip of 100 ms take, after which Chromium stops asking; and it is well below
 * the 3 s without a picture after which it asks for a key frame. Nobody watches, so it costs nothing but the memory.
 */
export const decoderDelayMillis = 1000

/** Pictures of one receiver on their way to the decoder. Times are of any one clock, in milliseconds. */
export class DecoderDelay<F> {
  #held: { frame: F; dueMillis: number }[] = []
  #ssrc: number | undefined

  /** Whether there is anything to come back for. */
  get isHolding(): boolean {
    return this.#held.length > 0
  }

  /**
   * What goes to the decoder now. The first key frame of a subscription goes at once: before it nothing can be missing, and a decoder that waits for
   * its first asks for another every 200 ms.
   */
  push(frame: F, about: { ssrc: number; key: boolean }, nowMillis: number): F[] {
    if (about.key && about.ssrc !== this.#ssrc) {
      this.#ssrc = about.ssrc
      const before = this.#held.map(({ frame }) => frame)
      this.#held = []
      return [...before, frame]
    }
    this.#held.push({ frame, dueMillis: nowMillis + decoderDelayMillis })
    return []
  }

  /** What has waited long enough. */
  due(nowMillis: number): F[] {
    const waits = this.#held.findIndex(({ dueMillis }) => dueMillis > nowMillis)
    return this.#held.splice(0, waits === -1 ? this.#held.length : waits).map(({ frame }) => frame)
  }
}
