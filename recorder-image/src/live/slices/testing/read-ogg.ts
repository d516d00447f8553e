import { opusSamples } from '../../../media/opus.ts'

/** An Ogg Opus stream as RFC 7845 and RFC 3533 have it. */
export interface ReadOgg {
  channels: number
  preSkip: number
  vendor: string
  comments: string[]
  /** Of both header packets excluded. */
  packets: Uint8Array[]
  /** What a player plays, in samples at 48 kHz. */
  playedSamples: number
}

function must(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Error(rule)
}

/** Reads one logical stream to the letter; throws with the rule that it breaks. For tests: written from the RFCs, without a word of the writer. */
export function readOgg(file: Buffer): ReadOgg {
  const pages = readPages(file)
  must(pages.length >= 3, 'there are two header pages and audio')
  for (const [at, page] of pages.entries()) {
    must(page.sequence === at, 'pages are numbered from 0 on (RFC 3533, 6)')
    must(page.serial === pages[0]!.serial, 'there is one serial number')
    must(page.isFirst === (at === 0), 'the first page, and no other, begins the stream')
    must(page.isLast === (at === pages.length - 1), 'the last page, and no other, ends it')
    must(!page.continues && page.isComplete, 'no packet spans pages here')
  }
  const [head, tags, ...audio] = pages as [Page, Page, ...Page[]]
  must(head.packets.length === 1 && head.granule === 0n, 'the identification header stands alone, at granule 0 (3)')
  must(tags.packets.length === 1 && tags.granule === 0n, 'the comment header ends its page, at granule 0 (3)')
  const { channels, preSkip } = readHead(Buffer.from(head.packets[0]!))
  let granule = 0n
  for (const { packets, granule: end } of audio) {
    must(packets.length > 0, 'a page of audio completes packets')
    for (const packet of packets) {
      const samples = opusSamples(packet)
      must(samples > 0, 'every packet is one that a decoder takes')
      granule += BigInt(samples)
    }
    must(end === granule, 'a granule is the end of the last packet of its page (4)')
  }
  must(granule >= BigInt(preSkip), 'there are as many samples as are skipped (4.2)')
  return {
    ...readTags(Buffer.from(tags.packets[0]!)),
    ...{ channels, preSkip, playedSamples: Number(granule) - preSkip },
    packets: audio.flatMap(({ packets }) => packets),
  }
}

interface Page {
  isFirst: boolean
  isLast: boolean
  continues: boolean
  isComplete: boolean
  granule: bigint
  serial: number
  sequence: number
  packets: Uint8Array[]
}

function readPages(file: Buffer): Page[] {
  const pages: Page[] = []
  for (let at = 0; at < file.length; ) {
    must(file.toString('latin1', at, at + 4) === 'OggS' && file[at + 4] === 0, 'a page begins with OggS, version 0')
    const flags = file[at + 5]!
    const segments = file.subarray(at + 27, at + 27 + file[at + 26]!)
    const dataAt = at + 27 + segments.length
    const end = dataAt + segments.reduce((sum, bytes) => sum + bytes, 0)
    must(end <= file.length, 'a page is all there')
    const page = Buffer.from(file.subarray(at, end))
    const crc = page.readUInt32LE(22)
    page.writeUInt32LE(0, 22)
    must(crcOf(page) === crc, 'the checksum of a page is right')
    const packets: Uint8Array[] = []
    let [start, next] = [dataAt, dataAt]
    for (const bytes of segments) {
      next += bytes
      if (bytes === 255) continue
      packets.push(file.subarray(start, next))
      start = next
    }
    pages.push({
      ...{ isFirst: (flags & 2) !== 0, isLast: (flags & 4) !== 0, continues: (flags & 1) !== 0, isComplete: start === end },
      ...{ granule: page.readBigInt64LE(6), serial: page.readUInt32LE(14), sequence: page.readUInt32LE(18), packets },
    })
    at = end
  }
  return pages
}

function readHead(head: Buffer): { channels: number; preSkip: number } {
  must(head.toString('latin1', 0, 8) === 'OpusHead' && head[8] === 1 && head.length === 19, 'OpusHead, version 1 (5.1)')
  must(head[18] === 0 && (head[9] === 1 || head[9] === 2), 'mapping family 0 has one or two channels (5.1.1.1)')
  must(head.readInt16LE(16) === 0, 'no gain is asked for')
  return { channels: head[9]!, preSkip: head.readUInt16LE(10) }
}

function readTags(tags: Buffer): { vendor: string; comments: string[] } {
  must(tags.toString('latin1', 0, 8) === 'OpusTags', 'OpusTags (5.2)')
  let at = 8
  const text = () => {
    const bytes = tags.readUInt32LE(at)
    at += 4 + bytes
    must(at <= tags.length, 'a comment is all there')
    return tags.toString('utf8', at - bytes, at)
  }
  const vendor = text()
  const count = tags.readUInt32LE(at)
  at += 4
  const comments = Array.from({ length: count }, text)
  must(at === tags.length, 'nothing follows the comments')
  must(
    comments.every((comment) => /^[\x20-\x3c\x3e-\x7d]+=/.test(comment)),
    'a comment is KEY=value',
  )
  return { vendor, comments }
}

/** Bit by bit, as RFC 3533 describes it. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 24
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1
  }
  return crc >>> 0
}
