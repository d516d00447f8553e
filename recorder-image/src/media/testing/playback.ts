import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { complaintsIn, machineProgram, sayingAll } from './machine-program.ts'

const run = promisify(execFile)

/** What a player makes of a file. Times in seconds since the file's start. */
export interface Playback {
  /** What ffmpeg complained of while it decoded everything. */
  complaints: string
  /** Presentation time of each decoded picture, its size and mean brightness (0..255). */
  pictures: { time: number; brightness: number }[]
  /** When white pictures begin to show. */
  flashes: number[]
  /** Sound as it is heard, one channel at 48 kHz from time 0 on. */
  sound: Float32Array
  /** When sound begins after at least 300 ms of silence. */
  beeps: number[]
  durationSeconds: number
}

/** `input`: options for ffmpeg in front of the file, such as `-ignore_editlist 1`. */
export async function play(path: string, input: string[] = []): Promise<Playback> {
  const probe = JSON.parse(
    (await run(machineProgram('ffprobe'), ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', path])).stdout,
  ) as { streams: { codec_type: string }[]; format: { duration: string } }
  const has = (kind: string) => probe.streams.some((stream) => stream.codec_type === kind)
  const looks = 'scale=16:16,format=gray,showinfo=checksum=0'
  const shown = ['-map', '0:v', '-fps_mode', 'passthrough']
  const heard = 'aresample=async=1000:min_hard_comp=0.001:first_pts=0'
  const { outputs, said } = await decode(path, input, [
    ...(has('video') ? [...shown, '-vf', looks, '-f', 'rawvideo', 'pipe:1'] : []),
    ...(has('video') ? [...shown, '-enc_time_base', '1:90000', '-f', 'null', '-'] : []),
    ...(has('audio') ? ['-map', '0:a', '-af', heard, '-ac', '1', '-ar', '48000', '-f', 'f32le', 'pipe:3'] : []),
  ])
  const [looked, bytes] = outputs
  const times = [...said.matchAll(/pts_time:\s*(-?[0-9.]+)/g)].map((match) => Number(match[1]))
  const pictures = times.map((time, n) => {
    const picture = looked.subarray(n * 256, n * 256 + 256)
    return { time, brightness: picture.reduce((sum, value) => sum + value, 0) / 256 }
  })
  const complaints = complaintsIn(said)
  const sound = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const flashes = pictures
    .filter(({ brightness }, n) => brightness > 200 && (pictures[n - 1]?.brightness ?? 0) <= 200)
    .map(({ time }) => time)
  return { complaints, pictures, flashes, sound, beeps: beepsIn(sound), durationSeconds: Number(probe.format.duration) }
}

/** What is written to descriptors 1 and 3, and all that is said meanwhile. Throws where nothing can be played. */
async function decode(path: string, input: readonly string[], output: readonly string[]) {
  const child = spawn(machineProgram('ffmpeg'), [...sayingAll, ...input, '-i', path, ...output], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const [first, said, second, [code]] = await Promise.all([
    buffer(child.stdout!),
    buffer(child.stderr!),
    buffer(child.stdio[3] as Readable),
    once(child, 'close'),
  ])
  if (code !== 0) throw new Error(`ffmpeg ended with code ${code}: ${said}`)
  return { outputs: [first, second] as const, said: said.toString() }
}

function beepsIn(sound: Float32Array): number[] {
  const beeps: number[] = []
  let lastLoud = -Infinity
  for (let at = 0; at < sound.length; at++) {
    if (Math.abs(sound[at]!) < 0.15) continue
    if (at - lastLoud > 0.3 * 48_000) beeps.push(at / 48_000)
    lastLoud = at
  }
  return beeps
}
