/** Redundant audio (RFC 2198): a packet that carries those before it along. */

export interface RedBlock {
  /** How many ticks before the packet's own time it begins; 0 for the newest, which comes last. */
  earlierBy: number
  data: Uint8Array
}

const lastHeaderBytes = 1
const headerBytes = 4

/** The blocks of a packet, oldest first; undefined for one that does not hold what its headers say. Views, not copies. */
export function readRed(packet: Uint8Array): RedBlock[] | undefined {
  const lengths: { earlierBy: number; bytes: number }[] = []
  let at = 0
  for (; packet[at] !== undefined && (packet[at]! & 0x80) !== 0; at += headerBytes) {
    if (at + headerBytes > packet.length) return undefined
    const bits = (packet[at + 1]! << 16) | (packet[at + 2]! << 8) | packet[at + 3]!
    lengths.push({ earlierBy: bits >> 10, bytes: bits & 0x3ff })
  }
  at += lastHeaderBytes
  const newestBytes = packet.length - at - lengths.reduce((sum, { bytes }) => sum + bytes, 0)
  if (newestBytes < 0) return undefined
  return [...lengths, { earlierBy: 0, bytes: newestBytes }].map(({ earlierBy, bytes }) => {
    at += bytes
    return { earlierBy, data: packet.subarray(at - bytes, at) }
  })
}
