import { median } from './clock.ts'
import {
  type Decoder,
  type DecodingPlace,
  decoderAfter,
  decoderWith,
  type Leads,
  type Ordered,
  turnOf,
} from './decoding-order.ts'
import type { PictureTime } from './picture-clock.ts'
import { breaks, isWaitedFor, stepsAhead } from './reference-order.ts'

export interface NumberedPicture extends PlaceInTime {
  key: boolean
  /** Undefined where the codec does not say. */
  number: DecodingPlace | undefined
  /** It is shown before the key frame that it is decoded after. */
  leads?: Leads | undefined
  receiveTimeMicros: number
}

type PlaceInTime = Pick<PictureTime, 'rtp' | 'clock'>

/** What may be decoded now, in this order, and what never can be. */
export interface Released<T> {
  taken: T[]
  lost: T[]
}

/** `beginsAnew`: it is a key frame, and nothing that is decoded behind it goes on from what is in front of it. */
export interface Pushed<T> extends Released<T> {
  beginsAnew: boolean
}

/** A picture that others refer to may still come for so long after one that does. */
const repairMicros = 2_000_000
const rememberedPictures = 24
/** Of so few most may be holes: then the least is usual, of pictures that wait, too. */
const fewSteps = 8

interface Group<T> {
  keyRtp: number
  /** Whether pictures may lead its key frame. */
  mayBeLed: boolean
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
  /** Some were given up: what comes after them says so by its number alone. */
  isBroken: boolean
  /** Of the first key frame: nothing was shown before it that tells how soon the next picture is to come. */
  isFirst: boolean
}

interface Waiting<T> {
  picture: T
  number: DecodingPlace
  at: PlaceInTime
}

