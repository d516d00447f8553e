import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Manifest } from '@trtc-recorder/api'
import { runAside } from '../media/ffmpeg.ts'
import { findH264Encoder, type H264Encoder } from '../media/h264-encoder.ts'
import type { EncodeOptions } from './encode-pcm.ts'
import { type Missing, nothingLeft } from './missing.ts'
import { mixGraph, mixPicture, mostCameras, type Seen, seenIn } from './mix-layout.ts'
import { filesOf, readablePictures, streamPictures } from './stream-pictures.ts'
import type { PcmFormat } from './wav.ts'

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

const encoders = {
  libopenh264: ['-c:v', 'libopenh264'],
  libx264: ['-c:v', 'libx264', '-preset', 'veryfast'],
} as const satisfies Record<H264Encoder, string[]>

/** What follows the inputs. */
export const mixArguments = (encoder: H264Encoder): string[] => [
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
  const { files, missing: unreadable } = await readablePictures(options.manifest, options.mediaDirectory)
  const manifest = { ...options.manifest, files }
  const seen = seenIn(manifest, Date.parse(startTime))
  const streams = [...seen.cameras, ...seen.screens]
  const why = `of ${seen.cameras.length + seen.noRoomFor.length} cameras the ${mostCameras} that were on longest are shown`
  const unshown = seen.noRoomFor.flatMap((one) => filesOf(manifest, one)).map((file) => ({ file, why }))
  const missing = [...unreadable, ...unshown]
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

async function encoderOf(ffmpegPath: string): Promise<H264Encoder> {
  const encoder = await findH264Encoder(ffmpegPath)
  if (encoder === undefined) throw new Error('the ffmpeg that is here has no encoder of H.264')
  return encoder
}

async function encode(
  arguments_: readonly string[],
  { ffmpegPath, deadline, seconds, onDone }: Pick<MixPictureOptions, 'ffmpegPath' | 'deadline' | 'seconds' | 'onDone'>,
): Promise<void> {
  const end = await runAside(ffmpegPath, arguments_, {
    deadline,
    onProgress(text) {
      const micros = /.*\bout_time_us=(\d+)/s.exec(text)?.[1]
      if (micros !== undefined) onDone(Math.min(1, Number(micros) / 1_000_000 / seconds))
    },
  })
  if (end.is === 'late') throw new Error('there was no time left to mix the pictures')
  if (end.is === 'failed') throw new Error(`the pictures cannot be mixed: ${end.why}`)
}
