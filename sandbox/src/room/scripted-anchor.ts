/**
 * An anchor that plays clips, paced by the wall clock. All anchors of a server count from one epoch, a full second, so that flash and beep of
 * all of them happen at full seconds, and what was sent when can be told exactly.
 */
import { randomInt } from 'node:crypto'
import { AUDIO_PACKET_MS, type ClipParameters, clipFrames } from './clip.ts'
import { type AudioClip, audioClip, type VideoClip, videoClip } from './clip-store.ts'
import type { OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'

const VIDEO_CLOCK_HZ = 90_000
const AUDIO_CLOCK_HZ = 48_000

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
  track: Track
  intervalMillis: number
  clockHz: number
  rtpBase: number
  next: number
  clipFrames: number
  outputs: Set<OutboundStream>
  spans: SentSpan[]
  packetsOf(number: number): { payloads: readonly Buffer[]; key: boolean }
}

export class ScriptedAnchor implements Publisher {
  readonly userId: string
  readonly tinyId: string
  readonly publishes: ReadonlySet<Track>
  readonly muted = new Set<Track>()
  readonly #epochMillis: number
  readonly #lanes: Lane[]

  private constructor(userId: string, tinyId: string, epochMillis: number, lanes: Lane[]) {
    this.userId = userId
    this.tinyId = tinyId
    this.#epochMillis = epochMillis
    this.#lanes = lanes
    this.publishes = new Set(lanes.map((lane) => lane.track))
  }

  static async make(
    {
      userId,
      tinyId,
      epochMillis,
      clip,
    }: { userId: string; tinyId: string; epochMillis: number; clip: Omit<ClipParameters, 'userId' | 'stream'> },
    tracks: readonly Track[],
  ): Promise<ScriptedAnchor> {
    const lanes: Lane[] = []
    for (const track of tracks) {
      if (track === 'audio') lanes.push(audioLane(await audioClip({ userId, loopSeconds: clip.loopSeconds })))
      else {
        const parameters: ClipParameters = { ...clip, userId, stream: track === 'aux' ? 'aux' : 'main' }
        lanes.push(videoLane(track, await videoClip(parameters), clipFrames(clip)))
      }
    }
    const anchor = new ScriptedAnchor(userId, tinyId, epochMillis, lanes)
    for (const lane of lanes) lane.next = anchor.#due(lane, Date.now()) + 1
    return anchor
  }

  attach(track: Track, stream: OutboundStream): void {
    this.#lanes.find((lane) => lane.track === track)?.outputs.add(stream)
  }

  detach(stream: OutboundStream): void {
    for (const lane of this.#lanes) lane.outputs.delete(stream)
  }

  /** Clips have a key frame each second; that has to do. */
  requestKeyFrame(): void {}

  /** Sends what is due by now. */
  tick(nowMillis: number): void {
    for (const lane of this.#lanes) {
      const due = this.#due(lane, nowMillis)
      while (lane.next <= due) this.#send(lane, lane.next++)
    }
  }

  sent(track?: Track): SentSpan[] {
    return this.#lanes.filter((lane) => track === undefined || lane.track === track).flatMap((lane) => lane.spans)
  }

  #due = (lane: Lane, nowMillis: number) => Math.floor((nowMillis - this.#epochMillis) / lane.intervalMillis)

  #send(lane: Lane, number: number): void {
    if (this.muted.has(lane.track)) return
    const last = lane.spans.at(-1)
    if (last?.last === number - 1) last.last = number
    else {
      const { track, intervalMillis, clipFrames } = lane
      lane.spans.push({ track, epochMillis: this.#epochMillis, intervalMillis, first: number, last: number, clipFrames })
    }
    if (lane.outputs.size === 0) return
    const { payloads, key } = lane.packetsOf(number)
    const clock = {
      wallMs: this.#epochMillis + number * lane.intervalMillis,
      rtpTimestamp: (lane.rtpBase + Math.round((number * lane.intervalMillis * lane.clockHz) / 1000)) % 2 ** 32,
    }
    for (const output of lane.outputs) output.sendFrame(payloads, key, clock)
  }
}

function videoLane(track: Track, clip: VideoClip, clipFrames: number): Lane {
  return {
    track,
    intervalMillis: 1000 / clip.fps,
    clockHz: VIDEO_CLOCK_HZ,
    rtpBase: randomInt(2 ** 32),
    next: 0,
    clipFrames,
    outputs: new Set(),
    spans: [],
    packetsOf: (number) => clip.frames[number % clip.frames.length]!,
  }
}

function audioLane(clip: AudioClip): Lane {
  return {
    track: 'audio',
    intervalMillis: AUDIO_PACKET_MS,
    clockHz: AUDIO_CLOCK_HZ,
    rtpBase: randomInt(2 ** 32),
    next: 0,
    clipFrames: 0,
    outputs: new Set(),
    spans: [],
    packetsOf: (number) => ({ payloads: [clip.packets[number % clip.packets.length]!], key: true }),
  }
}
