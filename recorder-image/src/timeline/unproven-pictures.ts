import { UsualStep } from '../tap/usual-step.ts'
import type { Released } from './late-pictures.ts'
import type { CountedHole } from './picture-gaps.ts'

export interface UnprovenPicture {
  /** As it was sent, 32 bit: by it the receiver tells what it counted. */
  rtpTimestamp: number
  /** In ticks, on a line that never wraps. */
  rtp: number
  key: boolean
  receiveTimeMicros: number
  /** Pictures may be missing before it; what was counted of them is told later. */
  mayFollowHole: boolean
}

/** It is waited so long for what the receiver counted; without it, what looks like a loss is one. */
const countMicros = 6_000_000
/** A step is longer than usual from here on; where many are lost it is still none that is usual. */
export const longStep = 1.5

interface Hole {
  /** Between these two something may be missing. */
  fromRtp: number
  toRtp: number
  /** Of the picture that was asked about, as it was sent. */
  askedRtpTimestamp: number
  sinceMicros: number
}

interface Group<T> {
  keyRtp: number
  sinceMicros: number
  /** In their order. */
  holes: Hole[]
  /** What comes after a hole, by its RTP time. */
  waiting: { rtp: number; picture: T }[]
  latestRtp: number
  /** After this time nothing decodes. */
  brokenRtp: number
}

/**
 * Tells which pictures can be decoded, of codecs whose pictures come as each is complete, though what they refer to never does (VP8, VP9, AV1). They have no
 * numbers. After a step that is longer than usual it is not known whether the sender left something out, something is late, or lost; the receiver
 * is asked, and what comes after the hole waits: until that is filled, or it is known that nothing was lost. What follows a loss is lost up to the next
 * key frame. Pure.
 */
export class UnprovenPictures<T extends UnprovenPicture> {
  readonly #groups: Group<T>[] = []
  #latestRtp: number | undefined
  readonly #usual = new UsualStep()

  /** Nothing decodes until the next key frame. */
  get isBroken(): boolean {
    const latest = this.#groups.at(-1)
    return latest !== undefined && latest.brokenRtp < Number.POSITIVE_INFINITY
  }

