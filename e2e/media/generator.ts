import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mode } from '@trtc-recorder/api'
import type { Span } from './hear.ts'
import { markOf, pattern, pitchHzOf } from './pattern.ts'
import { run } from './run.ts'

/** A file to be made: what an anchor would have sent, and what went wrong on the way. */
export interface Take {
  userId: string
  mode: Mode
  seconds: number
  framesPerSecond: number
  /** Frame number shown at each tick of the frame clock; undefined where there is no frame. By default 0, 1, 2, … */
  numberAt?: (tick: number) => number | undefined
  /** Whose mark a tick shows, where it is not the user's. */
  markAt?: (tick: number) => number
  /** The sound begins this much late. */
  soundDelaySeconds?: number
  silences?: Span[]
  /** Somebody else's tone in the sound. */
  intruder?: { userId: string; from: number; to: number; instead?: boolean }
  noVideo?: boolean
  noAudio?: boolean
}

const soundRate = 48_000
const width = 320
const height = 64

/** Makes a media file of the sandbox's pattern with ffmpeg alone: the checker is tested on these, and each check is made to fail. */
export async function makeFile(path: string, take: Take): Promise<void> {
  const video = take.mode !== '00' && take.noVideo !== true
  const audio = take.mode !== '01' && take.noAudio !== true
  const folder = await mkdtemp(join(tmpdir(), 'take-'))
  try {
    const sound = join(folder, 'sound.f32')
    if (audio) {
      const samples = renderSound(take)
      await writeFile(sound, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength))
    }
    const { errors } = await run(
      'ffmpeg',
      encodeArguments(path, take, video, audio ? sound : undefined),
      2,
      video ? renderPictures(take) : undefined,
    )
    if (errors.length > 0) throw new Error(`ffmpeg could not make ${path}: ${errors.join('; ')}`)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function encodeArguments(path: string, take: Take, video: boolean, sound: string | undefined): string[] {
  const absent = ticks(take).filter((tick) => numberAt(take, tick) === undefined)
  const select = absent.length === 0 ? 'null' : `select='not(${absent.map((tick) => `eq(n,${tick})`).join('+')})'`
  return [
    ...['-v', 'error', '-y'],
    ...(video
      ? ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${width}x${height}`, '-r', String(take.framesPerSecond), '-i', 'pipe:0']
      : []),
    ...(sound === undefined ? [] : ['-f', 'f32le', '-ar', String(soundRate), '-ac', '1', '-i', sound]),
    ...(video
      ? [
          '-vf',
          select,
          '-fps_mode',
          'vfr',
          '-c:v',
          'libx264',
          '-preset',
          'ultrafast',
          '-profile:v',
          'baseline',
          '-pix_fmt',
          'yuv420p',
        ]
      : []),
    ...(video ? ['-g', String(take.framesPerSecond), '-crf', '20'] : []),
    ...(sound === undefined ? [] : ['-c:a', take.mode === '00' ? 'libmp3lame' : 'aac', '-b:a', '96k']),
    ...(take.mode === '00' ? ['-f', 'mp3'] : ['-movflags', '+faststart', '-f', 'mp4']),
    path,
  ]
}

const ticks = ({ seconds, framesPerSecond }: Take) =>
  Array.from({ length: Math.round(seconds * framesPerSecond) }, (_, tick) => tick)
const numberAt = (take: Take, tick: number) => (take.numberAt === undefined ? tick : take.numberAt(tick))

function renderPictures(take: Take): Uint8Array {
  const own = markOf(take.userId)
  const all = ticks(take)
  const pictures = new Uint8Array(all.length * width * height)
  for (const tick of all) {
    const picture = pictures.subarray(tick * width * height, (tick + 1) * width * height).fill(60)
    const number = numberAt(take, tick) ?? 0
    drawBits(picture, pattern.numberLine, number)
    drawCell(picture, pattern.numberLine, pattern.bits, true)
    drawCell(picture, pattern.numberLine, pattern.bits + 1, false)
    drawBits(picture, pattern.markLine, take.markAt?.(tick) ?? own)
    for (let cell = 0; cell < width / pattern.cellPixels; cell++)
      drawCell(picture, pattern.flashLine, cell, number % take.framesPerSecond === 0)
  }
  return pictures
}

function drawBits(picture: Uint8Array, line: number, value: number) {
  for (let bit = 0; bit < pattern.bits; bit++) drawCell(picture, line, bit, ((value >> (pattern.bits - 1 - bit)) & 1) === 1)
}

function drawCell(picture: Uint8Array, line: number, cell: number, white: boolean) {
  for (let row = line * pattern.cellPixels; row < (line + 1) * pattern.cellPixels; row++) {
    const start = row * width + cell * pattern.cellPixels
    picture.fill(white ? 235 : 16, start, start + pattern.cellPixels)
  }
}

/** The sound of a take at 48 kHz. */
export function renderSound(take: Take, rate = soundRate): Float32Array {
  const samples = new Float32Array(Math.round(take.seconds * rate))
  const delay = take.soundDelaySeconds ?? 0
  const tone = (userId: string, time: number) => 0.1 * Math.sin(2 * Math.PI * pitchHzOf(userId) * time)
  for (let index = 0; index < samples.length; index++) {
    const fileTime = index / rate
    const time = fileTime - delay
    if (time < 0 || take.silences?.some((silence) => fileTime >= silence.startSeconds && fileTime < silence.endSeconds)) continue
    const { intruder } = take
    const intrudes = intruder !== undefined && fileTime >= intruder.from && fileTime < intruder.to
    const own = intrudes && intruder.instead === true ? 0 : tone(take.userId, time)
    const other = intrudes ? tone(intruder.userId, time) : 0
    const beep = time % 1 < pattern.beepSeconds ? 0.5 * Math.sin(2 * Math.PI * pattern.beepHertz * time) : 0
    samples[index] = own + other + beep
  }
  return samples
}
