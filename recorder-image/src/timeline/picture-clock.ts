/** When a picture was taken, on a line of 90 kHz ticks that never wraps and on which what was sent later lies further on. */
export interface PictureTime {
  rtp: number
  /** How often the sender's clock had jumped when it was taken: between two of different numbers the line tells the order, and no distance. */
  clock: number
  /** The sender's clock jumped in front of it: how long the step before it really took, in ticks, is told by arrival alone. */
  jumpedTicks: number | undefined
}

interface Clock {
  number: number
  /** Of the latest picture: as it was sent, 32 bit, and on the line. */
  rtpTimestamp: number
  rtp: number
  /** Another one of it came behind its first: that was no nonsense. */
  isFollowed: boolean
}

/** A picture so far behind others is none that comes late: a clock was set. */
const longestBackTicks = 450_000
/** A step that leads so far past the time of arrival is a jump ahead. */
const aheadTicks = 450_000
/** What a line delays changes by less: so much later than by arrival may what came before a jump have been sent. */
const unevenTicks = 90_000
/** From the last picture of one clock to the first one of the next there is room on the line for what is late of the one and of the other. */
const betweenClocksTicks = longestBackTicks + aheadTicks

/**
 * Counts the RTP times of one subscription on where 32 bits wrap, and where the sender's clock jumps, ahead or back. What is late from before a jump keeps
 * its place. Pure.
 */
export class PictureClock {
  #clock: Clock | undefined
  #before: Clock | undefined
  /** Up to where on the line it can have gone until it jumped. What would lie behind that is of a clock that jumped back. */
  #beforeEnds = 0
  #receiveTimeMicros = 0

  /** Where one would lie that may yet go elsewhere: no note is taken of it. */
  look(picture: { rtpTimestamp: number; receiveTimeMicros: number }): PictureTime {
    const copy = new PictureClock()
    copy.#clock = this.#clock && { ...this.#clock }
    copy.#before = this.#before && { ...this.#before }
    copy.#beforeEnds = this.#beforeEnds
    copy.#receiveTimeMicros = this.#receiveTimeMicros
    return copy.place(picture)
  }

  place({ rtpTimestamp, receiveTimeMicros }: { rtpTimestamp: number; receiveTimeMicros: number }): PictureTime {
    const sinceTicks = Math.max(0, receiveTimeMicros - this.#receiveTimeMicros) * 0.09
    this.#receiveTimeMicros = Math.max(this.#receiveTimeMicros, receiveTimeMicros)
    const clock = this.#clock
    if (clock === undefined) {
      this.#clock = { number: 0, rtpTimestamp, rtp: rtpTimestamp, isFollowed: false }
      return { rtp: rtpTimestamp, clock: 0, jumpedTicks: undefined }
    }
    const step = (rtpTimestamp - clock.rtpTimestamp) | 0
    if (step >= -longestBackTicks && step <= sinceTicks + aheadTicks) return onLine(clock, rtpTimestamp, step)
    const before = this.#before
    const stepBefore = before === undefined ? Number.POSITIVE_INFINITY : (rtpTimestamp - before.rtpTimestamp) | 0
    if (before !== undefined && Math.abs(stepBefore) <= longestBackTicks) {
      if (!clock.isFollowed || before.rtp + stepBefore <= this.#beforeEnds) return onLine(before, rtpTimestamp, stepBefore)
    }
    this.#before = clock
    this.#beforeEnds = clock.rtp + sinceTicks + unevenTicks
    const next = { number: clock.number + 1, rtpTimestamp, rtp: clock.rtp + betweenClocksTicks, isFollowed: false }
    this.#clock = next
    return { rtp: next.rtp, clock: next.number, jumpedTicks: sinceTicks }
  }
}

function onLine(clock: Clock, rtpTimestamp: number, step: number): PictureTime {
  const rtp = clock.rtp + step
  if (step > 0) Object.assign(clock, { rtpTimestamp, rtp, isFollowed: true })
  return { rtp, clock: clock.number, jumpedTicks: undefined }
}
