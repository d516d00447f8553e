import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ManifestFile } from '@trtc-recorder/api'
import { FfmpegProcess } from '../media/ffmpeg.ts'
import { bytesOf, contentOf } from './file-content.ts'
import { type Piece, type PlacedSound, piecesOf, placed } from './placement.ts'
import { bytesPerSample } from './wav.ts'

export interface SoundOptions {
  /** Where the media of the files lies. */
  mediaDirectory: string
  ffmpegPath: string
  /** By `performance.now()`. */
  deadline: number
  /** Of the recording's zero, since 1970. */
  zeroMillis: number
}

/** The sound of one file, mono, where it lies in the recording. Throws with what a person should read where the volume has it no more. */
export async function* soundOf(file: ManifestFile, rate: number, options: SoundOptions): AsyncGenerator<PlacedSound> {
  const pieces: Piece[] = piecesOf(file, options.zeroMillis, rate)
  yield* placed(pieces, decoded(file, rate, options))
}

async function* decoded(
  file: ManifestFile,
  rate: number,
  { mediaDirectory, ffmpegPath, deadline }: SoundOptions,
): AsyncGenerator<Int16Array> {
  const content = await contentOf(file, mediaDirectory)
  // Of an MP4 only what its index says is sound is read; an MP3 ends where it is given nothing more.
  const isMp3 = file.path.endsWith('.mp3')
  const input = isMp3
    ? ['-f', 'mp3', '-i', 'pipe:0']
    : ['-nostdin', '-f', 'mov', '-i', `concat:${content.paths.head}|${content.paths.body}`]
  const output = ['-map', '0:a:0', '-ac', '1', '-ar', String(rate), '-f', 's16le', 'pipe:1']
  const ffmpeg = new FfmpegProcess(ffmpegPath, ['-loglevel', 'error', '-threads', '1', ...input, '-vn', ...output])
  const timer = setTimeout(() => ffmpeg.child.kill('SIGKILL'), Math.max(0, deadline - performance.now()))
  // What is wrong with the pipe is told by the exit, and what is wrong with the volume is told here.
  let unreadable: Error | undefined
  const fed = pipeline(Readable.from(isMp3 ? bytesOf(content) : []), ffmpeg.child.stdin!).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') unreadable = error
    },
  )
  try {
    let odd = Buffer.alloc(0)
    for await (const chunk of ffmpeg.child.stdout! as AsyncIterable<Buffer>) {
      const bytes = odd.length === 0 ? chunk : Buffer.concat([odd, chunk])
      const whole = bytes.length - (bytes.length % bytesPerSample)
      odd = Buffer.from(bytes.subarray(whole))
      yield new Int16Array(new Uint8Array(bytes.subarray(0, whole)).buffer)
    }
    const problem = await ffmpeg.ended
    await fed
    if (unreadable !== undefined) throw unreadable
    if (performance.now() >= deadline) throw new Error('there was no time left to decode the sound')
    if (problem !== undefined) throw new Error(`the sound of ${file.path} cannot be decoded: ${problem}`)
  } finally {
    clearTimeout(timer)
    ffmpeg.child.kill('SIGKILL')
  }
}
