/**
 * An anchor that plays clips, paced by the wall clock. All anchors of a server count from one epoch, a full second, so that flash and beep of
 * all of them happen at full seconds, and what was sent when can be told exactly.
 */
import { randomInt } from 'node:crypto'
import type { ClipSource } from './clip-source.ts'
import type { OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'

/** Consecutive frame (or audio packet) numbers sent without a pause. Number n was due at `epochMillis + n * intervalMillis`. */
export interface SentSpan {
  track: Track
  epochMillis: number
  intervalMillis: number
  first: number
  last: number
  /** Frames of one loop: the picture shows `number % clipFrames`. 0 for audio. */
  clipFrames: number
}

interface Lane {
  source: ClipSource
  rtpBase: number
  /** Number that is due next. */
  next: number
  /** An encoder that (re)starts does so with a key frame. */
  waitsForKey: boolean
  span: SentSpan | undefined
  outputs: Set<OutboundStream>
}

export class ScriptedAnchor implements Publisher {
  readonly userId: string
  readonly tinyId: string
  readonly muted = new Set<Track>()
  readonly #epochMillis: number
  readonly #lanes = new Map<Track, Lane>()
  readonly #spans: SentSpan[] = []

  constructor({ userId, tinyId, epochMillis }: { userId: string; tinyId: string; epochMillis: number }) {
    this.userId = userId
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
      const fresh = { source, next: this.#due(source, nowMillis) + 1, waitsForKey: true, span: undefined }
      this.#lanes.set(source.track, { rtpBase: randomInt(2 ** 32), outputs: new Set(), ...lane, ...fresh })
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
    for (const lane of this.#lanes.values()) lane.rtpBase = (lane.rtpBase + Math.round(seconds * lane.source.clockHz)) % 2 ** 32
  }

  /** Clips have a key frame each second; that has to do. */
  requestKeyFrame(): void {}

  /** Sends what is due by now. */
  tick(nowMillis: number): void {
    for (const lane of this.#lanes.values()) {
      const due = this.#due(lane.source, nowMillis)
      while (lane.next <= due) this.#send(lane, lane.next++)
    }
  }

  /** Everything sent so far, also on tracks that are not published any more; in order for each track. */
  sent(): SentSpan[] {
    return this.#spans.map((span) => ({ ...span }))
  }

  #due = ({ intervalMillis }: ClipSource, nowMillis: number) => Math.floor((nowMillis - this.#epochMillis) / intervalMillis)

  #send(lane: Lane, number: number): void {
    const { track, intervalMillis, clockHz, clipFrames } = lane.source
    if (this.muted.has(track)) {
      lane.waitsForKey = true
      lane.span = undefined
      return
    }
    const { payloads, key } = lane.source.packetsOf(number)
    if (lane.waitsForKey && !key) return
    lane.waitsForKey = false
    if (lane.span) lane.span.last = number
    else {
      lane.span = { track, epochMillis: this.#epochMillis, intervalMillis, first: number, last: number, clipFrames }
      this.#spans.push(lane.span)
    }
    const sinceEpochMillis = number * intervalMillis
    const clock = {
      wallMs: this.#epochMillis + sinceEpochMillis,
      rtpTimestamp: (lane.rtpBase + Math.round((sinceEpochMillis * clockHz) / 1000)) % 2 ** 32,
    }
    for (const output of lane.outputs) output.sendFrame(payloads, key, clock)
  }
}
