import { open, stat } from 'node:fs/promises'
import { findBeeps, findDips, findPitches, findSilences, type Pitch, type Span } from './hear.ts'
import { pattern } from './pattern.ts'
import { run } from './run.ts'

/** What a recorded file really holds, found by demuxing and decoding all of it. */
export interface Media {
  path: string
  bytes: number
  /** ffmpeg's name of the container, such as `mp3` or `mov,mp4,m4a,3gp,3g2,mj2`. */
  container: string
  durationSeconds: number
  /** Top-level boxes of an MP4 in their order; empty for anything else. */
  boxes: string[]
  streams: MediaStream[]
  /** What ffmpeg complained of while demuxing and decoding to the end. Empty for a good file. */
  decodeErrors: string[]
  /** Decoded pictures in the order of presentation. */
  frames: VideoFrame[]
  /** Undefined without an audio stream. */
  sound: Sound | undefined
}

export interface MediaStream {
  kind: 'video' | 'audio' | 'other'
  codec: string
  profile: string
  /** Of the container, less what an edit list hides, so that it can be compared with what could be decoded. */
  packets: number
  width?: number
  height?: number
  sampleRate?: number
  channels?: number
}

export interface VideoFrame {
  ptsSeconds: number
  /** Undefined where the picture holds no readable bar code. */
  frameNumber: number | undefined
  userMark: number | undefined
  flash: boolean
  /** Mean luma of the whole picture, 0 to 255. */
  brightness: number
}

export interface Sound {
  durationSeconds: number
  /** Onsets, in seconds of file time. */
  beeps: number[]
  /** Steady tones and when each was heard. */
  pitches: Pitch[]
  silences: Span[]
  /** Shorter ones too: from 10 ms on, against the usual level of this sound. */
  dips: Span[]
}

const sampleRate = 16_000
const brightnessLines = 6
const lines = 3 + brightnessLines

/** Reads a recorded file to its end. Rejects only if there is no such file or no ffmpeg; a broken file is described, not thrown. */
export async function readMedia(path: string): Promise<Media> {
  const { size } = await stat(path)
  const probe = await probeMedia(path)
  const packets = (index: number) =>
    // Those that an edit list hides are decoded for the sake of others, and not shown.
    (probe.packets ?? []).filter(({ stream_index, flags }) => stream_index === index && !flags.includes('D')).length
  const streams = (probe.streams ?? []).map((stream) => describeStream(stream, packets(stream.index)))
  const video = streams.some((stream) => stream.kind === 'video')
  const audio = streams.some((stream) => stream.kind === 'audio')
  const decoded = await decode(path, video, audio, probe.format?.format_name === 'mp3')
  return {
    path,
    bytes: size,
    container: probe.format?.format_name ?? 'unreadable',
    durationSeconds: Number(probe.format?.duration ?? 0),
    boxes: await topLevelBoxes(path),
    streams,
    decodeErrors: [...probe.errors, ...decoded.errors],
    frames: decoded.frames,
    sound: audio ? listen(decoded.samples) : undefined,
  }
}

interface ProbedStream {
  codec_type?: string
  codec_name?: string
  profile?: string
  index: number
  width?: number
  height?: number
  sample_rate?: string
  channels?: number
}

async function probeMedia(path: string) {
  const args = ['-v', 'error', '-show_entries', 'format:stream:packet=stream_index,flags', '-of', 'json', path]
  const { outputs, errors } = await run('ffprobe', args, 1)
  const answer = JSON.parse(outputs[0]!.toString('utf8') || '{}') as {
    streams?: ProbedStream[]
    packets?: { stream_index: number; flags: string }[]
    format?: { format_name?: string; duration?: string }
  }
  return { ...answer, errors }
}

function describeStream(stream: ProbedStream, packets: number): MediaStream {
  const kind = stream.codec_type === 'video' || stream.codec_type === 'audio' ? stream.codec_type : 'other'
  return {
    kind,
    codec: stream.codec_name ?? 'unknown',
    profile: stream.profile ?? '',
    packets,
    ...(stream.width === undefined ? {} : { width: stream.width }),
    ...(stream.height === undefined ? {} : { height: stream.height }),
    ...(stream.sample_rate === undefined ? {} : { sampleRate: Number(stream.sample_rate) }),
    ...(stream.channels === undefined ? {} : { channels: stream.channels }),
  }
}

