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

interface Group<T> {
  /** Unwrapped. */
  keyRtp: number
  /** Of the last picture that others refer to. */
  last: number | undefined
  /** Of the picture that is shown last. */
  latestRtp: number
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
  /** In ticks, from one picture to the next. */
  #usualStep = 3000

  push(picture: T): Released<T> {
    const { key, number, receiveTimeMicros } = picture
    const rtp = this.#unwrapped(picture)
    const lost = this.#expired(receiveTimeMicros)
    if (key) {
      this.#begin(rtp, number)
      return { taken: [picture], lost }
    }
    const group = this.#groups.findLast(({ keyRtp }) => keyRtp <= rtp)
    if (group === undefined || number === undefined) return { taken: [picture], lost }
    if (group === this.#groups.at(-1)) {
      add(group, { picture, number, rtp })
      return { taken: [picture], lost }
    }
    if (isPast(number, group.last)) return { taken: [], lost: [...lost, picture] }
    group.waiting.push({ picture, number, rtp })
    return { taken: drain(group, mostSteps * this.#usualStep), lost }
  }

  /** Nothing more comes. */
  end(): T[] {
    return this.#expired(Number.POSITIVE_INFINITY)
  }

  #unwrapped({ rtpTimestamp }: T): number {
    const latest = this.#latestRtp ?? rtpTimestamp
    const rtp = latest + ((rtpTimestamp - latest) | 0)
    this.#latestRtp = Math.max(latest, rtp)
    // B pictures do not move it on; a pause is no step.
    const step = Math.min(this.#latestRtp - latest, mostSteps * this.#usualStep)
    this.#usualStep += (step - this.#usualStep) / 16
    return rtp
  }

  #begin(keyRtp: number, number: DecodingNumber | undefined): void {
    this.#groups.push({ keyRtp, last: number?.value, latestRtp: keyRtp, waiting: [] })
    this.#groups.sort((a, b) => a.keyRtp - b.keyRtp)
    // What waits for the oldest has waited longest; it expires with the next one.
    if (this.#groups.length > rememberedKeys && this.#groups[0]!.waiting.length === 0) this.#groups.shift()
  }

  #expired(nowMicros: number): T[] {
    const expired: T[] = []
    for (const group of this.#groups) {
      if (group.waiting.length === 0) continue
      const isOver = ({ picture }: Waiting<T>) => nowMicros - picture.receiveTimeMicros >= repairMicros
      expired.push(...group.waiting.filter(isOver).map(({ picture }) => picture))
      group.waiting = group.waiting.filter((one) => !isOver(one))
    }
    return expired
  }
}

/** What follows what is there, one after the other. */
function drain<T>(group: Group<T>, mostTicks: number): T[] {
  const taken: T[] = []
  for (;;) {
    // Of those of one number the ones that nobody refers to come first.
    const [next] = group.waiting
      .filter((one) => one.rtp - group.latestRtp <= mostTicks && follows(one.number, group.last))
      .toSorted((a, b) => Number(a.number.isReference) - Number(b.number.isReference) || a.rtp - b.rtp)
    if (next === undefined) return taken
    group.waiting.splice(group.waiting.indexOf(next), 1)
    add(group, next)
    taken.push(next.picture)
  }
}

function add<T>(group: Group<T>, { number, rtp }: Waiting<T>): void {
  if (number.isReference) group.last = number.value
  group.latestRtp = Math.max(group.latestRtp, rtp)
}

const follows = ({ value, modulus }: DecodingNumber, last: number | undefined) =>
  last === undefined || value === (last + 1) % modulus

/** Something that refers to a later one was taken already; to decode it now would disturb that. */
const isPast = ({ value, modulus }: DecodingNumber, last: number | undefined) =>
  last !== undefined && (last - value + modulus) % modulus < modulus / 2
