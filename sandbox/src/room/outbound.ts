import { randomInt } from 'node:crypto'
import { RtpHeader } from 'werift'
import type { Codec, PayloadTypes } from './messages.ts'
import { type SenderClock, senderReport } from './rtp.ts'

/** Packets kept for retransmission: about 2.5 s of 720p. */
const HISTORY_PACKETS = 512

/** What of a stream gets lost on the way, on purpose. */
export interface Loss {
  percent: number
  /** Whether a NACK brings it back. */
  repairable: boolean
}

/** The way to one subscriber (transport.ts). */
export interface PacketSink {
  /** Whether keys are agreed on; nothing can be sent before. */
  readonly isConnected: boolean
  /** The datagram that carries this packet. */
  protect(header: RtpHeader, payload: Buffer): Buffer
  /** `isRepair`: it is sent again because it was asked for. */
  send(datagram: Buffer, isRepair?: boolean): void
  sendRtcp(compound: Buffer): void
}

/** One packet of a publisher whose packets are forwarded as they come. */
export interface ForwardedPacket {
  sequenceNumber: number
  payload: Buffer
  marker: boolean
  /** Whether a key frame begins with it. Always true for sound. */
  beginsKey: boolean
  codec: Codec
  clock: SenderClock
}

/**
 * One stream on its way to one subscriber, under the SSRC that the subscriber chose. Sequence numbers are its own, from 1, and go on when the
 * stream pauses or gets another source: SRTP takes no SSRC twice from the start.
 */
export class OutboundStream {
  readonly kind: 'audio' | 'video'
  readonly ssrc: number
  readonly #sink: PacketSink
  readonly #payloadTypes: PayloadTypes
  /** Datagrams by sequence number; undefined for one that no NACK brings back. */
  readonly #history = new Map<number, Buffer | undefined>()
  /** Highest sequence number so far. */
  #sequence = 0
  /** From the source's sequence numbers to ours; undefined until the first packet of a source. */
  #offset: number | undefined
  /** How far sequence numbers have come since that first packet. */
  #advanced = 0
  #packets = 0
  #octets = 0
  #clock: SenderClock | undefined
  #waitsForKey: boolean
  loss: Loss | undefined

  constructor(kind: 'audio' | 'video', sink: PacketSink, ssrc: number, payloadTypes: PayloadTypes) {
    this.kind = kind
    this.ssrc = ssrc
    this.#sink = sink
    this.#payloadTypes = payloadTypes
    this.#waitsForKey = kind === 'video'
  }

  get waitsForKey(): boolean {
    return this.#waitsForKey
  }

  /** What comes next does not continue what came before: video begins with a key frame again. */
  restart(): void {
    this.#waitsForKey = this.kind === 'video'
    this.#offset = undefined
  }

  /** Packets of one frame. @returns whether it was sent */
  sendFrame(payloads: readonly Buffer[], key: boolean, codec: Codec, clock: SenderClock): boolean {
    if (!this.#opens(key, codec)) return false
    for (const payload of payloads) {
      this.#sequence = (this.#sequence + 1) & 0xffff
      this.#send(this.#sequence, payload, codec, clock, payload === payloads.at(-1))
    }
    this.#clock = clock
    return true
  }

  /** Keeps the order and the gaps of the source, so that a packet that was sent again takes its place. @returns whether it was sent */
  forward({ sequenceNumber, payload, marker, beginsKey, codec, clock }: ForwardedPacket): boolean {
    if (!this.#opens(beginsKey, codec)) return false
    if (this.#offset === undefined) {
      this.#offset = this.#sequence + 1 - sequenceNumber
      this.#advanced = 0
    }
    const sequence = (sequenceNumber + this.#offset) & 0xffff
    const ahead = (sequence - this.#sequence) & 0xffff
    if (ahead < 0x8000) {
      this.#sequence = sequence
      this.#advanced += ahead
      this.#clock = clock
    } else if (0x10000 - ahead >= Math.min(this.#advanced, HISTORY_PACKETS)) return false // from before the beginning, or too late
    this.#send(sequence, payload, codec, clock, marker)
    return true
  }

  repair(sequenceNumbers: readonly number[]): void {
    for (const sequence of sequenceNumbers) {
      const datagram = this.#history.get(sequence)
      if (datagram) this.#sink.send(datagram, true)
    }
  }

  report(): void {
    if (this.#clock) this.#sink.sendRtcp(senderReport(this.ssrc, this.#clock, this.#packets, this.#octets))
  }

  #opens(key: boolean, codec: Codec): boolean {
    if (this.#payloadTypes[codec] === undefined) return false
    if (!this.#sink.isConnected || (this.#waitsForKey && !key)) return false
    this.#waitsForKey = false
    return true
  }

  #send(sequenceNumber: number, payload: Buffer, codec: Codec, clock: SenderClock, marker: boolean): void {
    const header = new RtpHeader({
      version: 2,
      payloadType: this.#payloadTypes[codec]!,
      sequenceNumber,
      timestamp: clock.rtpTimestamp >>> 0,
      ssrc: this.ssrc,
      marker: this.kind === 'video' && marker,
    })
    const datagram = this.#sink.protect(header, payload)
    this.#packets++
    this.#octets += payload.length
    const isLost = this.loss !== undefined && randomInt(10_000) / 100 < this.loss.percent
    this.#history.set(sequenceNumber, isLost && !this.loss?.repairable ? undefined : datagram)
    this.#history.delete((sequenceNumber - HISTORY_PACKETS) & 0xffff)
    if (!isLost) this.#sink.send(datagram)
  }
}
