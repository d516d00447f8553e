import { median } from './clock.ts'
import type { PictureTime } from './picture-clock.ts'

/** Pictures that were sent and never came. Times in microseconds since 1970. */
export interface PictureLoss {
  fromMicros: number
  toMicros: number
  pictures: number
  /** `pictures` is the most it can be: the sender may have made none for a part of the time. */
  picturesAre?: 'AtMost'
}

/** A picture that came, with what tells whether some are missing before it. */
export interface WatchedPicture extends PictureTime {
  /** As it was sent, 32 bit: by it the receiver tells what it counted. */
  rtpTimestamp: number
  receiveTimeMicros: number
  key: boolean
  encoderBeganAnew: boolean
  mayFollowHole: boolean
}

/** Missing pictures may still come for so long after the key frame that overtook them. */
const repairMicros = 2_000_000
/** So long it is waited for what the receiver counted; without it, what looks like a loss may be one. */
const countMicros = 6_000_000
const rememberedPictures = 16
/** While pictures stay away the receiver's count is looked at once a second. */
const nextLookMicros = 1_000_000
/** A step is longer than usual from here on. */
const longStep = 1.6
/** Two that come one after the other on a line that is not even come no nearer than so many. */
const leastStep = 0.5
/** Pictures are steady when none is shown later after another than so many usual steps; of others nobody can say that one is missing. */
const steadyStep = 2.5
/** So long not a packet comes of a camera that goes on, whatever pictures are held back. */
const leastQuietMicros = 200_000
const quietSteps = 3
/** Two rhythms that differ by no more of them are one. */
const sameStep = 0.1

/** What the receiver counted around the hole before the picture of this RTP time, in packets. */
export interface CountedHole {
  ssrc: number
  rtpTimestamp: number
  /** Missing for good. Packets that come twice make it less. */
  lost: number
  /** Nothing is missing any more, but something was for so long that what goes on from it may have been given up. */
  cameTooLate?: boolean
  /** They may be those of another hole, of the same time, or have come since. */
  isUnsure?: boolean
  /** The hole is the one behind the picture of this RTP time, and by then nothing had come after it. In microseconds since 1970. */
  openMicros?: number
  /** With it: for so long not even a packet had. */
  quietMicros?: number
}

interface Rhythm {
  /** Usual of late. Where steps are uneven, the least: of a bad line most of them may be holes. Infinite where there is none. */
  step: number
  /** None was left out of late, so that it is known for sure. */
  isEven: boolean
  /** Whether one that is missing would be missed. Where not, as on a line that is bad from the beginning, only the receiver's count says that some are missing. */
  isSteady: boolean
}

interface Hole {
  /** RTP time of the picture after it as it was sent. */
  rtpTimestamp: number
  counted: CountedHole | undefined
  /** The key frame has another size or codec: an encoder began anew, which takes its time. */
  encoderBeganAnew: boolean
  /** For some of it nothing was received at all: all was lost, or the camera made nothing. */
  wasQuiet: boolean
  /** Its length is known by arrival alone: the sender's clock was set meanwhile. */
  isByArrival: boolean
  fromRtp: number
  toRtp: number
  /** How long it is. */
  ticks: number
  /** Where it lies, by the arrival of the picture on that side of it that came sooner. */
  fromMicros: number
  toMicros: number
  noticedMicros: number
  /** Pictures of it that came: late, or of no use. */
  filled: number
  /** Before it. */
  rhythm: Rhythm
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
  /** Pictures that came since the last one, and are told of as lost by whoever could not take them. */
  #leftOut = 0
  /** The picture that came last. */
  #last: { rtpTimestamp: number; receiveTimeMicros: number } | undefined
  /** Since when another subscription has taken its place. */
  #replacedMicros = Number.POSITIVE_INFINITY
  /** What was counted since, while nothing came. */
  #open: { lost: number; toMicros: number; wasQuiet: boolean } | undefined

