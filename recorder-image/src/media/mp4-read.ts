/** Reads the head of an MP4 back, box by box and by none of the code that wrote it. */
import type { Mp4Track } from './mp4-head.ts'

/** The tracks of a head such as `buildMp4Head` makes. Their offsets count from the start of the file. Throws for one that lacks a box. */
export function readMp4Tracks(head: Uint8Array): Mp4Track[] {
  return Box.of(head).child('moov').children('trak').map(readTrack)
}

function readTrack(trak: Box): Mp4Track {
  const mdia = trak.child('mdia')
  const table = mdia.child('minf').child('stbl')
  const mdhd = mdia.child('mdhd')
  const isLong = mdhd.u8(0) === 1
  const timescale = mdhd.u32(isLong ? 20 : 12)
  const tkhd = trak.child('tkhd')
  const sizeAt = tkhd.u8(0) === 1 ? 88 : 76
  const sizes = sizesOf(table)
  const { offsets, entries } = placesOf(table, sizes)
  const shownAfter = shownAfterOf(table)
  const [stss] = table.children('stss')
  const kind = mdia.child('hdlr').slice(8, 12).toString('latin1') === 'soun' ? 'audio' : 'video'
  return {
    kind,
    timescale,
    sampleEntries: sampleEntriesOf(table.child('stsd')),
    width: Math.floor(tkhd.u32(sizeAt) / 0x10000),
    height: Math.floor(tkhd.u32(sizeAt + 4) / 0x10000),
    sizes,
    offsets,
    starts: startsOf(table),
    ...(shownAfter.length === 0 ? {} : { shownAfter }),
    entries,
    end: isLong ? mdhd.u64(24) : mdhd.u32(16),
    ...(stss === undefined ? {} : { keys: Uint32Array.from({ length: stss.u32(4) }, (_, at) => stss.u32(8 + at * 4) - 1) }),
    edit: readEdit(trak.child('edts').child('elst')),
  }
}

function sampleEntriesOf(stsd: Box): Buffer[] {
  const entries: Buffer[] = []
  for (let at = 8; at < stsd.bytes; at += stsd.u32(at)) entries.push(stsd.slice(at, at + stsd.u32(at)))
  return entries
}

/** At most an empty edit and the one that presents the track. */
function readEdit(elst: Box): Mp4Track['edit'] {
  const isLong = elst.u8(0) === 1
  const bytes = isLong ? 20 : 12
  const field = (at: number) => (isLong ? elst.u64(at) : elst.u32(at))
  const count = elst.u32(4)
  const last = 8 + (count - 1) * bytes
  return {
    delay: count > 1 ? field(8) : 0,
    mediaTime: field(last + (isLong ? 8 : 4)),
    duration: field(last),
  }
}

export function sizesOf(table: Box): Uint32Array {
  const stsz = table.child('stsz')
  const count = stsz.u32(8)
  // All have this one, where others write it.
  if (stsz.u32(4) > 0) return new Uint32Array(count).fill(stsz.u32(4))
  return stsz.u32s(12, count)
}

export function startsOf(table: Box): Float64Array {
  const durations = runsOf(table.child('stts'))
  const starts = new Float64Array(durations.length)
  for (let at = 1; at < starts.length; at++) starts[at] = starts[at - 1]! + durations[at - 1]!
  return starts
}

/** Empty where there is no such table: then each sample is shown when it is decoded. */
export function shownAfterOf(table: Box): Uint32Array {
  const [ctts] = table.children('ctts')
  return ctts === undefined ? new Uint32Array() : runsOf(ctts)
}

function runsOf(box: Box): Uint32Array {
  const runs = box.u32(4)
  let count = 0
  for (let run = 0; run < runs; run++) count += box.u32(8 + run * 8)
  const numbers = new Uint32Array(count)
  for (let run = 0, at = 0; run < runs; run++) {
    const end = at + box.u32(8 + run * 8)
    numbers.fill(box.u32(12 + run * 8), at, end)
    at = end
  }
  return numbers
}

/** Where each sample is, and which sample entry describes it. */
export function placesOf(table: Box, sizes: Uint32Array): { offsets: Float64Array; entries: Uint8Array } {
  const stsc = table.child('stsc')
  const [co64] = table.children('co64')
  const chunks = co64 ?? table.child('stco')
  const count = chunks.u32(4)
  const offsets = new Float64Array(sizes.length)
  const entries = new Uint8Array(sizes.length)
  let sample = 0
  for (let chunk = 0, run = 0; chunk < count; chunk++) {
    while (run + 1 < stsc.u32(4) && stsc.u32(8 + (run + 1) * 12) <= chunk + 1) run++
    const end = sample + stsc.u32(12 + run * 12)
    const entry = stsc.u32(16 + run * 12) - 1
    let at = co64 === undefined ? chunks.u32(8 + chunk * 4) : chunks.u64(8 + chunk * 8)
    for (; sample < end; sample++) {
      if (sample === sizes.length) throw new Error('the chunks have more samples than there are sizes')
      offsets[sample] = at
      entries[sample] = entry
      at += sizes[sample]!
    }
  }
  if (sample < sizes.length) throw new Error(`the chunks have ${sample} samples, and there are ${sizes.length} sizes`)
  return { offsets, entries }
}

/** The content of a box. Positions count from its start. */
export class Box {
  readonly #data: Buffer
  readonly #start: number
  readonly #end: number

  constructor(data: Buffer, start: number, end: number) {
    this.#data = data
    this.#start = start
    this.#end = end
  }

  /** The boxes of a file, of which `data` need not have more than the front. */
  static of(data: Uint8Array): Box {
    return new Box(Buffer.from(data.buffer, data.byteOffset, data.byteLength), 0, data.length)
  }

  get bytes(): number {
    return this.#end - this.#start
  }

  u8(at: number): number {
    return this.#data.readUInt8(this.#start + at)
  }

  u32(at: number): number {
    return this.#data.readUInt32BE(this.#start + at)
  }

  /** So many numbers, one after the other. Throws where the box does not have them. */
  u32s(at: number, count: number): Uint32Array {
    const numbers = new Uint32Array(count)
    const bytes = Buffer.from(numbers.buffer)
    if (this.slice(at, at + bytes.length).copy(bytes) < bytes.length) throw new Error('a table is shorter than it says')
    // Node's machines are all little endian.
    bytes.swap32()
    return numbers
  }

  u64(at: number): number {
    return Number(this.#data.readBigUInt64BE(this.#start + at))
  }

  slice(from: number, to = this.bytes): Buffer {
    return this.#data.subarray(this.#start + from, this.#start + to)
  }

  children(type: string): Box[] {
    const found: Box[] = []
    for (let at = this.#start; at + 8 <= this.#end; ) {
      const bytes = this.#data.readUInt32BE(at)
      const name = this.#data.toString('latin1', at + 4, at + 8)
      // mdat is the last box; of it only the header is here.
      if (name === 'mdat' || bytes < 8) break
      if (name === type) found.push(new Box(this.#data, at + 8, at + bytes))
      at += bytes
    }
    return found
  }

  child(type: string): Box {
    const [box] = this.children(type)
    if (box === undefined) throw new Error(`there is no ${type} box`)
    return box
  }
}
