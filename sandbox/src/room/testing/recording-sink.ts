import { RtpHeader } from 'werift'
import type { PacketSink } from '../outbound.ts'

/** Takes packets as they are, unprotected. */
export class RecordingSink implements PacketSink {
  isConnected = true
  readonly packets: {
    sequenceNumber: number
    timestamp: number
    ssrc: number
    payloadType: number
    marker: boolean
    payload: string
  }[] = []
  readonly rtcp: Buffer[] = []

  protect = (header: RtpHeader, payload: Buffer) => Buffer.concat([header.serialize(12), payload])

  send(datagram: Buffer): void {
    const { sequenceNumber, timestamp, ssrc, payloadType, marker } = RtpHeader.deSerialize(datagram)
    this.packets.push({ sequenceNumber, timestamp, ssrc, payloadType, marker, payload: datagram.toString('latin1', 12) })
  }

  sendRtcp(compound: Buffer): void {
    this.rtcp.push(compound)
  }

  get sequenceNumbers(): number[] {
    return this.packets.map(({ sequenceNumber }) => sequenceNumber)
  }

  get payloads(): string[] {
    return this.packets.map(({ payload }) => payload)
  }
}
