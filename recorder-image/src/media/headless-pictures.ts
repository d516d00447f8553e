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
  /** Which came first: its number tells how many came before it. */
  first: EncodedFrame
  /** RTP time of the one that is shown last. */
  lastRtp: number
}

/** What is known of a subscription of which pictures came before its key frame. */
export interface Head {
  /** Those that wait for it. */
  followers: EncodedFrame[]
  /** False where one of those that refer to it was given up. */
  goesOn: boolean
  /** Which came first of those that were given up in front of it. */
  beheaded: EncodedFrame | undefined
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

  /** Of the file before: the subscriptions that had begun there, and what was given up of those that had not. */
  constructor(
    onGivenUp: (frame: EncodedFrame) => void,
    { begun, headless }: { begun: Iterable<number>; headless: ReadonlyMap<number, GivenUp> },
  ) {
    this.#onGivenUp = onGivenUp
    this.#begun = new Set(begun)
    for (const [ssrc, givenUp] of headless) this.#headless.set(ssrc, { held: [], givenUp })
  }

  /** How many wait, and are lost where nothing more comes. */
  get held(): number {
    return [...this.#headless.values()].reduce((sum, { held }) => sum + held.length, 0)
  }

  /** What the next file has to know. */
  get givenUp(): Map<number, GivenUp> {
    return new Map([...this.#headless].flatMap(([ssrc, { givenUp }]) => (givenUp ? [[ssrc, givenUp]] : [])))
  }

  /** Returns false for one that no key frame can be behind. */
  hold(frame: EncodedFrame): boolean {
    const { ssrc } = frame
    if (this.#begun.has(ssrc) || (!this.#headless.has(ssrc) && this.#headless.size >= mostHeadless)) return false
    const headless = this.#headless.get(ssrc) ?? { held: [], givenUp: undefined }
    this.#headless.set(ssrc, headless)
    // The data of a frame is a view into its batch; holding a few frames must not hold all of the batch.
    headless.held.push({ ...frame, data: frame.data.slice() })
    this.#heldBytes += frame.data.length
    if (this.#heldBytes > mostHeldBytes) this.end()
    return true
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

  /** A subscription begins with this key frame. Undefined where nothing came before it. */
  begin(key: EncodedFrame): Head | undefined {
    this.#begun.add(key.ssrc)
    const headless = this.#headless.get(key.ssrc)
    if (headless === undefined) return undefined
    const goesOn = headless.givenUp === undefined || !isLater(headless.givenUp.lastRtp, key.rtpTimestamp)
    const follows = ({ mimeType, rtpTimestamp }: EncodedFrame) =>
      goesOn && mimeType === key.mimeType && isLater(rtpTimestamp, key.rtpTimestamp)
    this.#giveUp(headless, (frame) => !follows(frame))
    const { held: followers, givenUp } = headless
    this.#heldBytes -= followers.reduce((sum, { data }) => sum + data.length, 0)
    this.#headless.delete(key.ssrc)
    // Of other codecs their numbers put them in order.
    if (comesAsComplete(key.mimeType)) followers.sort((a, b) => (a.rtpTimestamp - b.rtpTimestamp) | 0)
    return { followers, goesOn, beheaded: goesOn ? givenUp?.first : undefined }
  }

  #giveUp(headless: Headless, isOver: (frame: EncodedFrame) => boolean): void {
    const over = headless.held.filter(isOver)
    if (over.length === 0) return
    for (const frame of over) {
      const { rtpTimestamp, data } = frame
      const first = headless.givenUp?.first ?? { ...frame, data: data.slice(0, headerBytes) }
      const lastRtp = headless.givenUp?.lastRtp ?? rtpTimestamp
      headless.givenUp = { first, lastRtp: isLater(rtpTimestamp, lastRtp) ? rtpTimestamp : lastRtp }
      this.#heldBytes -= data.length
      this.#onGivenUp(frame)
    }
    headless.held = headless.held.filter((frame) => !isOver(frame))
  }
}

/** By RTP times as they are sent, 32 bit. */
const isLater = (one: number, other: number) => ((one - other) | 0) > 0