/** What lies further behind the last one than so many steps belongs to a key frame that never came, though its number would do; where more are shown between two, than so many more. */
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
  /** Whether there are pictures that lead their key frame. It shows at the first one that may have some, but for the very first, which nothing is shown before. */
  #hasLeading: 'not known' | 'yes' | 'no' = 'not known'

  /** `isUnordered`: it came before its key frame, when Chromium had nothing to order it by. */
  push(picture: T, isUnordered = false): Pushed<T> {
    const { rtp, clock, key, receiveTimeMicros } = picture
    const at = { rtp, clock }
    const { taken, lost } = this.#expired(receiveTimeMicros)
    if (key) {
      this.#noteShown(rtp)
      const { group, followed } = this.#begin(at, picture)
      const { decoder } = group
      const isFirst = this.#groups.length === 1
      const beginsAnew = decoder?.type === 'refers' ? decoder.across === undefined : isFirst
      return { taken: [...taken, picture, ...followed], lost, beginsAnew }
    }
    return { ...this.#pushBetween(picture, isUnordered, { taken, lost }), beginsAnew: false }
  }

  #pushBetween(picture: T, isUnordered: boolean, { taken, lost }: Released<T>): Released<T> {
    const { rtp, clock, number } = picture
    const at = { rtp, clock }
    const group = this.#groupOf(picture)
    if (group === undefined || number === undefined) return { taken: [...taken, picture], lost }
    if (!number.isReference) this.#hasUnreferenced = true
    if (picture.leads !== undefined) this.#hasLeading = 'yes'
    const isLast = group === this.#groups.at(-1)
    if (isLast) this.#noteShown(rtp)
    // What refers to pictures in front of its key frame does so whether they came or not, and what is decoded after it waits with it.
    const mayWait = picture.leads === 'acrossKey' || (picture.leads !== undefined && rtp > group.keyRtp)
    if (isLast && !mayWait && !isUnordered && !group.isBroken && group.waiting.length === 0) {
      const isKnown = group !== this.#groups[0] && group.mayBeLed && picture.leads === undefined
      if (isKnown && this.#hasLeading === 'not known') this.#hasLeading = 'no'
      add(group, { picture, number, at })
      return { taken: [...taken, picture], lost }
    }
    // Something that refers to a later one was taken already; to decode it now would disturb that.
    const isBehind = clock === group.latest.clock && rtp < group.latest.rtp
    const one = { picture, number, at }
    if (isBehind && this.#turn(group, orderedOf(one), 'waits') === 'past') return { taken, lost: [...lost, picture] }
    group.waiting.push(one)
    return { taken: [...taken, ...this.#drainFrom(group)], lost }
  }

  /** What leads the next key frame may refer to what is taken. */
  #drainFrom(first: Group<T>): T[] {
    return this.#groups.slice(this.#groups.indexOf(first)).flatMap((group) => this.#drain(group, 'waits'))
  }

  /** Nothing more comes. */
  end(): Released<T> {
    return this.#expired(Number.POSITIVE_INFINITY)
  }

  /** Of the latest key frame some were given up: what refers to them never will be decoded. */
  get isBroken(): boolean {
    return this.#groups.at(-1)?.isBroken ?? false
  }

  /** What waits for what comes before it. */
  get waiting(): T[] {
    return this.#groups.flatMap(({ waiting }) => waiting.map(({ picture }) => picture))
  }

  /** What of it would be decoded, in this order, if nothing more came. */
  wouldFollow(): T[] {
    return this.#groups.flatMap((group) => this.#drain({ ...group, waiting: [...group.waiting] }, 'is over'))
  }

  /** Of the latest key frame that is not shown after it. What leads one is of the next one that is; where that has not come yet, it waits with the last one. */
  #groupOf({ rtp, leads }: T): Group<T> | undefined {
    if (leads === undefined) return this.#groups.findLast(({ keyRtp }) => keyRtp <= rtp)
    return this.#groups.find(({ keyRtp }) => keyRtp > rtp) ?? this.#groups.at(-1)
  }

  /** What follows what is there, one after the other. What has waited long enough does not wait for what nobody refers to. */
  #drain(group: Group<T>, before: 'waits' | 'is over'): T[] {
    const taken: T[] = []
    const mayBeTaken = (one: Waiting<T>) =>
      this.#isNear(group, one, before) &&
      this.#turn(group, orderedOf(one), before) === 'next' &&
      (before === 'is over' || !this.#lacks(group, one))
    for (;;) {
      const places = group.waiting.map(({ number }) => number)
      const cost = ({ picture, number }: Waiting<T>) =>
        Number(picture.leads === undefined) * 4 + Number(breaks(group.decoder, number, places)) * 2 + Number(number.isReference)
      // Of those of one number the ones that nobody refers to come first, and none before what uses something that it drops.
      const [next] = group.waiting.filter(mayBeTaken).toSorted((a, b) => cost(a) - cost(b) || a.at.rtp - b.at.rtp)
      if (next === undefined) return taken
      group.waiting.splice(group.waiting.indexOf(next), 1)
      add(group, next)
      taken.push(next.picture)
    }
  }

  /** Where the sender's clock jumped nobody knows how near it is: then it is the first of those that came, when nothing more is waited for. */
  #isNear(group: Group<T>, one: Waiting<T>, before: 'waits' | 'is over'): boolean {
    const { keyRtp, latest, waiting, decoder } = group
    const { number, at } = one
    // Where each refers to the one before, the next one is shown next; its own key frame may still come.
    const isNext = before === 'waits' && (!this.#hasUnreferenced || number.type === 'refers')
    const steps = (isNext ? nextStep : this.#mostSteps) * stepsAhead(decoder, orderedOf(one))
    if (number.type === 'refers' && one.picture.leads !== undefined)
      return at.rtp < keyRtp && (keyRtp === this.#groups.at(-1)?.keyRtp || keyRtp - at.rtp <= steps * this.#usualStep)
    if (at.clock === latest.clock) return at.rtp - this.#shownUpTo(group) <= steps * this.#usualStep
    return before === 'is over' && waiting.every((other) => other.at.clock !== at.clock || other.at.rtp >= at.rtp)
  }

  /** The encoder may rest after its first key frame, which is large, for as long as it likes: what is shown next is next. */
  #shownUpTo({ isFirst, isBroken, keyRtp, latest, waiting }: Group<T>): number {
    if (!isFirst || isBroken || latest.rtp !== keyRtp) return latest.rtp
    const next = Math.min(...waiting.filter(({ at }) => at.clock === latest.clock).map(({ at }) => at.rtp))
    return Math.max(latest.rtp, next - this.#usualStep)
  }

  get #mostSteps(): number {
    const between = this.#groups.map(({ references: { before, last } }) => ticksBetween(before, last) / this.#usualStep)
    return Math.max(mostSteps, ...between.map((steps) => Math.ceil(steps) + 1).filter(Number.isFinite))
  }

  /** Whether pictures have not come yet that are sent before it, and shown between the two that others refer to. */
  #lacks(group: Group<T>, { picture, number, at }: Waiting<T>): boolean {
    if (number.type === 'refers') {
      const isLed = picture.leads === undefined && group.waiting.some((one) => one.picture.leads !== undefined)
      const all = this.#groups.map(({ decoder }) => decoder)
      const waiting = group.waiting.map((one) => one.number)
      return isLed || isWaitedFor(this.#decoderOf(group), number, { leading: this.#mayLead(group), waiting, all })
    }
    if (!this.#hasUnreferenced || !number.isReference) return false
    const { before, last } = group.references
    if (at.rtp < last.rtp) return false
    const isBetween = (rtp: number) => rtp > before.rtp && rtp < last.rtp
    return Math.round(ticksBetween(before, last) / this.#usualStep) - 1 > group.shown.filter(isBetween).length
  }

  /** What is over waits for nothing that it does not use itself. */
  #turn(group: Group<T>, one: Ordered, before: 'waits' | 'is over'): ReturnType<typeof turnOf> {
    const decoder = this.#decoderOf(group)
    return decoder === undefined ? 'next' : turnOf(decoder, one, before === 'waits')
  }

  /** What is in front of the key frame may have come later than that. */
  #decoderOf({ keyRtp, decoder }: Group<T>): Decoder | undefined {
    if (decoder?.type !== 'refers' || decoder.across === undefined) return decoder
    const before = this.#groups.findLast((group) => group.keyRtp < keyRtp)?.decoder
    return before?.type === 'refers' ? { ...decoder, across: before.taken } : decoder
  }

  /** How many pictures may lead its key frame: so many are shown between that and what came before it. */
  #mayLead({ keyRtp, mayBeLed, latest: { clock } }: Group<T>): number {
    const before = this.#groups.findLast((group) => group.keyRtp < keyRtp)
    if (!mayBeLed || this.#hasLeading === 'no' || before === undefined || before.latest.clock !== clock) return 0
    return Math.max(0, Math.round((keyRtp - before.latest.rtp) / this.#usualStep) - 1)
  }

  #noteShown(rtp: number): void {
    this.#shown.push(rtp)
    if (this.#shown.length > rememberedPictures) this.#shown.shift()
  }

  /** In ticks, from one picture to the one shown next. */
  get #usualStep(): number {
    const steps = stepsOf(this.#shown)
    if (steps.length >= fewSteps) return median(steps)
    const all = stepsOf([...this.#shown, ...this.waiting.map(({ rtp }) => rtp)])
    return all.length === 0 ? 0 : Math.min(...all)
  }

  /** It may come later than pictures that refer to it. */
  #begin(at: PlaceInTime, { number, receiveTimeMicros: sinceMicros }: T): { group: Group<T>; followed: T[] } {
    const before = this.#groups.findLast(({ keyRtp }) => keyRtp <= at.rtp)
    const decoder = number && decoderWith(number, this.#goesOn(before, at, number) ? before?.decoder : undefined)
    const waiting = this.#groups.flatMap((group) => {
      const isOfKey = ({ picture, at: one }: Waiting<T>) =>
        picture.leads === undefined ? group === before && one.rtp > at.rtp : group.keyRtp > at.rtp && one.rtp < at.rtp
      const own = group.waiting.filter(isOfKey)
      if (own.length > 0) group.waiting = group.waiting.filter((one) => !own.includes(one))
      return own
    })
    const references = { before: at, last: at }
    const mayBeLed = number?.type === 'refers' && number.mayBeLed
    const fresh = { latest: at, references, shown: [], isBroken: false, isFirst: this.#groups.length === 0 }
    const group: Group<T> = { keyRtp: at.rtp, mayBeLed, sinceMicros, decoder, waiting, ...fresh }
    this.#groups.push(group)
    this.#groups.sort((a, b) => a.keyRtp - b.keyRtp)
    const isForgotten = ([first, next]: Group<T>[]) =>
      next !== undefined && sinceMicros - next.sinceMicros > repairMicros && first!.waiting.length === 0
    while (isForgotten(this.#groups)) this.#groups.shift()
    return { group, followed: this.#drainFrom(group) }
  }

  /** Whether what is in front of a key frame is that which came last: numbers that come round say the same of what came a while before. */
  #goesOn(before: Group<T> | undefined, at: PlaceInTime, number: DecodingPlace): boolean {
    if (before?.decoder === undefined || before.latest.clock !== at.clock) return false
    return at.rtp - before.latest.rtp <= mostSteps * stepsAhead(before.decoder, { number }) * this.#usualStep
  }

  #expired(nowMicros: number): Released<T> {
    const released: Released<T> = { taken: [], lost: [] }
    for (const group of this.#groups) {
      const isOver = ({ picture }: Waiting<T>) => nowMicros - picture.receiveTimeMicros >= repairMicros
      if (!group.waiting.some(isOver)) continue
      released.taken.push(...this.#drain(group, 'is over'))
      const lost = group.waiting.filter(isOver).map(({ picture }) => picture)
      released.lost.push(...lost)
      if (lost.length > 0) group.isBroken = true
      group.waiting = group.waiting.filter((one) => !isOver(one))
    }
    return released
  }
}

const orderedOf = <T extends NumberedPicture>({ picture: { leads }, number }: Waiting<T>): Ordered => ({ number, leads })

function add<T>(group: Group<T>, { number, at }: Waiting<T>): void {
  if (group.decoder !== undefined) group.decoder = decoderAfter(group.decoder, number)
  else if (number.isReference) group.decoder = decoderWith(number)
  const { last } = group.references
  if (number.isReference && at.rtp > last.rtp) group.references = { before: last, last: at }
  group.shown = [...group.shown, at.rtp].slice(-rememberedPictures)
  if (at.rtp > group.latest.rtp) group.latest = at
}

function stepsOf(shown: readonly number[]): number[] {
  const times = [...new Set(shown)].sort((a, b) => a - b)
  return times.slice(1).map((time, at) => time - times[at]!)
}

/** None that is known where a clock jumped between them. */
const ticksBetween = (from: PlaceInTime, to: PlaceInTime) => (from.clock === to.clock ? to.rtp - from.rtp : 0)
