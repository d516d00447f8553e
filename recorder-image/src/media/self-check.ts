import { type FileHandle, open } from 'node:fs/promises'
import type { Mode } from '@trtc-recorder/api'
import { CustomSource, EncodedPacketSink, Input, type InputTrack, MP4 } from 'mediabunny'
import { aac, aacConfig, mp3, mp3FrameBytes, sampleRate } from './audio-format.ts'
import { FfmpegProcess } from './ffmpeg.ts'
import { type Mp4Track, movieTimescale } from './mp4-head.ts'
import { compareTables } from './mp4-tables.ts'
import { rawVideo, rawVideoFormat } from './raw-video.ts'
import type { VideoConfig } from './video-codec.ts'

export interface CheckedMedia {
  mode: Mode
  head: Uint8Array
  bodyPath: string
  bodyBytes: number
  /** What the head was made from; empty for MP3. */
  tracks: readonly Mp4Track[]
  /** Of the pictures, as the tracks number them. */
  configs: readonly VideoConfig[]
  durationSeconds: number
  ffmpegPath: string
}

/** The length of sound that is decoded, at the start and at the end. */
const decodedSeconds = 2
const durationToleranceSeconds = 0.05
/** Samples of each track that the demuxer must find. */
const sampledPackets = 50
const decodeTimeoutMs = 20_000

/**
 * Reads the file as a player would, head and body as one, by a demuxer that had no part in making it, and decodes its ends with
 * ffmpeg. Returns what is wrong with it. Compares sample tables in full, of the body it reads only what is decoded.
 */
export async function checkMedia(media: CheckedMedia): Promise<string[]> {
  let body: FileHandle | undefined
  try {
    body = await open(media.bodyPath, 'r')
    const read = virtualFile(media, body)
    const walked = media.mode === '00' ? walkMp3(media, read) : walkMp4(media, read)
    const decoded = media.mode === '00' ? decodeMp3(media, read) : decodeMp4(media, read)
    return (await Promise.all([walked, decoded])).flat()
  } catch (error) {
    return [`the self-check could not read the file: ${(error as Error).message}`]
  } finally {
    await body?.close()
  }
}

type Read = (start: number, end: number) => Promise<Buffer>

/** Head and body as one file. */
function virtualFile({ head, bodyBytes }: CheckedMedia, body: FileHandle): Read {
  return async (start, end) => {
    const stop = Math.min(end, head.length + bodyBytes)
    const bytes = Buffer.alloc(Math.max(0, stop - start))
    const fromHead = head.subarray(Math.min(start, head.length), Math.min(stop, head.length))
    bytes.set(fromHead)
    if (fromHead.length < bytes.length) {
      const length = bytes.length - fromHead.length
      const { bytesRead } = await body.read(bytes, fromHead.length, length, start + fromHead.length - head.length)
      if (bytesRead < length) throw new Error(`the body ends ${length - bytesRead} bytes early`)
    }
    return bytes
  }
}

async function walkMp4({ head, bodyBytes, tracks, durationSeconds }: CheckedMedia, read: Read): Promise<string[]> {
  const source = new CustomSource({ getSize: () => head.length + bodyBytes, read: (start, end) => read(start, end) })
  const input = new Input({ formats: [MP4], source })
  const problems = compareTables(head, bodyBytes, tracks)
  try {
    const found = await input.getTracks()
    for (const track of tracks) {
      const other = found.find((candidate) => candidate.type === track.kind)
      problems.push(...(other === undefined ? [`the ${track.kind} track cannot be found`] : await compareTrack(track, other)))
    }
    const seconds = found.length === 0 ? 0 : await input.computeDuration()
    if (Math.abs(seconds - durationSeconds) > durationToleranceSeconds) {
      problems.push(`the file lasts ${seconds.toFixed(3)} s instead of ${durationSeconds} s`)
    }
  } finally {
    input.dispose()
  }
  return problems
}

/** Every table entry was compared; the demuxer is asked for samples at the ends and evenly between, because it is slow with all. */
async function compareTrack(track: Mp4Track, found: InputTrack): Promise<string[]> {
  const { kind, sizes, starts, shownAfter, timescale, edit } = track
  const sink = new EncodedPacketSink(found)
  const seconds = (at: number) =>
    edit.delay / movieTimescale + (starts[at]! + (shownAfter?.[at] ?? 0) - edit.mediaTime) / timescale
  const stride = Math.max(1, Math.floor(sizes.length / sampledPackets))
  const numbers = Array.from({ length: sizes.length }, (_, at) => at).filter((at) => at % stride === 0 || at === sizes.length - 1)
  for (const at of numbers) {
    // Half a tick later, so that rounding does not lead to the sample before.
    const packet = await sink.getPacket(seconds(at) + 0.5 / timescale, { metadataOnly: true })
    if (packet === null || packet.byteLength !== sizes[at] || Math.abs(packet.timestamp - seconds(at)) > 1 / timescale) {
      return [`sample ${at} of the ${kind} track is not found at ${seconds(at).toFixed(3)} s`]
    }
  }
  return []
}

