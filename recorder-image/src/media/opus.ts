/** Opus packets (RFC 6716): how long one is, and packets of silence. Lengths in samples at 48 kHz, whatever was coded. */

/** RFC 6716, 3.4: no packet is longer than 120 ms, no frame in it has more bytes. */
const maxSamples = 5760
const maxFrameBytes = 1275

/** Samples at 48 kHz of a packet; 0 for one that is malformed (RFC 6716, 3.4), which no decoder takes. */
export function opusSamples(packet: Uint8Array): number {
  const toc = packet[0]
  if (toc === undefined) return 0
  const config = toc >> 3
  const frame = config < 12 ? silkFrames[config & 3]! : config < 16 ? [480, 960][config & 1]! : [120, 240, 480, 960][config & 3]!
  switch (toc & 3) {
    case 0:
      return packet.length - 1 <= maxFrameBytes ? frame : 0
    case 1:
      return (packet.length - 1) % 2 === 0 && (packet.length - 1) / 2 <= maxFrameBytes ? frame * 2 : 0
    case 2: {
      const first = frameLength(packet, 1)
      if (first === undefined) return 0
      const second = packet.length - first.next - first.bytes
      return second >= 0 && second <= maxFrameBytes ? frame * 2 : 0
    }
    default: {
      const frames = (packet[1] ?? 0) & 0x3f
      const samples = frame * frames
      return samples > 0 && samples <= maxSamples && hasFrames(packet, frames) ? samples : 0
    }
  }
}

/** Whether a packet of many frames (code 3) holds as many as it says, behind their lengths and before its padding. */
function hasFrames(packet: Uint8Array, frames: number): boolean {
  const flags = packet[1]!
  let at = 2
  let end = packet.length
  if (flags & 0x40) {
    let padding: number | undefined
    do {
      padding = packet[at++]
      if (padding === undefined) return false
      end -= padding === 255 ? 254 : padding
    } while (padding === 255)
  }
  if ((flags & 0x80) === 0) {
    const bytes = end - at
    return bytes >= 0 && bytes % frames === 0 && bytes / frames <= maxFrameBytes
  }
  let known = 0
  for (let frame = 1; frame < frames; frame++) {
    const length = frameLength(packet, at)
    if (length === undefined) return false
    known += length.bytes
    at = length.next
  }
  const last = end - at - known
  return last >= 0 && last <= maxFrameBytes
}

/** Length of a frame in one or two bytes (3.2.1). */
function frameLength(packet: Uint8Array, at: number): { bytes: number; next: number } | undefined {
  const first = packet[at]
  if (first === undefined || first < 252) return first === undefined ? undefined : { bytes: first, next: at + 1 }
  const second = packet[at + 1]
  return second === undefined ? undefined : { bytes: second * 4 + first, next: at + 2 }
}

const silkFrames = [480, 960, 1920, 2880]

/**
 * A CELT frame whose first bit, "silence", is set (FF FE is what the range coder makes of it), as stereo. The table-of-contents
 * byte alone tells its length.
 */
const silentFrame = (config: number) => Uint8Array.of((config << 3) | 4, 0xff, 0xfe)
const silentFrames = [
  { samples: 960, data: silentFrame(31) },
  { samples: 480, data: silentFrame(30) },
  { samples: 240, data: silentFrame(29) },
  { samples: 120, data: silentFrame(28) },
]

/** One packet of silence of a length that a packet can have: frames of CELT, as few as it takes (RFC 6716, 3.2.5). */
export function silentOpusPacket(samples: number): Uint8Array {
  const unit = silentFrames.find((frame) => samples % frame.samples === 0 && samples / frame.samples <= 48)!
  const count = samples / unit.samples
  if (count === 1) return unit.data
  return Uint8Array.from([unit.data[0]! | 3, count, ...new Array(count).fill([0xff, 0xfe]).flat()])
}

/** Packets that are silent for `samples` in all; what is left over of a multiple of 120 (2.5 ms) is left out. */
export function opusSilence(samples: number): { samples: number; data: Uint8Array }[] {
  const packets: { samples: number; data: Uint8Array }[] = []
  let left = samples
  for (const packet of silentFrames) {
    for (; left >= packet.samples; left -= packet.samples) packets.push(packet)
  }
  return packets
}

/** Samples that a decoder needs before its output is right after a start in mid-stream (RFC 7845, 4.6: 80 ms). */
export const opusPreRoll = 3840
/** The encoder's look-ahead: what comes out of a packet is this much late (libopus, 6.5 ms). */
export const opusLookAhead = 312
/**
 * Silence that goes in front of a stream that begins in the middle: Opus tells loudness as the difference from the packet before, and a
 * decoder that knows of none takes a rise (somebody begins to speak) for twelve times full scale. One silent packet cures it (measured).
 */
export const opusLead = 960
