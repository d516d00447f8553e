/**
 * Clips as files in the cache folder, made once by ffmpeg and kept by their parameters, and in memory ready to be sent: access units
 * already cut into RTP payloads, Opus packets of 20 ms.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { AUDIO_PACKET_MS, type ClipParameters, checkClip, clipFrames, drawSound, SAMPLE_RATE_HZ } from './clip.ts'
import { picturePainter } from './clip-picture.ts'
import { opusPacketsOf } from './ogg-opus.ts'
import { nalType, packetizeH264, splitNalUnits } from './rtp.ts'

/** Changes whenever a clip made with the same parameters would look or sound different. */
const CLIP_VERSION = 3

export interface VideoFrame {
  key: boolean
  /** RTP payloads in order; the marker goes on the last. */
  payloads: Buffer[]
}
export interface VideoClip {
  width: number
  height: number
  fps: number
  frames: VideoFrame[]
}
export interface AudioClip {
  packets: Buffer[]
}

const children = new Set<ChildProcess>()
const inMemory = new Map<string, Promise<unknown>>()
let queue: Promise<unknown> = Promise.resolve()

/** Ends what is being made, so that no ffmpeg outlives the room server. */
export function stopClipMaking(): void {
  for (const child of children) child.kill('SIGKILL')
}

export function videoClip(clip: ClipParameters): Promise<VideoClip> {
  checkClip(clip)
  return remembered(clipPath('video', clip, 'h264'), (path) => makeVideo(clip, path), loadVideo(clip))
}

/** Sound belongs to the user alone: size and rate of the picture do not matter. */
export function audioClip({ userId, loopSeconds }: Pick<ClipParameters, 'userId' | 'loopSeconds'>): Promise<AudioClip> {
  return remembered(
    clipPath('audio', { userId, loopSeconds }, 'ogg'),
    (path) => makeAudio(userId, loopSeconds, path),
    loadAudio(loopSeconds),
  )
}

/** Makes the file if the cache has none (one at a time: the sandbox shares its processors), loads it once. */
function remembered<T>(path: string, make: (path: string) => Promise<void>, load: (file: Buffer) => T): Promise<T> {
  const known = inMemory.get(path)
  if (known) return known as Promise<T>
  const made = (async () => {
    if (!existsSync(path)) {
      const turn = queue.then(() => whole(path, make))
      queue = turn.catch(() => {})
      await turn
    }
    return load(await readFile(path))
  })()
  inMemory.set(path, made)
  made.catch(() => inMemory.delete(path))
  return made
}

