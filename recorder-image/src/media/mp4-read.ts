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
    offsets: Float64Array.from(offsets),
    starts: Float64Array.from(startsOf(table)),
    ...(shownAfter.length === 0 ? {} : { shownAfter: Uint32Array.from(shownAfter) }),
    entries: Uint8Array.from(entries),
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
  const sizes = new Uint32Array(stsz.u32(8))
  for (let sample = 0; sample < sizes.length; sample++) sizes[sample] = stsz.u32(12 + sample * 4)
  return sizes
}

export function startsOf(table: Box): number[] {
  let time = 0
  return runsOf(table.child('stts')).map((duration) => {
    time += duration
    return time - duration
  })
}

/** Empty where there is no such table: then each sample is shown when it is decoded. */
export function shownAfterOf(table: Box): number[] {
  const [ctts] = table.children('ctts')
  return ctts === undefined ? [] : runsOf(ctts)
}

function runsOf(box: Box): number[] {
  const numbers: number[] = []
  for (let run = 0; run < box.u32(4); run++) {
    for (let left = box.u32(8 + run * 8); left > 0; left--) numbers.push(box.u32(12 + run * 8))
  }
  return numbers
}

/** Where each sample is, and which sample entry describes it. */
export function placesOf(table: Box, sizes: Uint32Array): { offsets: number[]; entries: number[] } {
  const stsc = table.child('stsc')
  const [co64] = table.children('co64')
  const chunks = co64 ?? table.child('stco')
  const offsets: number[] = []
  const entries: number[] = []
  for (let chunk = 0, run = 0; chunk < chunks.u32(4); chunk++) {
    while (run + 1 < stsc.u32(4) && stsc.u32(8 + (run + 1) * 12) <= chunk + 1) run++
    let at = co64 === undefined ? chunks.u32(8 + chunk * 4) : chunks.u64(8 + chunk * 8)
    for (let left = stsc.u32(12 + run * 12); left > 0; left--) {
      offsets.push(at)
      entries.push(stsc.u32(16 + run * 12) - 1)
      at += sizes[offsets.length - 1] ?? 0
    }
  }
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
