/** Writes Opus into Ogg pages (RFC 3533, RFC 7845), as ffmpeg reads it from a pipe. */
export class OggOpusWriter {
  #sequence = 0
  /** Samples so far; a page's granule position is that of its end, pre-skip counted. */
  #granule = 0

  /** The next packet comes so much later, or earlier, than the one before it ends. Whoever decodes has to stretch. */
  skew(samples: number): void {
    this.#granule += samples
  }

  /** The two header pages. The decoder throws away the first `preSkip` samples at 48 kHz. */
  header(preSkip: number): Buffer {
    const head = Buffer.alloc(19)
    head.write('OpusHead', 0, 'latin1')
    head[8] = 1
    head[9] = 2
    head.writeUInt16LE(preSkip, 10)
    head.writeUInt32LE(48_000, 12)
    const tags = Buffer.concat([Buffer.from('OpusTags', 'latin1'), Buffer.alloc(8)])
    return Buffer.concat([this.#page([head], 2), this.#page([tags], 0)])
  }

  /** Packets as as many pages as they need. Each packet must be under 64 kB. */
  pages(packets: readonly { data: Uint8Array; samples: number }[]): Buffer {
    const pages: Buffer[] = []
    let page: Uint8Array[] = []
    let segments = 0
    for (const { data, samples } of packets) {
      const needed = Math.floor(data.length / 255) + 1
      if (segments + needed > 255) {
        pages.push(this.#page(page, 0))
        page = []
        segments = 0
      }
      page.push(data)
      segments += needed
      this.#granule += samples
    }
    if (page.length > 0) pages.push(this.#page(page, 0))
    return Buffer.concat(pages)
  }

  #page(packets: readonly Uint8Array[], flags: number): Buffer {
    return oggPage(packets, { flags, granule: this.#granule, serial: 1, sequence: this.#sequence++ })
  }
}

/** One page of whole packets, which need 255 segments at most. */
export function oggPage(
  packets: readonly Uint8Array[],
  { flags, granule, serial, sequence }: { flags: number; granule: number; serial: number; sequence: number },
): Buffer {
  const lacing = packets.flatMap((packet) => [...new Array(Math.floor(packet.length / 255)).fill(255), packet.length % 255])
  const header = Buffer.alloc(27 + lacing.length)
  header.write('OggS', 0, 'latin1')
  header[5] = flags
  header.writeBigInt64LE(BigInt(granule), 6)
  header.writeUInt32LE(serial, 14)
  header.writeUInt32LE(sequence, 18)
  header[26] = lacing.length
  header.set(lacing, 27)
  const page = Buffer.concat([header, ...packets])
  page.writeUInt32LE(oggCrc(page), 22)
  return page
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x80000000 ? 0x04c11db7 : 0)
  return crc >>> 0
})

/** CRC-32 as Ogg has it: not reflected, starting at 0. */
function oggCrc(bytes: Uint8Array): number {
  let crc = 0
  for (let at = 0; at < bytes.length; at++) crc = ((crc << 8) ^ crcTable[(crc >>> 24) ^ bytes[at]!]!) >>> 0
  return crc
}
