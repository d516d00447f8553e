import { oggPage } from '../../media/ogg.ts'

/** A packet of Opus and its length in samples at 48 kHz. */
export interface OpusPacket {
  data: Uint8Array
  samples: number
}

export interface OggSlice {
  /** Packets of before the slice, 80 ms at least, from which a decoder learns; it drops what they sound like. */
  preRoll: readonly OpusPacket[]
  /** At least one. */
  packets: readonly OpusPacket[]
  channels: 1 | 2
  serial: number
  /** `KEY=value` each. */
  comments: readonly string[]
}

const begins = 2
const ends = 4
/** RFC 7845, 6: a player need not expect more of a page. */
const mostPageSamples = 48_000
const mostSegments = 255
const vendor = 'trtc-recorder'

/** A whole Ogg Opus stream (RFC 7845) that begins in the middle of another one: granules count from 0, and the pre-roll is its pre-skip. */
export function oggSlice({ preRoll, packets, channels, serial, comments }: OggSlice): Buffer {
  const preSkip = samplesOf(preRoll)
  const pages: Buffer[] = []
  const page = (packets: readonly Uint8Array[], flags: number, granule: number) =>
    pages.push(oggPage(packets, { flags, granule, serial, sequence: pages.length }))
  page([opusHead(channels, preSkip)], begins, 0)
  page([opusTags(comments)], 0, 0)
  let granule = 0
  const all = paged([...preRoll, ...packets])
  for (const [at, packets] of all.entries()) {
    granule += samplesOf(packets)
    const data = packets.map(({ data }) => data)
    page(data, at === all.length - 1 ? ends : 0, granule)
  }
  return Buffer.concat(pages)
}

export const samplesOf = (packets: readonly OpusPacket[]) => packets.reduce((sum, { samples }) => sum + samples, 0)

/** RFC 7845, 5.1. */
function opusHead(channels: number, preSkip: number): Buffer {
  const head = Buffer.alloc(19)
  head.write('OpusHead', 0, 'latin1')
  head[8] = 1
  head[9] = channels
  head.writeUInt16LE(preSkip, 10)
  head.writeUInt32LE(48_000, 12)
  return head
}

/** RFC 7845, 5.2. */
function opusTags(comments: readonly string[]): Buffer {
  const counted = (text: string) => {
    const bytes = Buffer.from(text, 'utf8')
    return [uint32(bytes.length), bytes]
  }
  return Buffer.concat([
    Buffer.from('OpusTags', 'latin1'),
    ...counted(vendor),
    uint32(comments.length),
    ...comments.flatMap(counted),
  ])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function paged(packets: readonly OpusPacket[]): OpusPacket[][] {
  const pages: OpusPacket[][] = []
  let [segments, samples] = [mostSegments, 0]
  for (const packet of packets) {
    const needed = Math.floor(packet.data.length / 255) + 1
    if (segments + needed > mostSegments || samples + packet.samples > mostPageSamples) {
      pages.push([])
      segments = samples = 0
    }
    pages.at(-1)!.push(packet)
    segments += needed
    samples += packet.samples
  }
  return pages
}
