/** Opus packets (RFC 6716): how long one is, and packets of silence. Lengths in samples at 48 kHz, whatever was coded. */

/** Samples at 48 kHz of a packet; 0 for one that is none. */
export function opusSamples(packet: Uint8Array): number {
  const toc = packet[0]
  if (toc === undefined) return 0
  const config = toc >> 3
  const frame = config < 12 ? silkFrames[config & 3]! : config < 16 ? [480, 960][config & 1]! : [120, 240, 480, 960][config & 3]!
  switch (toc & 3) {
    case 0:
      return frame
    case 3:
      return frame * ((packet[1] ?? 0) & 0x3f)
    default:
      return frame * 2
  }
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
