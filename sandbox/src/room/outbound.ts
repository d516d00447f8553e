import { randomInt } from 'node:crypto'
import { RtpHeader } from 'werift'
import { type SenderClock, senderReport } from './rtp.ts'
import type { Transport } from './transport.ts'

/** Packets kept for retransmission: about 2.5 s of 720p. */
const HISTORY_PACKETS = 512

interface Sent {
  header: RtpHeader
  payload: Buffer
}

/** What of a stream gets lost on the way, on purpose. */
export interface Loss {
  percent: number
  /** Whether a NACK brings it back. */
  repairable: boolean
}

/** One stream of one publisher on its way to one subscriber, under the SSRC that the subscriber chose. Sequence numbers are its own, from 1. */
export class OutboundStream {
  readonly kind: 'audio' | 'video'
  readonly #transport: Transport
  readonly #ssrc: number
  readonly #payloadType: number
  readonly #history = new Map<number, Sent>()
  readonly #gone = new Set<number>()
  readonly #lost = () => randomInt(10_000) / 100
  #sequence = 0
  #octets = 0
  #clock: SenderClock | undefined
  #waitsForKey: boolean
  loss: Loss | undefined

  constructor(kind: 'audio' | 'video', transport: Transport, ssrc: number, payloadType: number) {
    this.kind = kind
    this.#transport = transport
    this.#ssrc = ssrc
    this.#payloadType = payloadType
    this.#waitsForKey = kind === 'video'
  }

  get ssrc(): number {
    return this.#ssrc
  }

  /** Packets of one frame. Video begins with a key frame. @returns whether it was sent */
  sendFrame(payloads: readonly Buffer[], key: boolean, clock: SenderClock): boolean {
    if (!this.#transport.isConnected) return false
    if (this.#waitsForKey && !key) return false
    this.#waitsForKey = false
    for (const payload of payloads) this.#send(payload, clock, payload === payloads.at(-1))
    this.#clock = clock
    return true
  }

  /** One packet of a stream that is forwarded as it comes. */
  forward(payload: Buffer, marker: boolean, beginsKey: boolean, clock: SenderClock): void {
    if (!this.#transport.isConnected || (this.#waitsForKey && !beginsKey)) return
    this.#waitsForKey = false
    this.#send(payload, clock, marker)
    this.#clock = clock
  }

  repair(sequenceNumbers: readonly number[]): void {
    for (const sequence of sequenceNumbers) {
      const sent = this.#history.get(sequence)
      if (sent && !this.#gone.has(sequence)) this.#transport.sendRtp(sent.header, sent.payload)
    }
  }

  report(): void {
    if (this.#clock) this.#transport.sendRtcp(senderReport(this.#ssrc, this.#clock, this.#sequence, this.#octets))
  }

  #send(payload: Buffer, clock: SenderClock, marker: boolean): void {
    this.#sequence = (this.#sequence + 1) & 0xffff
    const header = new RtpHeader({
      version: 2,
      payloadType: this.#payloadType,
      sequenceNumber: this.#sequence,
      timestamp: clock.rtpTimestamp >>> 0,
      ssrc: this.#ssrc,
      marker: this.kind === 'video' && marker,
    })
    this.#history.set(this.#sequence, { header, payload })
    const forgotten = (this.#sequence - HISTORY_PACKETS) & 0xffff
    this.#history.delete(forgotten)
    this.#gone.delete(forgotten)
    this.#octets += payload.length
    if (this.loss && this.#lost() < this.loss.percent) {
      if (!this.loss.repairable) this.#gone.add(this.#sequence)
      return
    }
    this.#transport.sendRtp(header, payload)
  }
}
