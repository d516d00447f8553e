import { PictureClock } from '../timeline/picture-clock.ts'
import { UsualStep } from './usual-step.ts'

/** A step longer than this many usual ones is one. Whoever judges what it means looks closer; asking once too often costs nothing. */
const longStep = 1.5
/** A hole says no more than this of what is usual: where every other picture is lost, too, a hole is longer than usual. */
const mostHole = 1.2
/** What is longer than so many usual ones says nothing of what is usual. */
const mostSteps = 4

/**
 * Whether pictures of this codec, such as `video/VP8`, are handed out as each is complete, though some before them never come. Of H.264 and H.265 Chromium holds
 * back what follows a hole until the next key frame (`PacketBuffer::FindFrames`).
 */
export const comesAsComplete = (mimeType: string) => /^video\/(vp8|vp9|av1)$/i.test(mimeType)

/** Tells that pictures may be missing before one: by the sender's clock it comes later than pictures do; where that jumped, by arrival. */
export class HoleWatch {
  #latest: number | undefined
  readonly #clock = new PictureClock()
  readonly #usual = new UsualStep()

  /** How long the hole before this picture is, in ticks; 0 where there is none, or where none can be: if it does not come after what may be lost. */
  before(picture: { rtpTimestamp: number; receiveTimeMicros: number }, mayComeAfterLost: boolean): number {
    const { rtp, jumpedTicks } = this.#clock.place(picture)
    const latest = this.#latest
    this.#latest = Math.max(latest ?? rtp, rtp)
    if (latest === undefined) return 0
    const step = jumpedTicks ?? rtp - latest
    // What is late fills a hole, and is no step.
    if (mayComeAfterLost && step <= 0) return 0
    const isHole = mayComeAfterLost && step > longStep * this.#usual.ticks
    // Of B pictures each goes on by one on average. Where many are lost a hole is still no step that is usual.
    this.#usual.add(Math.max(0, step), isHole ? mostHole : mostSteps)
    return isHole ? step : 0
  }
}
