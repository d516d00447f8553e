import { createHash, type Hash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { FfmpegProcess } from '../media/ffmpeg.ts'
import { putFlacTotals } from './flac.ts'
import { bytesPerSample, type PcmFormat } from './wav.ts'

export interface EncodeOptions {
  ffmpegPath: string
  deadline: Date
}

export const mp3Arguments = ['-c:a', 'libmp3lame', '-b:a', '96k', '-write_xing', '0', '-id3v2_version', '0', '-f', 'mp3']
export const flacArguments = ['-c:a', 'flac', '-compression_level', '5', '-f', 'flac']

/** Encodes 16-bit PCM as MP3; resolves with the size of what was written. */
export const encodeMp3 = (pcmPath: string, path: string, format: PcmFormat, options: EncodeOptions): Promise<number> =>
  encode(pcmPath, path, format, mp3Arguments, options)

/** Encodes 16-bit PCM as FLAC, which says how long it is and what MD5 its samples have; resolves with the size of what was written. */
export async function encodeFlac(pcmPath: string, path: string, format: PcmFormat, options: EncodeOptions): Promise<number> {
  const md5 = createHash('md5')
  const bytes = await encode(pcmPath, path, format, flacArguments, options, md5)
  // ffmpeg writes into a pipe, in which nothing can be put right at the end.
  const file = await open(path, 'r+')
  try {
    await putFlacTotals(file, { samples: (await stat(pcmPath)).size / (format.channels * bytesPerSample), md5: md5.digest() })
  } finally {
    await file.close()
  }
  return bytes
}

async function encode(
  pcmPath: string,
  path: string,
  { channels, rate }: PcmFormat,
  encoder: readonly string[],
  { ffmpegPath, deadline }: EncodeOptions,
  hash?: Hash,
): Promise<number> {
  const input = ['-f', 's16le', '-ar', String(rate), '-ac', String(channels), '-i', 'pipe:0']
  const ffmpeg = new FfmpegProcess(ffmpegPath, ['-loglevel', 'error', ...input, ...encoder, 'pipe:1'])
  const timer = setTimeout(() => ffmpeg.child.kill('SIGKILL'), Math.max(0, deadline.getTime() - Date.now()))
  try {
    const pcm = createReadStream(pcmPath)
    if (hash !== undefined) pcm.on('data', (chunk) => hash.update(chunk))
    const fed = pipeline(pcm, ffmpeg.child.stdin!).catch(() => {})
    await pipeline(ffmpeg.child.stdout!, createWriteStream(path))
    const problem = await ffmpeg.ended
    await fed
    if (Date.now() >= deadline.getTime()) throw new Error('there was no time left to encode the sound')
    if (problem !== undefined) throw new Error(`the sound cannot be encoded: ${problem}`)
    return (await stat(path)).size
  } finally {
    clearTimeout(timer)
    ffmpeg.child.kill('SIGKILL')
  }
}
