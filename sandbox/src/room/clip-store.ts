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
import { AUDIO_PACKET_MS, type ClipCodec, type ClipParameters, checkClip, clipFrames, drawSound, SAMPLE_RATE_HZ } from './clip.ts'
import { picturePainter } from './clip-picture.ts'
import { opusPacketsOf } from './ogg-opus.ts'
import { nalType, packetizeH264, packetizeVp8, splitNalUnits } from './rtp.ts'

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

/** `keyFrame`: which frame of each second is a key frame beside the first. */
export function videoClip(clip: ClipParameters, keyFrame = 0): Promise<VideoClip> {
  checkClip(clip)
  const { codec, keyFrames, ...picture } = clip
  const { kind, extension } = formats[codec]
  const parameters = keyFrame === 0 ? picture : { ...picture, keyFrame }
  return remembered(clipPath(kind, parameters, extension), (path) => makeVideo(clip, keyFrame, path), loadVideo(clip))
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

/** What a Chromium takes for its camera and its microphone, as files that it plays over and over; its camera runs at 30 pictures a second. */
export interface CameraFiles {
  video: string
  audio: string
}

/** `loopSeconds`: whole seconds, so that flashes keep their rhythm. */
export async function cameraFiles(clip: Omit<ClipParameters, 'codec' | 'fps' | 'videoKbps' | 'keyFrames'>): Promise<CameraFiles> {
  const camera = { ...clip, fps: CAMERA_FPS }
  const [video, audio] = [clipPath('camera', camera, 'mjpeg'), clipPath('microphone', camera, 'wav')]
  await remembered(
    video,
    (path) => makeCamera({ ...camera, codec: 'h264', videoKbps: 1, keyFrames: 'eachSecond' }, path),
    Boolean,
  )
  await remembered(audio, (path) => makeMicrophone(camera, path), Boolean)
  return { video, audio }
}

/** Chromium takes no other rate from Motion JPEG (media/capture/video/file_video_capture_device.cc). */
const CAMERA_FPS = 30

function makeCamera(clip: ClipParameters, path: string): Promise<void> {
  const { width, height, fps } = clip
  const input = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', String(fps), '-i', 'pipe:0']
  const paint = picturePainter(clip)
  return encode([...input, '-c:v', 'mjpeg', '-q:v', '4', '-pix_fmt', 'yuvj420p', '-f', 'mjpeg', path], function* () {
    for (let n = 0; n < clipFrames(clip); n++) yield paint(n)
  })
}

function makeMicrophone({ userId, loopSeconds }: Pick<ClipParameters, 'userId' | 'loopSeconds'>, path: string): Promise<void> {
  const input = ['-f', 's16le', '-ar', String(SAMPLE_RATE_HZ), '-ac', '2', '-i', 'pipe:0']
  return encode([...input, '-f', 'wav', path], function* () {
    yield Buffer.from(drawSound(userId, 0, loopSeconds * SAMPLE_RATE_HZ).buffer)
  })
}

/** How clips of each codec are kept: under a name of their own, frame after frame in the order in which they are sent. */
const formats: Record<ClipCodec, { kind: string; extension: string; framesOf: (file: Buffer) => VideoFrame[] }> = {
  h264: { kind: 'video', extension: 'h264', framesOf: h264Frames },
  'h264 b': { kind: 'video-b', extension: 'h264', framesOf: h264Frames },
  vp8: { kind: 'video', extension: 'ivf', framesOf: vp8Frames },
}

/** A key frame each second. H.264 has one slice a frame and access unit delimiters to cut at; without B frames it is constrained baseline. */
function encoderOf({ codec, fps }: ClipParameters): string[] {
  const x264 = `aud=1:keyint=${fps}:min-keyint=${fps}:scenecut=0:threads=1:sliced-threads=0:repeat-headers=1`
  switch (codec) {
    case 'h264':
      return ['libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-x264-params', `${x264}:bframes=0`]
    case 'h264 b':
      return [
        'libx264',
        '-preset',
        'ultrafast',
        '-profile:v',
        'main',
        '-x264-params',
        `${x264}:bframes=2:b-adapt=0:b-pyramid=none`,
      ]
    case 'vp8':
      return [
        'libvpx',
        '-deadline',
        'realtime',
        '-cpu-used',
        '8',
        '-g',
        String(fps),
        '-keyint_min',
        String(fps),
        '-lag-in-frames',
        '0',
      ]
  }
}

function makeVideo(clip: ClipParameters, keyFrame: number, path: string): Promise<void> {
  const { width, height, fps, videoKbps, codec } = clip
  const input = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', String(fps), '-i', 'pipe:0']
  const rate = ['-b:v', `${videoKbps}k`, '-maxrate', `${videoKbps}k`, '-bufsize', `${videoKbps}k`]
  const isKey = `eq(mod(n,${fps}),0)+eq(mod(n,${fps}),${keyFrame})`
  const keys = keyFrame === 0 ? [] : ['-forced-idr', '1', '-force_key_frames', `expr:${isKey}`]
  const paint = picturePainter(clip)
  return encode([...input, '-c:v', ...encoderOf(clip), ...keys, ...rate, '-f', formats[codec].extension, path], function* () {
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

/** FFMPEG_BIN where ffprobe is beside it, else the binary beside the package ffmpeg-static, else ffmpeg in PATH. The recorder's own makes no clips. */
function ffmpegBinary(): string {
  const given = process.env.FFMPEG_BIN
  if (given && existsSync(join(dirname(given), 'ffprobe'))) return given
  try {
    const beside = join(dirname(createRequire(import.meta.url).resolve('ffmpeg-static/package.json')), 'ffmpeg')
    if (existsSync(beside)) return beside
  } catch {}
  return 'ffmpeg'
}

const loadVideo =
  (clip: ClipParameters) =>
  (file: Buffer): VideoClip => {
    const frames = formats[clip.codec].framesOf(file)
    if (frames.length !== clipFrames(clip))
      throw new Error(`clip of ${clip.userId} has ${frames.length} frames, not ${clipFrames(clip)}`)
    return { width: clip.width, height: clip.height, fps: clip.fps, frames }
  }

/** Delimiters and SEI are for files; real senders send neither. */
function h264Frames(file: Buffer): VideoFrame[] {
  return accessUnits(splitNalUnits(file)).map((units) => ({
    key: units.some((unit) => typeOf(unit) === nalType.idr),
    payloads: packetizeH264(units),
  }))
}

/** IVF: a header of 32 bytes, then each frame behind one of 12, which begins with its length. */
function vp8Frames(file: Buffer): VideoFrame[] {
  const frames: VideoFrame[] = []
  for (let at = 32; at + 12 <= file.length; at += 12 + file.readUInt32LE(at)) {
    const frame = file.subarray(at + 12, at + 12 + file.readUInt32LE(at))
    frames.push({ key: ((frame[0] ?? 1) & 1) === 0, payloads: packetizeVp8(frame) })
  }
  return frames
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