/**
 * Decodes both streams in one pass of ffmpeg. Of each picture only a thumbnail in which one pixel is one cell comes out, plus a
 * few sampled lines for its brightness, and its pts in microseconds; of the sound, mono at 16 kHz with gaps filled by silence.
 * MP4 keeps its own time line (-copyts: zero is the file's zero); in an MP3 zero is the first sample that is heard.
 */
async function decode(path: string, video: boolean, audio: boolean, mp3: boolean) {
  if (!video && !audio) return { frames: [], samples: new Float32Array(), errors: [] }
  const { cellPixels, cells } = pattern
  const code = `crop=${cells * cellPixels}:${3 * cellPixels}:0:0,scale=${cells}:3:flags=area`
  const bright = `scale=${cells}:${brightnessLines}:flags=neighbor`
  const stamp = `settb=1/1000000,metadata=mode=add:key=m:value=1,metadata=mode=print:file='pipe\\:4'`
  const graph = `[0:v:0]${stamp},format=gray,split[a][b];[a]${code}[c];[b]${bright}[d];[c][d]vstack[v]`
  const resample = mp3 ? `aresample=${sampleRate}` : `aresample=${sampleRate}:async=1:min_hard_comp=0.01:first_pts=0`
  const args = [
    ...['-v', 'error', ...(mp3 ? [] : ['-copyts']), '-i', path],
    ...(video
      ? [
          '-filter_complex',
          graph,
          '-map',
          '[v]',
          '-fps_mode',
          'passthrough',
          '-enc_time_base',
          '1:1000000',
          '-f',
          'rawvideo',
          'pipe:3',
        ]
      : []),
    ...(audio ? ['-map', '0:a:0', '-af', resample, '-ac', '1', '-f', 'f32le', 'pipe:5'] : []),
  ]
  const { outputs, errors } = await run('ffmpeg', args, 5)
  const pictures = outputs[2]!
  const times = [...outputs[3]!.toString('latin1').matchAll(/ pts:(-?\d+)/g)].map((match) => Number(match[1]) / 1e6)
  const pcm = outputs[4]!
  return {
    frames: readPictures(pictures, times),
    samples: new Float32Array(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.byteLength - (pcm.byteLength % 4))),
    errors,
  }
}

function readPictures(pictures: Buffer, times: readonly number[]): VideoFrame[] {
  const size = pattern.cells * lines
  const frames: VideoFrame[] = []
  for (let index = 0; (index + 1) * size <= pictures.length; index++) {
    const picture = pictures.subarray(index * size, (index + 1) * size)
    frames.push({ ptsSeconds: times[index] ?? Number.NaN, ...readPicture(picture) })
  }
  return frames
}

function readPicture(picture: Buffer): Omit<VideoFrame, 'ptsSeconds'> {
  const line = (index: number) => picture.subarray(index * pattern.cells, (index + 1) * pattern.cells)
  const isWhite = (luma: number | undefined) => (luma ?? 0) > 128
  const readBits = (cells: Buffer) =>
    cells.subarray(0, pattern.bits).reduce((value, luma) => value * 2 + (isWhite(luma) ? 1 : 0), 0)
  const number = line(pattern.numberLine)
  const readable = isWhite(number[pattern.bits]) && !isWhite(number[pattern.bits + 1])
  const rest = picture.subarray(3 * pattern.cells)
  return {
    frameNumber: readable ? readBits(number) : undefined,
    userMark: readable ? readBits(line(pattern.markLine)) : undefined,
    flash: line(pattern.flashLine).every(isWhite),
    brightness: rest.reduce((sum, luma) => sum + luma, 0) / rest.length,
  }
}

function listen(samples: Float32Array): Sound {
  const beeps = findBeeps(samples, sampleRate)
  return {
    durationSeconds: samples.length / sampleRate,
    beeps,
    pitches: findPitches(samples, sampleRate, beeps),
    silences: findSilences(samples, sampleRate),
    dips: findDips(samples, sampleRate),
  }
}

async function topLevelBoxes(path: string): Promise<string[]> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const header = Buffer.alloc(16)
    const boxes: string[] = []
    for (let position = 0; position + 8 <= size; ) {
      await file.read(header, 0, 16, position)
      const type = header.toString('latin1', 4, 8)
      if (!/^[a-z0-9 ]{4}$/i.test(type) || (position === 0 && type !== 'ftyp' && type !== 'styp')) break
      boxes.push(type)
      const length = header.readUInt32BE(0) === 1 ? Number(header.readBigUInt64BE(8)) : header.readUInt32BE(0)
      if (length < 8) break
      position += length
    }
    return boxes
  } finally {
    await file.close()
  }
}
