/** Frames of one subscription that were thrown away. */
export interface Dropped {
  ssrc: number
  frames: number
  bytes: number
}

/**
 * What a tap throws away because Node does not keep up: of pictures everything up to the next key frame. It is told a moment later, whatever comes then:
 * after the last frame of a stream nothing does.
 */
export class Drops {
  #untold: Dropped[] = []
  #needsKey = false

  /** Whether a frame may be taken, `fits` if there is room. */
  takes(frame: { key: boolean; ssrc: number; bytes: number }, fits: boolean): boolean {
    this.#needsKey = !fits || (this.#needsKey && !frame.key)
    if (!this.#needsKey) return true
    let dropped = this.#untold.at(-1)
    if (dropped?.ssrc !== frame.ssrc) {
      dropped = { ssrc: frame.ssrc, frames: 0, bytes: 0 }
      this.#untold.push(dropped)
    }
    dropped.frames++
    dropped.bytes += frame.bytes
    return false
  }

  /** What was thrown away since the last time. */
  tell(): Dropped[] {
    const untold = this.#untold
    this.#untold = []
    return untold
  }
}
