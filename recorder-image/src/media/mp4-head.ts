/**
 * The head of a progressive MP4 (ISO 14496-12): ftyp, moov and the header of mdat; the body follows it. Sample tables only, no
 * fragments. All numbers of a track are in its own timescale, those of the movie in `movieTimescale`.
 */
import { box, fullBox, table, table64, u8, u16, u32, u64 } from './mp4-box.ts'

export const movieTimescale = 48_000

export interface Mp4Track {
  kind: 'video' | 'audio'
  timescale: number
  /** The boxes that describe the samples, such as avc1 or mp4a. */
  sampleEntries: readonly Buffer[]
  /** In pixels, of the largest picture; 0 for sound. */
  width: number
  height: number
  /** Per sample, in decoding order: size in bytes, offset in the body, decoding time from 0, strictly rising. */
  sizes: Uint32Array
  offsets: Float64Array
  starts: Float64Array
  /** Per sample: how long after its decoding time it is shown; undefined: at once. */
  shownAfter?: Uint32Array
  /** Which of the sample entries describes it, from 0; undefined: the first, all of them. */
  entries?: Uint8Array
  /** Decoding time of the end of the last sample. */
  end: number
  /** Numbers, from 0, of the samples that can be decoded on their own; undefined: all. */
  keys?: Uint32Array
  edit: {
    /** Nothing is presented for this long, in movie ticks. */
    delay: number
    /** Where in the track presentation begins, in track ticks: what lies before is priming. */
    mediaTime: number
    /** How long it is presented, in movie ticks. */
    duration: number
  }
}

export interface Mp4Movie {
  creationTime: Date
  bodyBytes: number
  tracks: readonly Mp4Track[]
}

export function buildMp4Head(movie: Mp4Movie): Buffer {
  const chunked = movie.tracks.map(withTables)
  const large = movie.bodyBytes > 0xffff_0000
  const mdat = large
    ? Buffer.concat([u32(1), Buffer.from('mdat'), u64(movie.bodyBytes + 16)])
    : Buffer.concat([u32(movie.bodyBytes + 8), Buffer.from('mdat')])
  // Chunk offsets count from the start of the file, so they need the size of the head, which only their own size changes.
  const headBytes = (co64: boolean) => ftyp.length + moovBytes(movie, chunked, co64) + mdat.length
  const co64 = headBytes(false) + movie.bodyBytes > 0xffff_ffff
  return Buffer.concat([ftyp, moov(movie, chunked, headBytes(co64), co64), mdat])
}

/** How large it is, without making it: most of it are the tables, which are there. */
function moovBytes(movie: Mp4Movie, tracks: readonly TabledTrack[], co64: boolean): number {
  const empty = tracks.map(({ track }) => ({ track, chunks: [], tables: [] }))
  const inTables = tracks.flatMap(({ tables }) => tables).reduce((sum, { length }) => sum + length, 0)
  const inChunks = tracks.reduce((sum, { chunks }) => sum + chunks.length * (co64 ? 8 : 4), 0)
  return moov(movie, empty, 0, co64).length + inTables + inChunks
}

/** The head of a file in fragments (ISO 14496-12, 8.8; a CMAF header): one track, described, and no samples. Its number is `fragmentTrackId`. */
export function buildInitSegment(track: Pick<Mp4Track, 'kind' | 'timescale' | 'sampleEntries' | 'width' | 'height'>): Buffer {
  const nothing = { sizes: new Uint32Array(), offsets: new Float64Array(), starts: new Float64Array(), end: 0 }
  const empty: Mp4Track = { ...track, ...nothing, edit: { delay: 0, mediaTime: 0, duration: 0 } }
  const mvex = box('mvex', fullBox('trex', 0, 0, u32(fragmentTrackId, 1, 0, 0, 0)))
  const movie = { creationTime: new Date(0), bodyBytes: 0, tracks: [empty] }
  return Buffer.concat([fragmentsFtyp, moov(movie, [withTables(empty)], 0, false, mvex)])
}

export const fragmentTrackId = 1