/** A file that another process may be making too is there in full or not at all. */
async function whole(path: string, make: (path: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.${randomUUID()}.part`
  try {
    await make(partial)
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
}

function clipPath(kind: string, parameters: object, extension: string): string {
  const cache = process.env.TRTC_RECORDER_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'trtc-recorder')
  const key = createHash('sha256')
    .update(JSON.stringify([CLIP_VERSION, kind, parameters]))
    .digest('hex')
    .slice(0, 20)
  return join(cache, 'clips', `${kind}-${key}.${extension}`)
}

/** Constrained baseline (no B frames, no CABAC), one slice a frame, an IDR each second, access unit delimiters to cut at. */
function makeVideo(clip: ClipParameters, path: string): Promise<void> {
  const { width, height, fps, videoKbps } = clip
  const input = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', String(fps), '-i', 'pipe:0']
  const x264 = `aud=1:keyint=${fps}:min-keyint=${fps}:scenecut=0:threads=1:sliced-threads=0:bframes=0:repeat-headers=1`
  const rate = ['-b:v', `${videoKbps}k`, '-maxrate', `${videoKbps}k`, '-bufsize', `${videoKbps}k`]
  const encoder = ['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-x264-params', x264, ...rate]
  const paint = picturePainter(clip)
  return encode([...input, ...encoder, '-f', 'h264', path], function* () {
    for (let n = 0; n < clipFrames(clip); n++) yield paint(n)
  })
}

/** One second more in front, dropped again on loading: so the first packet continues the sound of the last and the loop has no seam. */
function makeAudio(userId: string, loopSeconds: number, path: string): Promise<void> {
  const input = ['-f', 's16le', '-ar', String(SAMPLE_RATE_HZ), '-ac', '2', '-i', 'pipe:0']
  const encoder = ['-c:a', 'libopus', '-b:a', '64k', '-frame_duration', String(AUDIO_PACKET_MS), '-compression_level', '0']
  return encode([...input, ...encoder, '-f', 'ogg', path], function* () {
    for (let second = -1; second < loopSeconds; second++)
      yield Buffer.from(drawSound(userId, second * SAMPLE_RATE_HZ, SAMPLE_RATE_HZ).buffer)
  })
}

async function encode(args: string[], input: () => Iterable<Buffer>): Promise<void> {
  const binary = ffmpegBinary()
  const ffmpeg = spawn(binary, ['-nostdin', '-hide_banner', '-loglevel', 'error', '-y', ...args], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  children.add(ffmpeg)
  let said = ''
  ffmpeg.stderr.on('data', (text) => {
    said = (said + text).slice(-2000)
  })
  ffmpeg.stdin.on('error', () => {}) // the exit code tells why it closed its input
  const exited = once(ffmpeg, 'close')
  exited.catch(() => {})
  try {
    for (const chunk of input()) {
      if (ffmpeg.exitCode !== null || !ffmpeg.stdin.writable) break
      // Waits for the whole chunk to be handed over: the next one is drawn into the same buffer.
      await new Promise((resolve) => ffmpeg.stdin.write(chunk, resolve))
    }
    ffmpeg.stdin.end()
    const [code] = await exited
    if (code !== 0) throw new Error(`${binary} could not make a clip (exit ${code}): ${said.trim()}`)
  } finally {
    children.delete(ffmpeg)
  }
}

/** FFMPEG_BIN, else the binary beside the package ffmpeg-static, else ffmpeg in PATH. */
export function ffmpegBinary(): string {
  if (process.env.FFMPEG_BIN) return process.env.FFMPEG_BIN
  try {
    const beside = join(dirname(createRequire(import.meta.url).resolve('ffmpeg-static/package.json')), 'ffmpeg')
    if (existsSync(beside)) return beside
  } catch {}
  return 'ffmpeg'
}

/** Delimiters and SEI are for files; real senders send neither. */
const loadVideo =
  (clip: ClipParameters) =>
  (file: Buffer): VideoClip => {
    const frames: VideoFrame[] = []
    for (const units of accessUnits(splitNalUnits(file)))
      frames.push({ key: units.some((unit) => typeOf(unit) === nalType.idr), payloads: packetizeH264(units) })
    if (frames.length !== clipFrames(clip))
      throw new Error(`clip of ${clip.userId} has ${frames.length} frames, not ${clipFrames(clip)}`)
    return { width: clip.width, height: clip.height, fps: clip.fps, frames }
  }

const typeOf = (unit: Buffer) => (unit[0] ?? 0) & 0x1f

function accessUnits(units: Buffer[]): Buffer[][] {
  const out: Buffer[][] = []
  for (const unit of units) {
    if (typeOf(unit) === nalType.accessUnitDelimiter) out.push([])
    else if (typeOf(unit) !== nalType.sei) out.at(-1)?.push(unit)
  }
  return out
}

const loadAudio =
  (loopSeconds: number) =>
  (file: Buffer): AudioClip => {
    const perSecond = 1000 / AUDIO_PACKET_MS
    const packets = opusPacketsOf(file).slice(perSecond, perSecond * (loopSeconds + 1))
    if (packets.length !== perSecond * loopSeconds)
      throw new Error(`sound clip has ${packets.length} packets, not ${perSecond * loopSeconds}`)
    return { packets }
  }
