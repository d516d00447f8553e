/** The Opus packets of an Ogg file (RFC 3533, RFC 7845), without the two header packets. Pure. */
export function opusPacketsOf(ogg: Buffer): Buffer[] {
  const packets: Buffer[] = []
  let parts: Buffer[] = []
  for (let at = 0; at + 27 <= ogg.length; ) {
    if (ogg.toString('latin1', at, at + 4) !== 'OggS') throw new Error(`no Ogg page at byte ${at}`)
    const segments = ogg[at + 26] as number
    let body = at + 27 + segments
    for (let i = 0; i < segments; i++) {
      const bytes = ogg[at + 27 + i] as number
      parts.push(ogg.subarray(body, body + bytes))
      body += bytes
      if (bytes < 255) {
        packets.push(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts))
        parts = []
      }
    }
    at = body
  }
  if (packets[0]?.toString('latin1', 0, 8) !== 'OpusHead') throw new Error('not an Ogg Opus file')
  return packets.slice(2)
}