  push(picture: T): Released<T> {
    const { rtp } = picture
    this.#noteStep(rtp)
    const lost = this.#expired(picture.receiveTimeMicros)
    if (picture.key) {
      return { taken: [picture, ...this.#begin(rtp, picture)], lost }
    }
    const group = this.#groups.findLast(({ keyRtp }) => keyRtp <= rtp)
    if (group === undefined) return { taken: [picture], lost }
    if (rtp > group.brokenRtp) {
      group.latestRtp = Math.max(group.latestRtp, rtp)
      return { taken: [], lost: [...lost, picture] }
    }
    if (picture.mayFollowHole && rtp > group.latestRtp) ask(group, rtp, picture)
    else this.#fill(group, rtp)
    group.latestRtp = Math.max(group.latestRtp, rtp)
    group.waiting.push({ rtp, picture })
    return { taken: released(group), lost }
  }

  /** What the receiver counted around a hole. */
  counted({ rtpTimestamp, lost, openMicros }: CountedHole): Released<T> {
    if (openMicros !== undefined) return { taken: [], lost: [] }
    const isMeant = ({ askedRtpTimestamp }: Hole) => askedRtpTimestamp === rtpTimestamp
    if (lost > 0) return { taken: [], lost: this.#groups.flatMap((group) => broken(group, isMeant)) }
    for (const group of this.#groups) group.holes = group.holes.filter((hole) => !isMeant(hole))
    return { taken: this.#groups.flatMap(released), lost: [] }
  }

  /** Nothing more comes. */
  end(): T[] {
    return this.#expired(Number.POSITIVE_INFINITY)
  }

  /** What comes after a hole of which nothing is known yet. */
  get waiting(): T[] {
    return this.#groups.flatMap(({ waiting }) => waiting.map(({ picture }) => picture))
  }

  /**
   * The same in its order, for whoever has to go on without an answer: that something is late, or was never sent, is far more often the case than a
   * loss that is not repaired.
   */
  wouldFollow(): T[] {
    return this.#groups.flatMap(({ waiting }) => waiting.toSorted((a, b) => a.rtp - b.rtp).map(({ picture }) => picture))
  }

  #noteStep(rtp: number): void {
    const latest = this.#latestRtp ?? rtp
    this.#latestRtp = Math.max(latest, rtp)
    const step = this.#latestRtp - latest
    if (step > 0) this.#usual.add(step, longStep)
  }

  /** It may come later than pictures that refer to it. */
  #begin(keyRtp: number, key: T): T[] {
    const before = this.#groups.findLast((group) => group.keyRtp <= keyRtp)
    const group: Group<T> = {
      keyRtp,
      sinceMicros: key.receiveTimeMicros,
      holes: [],
      waiting: [],
      latestRtp: keyRtp,
      brokenRtp: Number.POSITIVE_INFINITY,
    }
    if (before !== undefined && before.latestRtp > keyRtp) {
      this.#fill(before, keyRtp)
      group.holes = before.holes.filter(({ fromRtp }) => fromRtp >= keyRtp)
      group.waiting = before.waiting.filter(({ rtp }) => rtp > keyRtp)
      group.latestRtp = before.latestRtp
      if (before.brokenRtp < keyRtp) group.brokenRtp = keyRtp
      before.holes = before.holes.filter(({ fromRtp }) => fromRtp < keyRtp)
      before.waiting = before.waiting.filter(({ rtp }) => rtp < keyRtp)
      before.latestRtp = keyRtp
    } else if (before !== undefined && key.mayFollowHole) ask(before, keyRtp, key)
    this.#groups.push(group)
    this.#groups.sort((a, b) => a.keyRtp - b.keyRtp)
    const isForgotten = ([first, next]: Group<T>[]) =>
      next !== undefined && group.sinceMicros - next.sinceMicros > countMicros && first!.waiting.length === 0
    while (isForgotten(this.#groups)) this.#groups.shift()
    return released(group)
  }

  /** A picture of a hole leaves a smaller one on either side of it, or none. */
  #fill(group: Group<T>, rtp: number): void {
    group.holes = group.holes.flatMap((hole) => {
      const { fromRtp, toRtp } = hole
      if (rtp <= fromRtp || rtp >= toRtp) return [hole]
      const sides = [
        { ...hole, toRtp: rtp },
        { ...hole, fromRtp: rtp },
      ]
      return sides.filter((side) => side.toRtp - side.fromRtp > longStep * this.#usual.ticks)
    })
  }

  #expired(nowMicros: number): T[] {
    return this.#groups.flatMap((group) => broken(group, ({ sinceMicros }) => nowMicros - sinceMicros >= countMicros))
  }
}

/** The receiver is asked what is missing before this picture. */
function ask<T extends UnprovenPicture>(group: Group<T>, toRtp: number, { rtpTimestamp, receiveTimeMicros }: T): void {
  group.holes.push({ fromRtp: group.latestRtp, toRtp, askedRtpTimestamp: rtpTimestamp, sinceMicros: receiveTimeMicros })
}

/** What comes after the first of these holes is lost. */
function broken<T>(group: Group<T>, isOne: (hole: Hole) => boolean): T[] {
  const hole = group.holes.find(isOne)
  if (hole === undefined) return []
  group.brokenRtp = hole.fromRtp
  group.holes = group.holes.filter(({ toRtp }) => toRtp <= hole.fromRtp)
  const lost = group.waiting.filter(({ rtp }) => rtp > hole.fromRtp)
  group.waiting = group.waiting.filter(({ rtp }) => rtp <= hole.fromRtp)
  return lost.map(({ picture }) => picture)
}

/** What comes before the first hole, in the order in which it is decoded. */
function released<T>(group: Group<T>): T[] {
  const first = group.holes[0]
  const isFree = ({ rtp }: { rtp: number }) => first === undefined || rtp <= first.fromRtp
  const taken = group.waiting.filter(isFree).toSorted((a, b) => a.rtp - b.rtp)
  group.waiting = group.waiting.filter((one) => !isFree(one))
  return taken.map(({ picture }) => picture)
}
