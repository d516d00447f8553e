import { median } from './clock.ts'
import type { PictureTime } from './picture-clock.ts'

/** Pictures that were sent and never came. Times in microseconds since 1970. */
export interface PictureLoss {
  fromMicros: number
  toMicros: number
  pictures: number
}

/** A picture that came, with what tells whether some are missing before it. */
export interface WatchedPicture extends PictureTime {
  /** As it was sent, 32 bit: by it the receiver tells what it counted. */
  rtpTimestamp: number
  receiveTimeMicros: number
  key: boolean
  anotherSize: boolean
  mayFollowHole: boolean
}

/** Missing pictures may still come for so long after the key frame that overtook them. */
const repairMicros = 2_000_000
/** So long it is waited for what the receiver counted; without it, what looks like a loss is one. */
const countMicros = 6_000_000
const rememberedPictures = 16
/** While pictures stay away the receiver's count is looked at once a second. */
const nextLookMicros = 1_000_000
/** A step is longer than usual from here on. */
const longStep = 1.6
/** Pictures are steady when none is shown later after another than so many usual steps; of others nobody can say that one is missing. */
const steadyStep = 2.5

/** What the receiver counted around the hole before the picture of this RTP time, in packets. */
export interface CountedHole {
  ssrc: number
  rtpTimestamp: number
  /** Missing for good. Packets that come twice make it less. */
  lost: number
  /** How often any was asked for again: never where nothing was missing, not even for a while. */
  asked: number
  /** The hole is the one behind the picture of this RTP time, and by then nothing had come after it. In microseconds since 1970. */
  openMicros?: number
}

interface Hole {
  /** RTP time of the picture after it as it was sent. */
  rtpTimestamp: number
  counted: CountedHole | undefined
  /** The key frame has another size: an encoder began anew, which takes its time. */
  anotherSize: boolean
  key: boolean
  fromRtp: number
  toRtp: number
  /** How long it is. */
  ticks: number
  toMicros: number
  /** Usual before it. */
  step: number
  /** Pictures of it that came late. */
  filled: number
  /** Whether pictures were steady before it. Where they were not, as on a line that is bad from the beginning, only the receiver's count says that some are missing. */
  isSteady: boolean
}

/**
 * Tells which pictures of one subscription were lost on the way. Pictures carry no numbers, but Chromium hands out what follows a key frame without a
 * hole: when something is lost for good, nothing comes until the next key frame. So a loss is a key frame that comes longer after the picture
 * before it than pictures of a steady camera do, while the user was sending; unless the missing ones come late, or the receiver has counted that
 * nothing was missing: then the sender made none. Of VP8 and its kin it may be any picture, of which the tap says so. Pure.
 */
export class PictureGaps {
  #lastRtp: number | undefined
  /** Of the last pictures. */
  #times: number[] = []
  #holes: Hole[] = []
  #pausedMicros: { from: number; to: number }[] = []
  /** The picture that came last. */
  #last: { rtpTimestamp: number; receiveTimeMicros: number } | undefined
  /** What was counted since, while nothing came. */
  #open: { lost: number; toMicros: number } | undefined

