import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { FfmpegProcess } from '../media/ffmpeg.ts'
import type { PcmFormat } from './wav.ts'

/** Encodes 16-bit PCM; resolves with the size of what was written. */
export async function encodeMp3(
  pcmPath: string,
  path: string,
  { channels, rate }: PcmFormat,
  { ffmpegPath, deadline }: { ffmpegPath: string; deadline: Date },
): Promise<number> {
  const input = ['-f', 's16le', '-ar', String(rate), '-ac', String(channels), '-i', 'pipe:0']
  const output = ['-c:a', 'libmp3lame', '-b:a', '96k', '-write_xing', '0', '-id3v2_version', '0', '-f', 'mp3', 'pipe:1']
  const ffmpeg = new FfmpegProcess(ffmpegPath, ['-loglevel', 'error', ...input, ...output])
  const timer = setTimeout(() => ffmpeg.child.kill('SIGKILL'), Math.max(0, deadline.getTime() - Date.now()))
  try {
    const fed = pipeline(createReadStream(pcmPath), ffmpeg.child.stdin!).catch(() => {})
    await pipeline(ffmpeg.child.stdout!, createWriteStream(path))
    const problem = await ffmpeg.ended
    await fed
    if (Date.now() >= deadline.getTime()) throw new Error('there was no time left to encode the mix')
    if (problem !== undefined) throw new Error(`the mix cannot be encoded: ${problem}`)
    return (await stat(path)).size
  } finally {
    clearTimeout(timer)
    ffmpeg.child.kill('SIGKILL')
  }
}