interface Chunk {
  offset: number
  samples: number
  /** Sample entry, from 0. */
  entry: number
}

/** A track and what of its sample table does not change with where the body lies. */
interface TabledTrack {
  track: Mp4Track
  chunks: Chunk[]
  tables: Buffer[]
}

/** Samples that lie one after the other and have one description, of at most a second. */
function chunksOf({ sizes, offsets, starts, entries, timescale }: Mp4Track): Chunk[] {
  const chunks: Chunk[] = []
  let chunk: Chunk | undefined
  let end = -1
  let chunkStart = 0
  for (let at = 0; at < sizes.length; at++) {
    const entry = entries === undefined ? 0 : entries[at]!
    if (chunk?.entry !== entry || offsets[at] !== end || starts[at]! - chunkStart >= timescale) {
      chunk = { offset: offsets[at]!, samples: 0, entry }
      chunks.push(chunk)
      chunkStart = starts[at]!
    }
    chunk.samples++
    end = offsets[at]! + sizes[at]!
  }
  return chunks
}

/** Times as 32 bits where they fit (version 0), else as 64 (version 1). */
function timed(...times: number[]): { version: 0 | 1; field: (value: number) => Buffer } {
  return times.some((time) => time > 0xffff_ffff) ? { version: 1, field: u64 } : { version: 0, field: (value) => u32(value) }
}

const ftyp = box('ftyp', Buffer.from('isom'), u32(0x200), Buffer.from('isomiso2avc1mp41'))
const fragmentsFtyp = box('ftyp', Buffer.from('iso6'), u32(0), Buffer.from('iso6cmfcmp41'))
const unityMatrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
const seconds1904To1970 = 2_082_844_800

function moov(movie: Mp4Movie, tracks: readonly TabledTrack[], bodyStart: number, co64: boolean, ...more: Buffer[]): Buffer {
  const created = Math.floor(movie.creationTime.getTime() / 1000) + seconds1904To1970
  const duration = Math.max(0, ...tracks.map(({ track }) => track.edit.delay + track.edit.duration))
  const { version, field } = timed(created, duration)
  const mvhd = fullBox(
    ...(['mvhd', version, 0] as const),
    ...[field(created), field(created), u32(movieTimescale), field(duration)],
    ...[u32(0x10000), u16(0x100), Buffer.alloc(10), unityMatrix, Buffer.alloc(24), u32(tracks.length + 1)],
  )
  return box('moov', mvhd, ...tracks.map((track, index) => trak(track, index + 1, created, bodyStart, co64)), ...more)
}

function trak({ track, chunks, tables }: TabledTrack, id: number, created: number, bodyStart: number, co64: boolean): Buffer {
  const duration = track.edit.delay + track.edit.duration
  const { version, field } = timed(created, duration)
  const isAudio = track.kind === 'audio'
  const tkhd = fullBox(
    ...(['tkhd', version, 3] as const),
    ...[field(created), field(created), u32(id, 0), field(duration), Buffer.alloc(8)],
    ...[u16(0, 0, isAudio ? 0x100 : 0, 0), unityMatrix, u32(track.width * 0x10000, track.height * 0x10000)],
  )
  const media = timed(created, track.end)
  const mdhd = fullBox(
    ...(['mdhd', media.version, 0] as const),
    ...[media.field(created), media.field(created), u32(track.timescale), media.field(track.end), u16(0x55c4, 0)],
  )
  const handler = isAudio ? 'soun' : 'vide'
  const hdlr = fullBox('hdlr', 0, 0, u32(0), Buffer.from(handler), Buffer.alloc(12), Buffer.from(`${track.kind}\0`))
  const mediaHeader = isAudio ? fullBox('smhd', 0, 0, u16(0, 0)) : fullBox('vmhd', 0, 1, u16(0, 0, 0, 0))
  const dinf = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)))
  const minf = box('minf', mediaHeader, dinf, box('stbl', ...tables, chunkOffsets(chunks, bodyStart, co64)))
  return box('trak', tkhd, box('edts', editList(track)), box('mdia', mdhd, hdlr, minf))
}