  push({ rtpTimestamp, rtp, jumpedTicks, receiveTimeMicros, key, anotherSize, mayFollowHole }: WatchedPicture): PictureLoss[] {
    this.#last = { rtpTimestamp, receiveTimeMicros }
    this.#open = undefined
    const last = this.#lastRtp ?? rtp
    const step = rtp - last
    if (this.#lastRtp !== undefined && step <= 0) {
      if (!this.#fill(rtp)) this.#remember(rtp)
      return this.#over(receiveTimeMicros)
    }
    this.#lastRtp = rtp
    const ticks = jumpedTicks ?? step
    const isSteady = this.#isSteady
    const usual = isSteady ? this.#usualStep : Math.min(...this.#stepsShown())
    const isHole = (key || mayFollowHole) && ticks > longStep * usual
    if (isHole) {
      this.#holes.push({
        ...{ rtpTimestamp, counted: undefined, anotherSize, key, fromRtp: last, toRtp: rtp, ticks },
        ...{ toMicros: receiveTimeMicros, step: usual, filled: 0, isSteady },
      })
    }
    if ((isHole && isSteady) || jumpedTicks !== undefined) {
      // The rhythm before the hole goes on after it.
      const moved = step - this.#usualStep
      this.#times = this.#times.map((time) => time + moved)
    }
    this.#remember(rtp)
    return this.#over(receiveTimeMicros)
  }

  /** It may come before the key frame has been taken for one, or for a hole that is none: then it says nothing. */
  counted(counted: CountedHole): void {
    const { rtpTimestamp, lost, openMicros } = counted
    if (openMicros !== undefined) {
      if (rtpTimestamp === this.#last?.rtpTimestamp) this.#open = { lost, toMicros: openMicros }
      return
    }
    const hole = this.#holes.find((one) => one.rtpTimestamp === rtpTimestamp)
    if (hole !== undefined) hole.counted = counted
  }

  /** The user does not send, or does again. */
  sends(sends: boolean, atMicros: number): void {
    const last = this.#pausedMicros.at(-1)
    if (sends && last !== undefined) last.to = Math.min(last.to, atMicros)
    else if (!sends) this.#pausedMicros.push({ from: atMicros, to: Number.POSITIVE_INFINITY })
    if (this.#pausedMicros.length > 16) this.#pausedMicros.shift()
  }

  /** Nothing more comes. `untilMicros`: until when something of the user did, at least. */
  end(untilMicros = Number.NEGATIVE_INFINITY): PictureLoss[] {
    return [...this.#over(Number.POSITIVE_INFINITY), ...this.#lostAtTheEnd(untilMicros)]
  }

  /** What is missing behind the last picture no key frame tells of: that it is missing the receiver has counted, and how long it was sent a mute or the end tells. */
  #lostAtTheEnd(untilMicros: number): PictureLoss[] {
    const [last, open] = [this.#last, this.#open]
    if (last === undefined || open === undefined || open.lost <= 0) return []
    const fromMicros = last.receiveTimeMicros
    const stopped = this.#pausedMicros.find(({ to }) => to > fromMicros)
    const known = Math.max(open.toMicros, untilMicros)
    const toMicros =
      stopped === undefined
        ? known
        : Math.max(fromMicros, Math.min(stopped.from, Math.max(known, open.toMicros + nextLookMicros)))
    const step = this.#usualStep
    const pictures = step > 0 ? Math.max(1, Math.floor(((toMicros - fromMicros) * 0.09) / step)) : 1
    return [{ fromMicros, toMicros, pictures }]
  }

  get #usualStep(): number {
    return median(this.#stepsShown())
  }

  get #isSteady(): boolean {
    const steps = this.#stepsShown()
    return steps.length >= 5 && Math.max(...steps) <= steadyStep * median(steps)
  }

  /** B pictures are shown between two that came before them. Two of one time are a sender's fault, and no step. */
  #stepsShown(): number[] {
    const times = [...new Set(this.#times)].sort((a, b) => a - b)
    return times.slice(1).map((time, at) => time - times[at]!)
  }

  #remember(rtp: number): void {
    // One from before them all tells nothing of how often they come.
    if (this.#times.length > 0 && rtp < Math.min(...this.#times)) return
    this.#times.push(rtp)
    if (this.#times.length > rememberedPictures) this.#times.shift()
  }

  /** Whether it is one that was missing. */
  #fill(rtp: number): boolean {
    const hole = this.#holes.find(({ fromRtp, toRtp }) => fromRtp < rtp && rtp < toRtp)
    if (hole !== undefined) hole.filled++
    return hole !== undefined
  }

  #over(nowMicros: number): PictureLoss[] {
    const over = this.#holes.filter(({ toMicros, counted }) => nowMicros - toMicros >= (counted ? repairMicros : countMicros))
    if (over.length > 0) this.#holes = this.#holes.filter((hole) => !over.includes(hole))
    return over.filter(wasLost).flatMap((hole) => this.#lossOf(hole))
  }

  #lossOf({ ticks, toMicros, step, filled, counted }: Hole): PictureLoss[] {
    const fromMicros = Math.round(toMicros - ticks / 0.09)
    const pause = this.#pausedMicros.find(({ from, to }) => from < toMicros && to > fromMicros)
    if (pause === undefined) {
      const pictures = Math.round(ticks / step) - 1 - filled
      return pictures > 0 ? [{ fromMicros, toMicros, pictures }] : []
    }
    // While the user was muted nothing was sent; what stayed missing was sent before. At least the last picture, of which nothing told before the next.
    if (counted === undefined || counted.lost <= 0) return []
    const until = Math.max(fromMicros, pause.from)
    const pictures = Math.max(1, Math.floor(((until - fromMicros) * 0.09) / step)) - filled
    return pictures > 0 ? [{ fromMicros, toMicros: until, pictures }] : []
  }
}

/**
 * On a bad line something is asked for again all the time: then an encoder that began anew is believed as long as nothing stays missing. So is one that
 * leaves something out between others; what follows was taken for the same reason.
 */
function wasLost({ counted, anotherSize, key, isSteady }: Hole): boolean {
  if (counted === undefined) return isSteady
  if (!isSteady) return counted.lost > 0
  return counted.lost > 0 || (counted.asked > 0 && !anotherSize && key)
}
