import type { EncodedFrame } from '../tap/frame.ts'
import { comesAsComplete } from '../tap/hole-watch.ts'

/** The first key frame of a subscription may come so long after pictures that refer to it; no more of these than so much is held. */
const headMicros = 2_000_000
const mostHeldBytes = 8 * 1024 * 1024
/** Subscriptions of one file that begin without a key frame. */
const mostHeadless = 16
/** More than what tells the number of a picture. */
const headerBytes = 256

/** A subscription of which pictures came, and no key frame yet. */
interface Headless {
  /** As they came. */
  held: EncodedFrame[]
  givenUp: GivenUp | undefined
}

/** Pictures for which no key frame came in time. */
export interface GivenUp {
  /** Which was sent first: its number tells how many were before it. */
  first: EncodedFrame
  /** RTP time of the one that is shown last. */
  lastRtp: number
}

/** What the next file has to know: of which subscriptions a key frame came, and what was given up of the others. */
export interface HeadlessHandover {
  begun: ReadonlySet<number>
  givenUp: ReadonlyMap<number, GivenUp>
}

/** What came before the first key frame of its subscription. */
export interface Head {
  /** Those that wait for it. */
  followers: EncodedFrame[]
  /** False where one of those that refer to it was given up. */
  goesOn: boolean
  /** Which was sent first of those that were given up in front of it. */
  first: EncodedFrame | undefined
}

/**
 * Pictures that come before the first key frame of their subscription, each held until that comes or is given up: where packets change places Chromium may hand
 * it out behind pictures that refer to it.
 */
export class HeadlessPictures {
  readonly #onGivenUp: (frame: EncodedFrame) => void
  /** Subscriptions of which a key frame came, here or in the file before. */
  readonly #begun: Set<number>
  readonly #headless = new Map<number, Headless>()
  #heldBytes = 0

  constructor(onGivenUp: (frame: EncodedFrame) => void, before?: HeadlessHandover) {
    this.#onGivenUp = onGivenUp
    this.#begun = new Set(before?.begun)
    for (const [ssrc, givenUp] of before?.givenUp ?? []) this.#headless.set(ssrc, { held: [], givenUp })
  }

  /** How many wait, and are lost where nothing more comes. */
  get held(): number {
    return [...this.#headless.values()].reduce((sum, { held }) => sum + held.length, 0)
  }

  /** What is held is given up. */
  handOver(): HeadlessHandover {
    this.end()
    const givenUp = [...this.#headless].flatMap(([ssrc, { givenUp }]) => (givenUp ? [[ssrc, givenUp] as const] : []))
    return { begun: this.#begun, givenUp: new Map(givenUp) }
  }

  /** Returns false for one that no key frame can be behind. */
  hold(frame: EncodedFrame): boolean {
    const headless = this.#begun.has(frame.ssrc) ? undefined : this.#of(frame.ssrc)
    if (headless === undefined) return false
    // The data of a frame is a view into its batch; holding a few frames must not hold all of the batch.
    headless.held.push({ ...frame, data: frame.data.slice() })
    this.#heldBytes += frame.data.length
    if (this.#heldBytes > mostHeldBytes) this.end()
    return true
  }

  /** One came that the file does not take, which is told elsewhere: it is given up as well. A key frame, too: others refer to it. */
  leftOut(frame: EncodedFrame): void {
    const headless = this.#begun.has(frame.ssrc) ? undefined : this.#of(frame.ssrc)
    if (headless !== undefined) note(headless, frame)
  }

  /** Gives up what has waited for too long by then. */
  expire(nowMicros: number): void {
    const untilMicros = nowMicros - headMicros
    for (const headless of this.#headless.values())
      this.#giveUp(headless, ({ receiveTimeMicros }) => receiveTimeMicros <= untilMicros)
  }

  /** No key frame comes any more. */
  end(): void {
    this.expire(Number.POSITIVE_INFINITY)
  }

  /** Its pictures go on with this key frame. Undefined where it is not the first one of its subscription. */
  begin(key: EncodedFrame): Head | undefined {
    if (this.#begun.has(key.ssrc)) return undefined
    this.#begun.add(key.ssrc)
    const headless = this.#headless.get(key.ssrc)
    if (headless === undefined) return { followers: [], goesOn: true, first: undefined }
    const goesOn = headless.givenUp === undefined || !isLater(headless.givenUp.lastRtp, key.rtpTimestamp)
    const follows = ({ mimeType, rtpTimestamp }: EncodedFrame) =>
      goesOn && mimeType === key.mimeType && isLater(rtpTimestamp, key.rtpTimestamp)
    this.#giveUp(headless, (frame) => !follows(frame))
    const { held: followers, givenUp } = headless
    this.#heldBytes -= followers.reduce((sum, { data }) => sum + data.length, 0)
    this.#headless.delete(key.ssrc)
    // Of other codecs their numbers put them in order.
    if (comesAsComplete(key.mimeType)) followers.sort((a, b) => (a.rtpTimestamp - b.rtpTimestamp) | 0)
    return { followers, goesOn, first: goesOn ? givenUp?.first : undefined }
  }

  /** Undefined where there are too many. */
  #of(ssrc: number): Headless | undefined {
    const known = this.#headless.get(ssrc)
    if (known !== undefined || this.#headless.size >= mostHeadless) return known
    const headless = { held: [], givenUp: undefined }
    this.#headless.set(ssrc, headless)
    return headless
  }

  #giveUp(headless: Headless, isOver: (frame: EncodedFrame) => boolean): void {
    const over = headless.held.filter(isOver)
    if (over.length === 0) return
    for (const frame of over) {
      note(headless, frame)
      this.#heldBytes -= frame.data.length
      this.#onGivenUp(frame)
    }
    headless.held = headless.held.filter((frame) => !isOver(frame))
  }
}

/** What tells the place of the one of two pictures that was sent first. */
export function firstOf(one: EncodedFrame | undefined, other: EncodedFrame): EncodedFrame {
  if (one !== undefined && !isLater(one.rtpTimestamp, other.rtpTimestamp)) return one
  return { ...other, data: other.data.slice(0, headerBytes) }
}

function note(headless: Headless, frame: EncodedFrame): void {
  const { rtpTimestamp } = frame
  const { first, lastRtp = rtpTimestamp } = headless.givenUp ?? {}
  headless.givenUp = { first: firstOf(first, frame), lastRtp: isLater(rtpTimestamp, lastRtp) ? rtpTimestamp : lastRtp }
}

/** By RTP times as they are sent, 32 bit. */
const isLater = (one: number, other: number) => ((one - other) | 0) > 0
