/**
 * RTP and RTCP as bytes: packetising H.264 (RFC 6184, packetization-mode 1) and VP8, and the RTCP packets that the room sends or understands
 * (RFC 3550, RFC 4585, REMB draft). Pure.
 */

/** Payload bytes of one packet: leaves room for RTP header and SRTP tag in Chromium's 1200. */
export const MAX_PAYLOAD_BYTES = 1150
export const nalType = { idr: 5, sei: 6, sps: 7, pps: 8, accessUnitDelimiter: 9, stapA: 24, fuA: 28 } as const

/** The NAL units of an Annex B byte stream, without start codes. */
export function splitNalUnits(annexB: Buffer): Buffer[] {
  const units: Buffer[] = []
  let start = -1
  for (let at = annexB.indexOf('000001', 0, 'hex'); at >= 0; at = annexB.indexOf('000001', at + 3, 'hex')) {
    if (start >= 0) units.push(trimTrailingZero(annexB.subarray(start, at)))
    start = at + 3
  }
  if (start >= 0) units.push(annexB.subarray(start))
  return units
}

/** The zero byte of a four-byte start code belongs to no NAL unit (which always ends in a stop bit). */
const trimTrailingZero = (unit: Buffer) => (unit[unit.length - 1] === 0 ? unit.subarray(0, -1) : unit)

/** One access unit as RTP payloads: small NAL units whole, big ones in FU-A fragments. The marker belongs on the last. */
export function packetizeH264(nalUnits: readonly Buffer[], maxBytes = MAX_PAYLOAD_BYTES): Buffer[] {
  return nalUnits.flatMap((unit) => (unit.length <= maxBytes ? [unit] : fragment(unit, maxBytes)))
}

function fragment(unit: Buffer, maxBytes: number): Buffer[] {
  const head = unit[0] as number
  const indicator = (head & 0xe0) | nalType.fuA
  const payloads: Buffer[] = []
  for (let at = 1; at < unit.length; at += maxBytes - 2) {
    const part = unit.subarray(at, at + maxBytes - 2)
    const start = at === 1 ? 0x80 : 0
    const end = at + part.length === unit.length ? 0x40 : 0
    payloads.push(Buffer.concat([Buffer.from([indicator, start | end | (head & 0x1f)]), part]))
  }
  return payloads
}

/** Whether this payload begins a key frame: an IDR slice, or the SPS that precedes one. */
export function startsKeyFrame(payload: Buffer): boolean {
  const isKey = (type: number) => type === nalType.idr || type === nalType.sps
  const type = (payload[0] ?? 0) & 0x1f
  if (type === nalType.stapA) return isKey((payload[3] ?? 0) & 0x1f)
  if (type === nalType.fuA) return ((payload[1] ?? 0) & 0x80) !== 0 && isKey((payload[1] ?? 0) & 0x1f)
  return isKey(type)
}

/** The same of VP8 (RFC 7741, 4.2): the first partition begins, and the frame's header says that it is a key frame (RFC 6386, 9.1). */
export function startsVp8KeyFrame(payload: Buffer): boolean {
  const descriptor = payload[0] ?? 0
  if ((descriptor & 0x17) !== 0x10) return false
  let at = 1
  if (descriptor & 0x80) {
    const extensions = payload[at++] ?? 0
    if (extensions & 0x80) at += (payload[at] ?? 0) & 0x80 ? 2 : 1
    if (extensions & 0x40) at += 1
    if (extensions & 0x30) at += 1
  }
  return at < payload.length && ((payload[at] as number) & 1) === 0
}

/** One VP8 frame as RTP payloads, with the shortest descriptor there is. The marker belongs on the last. */
export function packetizeVp8(frame: Buffer, maxBytes = MAX_PAYLOAD_BYTES): Buffer[] {
  const payloads: Buffer[] = []
  for (let at = 0; at < frame.length; at += maxBytes - 1) {
    payloads.push(Buffer.concat([Buffer.from([at === 0 ? 0x10 : 0]), frame.subarray(at, at + maxBytes - 1)]))
  }
  return payloads
}

export interface SenderClock {
  /** Wall clock, ms since 1970. */
  wallMs: number
  /** RTP timestamp of the stream at that moment. */
  rtpTimestamp: number
}

/** Sender report (RFC 3550, 6.4.1) without report blocks. */
export function senderReport(ssrc: number, clock: SenderClock, packets: number, octets: number): Buffer {
  const out = Buffer.alloc(28)
  out[0] = 0x80
  out[1] = rtcpType.senderReport
  out.writeUInt16BE(6, 2)
  out.writeUInt32BE(ssrc, 4)
  const ntp = ntpFromMs(clock.wallMs)
  out.writeUInt32BE(ntp.seconds, 8)
  out.writeUInt32BE(ntp.fraction, 12)
  out.writeUInt32BE(clock.rtpTimestamp >>> 0, 16)
  out.writeUInt32BE(packets >>> 0, 20)
  out.writeUInt32BE(octets >>> 0, 24)
  return out
}

export const rtcpType = {
  senderReport: 200,
  receiverReport: 201,
  bye: 203,
  transportFeedback: 205,
  payloadFeedback: 206,
} as const

/** Asks a publisher for a key frame (RFC 4585, 6.3.1). */
export function pictureLossIndication(mediaSsrc: number, senderSsrc = 1): Buffer {
  const out = Buffer.alloc(12)
  out[0] = 0x81
  out[1] = rtcpType.payloadFeedback
  out.writeUInt16BE(2, 2)
  out.writeUInt32BE(senderSsrc, 4)
  out.writeUInt32BE(mediaSsrc, 8)
  return out
}

