import type { RtpHeader } from 'werift'
import type { OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'
import { pictureLossIndication, receiverEstimatedMaxBitrate, startsKeyFrame } from './rtp.ts'
import type { Transport } from './transport.ts'

/** Without a transport-wide estimate a publisher sends what REMB allows. */
const ALLOWED_BITS_PER_SECOND = 2_500_000
const clockHz: Record<Track, number> = { audio: 48_000, video: 90_000, aux: 90_000 }

/** A publisher with a real SDK: its packets are forwarded as they come. */
export class RealAnchor implements Publisher {
  readonly userId: string
  readonly tinyId: string
  readonly publishes = new Set<Track>()
  readonly muted = new Set<Track>()
  readonly #transport: Transport
  readonly #ssrcs: Record<Track, number>
  readonly #outputs = new Map<Track, Set<OutboundStream>>()
  /** NTP and RTP time of the last sender report, for the reports to subscribers. */
  readonly #clocks = new Map<Track, { wallMs: number; rtpTimestamp: number }>()

  constructor(userId: string, tinyId: string, data: Record<string, unknown>, transport: Transport) {
    this.userId = userId
    this.tinyId = tinyId
    this.#transport = transport
    this.#ssrcs = { audio: Number(data.audioSsrc), video: Number(data.bigVideoSsrc), aux: Number(data.auxVideoSsrc) }
    this.setPublished(data.state as Record<string, unknown>)
    this.setMuted((data.muteState ?? {}) as Record<string, unknown>)
  }

  setPublished(state: Record<string, unknown>): void {
    assign(this.publishes, state)
  }

  setMuted(state: Record<string, unknown>): void {
    assign(this.muted, state)
  }

  attach(track: Track, stream: OutboundStream): void {
    const outputs = this.#outputs.get(track) ?? new Set()
    this.#outputs.set(track, outputs.add(stream))
  }

  detach(stream: OutboundStream): void {
    for (const outputs of this.#outputs.values()) outputs.delete(stream)
  }

  requestKeyFrame(track: Track): void {
    if (track !== 'audio') this.#transport.sendRtcp(pictureLossIndication(this.#ssrcs[track]))
  }

  received(header: RtpHeader, payload: Buffer): void {
    const track = this.#trackOf(header.ssrc)
    if (!track || payload.length === 0) return
    const known = this.#clocks.get(track)
    const sinceReport = known ? ((header.timestamp - known.rtpTimestamp) | 0) / clockHz[track] : 0
    const clock = { wallMs: known ? known.wallMs + sinceReport * 1000 : Date.now(), rtpTimestamp: header.timestamp }
    const beginsKey = track === 'audio' || startsKeyFrame(payload)
    for (const output of this.#outputs.get(track) ?? []) output.forward(payload, header.marker, beginsKey, clock)
  }

  receivedReport({ ssrc, wallMs, rtpTimestamp }: { ssrc: number; wallMs: number; rtpTimestamp: number }): void {
    const track = this.#trackOf(ssrc)
    if (track) this.#clocks.set(track, { wallMs, rtpTimestamp })
  }

  /** Tells the publisher how much it may send; due each second. */
  steer(): void {
    this.#transport.sendRtcp(receiverEstimatedMaxBitrate([this.#ssrcs.video], ALLOWED_BITS_PER_SECOND))
  }

  #trackOf = (ssrc: number) => (Object.keys(this.#ssrcs) as Track[]).find((track) => this.#ssrcs[track] === ssrc)
}

function assign(set: Set<Track>, state: Record<string, unknown>): void {
  const named: [Track, unknown][] = [
    ['audio', state.audio],
    ['video', state.bigVideo],
    ['aux', state.auxVideo],
  ]
  for (const [track, on] of named) on ? set.add(track) : set.delete(track)
}