  push({
    rtpTimestamp,
    rtp,
    jumpedTicks,
    receiveTimeMicros,
    key,
    encoderBeganAnew,
    mayFollowHole,
  }: WatchedPicture): PictureLoss[] {
    const lastMicros = this.#last?.receiveTimeMicros ?? receiveTimeMicros
    this.#last = { rtpTimestamp, receiveTimeMicros }
    const wasQuiet = this.#open?.wasQuiet ?? false
    const leftOut = this.#leftOut
    this.#leftOut = 0
    this.#open = undefined
    const last = this.#lastRtp ?? rtp
    const step = rtp - last
    if (this.#lastRtp !== undefined && step <= 0) {
      if (!this.#fill(rtp)) this.#remember(rtp)
      return this.#over(receiveTimeMicros)
    }
    this.#lastRtp = rtp
    if (!key && !mayFollowHole && jumpedTicks === undefined) {
      this.#remember(rtp)
      return this.#over(receiveTimeMicros)
    }
    const ticks = jumpedTicks ?? step
    const rhythm = this.#rhythm
    const isHole = (key || mayFollowHole) && ticks > longStep * rhythm.step
    if (isHole) {
      const fromMicros = Math.min(lastMicros, Math.round(receiveTimeMicros - ticks / 0.09))
      const toMicros = Math.round(fromMicros + ticks / 0.09)
      this.#holes.push({
        ...{ rtpTimestamp, counted: undefined, encoderBeganAnew, wasQuiet, isByArrival: jumpedTicks !== undefined },
        ...{ fromRtp: last, toRtp: rtp, ticks },
        ...{ fromMicros, toMicros, noticedMicros: receiveTimeMicros, filled: leftOut, rhythm },
      })
    }
    if ((isHole && rhythm.isSteady) || jumpedTicks !== undefined) {
      // The rhythm before the hole goes on after it.
      const moved = step - rhythm.step
      this.#times = this.#times.map((time) => time + moved)
    }
    this.#remember(rtp)
    return this.#over(receiveTimeMicros)
  }

  /** It may come before the key frame has been taken for one, or for a hole that is none: then it says nothing. */
  counted(counted: CountedHole): void {
    const { rtpTimestamp, lost, openMicros, quietMicros = 0 } = counted
    if (openMicros !== undefined) {
      const wasQuiet = this.#open?.wasQuiet || quietMicros >= Math.max(leastQuietMicros, quietSteps * (this.#rhythm.step / 0.09))
      if (rtpTimestamp === this.#last?.rtpTimestamp) this.#open = { lost, toMicros: openMicros, wasQuiet }
      return
    }
    const hole = this.#holes.find((one) => one.rtpTimestamp === rtpTimestamp)
    if (hole !== undefined) hole.counted = counted
  }

  /** One came that nobody can take, which is told elsewhere. */
  leftOut(rtp: number): void {
    if (!this.#fill(rtp) && rtp > (this.#lastRtp ?? rtp)) this.#leftOut++
  }

  /** Whether one came that was sent later. */
  isBehind(rtp: number): boolean {
    return this.#lastRtp !== undefined && rtp < this.#lastRtp
  }

  /** The user does not send, or does again. */
  sends(sends: boolean, atMicros: number): void {
    const last = this.#pausedMicros.at(-1)
    if (sends && last !== undefined) last.to = Math.min(last.to, atMicros)
    else if (!sends) this.#pausedMicros.push({ from: atMicros, to: Number.POSITIVE_INFINITY })
    if (this.#pausedMicros.length > 16) this.#pausedMicros.shift()
  }

  /** Another subscription of its user began: what is missing from then on is missing of that. */
  replaced(atMicros: number): void {
    this.#replacedMicros = Math.min(this.#replacedMicros, atMicros)
  }

  /** Nothing more comes. `untilMicros`: until when something of the user did, at least. */
  end(untilMicros = Number.NEGATIVE_INFINITY): PictureLoss[] {
    return [...this.#over(Number.POSITIVE_INFINITY), ...this.#lostAtTheEnd(Math.min(untilMicros, this.#replacedMicros))]
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
    const { step } = this.#rhythm
    // It was looked at just when one had come: what is counted was lost in front of that.
    if (stopped === undefined && Number.isFinite(step) && (toMicros - fromMicros) * 0.09 < leastStep * step) return []
    const pictures = Math.max(1, picturesWithin(toMicros - fromMicros, step) - this.#leftOut)
    return [{ fromMicros, toMicros, pictures, picturesAre: 'AtMost' }]
  }

  get #rhythm(): Rhythm {
    const steps = this.#stepsShown()
    const middle = median(steps)
    const longest = Math.max(...steps)
    const isEven = longest <= longStep * middle
    return {
      step: isEven ? middle : Math.min(...steps),
      isEven,
      isSteady: steps.length >= 5 && longest <= steadyStep * middle,
    }
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
    const over = this.#holes.filter(
      ({ noticedMicros, counted }) => nowMicros - noticedMicros >= (counted ? repairMicros : countMicros),
    )
    if (over.length > 0) this.#holes = this.#holes.filter((hole) => !over.includes(hole))
    return over.filter(wasLost).flatMap((hole) => this.#lossOf(hole))
  }

  #lossOf(hole: Hole): PictureLoss[] {
    const { ticks, fromMicros, toMicros, filled, counted, isByArrival } = hole
    const step = this.#stepWithin(hole)
    const pauses = this.#pausedMicros.filter(({ from, to }) => from < toMicros && to > fromMicros)
    const [pause] = pauses
    if (pause === undefined) {
      const pictures = (isByArrival ? Math.ceil(ticks / step) : Math.round(ticks / step)) - 1 - filled
      if (pictures <= 0) return []
      return [{ fromMicros, toMicros, pictures, ...(isSureOf(hole, step) ? {} : { picturesAre: 'AtMost' as const }) }]
    }
    // While the user was muted nothing was sent. What stayed missing was sent before, of which nothing told before the next picture, or after it.
    if (counted !== undefined && counted.lost <= 0) return []
    const pausedMicros = pauses.reduce((sum, { from, to }) => sum + Math.min(to, toMicros) - Math.max(from, fromMicros), 0)
    const pictures = Math.max(1, picturesWithin(toMicros - fromMicros - pausedMicros, step)) - filled
    const untilMicros = pauses.at(-1)!.to < toMicros ? toMicros : Math.max(fromMicros, pause.from)
    return pictures > 0 ? [{ fromMicros, toMicros: untilMicros, pictures, picturesAre: 'AtMost' }] : []
  }

  /** How far apart the pictures of a hole were at least: as before it, or as after it, whichever is less. */
  #stepWithin({ rhythm: { step } }: Hole): number {
    const after = this.#rhythm.step
    return Math.abs(after - step) > sameStep * step ? Math.min(step, after) : step
  }
}

/** At most. */
const picturesWithin = (micros: number, step: number) => (Number.isFinite(step) ? Math.ceil((micros * 0.09) / step - 0.01) : 0)

/**
 * By the receiver's count: nothing was lost where nothing stayed missing, and nothing came so late that it was given up. Where that is not known, a step of
 * pictures that were steady is one, and one of others is not.
 */
function wasLost({ counted, rhythm: { isSteady } }: Hole): boolean {
  if (counted === undefined) return isSteady
  return counted.lost > 0 || (isSteady && counted.cameTooLate === true)
}

/**
 * Whether the rhythm tells how many they were: it went on through the hole, and something was lost in it. An encoder that began anew, for another size, took
 * its time, and a camera of which nothing came may have made nothing.
 */
function isSureOf({ counted, encoderBeganAnew, rhythm, isByArrival, wasQuiet }: Hole, stepWithin: number): boolean {
  const isCounted = counted !== undefined && counted.lost > 0 && counted.isUnsure !== true
  const goesOn = rhythm.isSteady && rhythm.isEven && rhythm.step === stepWithin
  return isCounted && goesOn && !encoderBeganAnew && !isByArrival && !wasQuiet
}