function editList({ edit }: Mp4Track): Buffer {
  const { version, field } = timed(edit.delay, edit.duration, edit.mediaTime)
  const entries: Buffer[] = []
  const emptyMediaTime = Buffer.alloc(version === 1 ? 8 : 4, 0xff)
  if (edit.delay > 0) entries.push(Buffer.concat([field(edit.delay), emptyMediaTime, u16(1, 0)]))
  entries.push(Buffer.concat([field(edit.duration), field(edit.mediaTime), u16(1, 0)]))
  return fullBox('elst', version, 0, u32(entries.length), ...entries)
}

function withTables(track: Mp4Track): TabledTrack {
  const { sizes, starts, end, keys } = track
  const chunks = chunksOf(track)
  const stsd = fullBox('stsd', 0, 0, u32(track.sampleEntries.length), ...track.sampleEntries)
  const durations = new Float64Array(sizes.length)
  for (let at = 0; at < durations.length; at++) durations[at] = (at + 1 < sizes.length ? starts[at + 1]! : end) - starts[at]!
  const stts = runLengths('stts', durations)
  const { shownAfter } = track
  const ctts = shownAfter === undefined ? [] : [runLengths('ctts', shownAfter)]
  const runs: number[] = []
  chunks.forEach(({ samples, entry }, index) => {
    if (runs[runs.length - 2] !== samples || runs[runs.length - 1] !== entry + 1) runs.push(index + 1, samples, entry + 1)
  })
  const stsc = fullBox('stsc', 0, 0, u32(runs.length / 3), table(runs))
  const stsz = fullBox('stsz', 0, 0, u32(0, sizes.length), table(sizes))
  const stss = keys === undefined ? [] : [fullBox('stss', 0, 0, u32(keys.length), table(keys.map((key) => key + 1)))]
  return { track, chunks, tables: [stsd, stts, ...ctts, ...stss, stsc, stsz] }
}

function chunkOffsets(chunks: readonly Chunk[], bodyStart: number, co64: boolean): Buffer {
  const offsets = chunks.map(({ offset }) => bodyStart + offset)
  return co64
    ? fullBox('co64', 0, 0, u32(offsets.length), table64(offsets))
    : fullBox('stco', 0, 0, u32(offsets.length), table(offsets))
}

/** A table of how many samples in turn have which number. */
function runLengths(type: string, numbers: Float64Array | Uint32Array): Buffer {
  const runs: number[] = []
  let run = 0
  for (let at = 0; at < numbers.length; at++) {
    run++
    if (at + 1 < numbers.length && numbers[at + 1] === numbers[at]) continue
    runs.push(run, numbers[at]!)
    run = 0
  }
  return fullBox(type, 0, 0, u32(runs.length / 2), table(runs))
}

/** MP4AudioSampleEntry with its ES descriptor (ISO 14496-1, 7.2.6.5). */
export function mp4a(channels: number, sampleRate: number, config: Uint8Array, bitRate: number): Buffer {
  const specific = descriptor(5, config)
  const decoder = descriptor(4, u8(0x40, 0x15, 0, 0x18, 0), u32(bitRate, bitRate), specific)
  const esds = fullBox('esds', 0, 0, descriptor(3, u8(0, 0, 0), decoder, descriptor(6, u8(2))))
  return box('mp4a', Buffer.alloc(6), u16(1), Buffer.alloc(8), u16(channels, 16, 0, 0), u32(sampleRate * 0x10000), esds)
}

/** OpusSampleEntry (Encapsulation of Opus in ISO base media file format, 4.3). */
export function opusEntry(channels: number, preSkip: number): Buffer {
  const specific = box('dOps', u8(0, channels), u16(preSkip), u32(48_000), u16(0), u8(0))
  return box('Opus', Buffer.alloc(6), u16(1), Buffer.alloc(8), u16(channels, 16, 0, 0), u32(48_000 * 0x10000), specific)
}

function descriptor(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([u8(tag, content.length), content])
}
