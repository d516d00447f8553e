import { median } from './clock.ts'
import { type Decoder, type DecodingPlace, decoderAfter, decoderWith, turnOf } from './decoding-order.ts'
import type { PictureTime } from './picture-clock.ts'

export interface NumberedPicture extends PlaceInTime {
  key: boolean
  /** Undefined where the codec does not say. */
  number: DecodingPlace | undefined
  receiveTimeMicros: number
}

type PlaceInTime = Pick<PictureTime, 'rtp' | 'clock'>

/** What may be decoded now, in this order, and what never can be. */
export interface Released<T> {
  taken: T[]
  lost: T[]
}

/** A picture that others refer to may still come for so long after one that does. */
const repairMicros = 2_000_000
const rememberedPictures = 24

interface Group<T> {
  keyRtp: number
  sinceMicros: number
  /** With what was taken so far; undefined where the key frame does not say where it stands. */
  decoder: Decoder | undefined
  /** The picture that is shown last. */
  latest: PlaceInTime
  /** The two shown last of those that others refer to. */
  references: { before: PlaceInTime; last: PlaceInTime }
  /** When those are shown that were taken of late. */
  shown: number[]
  waiting: Waiting<T>[]
}

interface Waiting<T> {
  picture: T
  number: DecodingPlace
  at: PlaceInTime
}

/** What lies further behind the last one than so many steps belongs to a key frame that never came, though its number would do. */
const mostSteps = 4
const nextStep = 1.5

/**
 * Puts late pictures into decoding order. Chromium hands out pictures in that order until a key frame overtakes some that are being repaired. From then on
 * it holds nothing back before that key frame: what belongs there comes as each is complete, in any order, and also when what it refers to never
 * comes. So a picture that comes after a later key frame waits for the one before it. Pure.
 */
export class LatePictures<T extends NumberedPicture> {
  /** In the order of their key frames. */
  readonly #groups: Group<T>[] = []
  /** RTP times of the latest pictures that nothing has overtaken: of others some may be missing. */
  readonly #shown: number[] = []
  /** Whether there are pictures that nobody refers to. */
  #hasUnreferenced = false

  push(picture: T): Released<T> {
    const { rtp, clock, key, number, receiveTimeMicros } = picture
    const at = { rtp, clock }
    const { taken, lost } = this.#expired(receiveTimeMicros)
    if (key) {
      this.#noteShown(rtp)
      return { taken: [...taken, picture, ...this.#begin(at, picture)], lost }
    }
    const group = this.#groups.findLast(({ keyRtp }) => keyRtp <= rtp)
    if (group === undefined || number === undefined) return { taken: [...taken, picture], lost }
    if (!number.isReference) this.#hasUnreferenced = true
    if (group === this.#groups.at(-1)) {
      this.#noteShown(rtp)
      add(group, { picture, number, at })
      return { taken: [...taken, picture], lost }
    }
    // Something that refers to a later one was taken already; to decode it now would disturb that.
    const isBehind = clock === group.latest.clock && rtp < group.latest.rtp
    if (isBehind && turn(group, number, 'waits') === 'past') return { taken, lost: [...lost, picture] }
    group.waiting.push({ picture, number, at })
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
      this.#isNear(group, one, before) &&
      turn(group, one.number, before) === 'next' &&
      (before === 'is over' || !this.#lacks(group, one))
    for (;;) {
      // Of those of one number the ones that nobody refers to come first.
      const [next] = group.waiting
        .filter(mayBeTaken)
        .toSorted((a, b) => Number(a.number.isReference) - Number(b.number.isReference) || a.at.rtp - b.at.rtp)
      if (next === undefined) return taken
      group.waiting.splice(group.waiting.indexOf(next), 1)
      add(group, next)
      taken.push(next.picture)
    }
  }

  /** Where the sender's clock jumped nobody knows how near it is: then it is the first of those that came, when nothing more is waited for. */
  #isNear({ latest, waiting }: Group<T>, { at }: Waiting<T>, before: 'waits' | 'is over'): boolean {
    // Where each refers to the one before, the next one is shown next; its own key frame may still come.
    const steps = before === 'waits' && !this.#hasUnreferenced ? nextStep : mostSteps
    if (at.clock === latest.clock) return at.rtp - latest.rtp <= steps * this.#usualStep
    return before === 'is over' && waiting.every((one) => one.at.clock !== at.clock || one.at.rtp >= at.rtp)
  }

  /** Whether pictures have not come yet that are sent before it, and shown between the two that others refer to. */
  #lacks(group: Group<T>, { number, at }: Waiting<T>): boolean {
    if (!this.#hasUnreferenced || !number.isReference) return false
    const { before, last } = group.references
    if (at.rtp < last.rtp) return false
    const isBetween = (rtp: number) => rtp > before.rtp && rtp < last.rtp
    return Math.round(ticksBetween(before, last) / this.#usualStep) - 1 > group.shown.filter(isBetween).length
  }

  #noteShown(rtp: number): void {
    this.#shown.push(rtp)
    if (this.#shown.length > rememberedPictures) this.#shown.shift()
  }

  /** In ticks, from one picture to the one shown next. */
  get #usualStep(): number {
    const times = this.#shown.toSorted((a, b) => a - b)
    return median(times.slice(1).map((time, at) => time - times[at]!))
  }

  /** It may come later than pictures that refer to it. */
  #begin(at: PlaceInTime, { number, receiveTimeMicros: sinceMicros }: T): T[] {
    const decoder = number && decoderWith(number)
    const before = this.#groups.findLast(({ keyRtp }) => keyRtp <= at.rtp)
    const waiting = before?.waiting.filter((one) => one.at.rtp > at.rtp) ?? []
    if (before !== undefined) before.waiting = before.waiting.filter((one) => one.at.rtp < at.rtp)
    const references = { before: at, last: at }
    const group: Group<T> = { keyRtp: at.rtp, sinceMicros, decoder, latest: at, references, shown: [], waiting }
    this.#groups.push(group)
    this.#groups.sort((a, b) => a.keyRtp - b.keyRtp)
    const isForgotten = ([first, next]: Group<T>[]) =>
      next !== undefined && sinceMicros - next.sinceMicros > repairMicros && first!.waiting.length === 0
    while (isForgotten(this.#groups)) this.#groups.shift()
    return this.#drain(group, 'waits')
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

function add<T>(group: Group<T>, { number, at }: Waiting<T>): void {
  if (group.decoder !== undefined) group.decoder = decoderAfter(group.decoder, number)
  else if (number.isReference) group.decoder = decoderWith(number)
  const { last } = group.references
  if (number.isReference && at.rtp > last.rtp) group.references = { before: last, last: at }
  group.shown = [...group.shown, at.rtp].slice(-rememberedPictures)
  if (at.rtp > group.latest.rtp) group.latest = at
}

/** None that is known where a clock jumped between them. */
const ticksBetween = (from: PlaceInTime, to: PlaceInTime) => (from.clock === to.clock ? to.rtp - from.rtp : 0)

/** What is over waits for nothing that it does not use itself. */
const turn = <T>({ decoder }: Group<T>, number: DecodingPlace, before: 'waits' | 'is over') =>
  decoder === undefined ? 'next' : turnOf(decoder, number, before === 'waits')
