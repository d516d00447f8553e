import { median } from './clock.ts'

/** Where a picture stands in the order of decoding (H.264, 7.4.3: frame_num): one on from the last one that others refer to. */
export interface DecodingNumber {
  value: number
  /** Counts from 0 again here. */
  modulus: number
  /** Whether others refer to it. */
  isReference: boolean
}

export interface NumberedPicture {
  /** 32 bit, wraps. */
  rtpTimestamp: number
  key: boolean
  /** Undefined where the codec does not say. */
  number: DecodingNumber | undefined
  receiveTimeMicros: number
}

/** What may be decoded now, in this order, and what never can be. */
export interface Released<T> {
  taken: T[]
  lost: T[]
}

/** A picture that others refer to may still come for so long after one that does. */
const repairMicros = 2_000_000
/** Key frames whose late pictures are still expected. */
const rememberedKeys = 4
const rememberedPictures = 24

interface Group<T> {
  /** Unwrapped. */
  keyRtp: number
  /** Of the last picture that others refer to. */
  last: number | undefined
  /** Of the picture that is shown last. */
  latestRtp: number
  /** Of the latest that others refer to, and how many that nobody refers to have come since it. */
  referenceRtp: number
  unreferenced: number
  waiting: Waiting<T>[]
}

interface Waiting<T> {
  picture: T
  number: DecodingNumber
  rtp: number
}

/** What lies further behind the last one than so many steps belongs to a key frame that never came, though its number would do. */
const mostSteps = 4

/**
 * Puts late pictures into decoding order. Chromium hands out pictures in that order until a key frame overtakes some that are being repaired. From then on
 * it holds nothing back before that key frame: what belongs there comes as each is complete, in any order, and also when what it refers to never
 * comes. So a picture that comes after a later key frame waits for the one before it. Pure.
 */
export class LatePictures<T extends NumberedPicture> {
  /** In the order of their key frames. */
  readonly #groups: Group<T>[] = []
  /** Unwrapped. */
  #latestRtp: number | undefined
  /** RTP times of the latest pictures, unwrapped. */
  readonly #shown: number[] = []
  /** Whether there are pictures that nobody refers to. */
  #hasUnreferenced = false

  push(picture: T): Released<T> {
    const { key, number, receiveTimeMicros } = picture
    const rtp = this.#unwrapped(picture)
    const { taken, lost } = this.#expired(receiveTimeMicros)
    if (key) {
      this.#begin(rtp, number)
      return { taken: [...taken, picture], lost }
    }
    const group = this.#groups.findLast(({ keyRtp }) => keyRtp <= rtp)
    if (group === undefined || number === undefined) return { taken: [...taken, picture], lost }
    if (!number.isReference) this.#hasUnreferenced = true
    if (group === this.#groups.at(-1)) {
      add(group, { picture, number, rtp })
      return { taken: [...taken, picture], lost }
    }
    if (isPast(number, group.last)) return { taken, lost: [...lost, picture] }
    group.waiting.push({ picture, number, rtp })
    return { taken: [...taken, ...this.#drain(group, 'waits')], lost }
  }

  /** Nothing more comes. */
  end(): Released<T> {
    return this.#expired(Number.POSITIVE_INFINITY)
  }

  /** What waits for what comes before it. */
  get waiting(): T[] {
    return this.#groups.flatMap(({ waiting }) => waiting.map(({ picture }) => picture))
  }

  /** What of it would be decoded, in this order, if nothing more came. */
  wouldFollow(): T[] {
    return this.#groups.flatMap((group) => this.#drain({ ...group, waiting: [...group.waiting] }, 'is over'))
  }

  /** What follows what is there, one after the other. What has waited long enough does not wait for what nobody refers to. */
  #drain(group: Group<T>, before: 'waits' | 'is over'): T[] {
    const taken: T[] = []
    const mayBeTaken = (one: Waiting<T>) =>
      one.rtp - group.latestRtp <= mostSteps * this.#usualStep &&
      follows(one.number, group.last) &&
      (before === 'is over' || !this.#lacks(group, one))
    for (;;) {
      // Of those of one number the ones that nobody refers to come first.
      const [next] = group.waiting
        .filter(mayBeTaken)
        .toSorted((a, b) => Number(a.number.isReference) - Number(b.number.isReference) || a.rtp - b.rtp)
      if (next === undefined) return taken
      group.waiting.splice(group.waiting.indexOf(next), 1)
      add(group, next)
      taken.push(next.picture)
    }
  }

  /** Whether pictures that are sent before it, shown before it, and referred to by nobody have not come yet. */
  #lacks(group: Group<T>, { number, rtp }: Waiting<T>): boolean {
    if (!this.#hasUnreferenced || !number.isReference) return false
    const shownBetween = Math.round((rtp - group.referenceRtp) / this.#usualStep) - 1
    return shownBetween > group.unreferenced
  }

  #unwrapped({ rtpTimestamp }: T): number {
    const latest = this.#latestRtp ?? rtpTimestamp
    const rtp = latest + ((rtpTimestamp - latest) | 0)
    this.#latestRtp = Math.max(latest, rtp)
    this.#shown.push(rtp)
    if (this.#shown.length > rememberedPictures) this.#shown.shift()
    return rtp
  }

  /** In ticks, from one picture to the one shown next. */
  get #usualStep(): number {
    const times = this.#shown.toSorted((a, b) => a - b)
    return median(times.slice(1).map((time, at) => time - times[at]!))
  }

  #begin(keyRtp: number, number: DecodingNumber | undefined): void {
    this.#groups.push({ keyRtp, last: number?.value, latestRtp: keyRtp, referenceRtp: keyRtp, unreferenced: 0, waiting: [] })
    this.#groups.sort((a, b) => a.keyRtp - b.keyRtp)
    // What waits for the oldest has waited longest; it expires with the next one.
    if (this.#groups.length > rememberedKeys && this.#groups[0]!.waiting.length === 0) this.#groups.shift()
  }

  #expired(nowMicros: number): Released<T> {
    const released: Released<T> = { taken: [], lost: [] }
    for (const group of this.#groups) {
      const isOver = ({ picture }: Waiting<T>) => nowMicros - picture.receiveTimeMicros >= repairMicros
      if (!group.waiting.some(isOver)) continue
      released.taken.push(...this.#drain(group, 'is over'))
      released.lost.push(...group.waiting.filter(isOver).map(({ picture }) => picture))
      group.waiting = group.waiting.filter((one) => !isOver(one))
    }
    return released
  }
}

function add<T>(group: Group<T>, { number, rtp }: Waiting<T>): void {
  if (number.isReference) {
    group.last = number.value
    group.referenceRtp = Math.max(group.referenceRtp, rtp)
    group.unreferenced = 0
  } else group.unreferenced++
  group.latestRtp = Math.max(group.latestRtp, rtp)
}

const follows = ({ value, modulus }: DecodingNumber, last: number | undefined) =>
  last === undefined || value === (last + 1) % modulus

/** Something that refers to a later one was taken already; to decode it now would disturb that. */
const isPast = ({ value, modulus }: DecodingNumber, last: number | undefined) =>
  last !== undefined && (last - value + modulus) % modulus < modulus / 2