/** Every frame has the same size, so a few of them, evenly spread, say whether all are where they should be. */
async function walkMp3({ head, bodyBytes }: CheckedMedia, read: Read): Promise<string[]> {
  if (bodyBytes % mp3FrameBytes !== 0) return [`the body has ${bodyBytes % mp3FrameBytes} bytes that are no frame`]
  const frames = bodyBytes / mp3FrameBytes
  const stride = Math.max(1, Math.floor(frames / 64))
  for (let frame = 0; frame < frames; frame += stride) {
    const start = head.length + frame * mp3FrameBytes
    try {
      mp3.frameAt(await read(start, start + 4))
    } catch {
      return [`there is no MP3 frame at byte ${start}`]
    }
  }
  return []
}

async function decodeMp3({ head, bodyBytes, ffmpegPath }: CheckedMedia, read: Read): Promise<string[]> {
  if (bodyBytes === 0) return []
  const bytes = Math.ceil((decodedSeconds * sampleRate) / mp3.samplesPerFrame) * mp3FrameBytes
  const first = await read(head.length, Math.min(head.length + bytes, head.length + bodyBytes))
  const last = await read(head.length + Math.max(first.length, bodyBytes - bytes), head.length + bodyBytes)
  return await decode(ffmpegPath, 'mp3', Buffer.concat([first, last]), 'sound')
}

async function decodeMp4({ head, tracks, configs, ffmpegPath }: CheckedMedia, read: Read): Promise<string[]> {
  const sample = (track: Mp4Track, at: number) => {
    const start = head.length + track.offsets[at]!
    return read(start, start + track.sizes[at]!)
  }
  const checks: Promise<string[]>[] = []
  for (const track of tracks) {
    if (track.kind === 'audio') {
      const frames = Math.ceil((decodedSeconds * track.timescale) / aac.samplesPerFrame)
      const count = track.sizes.length
      const numbers = Array.from({ length: count }, (_, at) => at).filter((at) => at < frames || at >= count - frames)
      const parts = await Promise.all(numbers.map(async (at) => adts(await sample(track, at))))
      checks.push(decode(ffmpegPath, 'aac', Buffer.concat(parts), 'sound'))
    } else if (track.keys !== undefined && track.keys.length > 0) {
      const keys = [...new Set([track.keys[0]!, track.keys.at(-1)!])]
      for (const at of keys) {
        const config = configs[track.entries?.[at] ?? 0]!
        checks.push(decode(ffmpegPath, rawVideoFormat(config), rawVideo(config, [await sample(track, at)]), 'picture', 1))
      }
    }
  }
  return (await Promise.all(checks)).flat()
}

/** Decodes a few bytes; with `expected`, as many frames must come out. */
async function decode(ffmpegPath: string, format: string, data: Buffer, what: string, expected?: number): Promise<string[]> {
  const input = ['-loglevel', 'error', '-xerror', '-threads', '1', '-f', format, '-i', 'pipe:0']
  const ffmpeg = new FfmpegProcess(ffmpegPath, [...input, '-f', 'framecrc', 'pipe:1'])
  const timer = setTimeout(() => ffmpeg.child.kill('SIGKILL'), decodeTimeoutMs)
  let output = ''
  ffmpeg.child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    output += text
  })
  ffmpeg.child.stdin?.end(data)
  const failure = await ffmpeg.ended
  clearTimeout(timer)
  if (failure !== undefined) return [`the ${what} does not decode: ${failure}`]
  if (ffmpeg.stderr !== '') return [`the ${what} does not decode cleanly: ${ffmpeg.stderr}`]
  const frames = output.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  if (frames === 0 || (expected !== undefined && frames !== expected)) {
    return [`the ${what} decodes to ${frames} frames instead of ${expected ?? 'at least one'}`]
  }
  return []
}

/** A raw AAC frame behind an ADTS header (ISO 14496-3, 1.A.2.2). */
function adts(frame: Uint8Array): Buffer {
  const bytes = frame.length + 7
  const profile = (aacConfig[0]! >> 3) - 1
  const rateIndex = ((aacConfig[0]! & 7) << 1) | (aacConfig[1]! >> 7)
  const channelCount = (aacConfig[1]! >> 3) & 0xf
  return Buffer.concat([
    Buffer.from([
      ...[0xff, 0xf1, (profile << 6) | (rateIndex << 2) | (channelCount >> 2)],
      ...[((channelCount & 3) << 6) | (bytes >> 11), (bytes >> 3) & 0xff, ((bytes & 7) << 5) | 0x1f, 0xfc],
    ]),
    frame,
  ])
}
