import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findFfmpeg } from '../ffmpeg.ts'

const run = promisify(execFile)
const maxBuffer = 512 * 1024 * 1024

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
  const ffmpeg = findFfmpeg()
  const probe = JSON.parse(
    (await run(ffmpeg.replace(/ffmpeg$/, 'ffprobe'), ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', path]))
      .stdout,
  ) as { streams: { codec_type: string }[]; format: { duration: string } }
  const has = (kind: string) => probe.streams.some((stream) => stream.codec_type === kind)
  let complaints = ''
  const decode = async (...output: string[]) => {
    const options = { encoding: 'buffer' as const, maxBuffer }
    const result = await run(ffmpeg, ['-v', 'warning', ...input, '-i', path, ...output], options)
    complaints += result.stderr.toString()
    return result.stdout
  }
  const pictures: Playback['pictures'] = []
  if (has('video')) {
    const filter = 'scale=16:16,format=gray,showinfo=checksum=0'
    const { stdout, stderr } = await run(
      ffmpeg,
      ['-v', 'info', ...input, '-i', path, '-map', '0:v', '-vf', filter, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'],
      { encoding: 'buffer', maxBuffer },
    )
    const times = [...stderr.toString().matchAll(/pts_time:\s*(-?[0-9.]+)/g)].map((match) => Number(match[1]))
    times.forEach((time, n) => {
      const picture = stdout.subarray(n * 256, n * 256 + 256)
      pictures.push({ time, brightness: picture.reduce((sum, value) => sum + value, 0) / 256 })
    })
    await decode('-map', '0:v', '-fps_mode', 'passthrough', '-enc_time_base', '1:90000', '-f', 'null', '-')
  }
  let sound = new Float32Array()
  if (has('audio')) {
    const bytes = await decode(
      '-map',
      '0:a',
      '-af',
      'aresample=async=1000:min_hard_comp=0.001:first_pts=0',
      '-ac',
      '1',
      '-ar',
      '48000',
      '-f',
      'f32le',
      '-',
    )
    sound = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  }
  const flashes = pictures
    .filter(({ brightness }, n) => brightness > 200 && (pictures[n - 1]?.brightness ?? 0) <= 200)
    .map(({ time }) => time)
  return { complaints, pictures, flashes, sound, beeps: beepsIn(sound), durationSeconds: Number(probe.format.duration) }
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
