import { open, rm, writeFile } from 'node:fs/promises'
import type { ClipExactness } from '@trtc-recorder/api'
import { runAside } from '../media/ffmpeg.ts'
import { findH264Encoder, type H264Encoder } from '../media/h264-encoder.ts'
import { buildMp4Head, type Mp4Track, movieTimescale } from '../media/mp4-head.ts'
import { readMp4Tracks } from '../media/mp4-read.ts'
import { readAvcEntry } from '../media/video-sample-entry.ts'
import { readExactly } from './exact-body.ts'
import type { Encoded, Lead } from './exact-pictures.ts'
import { readMp4Head } from './read-head.ts'

/** Why pictures are not encoded anew. */
export class NotEncodedError extends Error {
  override readonly name = 'NotEncodedError'
  readonly why: Exclude<ClipExactness, 'Exact'>
  constructor(why: NotEncodedError['why'], message: string) {
    super(message)
    this.why = why
  }
}

export interface EncodeLeadOptions {
  ffmpegPath: string
  /** Until when it may go on, by `performance.now()`. */
  until: number
  signal?: AbortSignal
  /** Rejects where there is no room on disk for so much beside the clip. */
  findRoom?: (bytes: number) => Promise<void>
  /** Told how much of it is done. */
  onDone: (share: number) => void
}

/** Without CABAC, so that its pictures can be told from what follows them. Of one quality, whatever the pictures and their times are: what is encoded is short, and stands beside what was sent. */
const quality = {
  // Without rate control OpenH264 takes 26 for each picture: 44 dB of a camera.
  libopenh264: ['-c:v', 'libopenh264', '-rc_mode', 'off', '-slices', '1'],
  libx264: ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-coder', 'vlc', '-bf', '0', '-sc_threshold', '0'],
} as const satisfies Record<H264Encoder, string[]>

/** As often a picture that a player can go to: four seconds of most cameras. */
const picturesOfAGroup = 120
/** Pictures are numbered instead of timed: what comes out must be one after the other, and none be missing. */
const ticksPerSecond = 30

/** What ffmpeg does: reads `input`, leaves out the pictures in front and behind, and writes an MP4 whose head is in front. */
export const leadArguments = (
  encoder: H264Encoder,
  input: string,
  ranks: { from: number; end: number },
  output: string,
): string[] => [
  ...['-copyts', '-threads', '1', '-xerror', '-ignore_editlist', '1', '-f', 'mov', '-i', input],
  ...[
    '-map',
    '0:v',
    '-vf',
    `trim=start_pts=${ranks.from}:end_pts=${ranks.end}`,
    '-fps_mode',
    'passthrough',
    '-enc_time_base',
    '-1',
    '-pix_fmt',
    'yuv420p',
  ],
  ...[...quality[encoder], '-g', String(picturesOfAGroup), '-threads', '1'],
  ...['-video_track_timescale', String(ticksPerSecond), '-movflags', '+faststart', '-f', 'mp4', output],
]

/**
 * Encodes the wanted pictures of a lead anew, beginning with an IDR picture, by one ffmpeg of two threads at most, with the lowest priority. `leadPath` has the samples, at
 * the offsets of `track`, and nothing of it is held in memory. Resolves with what is in `path` then. Rejects with a NotEncodedError.
 */
export async function encodeLead(
  leadPath: string,
  track: Mp4Track,
  lead: Lead,
  path: string,
  { ffmpegPath, until, signal, onDone }: EncodeLeadOptions,
): Promise<Encoded> {
  const encoder = await findH264Encoder(ffmpegPath).catch((error: Error) => {
    throw new NotEncodedError('EncodingFailed', `ffmpeg cannot be run: ${error.message}`)
  })
  if (encoder === undefined) throw new NotEncodedError('NoEncoder', 'the ffmpeg that is here has no encoder of H.264')
  const headPath = `${path}.head`
  try {
    const { head, shift } = numberedHead(track, lead)
    await writeFile(headPath, head)
    const { wanted } = lead
    const input = `concat:${headPath}|${leadPath}`
    const from = lead.fromRank + shift
    const ranks = { from, end: from + wanted.length }
    const end = await runAside(ffmpegPath, leadArguments(encoder, input, ranks, path), {
      deadline: until,
      signal,
      onProgress(text) {
        const pictures = /.*\bframe=\s*(\d+)/s.exec(text)?.[1]
        if (pictures !== undefined) onDone(Math.min(1, Number(pictures) / wanted.length))
      },
    })
    if (end.is === 'late') throw new NotEncodedError('TookTooLong', `there was no time left to encode ${wanted.length} pictures`)
    if (end.is === 'failed') throw new NotEncodedError('EncodingFailed', end.why)
    return await readEncoded(path, wanted.length)
  } finally {
    await rm(headPath, { force: true })
  }
}

/** The samples of a lead as a movie whose times are their numbers in the order in which they are shown. */
function numberedHead(
  { sizes, offsets, entries, keys, ...track }: Mp4Track,
  { first, end, ranks }: Lead,
): { head: Buffer; shift: number } {
  const shift = ranks.reduce((most, rank, at) => Math.max(most, at - rank), 0)
  const count = end - first
  const places = offsets.slice(first, end)
  const numbered: Mp4Track = {
    ...{ ...track, timescale: ticksPerSecond, sizes: sizes.slice(first, end), offsets: places },
    ...(entries === undefined ? {} : { entries: entries.slice(first, end) }),
    ...(keys === undefined ? {} : { keys: keys.filter((key) => key >= first && key < end).map((key) => key - first) }),
    starts: Float64Array.from({ length: count }, (_, at) => at),
    shownAfter: ranks.map((rank, at) => rank + shift - at),
    end: count,
    edit: { delay: 0, mediaTime: 0, duration: Math.round((count * movieTimescale) / ticksPerSecond) },
  }
  const bodyBytes = places.reduce((most, offset, at) => Math.max(most, offset + numbered.sizes[at]!), 0)
  return { head: buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks: [numbered] }), shift }
}

async function readEncoded(path: string, wanted: number): Promise<Encoded> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const read = (start: number, end: number) => readExactly(file, start, end)
    const [track] = readMp4Tracks(await readMp4Head({ bytes: size, read }))
    if (track === undefined) throw new Error('there is no picture in it')
    const { sizes, offsets, starts, sampleEntries } = track
    const isWhole = sizes.length === wanted && starts.every((start, at) => start === at)
    if (!isWhole) throw new Error(`${sizes.length} of ${wanted} pictures could be decoded`)
    return { config: readAvcEntry(sampleEntries[0]!), sizes, offsets, keys: track.keys ?? Uint32Array.from(sizes.keys()) }
  } catch (error) {
    throw new NotEncodedError('EncodingFailed', (error as Error).message)
  } finally {
    await file.close()
  }
}
