import { execFile } from 'node:child_process'
import { rm, stat, writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Manifest } from '@trtc-recorder/api'
import { FfmpegProcess } from '../media/ffmpeg.ts'
import type { EncodeOptions } from './encode-pcm.ts'
import { type Missing, nothingLeft } from './missing.ts'
import { mixGraph, mixPicture, type Seen, seenIn } from './mix-layout.ts'
import { filesOf, readablePictures, streamPictures } from './stream-pictures.ts'
import type { PcmFormat } from './wav.ts'

const run = promisify(execFile)

export interface MixPictureOptions extends EncodeOptions {
  mediaDirectory: string
  /** Where what is needed meanwhile is put. */
  directory: string
  manifest: Manifest
  startTime: string
  seconds: number
  /** The sound of everybody, as PCM; undefined where nobody was heard. */
  sound: { path: string; format: PcmFormat } | undefined
  /** Told how much of it is done. */
  onDone: (share: number) => void
}

/** The one that the image has is free of GPL; whoever records by hand may have another. */
const encoders = { libopenh264: ['-c:v', 'libopenh264'], libx264: ['-c:v', 'libx264', '-preset', 'veryfast'] } as const

/** What follows the inputs. */
export const mixArguments = (encoder: keyof typeof encoders): string[] => [
  ...[
    ...encoders[encoder],
    '-b:v',
    '1500k',
    '-g',
    String(mixPicture.picturesPerSecond * 4),
    '-threads',
    '1',
    '-pix_fmt',
    'yuv420p',
  ],
  ...['-c:a', 'aac', '-b:a', '96k', '-movflags', '+faststart', '-f', 'mp4'],
]

/**
 * One MP4 with everybody in one picture. Each stream is read by one decoder of one thread, 17 and the screens at most, so memory does not grow with the recording; with
 * the lowest priority. Resolves with its size, and the files whose pictures are not in it. Rejects with what a person should read where it cannot be made.
 */
export async function encodeMix(path: string, options: MixPictureOptions): Promise<{ bytes: number; missing: Missing[] }> {
  const { startTime, directory, ffmpegPath, sound, seconds } = options
  const { files, missing } = await readablePictures(options.manifest, options.mediaDirectory)
  const manifest = { ...options.manifest, files }
  const seen = seenIn(manifest, Date.parse(startTime))
  const streams = [...seen.cameras, ...seen.screens]
  if (streams.length === 0 && sound === undefined && missing.length > 0) throw nothingLeft(missing)
  if (streams.length === 0 && sound === undefined) throw new Error('nobody was seen or heard in this recording')
  const made: string[] = []
  try {
    const inputs: string[] = []
    for (const [at, stream] of streams.entries()) {
      const name = join(directory, `mix-${at}`)
      made.push(`${name}.head`, `${name}.body`)
      // A picture that changes its size is scaled anew; the graph of all is not begun anew for it.
      inputs.push(
        '-reinit_filter',
        '0',
        '-threads',
        '1',
        '-f',
        'mov',
        '-i',
        await inputOf(stream, name, { ...options, manifest }),
      )
    }
    const { path: pcm, format } = sound ?? {}
    if (pcm !== undefined && format !== undefined) {
      inputs.push('-f', 's16le', '-ar', String(format.rate), '-ac', String(format.channels), '-i', pcm)
    }
    const graph = ['-filter_complex_threads', '1', '-filter_complex', mixGraph(seen, seconds)]
    const maps = ['-map', '[mixed]', ...(pcm === undefined ? [] : ['-map', `${streams.length}:a`])]
    const output = [...mixArguments(await encoderOf(ffmpegPath)), '-t', String(seconds), path]
    await encode([...inputs, ...graph, ...maps, ...output], options)
    return { bytes: (await stat(path)).size, missing }
  } finally {
    for (const one of made) await rm(one, { force: true })
  }
}

/** Its pictures over the whole recording, which begin when all others do. */
async function inputOf(stream: Seen, name: string, { manifest, mediaDirectory, startTime, seconds }: MixPictureOptions) {
  const files = filesOf(manifest, stream)
  const pictures = await streamPictures(files, { mediaDirectory, joinedPath: `${name}.body`, startTime, seconds })
  await writeFile(`${name}.head`, pictures.head)
  return `concat:${name}.head|${pictures.bodyPath}`
}

async function encoderOf(ffmpegPath: string): Promise<keyof typeof encoders> {
  const { stdout } = await run(ffmpegPath, ['-hide_banner', '-encoders'])
  for (const name of ['libopenh264', 'libx264'] as const) if (new RegExp(`\\b${name}\\b`).test(stdout)) return name
  throw new Error('the ffmpeg that is here has no encoder of H.264')
}

async function encode(
  arguments_: readonly string[],
  { ffmpegPath, deadline, seconds, onDone }: Pick<MixPictureOptions, 'ffmpegPath' | 'deadline' | 'seconds' | 'onDone'>,
): Promise<void> {
  const how = ['-loglevel', 'error', '-nostdin', '-y', '-progress', 'pipe:1', '-stats_period', '5']
  const ffmpeg = new FfmpegProcess(ffmpegPath, [...how, ...arguments_])
  const { pid } = ffmpeg.child
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended: how is told below.
  }
  const timer = setTimeout(() => ffmpeg.child.kill('SIGKILL'), Math.max(0, deadline.getTime() - Date.now()))
  try {
    ffmpeg.child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      const micros = /.*\bout_time_us=(\d+)/s.exec(text)?.[1]
      if (micros !== undefined) onDone(Math.min(1, Number(micros) / 1_000_000 / seconds))
    })
    const problem = await ffmpeg.ended
    if (Date.now() >= deadline.getTime()) throw new Error('there was no time left to mix the pictures')
    if (problem !== undefined) throw new Error(`the pictures cannot be mixed: ${problem}`)
  } finally {
    clearTimeout(timer)
    ffmpeg.child.kill('SIGKILL')
  }
}
