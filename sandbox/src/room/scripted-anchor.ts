/**
 * An anchor that plays clips, paced by the wall clock. All anchors of a server count from one epoch, a full second, so that flash and beep of
 * all of them happen at full seconds, and what was sent when can be told exactly.
 */
import { randomInt } from 'node:crypto'
import type { ClipSource } from './clip-source.ts'
import type { OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'

/**
 * Consecutive frame (or audio packet) numbers sent without a pause, by clocks that ran on. Number n was due at `epochMillis + n * intervalMillis`. With B frames it is the
 * order of sending that has no pause: what is shown as the last two may not have been sent, and two after them may.
 */
export interface SentSpan {
  track: Track
  epochMillis: number
  intervalMillis: number
  first: number
  last: number
  /** Frames of one loop: the picture shows `number % clipFrames`. 0 for audio. */
  clipFrames: number
}

/** How an anchor's RTP clocks run. */
export interface SenderClockOptions {
  /** How much faster than the wall clock, in millionths. */
  ppm: number
  /** Their 32 bits are full so many seconds after the track begins; anywhere, where it is not said. */
  wrapsAfterSeconds?: number
}

interface Lane {
  source: ClipSource
  /** When number 0 would have been due. */
  epochMillis: number
  rtpBase: number
  /** What is shown up to here was taken before the clock jumped, and has times of before. */
  jumped: { shown: number; rtpBase: number }
  /** Number that is shown last of those that were sent. */
  latestShown: number
  /** Number that is due next. */
  next: number
  /** An encoder that (re)starts does so with a key frame. */
  waitsForKey: boolean
  /** Numbers that are key frames because they were asked for: the last one, and the one to come. */
  keyFrom: number
  keyAsked: number
  /** The last key frame that was sent, asked for or not. */
  lastKey: number
  span: SentSpan | undefined
  outputs: Set<OutboundStream>
}

const leastBetweenKeysMillis = 300

export interface ScriptedAnchorOptions {
  userId: string
  tinyId: string
  epochMillis: number
  clock?: SenderClockOptions | undefined
}

export class ScriptedAnchor implements Publisher {
  readonly userId: string
  readonly tinyId: string
  readonly muted = new Set<Track>()
  readonly #epochMillis: number
  readonly #clock: SenderClockOptions
  readonly #lanes = new Map<Track, Lane>()
  readonly #spans: SentSpan[] = []

  constructor({ userId, tinyId, epochMillis, clock }: ScriptedAnchorOptions) {
    this.userId = userId
    this.#clock = clock ?? { ppm: 0 }
    this.tinyId = tinyId
    this.#epochMillis = epochMillis
  }

  get publishes(): ReadonlySet<Track> {
    return new Set(this.#lanes.keys())
  }

  /** Plays just these from now on. A track that stays goes on without a pause, its subscribers too; with another clip it begins with a key frame. */
  play(sources: readonly ClipSource[], nowMillis: number): void {
    for (const track of this.publishes) if (!sources.some((source) => source.track === track)) this.#lanes.delete(track)
    for (const source of sources) {
      const lane = this.#lanes.get(source.track)
      if (lane?.source.key === source.key) continue
      const epochMillis = lane?.epochMillis ?? this.#epochMillis
      const next = Math.floor((nowMillis - epochMillis) / source.intervalMillis) + 1
      const fresh = { source, epochMillis, next, waitsForKey: true, keyFrom: -1, keyAsked: -1, lastKey: -1, span: undefined }
      const rtpBase = this.#rtpBase(source, nowMillis)
      const clock = { rtpBase, jumped: { shown: -1, rtpBase }, latestShown: -1 }
      this.#lanes.set(source.track, { ...clock, outputs: new Set(), ...lane, ...fresh })
    }
  }

  attach(track: Track, stream: OutboundStream): void {
    this.#lanes.get(track)?.outputs.add(stream)
  }

  detach(stream: OutboundStream): void {
    for (const lane of this.#lanes.values()) lane.outputs.delete(stream)
  }

  /** Its RTP clocks go on from so much later. */
  jumpClock(seconds: number): void {
    for (const lane of this.#lanes.values()) {
      lane.jumped = { shown: lane.latestShown, rtpBase: lane.rtpBase }
      lane.rtpBase = (lane.rtpBase + Math.round(seconds * lane.source.clockHz)) % 2 ** 32
      lane.span = undefined
    }
  }

  /** Its machine stands still for so long, its clocks too: then it goes on where it stopped. */
  standStill(seconds: number): void {
    for (const lane of this.#lanes.values()) {
      lane.epochMillis += seconds * 1000
      lane.span = undefined
    }
  }

  /** Its cameras make nothing for so long, while their RTP clocks run on. Then pictures go on where they stopped, from the next key frame on. */
  restCamera(seconds: number): void {
    for (const [track, lane] of this.#lanes) {
      if (track === 'audio') continue
      lane.epochMillis += seconds * 1000
      lane.rtpBase = (lane.rtpBase + this.#ticks(seconds * 1000, lane.source.clockHz)) % 2 ** 32
      lane.waitsForKey = true
      lane.span = undefined
    }
  }

  /** A clip has a key frame each second, and others where it was made so (`ClipParameters.keyFrames`). Like an encoder of WebRTC it makes no two within 300 ms. */
  requestKeyFrame(track: Track): void {
    const lane = this.#lanes.get(track)
    if (lane === undefined) return
    const key = lane.source.nextKey(lane.next)
    if ((key - lane.lastKey) * lane.source.intervalMillis >= leastBetweenKeysMillis) lane.keyAsked = key
  }

  /** Sends what is due by now. */
  tick(nowMillis: number): void {
    for (const lane of this.#lanes.values()) {
      const { intervalMillis, encoderMillis } = lane.source
      const due = Math.floor((nowMillis - encoderMillis - lane.epochMillis) / intervalMillis)
      while (lane.next <= due) this.#send(lane, lane.next++)
    }
  }

  /** Everything sent so far, also on tracks that are not published any more; in order for each track. */
  sent(): SentSpan[] {
    return this.#spans.map((span) => ({ ...span }))
  }

  #rtpBase({ clockHz }: ClipSource, nowMillis: number): number {
    const { wrapsAfterSeconds } = this.#clock
    if (wrapsAfterSeconds === undefined) return randomInt(2 ** 32)
    return -this.#ticks(nowMillis - this.#epochMillis + wrapsAfterSeconds * 1000, clockHz)
  }

  #ticks = (millis: number, clockHz: number) => Math.round((millis * clockHz * (1 + this.#clock.ppm / 1e6)) / 1000)

  #send(lane: Lane, number: number): void {
    const { epochMillis, source, jumped } = lane
    const { track, intervalMillis, clockHz, clipFrames, codec } = source
    if (this.muted.has(track)) {
      lane.waitsForKey = true
      lane.span = undefined
      return
    }
    if (lane.waitsForKey) lane.keyAsked = source.nextKey(number)
    if (number === lane.keyAsked) lane.keyFrom = number
    const { payloads, key } = source.packetsOf(number, lane.keyFrom)
    if (lane.waitsForKey && !key) return
    if (key) lane.lastKey = number
    lane.waitsForKey = false
    if (lane.span) lane.span.last = number
    else {
      lane.span = { track, epochMillis, intervalMillis, first: number, last: number, clipFrames }
      this.#spans.push(lane.span)
    }
    const shown = source.shownAs(number)
    lane.latestShown = Math.max(lane.latestShown, shown)
    const rtpBase = shown <= jumped.shown ? jumped.rtpBase : lane.rtpBase
    const shownMillis = shown * intervalMillis
    const clock = { wallMs: epochMillis + shownMillis, rtpTimestamp: (rtpBase + this.#ticks(shownMillis, clockHz)) % 2 ** 32 }
    for (const output of lane.outputs) output.sendFrame(payloads, key, codec, clock)
  }
}
