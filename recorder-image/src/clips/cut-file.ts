import { open } from 'node:fs/promises'
import type { ClipExactness } from '@trtc-recorder/api'
import { mp3, mp3FrameBytes, sampleRate } from '../media/audio-format.ts'
import { buildMp3Head, lameDelay } from '../media/mp3-head.ts'
import { buildMp4Head, type Mp4Track } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { cutExactly } from './cut-exactly.ts'
import { cutMovie } from './cut-movie.ts'
import { type EncodeLeadOptions, NotEncodedError } from './encode-lead.ts'
import { type Bytes, fetchesOf } from './ranges.ts'
import { type RangeReader, readMp4Head } from './read-head.ts'

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
  /** Where that was asked for. */
  exactness?: Exactness
}

/** Whether no picture is hidden; or why some are, as a word and for a person. */
export type Exactness = { is: 'Exact' } | { is: Exclude<ClipExactness, 'Exact'>; why: string }

export interface ExactOptions extends EncodeLeadOptions {
  /** Where there is too little time, pictures are hidden after all, or it is rejected with a NotEncodedError. */
  whenLate: 'hide' | 'reject'
}

export interface CutOptions {
  /** Times in the file, in seconds. */
  fromSeconds: number
  toSeconds: number
  /** Wall time of the first instant of the clip. */
  startTime: Date
  /** Where the body is written. */
  bodyPath: string
  /** That no picture be hidden. */
  exact?: ExactOptions
}

/** Cuts a file of this recorder. Reads its head and what is needed of its body. Undefined where it has nothing in that time. */
export async function cutFile(file: RangeReader, name: string, options: CutOptions): Promise<CutFile | undefined> {
  return name.endsWith('.mp3') ? cutMp3(file, options) : cutMp4(file, options)
}

async function cutMp4(file: RangeReader, options: CutOptions): Promise<CutFile | undefined> {
  const { fromSeconds, toSeconds, bodyPath, exact } = options
  const whole = readMp4Tracks(await readMp4Head(file))
  let exactness: Exactness | undefined
  if (exact !== undefined) {
    try {
      const cut = await cutExactly(file, whole, { fromSeconds, toSeconds, bodyPath }, exact)
      return cut && headed(cut, options, { is: 'Exact' })
    } catch (error) {
      const isHidden = error instanceof NotEncodedError && (error.why !== 'TookTooLong' || exact.whenLate === 'hide')
      if (!isHidden) throw error
      exactness = { is: error.why, why: error.message }
    }
  }
  const cut = cutMovie(whole, fromSeconds, toSeconds)
  if (cut.tracks.length === 0) return undefined
  await writeBody(file, cut.ranges, bodyPath)
  return headed(cut, options, exactness)
}

function headed(
  { tracks, bodyBytes }: { tracks: Mp4Track[]; bodyBytes: number },
  { startTime }: CutOptions,
  exactness: Exactness | undefined,
): CutFile {
  const head = buildMp4Head({ creationTime: startTime, bodyBytes, tracks })
  const durationSeconds = Math.max(...tracks.map(presentedSeconds))
  return { head, bodyBytes, durationSeconds, tracks, ...(exactness === undefined ? {} : { exactness }) }
}

const presentedSeconds = ({ edit }: Mp4Track) => (edit.delay + edit.duration) / 48_000

/**
 * Frames before the first that is heard: a frame overlaps with the next one. There is no bit reservoir. Where nothing is to be hidden there is none, and an Info frame, which
 * cannot say less than what a decoder is late by, says up to a frame more.
 */
const mp3LeadFrames = 1

async function cutMp3(file: RangeReader, { fromSeconds, toSeconds, bodyPath, exact }: CutOptions): Promise<CutFile | undefined> {
  const info = await file.read(0, Math.min(mp3FrameBytes, file.bytes))
  if (info.toString('latin1', 36, 40) !== 'Info')
    throw new Error('it is no MP3 with an Info frame in front, as the recorder makes them')
  const frames = Math.floor(file.bytes / mp3FrameBytes) - 1
  const from = Math.round(Math.max(0, fromSeconds) * sampleRate)
  const to = Math.min(Math.round(toSeconds * sampleRate), frames * mp3.samplesPerFrame - mp3.primingSamples)
  if (to <= from) return undefined
  // What a decoder gives begins with priming.
  const first =
    exact === undefined
      ? Math.max(0, Math.floor((from + mp3.primingSamples) / mp3.samplesPerFrame) - mp3LeadFrames)
      : Math.floor((from + lameDelay) / mp3.samplesPerFrame)
  const end = Math.ceil((to + mp3.primingSamples) / mp3.samplesPerFrame)
  const skipped = from + mp3.primingSamples - first * mp3.samplesPerFrame
  const range = { start: (first + 1) * mp3FrameBytes, end: (end + 1) * mp3FrameBytes }
  await writeBody(file, [range], bodyPath)
  return {
    head: buildMp3Head(end - first, to - from, skipped - (mp3.primingSamples - lameDelay)),
    bodyBytes: range.end - range.start,
    durationSeconds: (to - from) / sampleRate,
    tracks: [],
    ...(exact === undefined ? {} : { exactness: { is: 'Exact' } }),
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