/** Asks a publisher to send these packets again (RFC 4585, 6.2.1). */
export function genericNack(mediaSsrc: number, sequenceNumbers: readonly number[], senderSsrc = 1): Buffer {
  const out = Buffer.alloc(12 + sequenceNumbers.length * 4)
  out[0] = 0x81
  out[1] = rtcpType.transportFeedback
  out.writeUInt16BE(out.length / 4 - 1, 2)
  out.writeUInt32BE(senderSsrc, 4)
  out.writeUInt32BE(mediaSsrc, 8)
  sequenceNumbers.forEach((seq, i) => {
    out.writeUInt16BE(seq, 12 + i * 4)
  })
  return out
}

/** Tells a publisher how much it may send (draft-alvestrand-rmcat-remb-03), after an empty receiver report as compound packets start with one. */
export function receiverEstimatedMaxBitrate(mediaSsrcs: readonly number[], bitsPerSecond: number, senderSsrc = 1): Buffer {
  const report = Buffer.alloc(8)
  report[0] = 0x80
  report[1] = rtcpType.receiverReport
  report.writeUInt16BE(1, 2)
  report.writeUInt32BE(senderSsrc, 4)
  let exponent = 0
  let mantissa = bitsPerSecond
  while (mantissa > 0x3ffff) {
    mantissa = Math.floor(mantissa / 2)
    exponent++
  }
  const out = Buffer.alloc(20 + mediaSsrcs.length * 4)
  out[0] = 0x8f
  out[1] = rtcpType.payloadFeedback
  out.writeUInt16BE(out.length / 4 - 1, 2)
  out.writeUInt32BE(senderSsrc, 4)
  out.write('REMB', 12, 'latin1')
  out[16] = mediaSsrcs.length
  out[17] = (exponent << 2) | (mantissa >> 16)
  out.writeUInt16BE(mantissa & 0xffff, 18)
  mediaSsrcs.forEach((ssrc, i) => {
    out.writeUInt32BE(ssrc, 20 + i * 4)
  })
  return Buffer.concat([report, out])
}

export type RtcpMessage =
  | { type: 'senderReport'; ssrc: number; wallMs: number; rtpTimestamp: number }
  /** `highestSequence` is extended by roll-overs; `lost` is cumulative. */
  | { type: 'receiverReport'; ssrc: number; highestSequence: number; lost: number }
  | { type: 'nack'; ssrc: number; sequenceNumbers: number[] }
  | { type: 'keyFrameRequest'; ssrc: number }

/** What a (decrypted) compound RTCP packet says; parts that the room has no use for are left out. */
export function parseRtcp(compound: Buffer): RtcpMessage[] {
  const messages: RtcpMessage[] = []
  for (let at = 0; at + 8 <= compound.length; ) {
    const end = at + (compound.readUInt16BE(at + 2) + 1) * 4
    if (end > compound.length) break
    messages.push(...parseOne(compound.subarray(at, end)))
    at = end
  }
  return messages
}

function parseOne(packet: Buffer): RtcpMessage[] {
  const count = (packet[0] as number) & 0x1f
  switch (packet[1]) {
    case rtcpType.senderReport: {
      if (packet.length < 28) return []
      const wallMs = msFromNtp(packet.readUInt32BE(8), packet.readUInt32BE(12))
      return [
        { type: 'senderReport', ssrc: packet.readUInt32BE(4), wallMs, rtpTimestamp: packet.readUInt32BE(16) },
        ...reportBlocks(packet, 28, count),
      ]
    }
    case rtcpType.receiverReport:
      return reportBlocks(packet, 8, count)
    case rtcpType.transportFeedback:
      return count === 1 && packet.length >= 16
        ? [{ type: 'nack', ssrc: packet.readUInt32BE(8), sequenceNumbers: nackedSequenceNumbers(packet) }]
        : []
    case rtcpType.payloadFeedback:
      if (count === 1 && packet.length >= 12) return [{ type: 'keyFrameRequest', ssrc: packet.readUInt32BE(8) }]
      if (count === 4 && packet.length >= 20) return [{ type: 'keyFrameRequest', ssrc: packet.readUInt32BE(12) }] // FIR
      return []
    default:
      return []
  }
}

function reportBlocks(packet: Buffer, from: number, count: number): RtcpMessage[] {
  return Array.from({ length: count }, (_, i) => from + i * 24)
    .filter((at) => at + 24 <= packet.length)
    .map((at) => ({
      type: 'receiverReport',
      ssrc: packet.readUInt32BE(at),
      lost: packet.readIntBE(at + 5, 3),
      highestSequence: packet.readUInt32BE(at + 8),
    }))
}

/** Each entry names one packet and, by a bit mask, which of the sixteen after it. */
function nackedSequenceNumbers(packet: Buffer): number[] {
  const out: number[] = []
  for (let at = 12; at + 4 <= packet.length; at += 4) {
    const first = packet.readUInt16BE(at)
    const mask = packet.readUInt16BE(at + 2)
    out.push(first)
    for (let bit = 0; bit < 16; bit++) if (mask & (1 << bit)) out.push((first + bit + 1) & 0xffff)
  }
  return out
}

/** Seconds between 1900 (NTP) and 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800
const ntpFromMs = (ms: number) => ({
  seconds: (Math.floor(ms / 1000) + NTP_EPOCH_SECONDS) >>> 0,
  fraction: Math.floor(((ms % 1000) / 1000) * 2 ** 32) >>> 0,
})
const msFromNtp = (seconds: number, fraction: number) => (seconds - NTP_EPOCH_SECONDS) * 1000 + (fraction / 2 ** 32) * 1000
