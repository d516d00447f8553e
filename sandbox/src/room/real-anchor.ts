import type { RtpHeader } from 'werift'
import type { Codec } from './messages.ts'
import type { OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'
import { genericNack, pictureLossIndication, receiverEstimatedMaxBitrate, startsKeyFrame, startsVp8KeyFrame } from './rtp.ts'
import { tracks } from './subscription.ts'

/** Without a transport-wide estimate a publisher sends what REMB allows. */
const ALLOWED_BITS_PER_SECOND = 2_500_000
/** A gap larger than this is not a loss to repair: the publisher was away. */
const MOST_PACKETS_ASKED_AGAIN = 100
const clockHz: Record<Track, number> = { audio: 48_000, video: 90_000, aux: 90_000 }

interface Uplink {
  ssrc: number
  outputs: Set<OutboundStream>
  highestSequence: number | undefined
  /** NTP and RTP time of the last sender report, for the reports to subscribers. */
  clock: { wallMs: number; rtpTimestamp: number } | undefined
  /** RTP times of the frames that were forwarded to anybody, in the order they came first. */
  sent: Set<number>
}

/** A publisher with a real SDK: its packets are forwarded as they come. */
export class RealAnchor implements Publisher {
  readonly userId: string
  readonly tinyId: string
  readonly publishes = new Set<Track>()
  readonly muted = new Set<Track>()
  readonly #sendRtcp: (compound: Buffer) => void
  readonly #uplinks: Record<Track, Uplink> = { audio: uplink(), video: uplink(), aux: uplink() }

  constructor(userId: string, tinyId: string, sendRtcp: (compound: Buffer) => void) {
    this.userId = userId
    this.tinyId = tinyId
    this.#sendRtcp = sendRtcp
  }

  /** What `publish/v2` says, the first time and again: subscribers stay, and what keeps its SSRC goes on. */
  publish(data: Record<string, unknown>): void {
    const ssrcs = { audio: data.audioSsrc, video: data.bigVideoSsrc, aux: data.auxVideoSsrc }
    for (const track of tracks) {
      const line = this.#uplinks[track]
      const ssrc = Number(ssrcs[track] ?? 0)
      if (line.ssrc === ssrc) continue
      Object.assign(line, { ssrc, highestSequence: undefined, clock: undefined })
      this.#restart(track)
    }
    this.setPublished((data.state ?? {}) as Record<string, unknown>)
    this.setMuted((data.muteState ?? {}) as Record<string, unknown>)
  }

  setPublished(state: Record<string, unknown>): void {
    assign(this.publishes, state)
  }

  setMuted(state: Record<string, unknown>): void {
    const before = new Set(this.muted)
    assign(this.muted, state)
    for (const track of before) if (!this.muted.has(track)) this.#restart(track)
  }

  attach(track: Track, stream: OutboundStream): void {
    this.#uplinks[track].outputs.add(stream)
  }

  detach(stream: OutboundStream): void {
    for (const { outputs } of Object.values(this.#uplinks)) outputs.delete(stream)
  }

  requestKeyFrame(track: Track): void {
    const { ssrc } = this.#uplinks[track]
    if (track !== 'audio' && ssrc !== 0) this.#sendRtcp(pictureLossIndication(ssrc))
  }

  received(header: RtpHeader, packet: Buffer, codec: Codec): void {
    const track = this.#trackOf(header.ssrc)
    if (!track) return
    const line = this.#uplinks[track]
    this.#askForLost(line, header.sequenceNumber)
    if (this.muted.has(track) || !this.publishes.has(track)) return
    const payload = header.padding ? packet.subarray(0, -(packet.at(-1) ?? 0) || undefined) : packet
    const sinceReport = line.clock ? ((header.timestamp - line.clock.rtpTimestamp) | 0) / clockHz[track] : 0
    const forwarded = {
      sequenceNumber: header.sequenceNumber,
      payload,
      codec,
      marker: header.marker,
      beginsKey: track === 'audio' || (codec === 'vp8' ? startsVp8KeyFrame(payload) : startsKeyFrame(payload)),
      clock: {
        wallMs: line.clock ? line.clock.wallMs + sinceReport * 1000 : Date.now(),
        rtpTimestamp: header.timestamp,
      },
    }
    const reached = [...line.outputs].filter((output) => output.forward(forwarded))
    // Padding alone, with which bandwidth is probed, is no frame.
    if (reached.length > 0 && payload.length > 0) line.sent.add(header.timestamp)
  }

  receivedReport({ ssrc, wallMs, rtpTimestamp }: { ssrc: number; wallMs: number; rtpTimestamp: number }): void {
    const track = this.#trackOf(ssrc)
    if (track) this.#uplinks[track].clock = { wallMs, rtpTimestamp }
  }

  /** RTP times of the frames of a track that were forwarded to anybody so far. */
  sent = (track: Track): number[] => [...this.#uplinks[track].sent]

  /** Tells the publisher how much it may send, and that a subscriber still waits for a key frame; due each second. */
  steer(): void {
    const ssrcs = (['video', 'aux'] as const).flatMap((track) =>
      this.publishes.has(track) && this.#uplinks[track].ssrc !== 0 ? [this.#uplinks[track].ssrc] : [],
    )
    if (ssrcs.length > 0) this.#sendRtcp(receiverEstimatedMaxBitrate(ssrcs, ALLOWED_BITS_PER_SECOND))
    for (const track of tracks)
      if ([...this.#uplinks[track].outputs].some(({ waitsForKey }) => waitsForKey)) this.requestKeyFrame(track)
  }

  #askForLost(line: Uplink, sequenceNumber: number): void {
    const highest = line.highestSequence ?? sequenceNumber - 1
    const ahead = (sequenceNumber - highest) & 0xffff
    if (ahead >= 0x8000) return // came late or again
    line.highestSequence = sequenceNumber
    if (ahead < 2 || ahead > MOST_PACKETS_ASKED_AGAIN) return
    const lost = Array.from({ length: ahead - 1 }, (_, i) => (highest + 1 + i) & 0xffff)
    this.#sendRtcp(genericNack(line.ssrc, lost))
  }

  #restart(track: Track): void {
    for (const output of this.#uplinks[track].outputs) output.restart()
    this.requestKeyFrame(track)
  }

  #trackOf = (ssrc: number) => tracks.find((track) => this.#uplinks[track].ssrc === ssrc)
}

const uplink = (): Uplink => ({ ssrc: 0, outputs: new Set(), highestSequence: undefined, clock: undefined, sent: new Set() })

function assign(set: Set<Track>, state: Record<string, unknown>): void {
  const named: [Track, unknown][] = [
    ['audio', state.audio],
    ['video', state.bigVideo],
    ['aux', state.auxVideo],
  ]
  for (const [track, on] of named) on ? set.add(track) : set.delete(track)
}
