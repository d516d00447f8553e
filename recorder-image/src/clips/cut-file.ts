import { open } from 'node:fs/promises'
import { mp3, mp3FrameBytes, sampleRate } from '../media/audio-format.ts'
import { buildMp3Head, lameDelay } from '../media/mp3-head.ts'
import { buildMp4Head, type Mp4Track } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { cutMovie } from './cut-movie.ts'
import { type Bytes, fetchesOf } from './ranges.ts'

/** A finished file, wherever it is. */
export interface RangeReader {
  readonly bytes: number
  /** These bytes, all of them, or it rejects. */
  read(start: number, end: number): Promise<Buffer>
}

/** What is to be read was given back to the volume; COS has it, in a file that is not whole there yet. */
export class GivenBackError extends Error {
  override readonly name = 'GivenBackError'
  constructor(path: string) {
    super(`a part of ${path} was given back to the volume; COS has it, and hands it out when the recording is over`)
  }
}

/** A clip on disk: final file = head + body. */
export interface CutFile {
  head: Buffer
  bodyBytes: number
  durationSeconds: number
  /** Of an MP4; an MP3 has none. */
  tracks: Mp4Track[]
}

export interface CutOptions {
  /** Times in the file, in seconds. */
  fromSeconds: number
  toSeconds: number
  /** Wall time of the first instant of the clip. */
  startTime: Date
  /** Where the body is written. */
  bodyPath: string
}

/** Cuts a file of this recorder. Reads its head and what is needed of its body. Undefined where it has nothing in that time. */
export async function cutFile(file: RangeReader, name: string, options: CutOptions): Promise<CutFile | undefined> {
  return name.endsWith('.mp3') ? cutMp3(file, options) : cutMp4(file, options)
}

async function cutMp4(file: RangeReader, { fromSeconds, toSeconds, startTime, bodyPath }: CutOptions) {
  const { tracks, ranges, bodyBytes } = cutMovie(readMp4Tracks(await readMp4Head(file)), fromSeconds, toSeconds)
  if (tracks.length === 0) return undefined
  await writeBody(file, ranges, bodyPath)
  const head = buildMp4Head({ creationTime: startTime, bodyBytes, tracks })
  return { head, bodyBytes, durationSeconds: Math.max(...tracks.map(presentedSeconds)), tracks }
}

const presentedSeconds = ({ edit }: Mp4Track) => (edit.delay + edit.duration) / 48_000

/** Enough for ftyp and the header of moov. */
const frontBytes = 64
const largestHeadBytes = 256 * 1024 * 1024

/** ftyp and moov, which are in front of all that this recorder makes. */
async function readMp4Head(file: RangeReader): Promise<Buffer> {
  const front = await file.read(0, Math.min(frontBytes, file.bytes))
  const moovAt = front.readUInt32BE(0)
  const isOurs = front.toString('latin1', 4, 8) === 'ftyp' && front.toString('latin1', moovAt + 4, moovAt + 8) === 'moov'
  if (!isOurs) throw new Error('it is no MP4 with its index in front, as the recorder makes them')
  const headBytes = moovAt + front.readUInt32BE(moovAt)
  if (headBytes > Math.min(file.bytes, largestHeadBytes)) throw new Error(`its index of ${headBytes} bytes cannot be right`)
  return Buffer.concat([front, await file.read(front.length, headBytes)])
}

/** Frames before the first that is heard: a frame overlaps with the next one. There is no bit reservoir. */
const mp3LeadFrames = 1

async function cutMp3(file: RangeReader, { fromSeconds, toSeconds, bodyPath }: CutOptions): Promise<CutFile | undefined> {
  const info = await file.read(0, Math.min(mp3FrameBytes, file.bytes))
  if (info.toString('latin1', 36, 40) !== 'Info')
    throw new Error('it is no MP3 with an Info frame in front, as the recorder makes them')
  const frames = Math.floor(file.bytes / mp3FrameBytes) - 1
  const from = Math.round(Math.max(0, fromSeconds) * sampleRate)
  const to = Math.min(Math.round(toSeconds * sampleRate), frames * mp3.samplesPerFrame - mp3.primingSamples)
  if (to <= from) return undefined
  // What a decoder gives begins with priming.
  const first = Math.max(0, Math.floor((from + mp3.primingSamples) / mp3.samplesPerFrame) - mp3LeadFrames)
  const end = Math.ceil((to + mp3.primingSamples) / mp3.samplesPerFrame)
  const skipped = from + mp3.primingSamples - first * mp3.samplesPerFrame
  const range = { start: (first + 1) * mp3FrameBytes, end: (end + 1) * mp3FrameBytes }
  await writeBody(file, [range], bodyPath)
  return {
    head: buildMp3Head(end - first, to - from, skipped - (mp3.primingSamples - lameDelay)),
    bodyBytes: range.end - range.start,
    durationSeconds: (to - from) / sampleRate,
    tracks: [],
  }
}

async function writeBody(file: RangeReader, ranges: readonly Bytes[], path: string): Promise<void> {
  const body = await open(path, 'w', 0o640)
  try {
    for (const { fetch, kept } of fetchesOf(ranges)) {
      const bytes = await file.read(fetch.start, fetch.end)
      for (const { start, end } of kept) await body.writeFile(bytes.subarray(start - fetch.start, end - fetch.start))
    }
  } finally {
    await body.close()
  }
}
