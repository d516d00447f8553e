import type { Mp4Track } from './mp4-head.ts'

/**
 * Reads the sample tables of a head back, box by box and by none of the code that wrote them, and says where they differ from what
 * they were made from. Looks at every sample; takes some milliseconds for an hour.
 */
export function compareTables(head: Uint8Array, bodyBytes: number, tracks: readonly Mp4Track[]): string[] {
  const file = new Box(Buffer.from(head.buffer, head.byteOffset, head.byteLength), 0, head.length)
  const problems: string[] = []
  const traks = file.child('moov').children('trak')
  if (traks.length !== tracks.length) return [`the head has ${traks.length} tracks instead of ${tracks.length}`]
  traks.forEach((trak, number) => {
    const track = tracks[number]!
    const table = trak.child('mdia').child('minf').child('stbl')
    const sizes = sizesOf(table)
    const { offsets, entries } = placesOf(table, sizes)
    const found = [sizes, startsOf(table), offsets, shownAfterOf(table), entries] as const
    const places = track.offsets.map((offset) => head.length + offset)
    const described = track.entries ?? new Uint8Array(sizes.length)
    const expected = [track.sizes, track.starts, places, track.shownAfter ?? [], described] as const
    for (const [at, what] of (['sizes', 'times', 'places', 'display times', 'descriptions'] as const).entries()) {
      const wrong = firstDifference(found[at]!, expected[at]!)
      if (wrong !== undefined) problems.push(`the ${what} of the ${track.kind} samples are wrong from sample ${wrong} on`)
    }
    const end = found[2].reduce((last, offset, sample) => Math.max(last, offset + found[0][sample]!), 0)
    if (end > head.length + bodyBytes) problems.push(`the ${track.kind} samples go beyond the end of the file`)
  })
  return problems
}

function firstDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number | undefined {
  if (found.length !== expected.length) return Math.min(found.length, expected.length)
  for (let at = 0; at < found.length; at++) if (found[at] !== expected[at]) return at
  return undefined
}

function sizesOf(table: Box): Uint32Array {
  const stsz = table.child('stsz')
  const sizes = new Uint32Array(stsz.u32(8))
  for (let sample = 0; sample < sizes.length; sample++) sizes[sample] = stsz.u32(12 + sample * 4)
  return sizes
}

function startsOf(table: Box): number[] {
  let time = 0
  return runsOf(table.child('stts')).map((duration) => {
    time += duration
    return time - duration
  })
}

/** Empty where there is no such table: then each sample is shown when it is decoded. */
function shownAfterOf(table: Box): number[] {
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
function placesOf(table: Box, sizes: Uint32Array): { offsets: number[]; entries: number[] } {
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
class Box {
  readonly #data: Buffer
  readonly #start: number
  readonly #end: number

  constructor(data: Buffer, start: number, end: number) {
    this.#data = data
    this.#start = start
    this.#end = end
  }

  u32(at: number): number {
    return this.#data.readUInt32BE(this.#start + at)
  }

  u64(at: number): number {
    return Number(this.#data.readBigUInt64BE(this.#start + at))
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
