import { stat } from 'node:fs/promises'
import { runAside } from '../media/ffmpeg.ts'
import type { PcmFormat } from './wav.ts'

export interface EncodeOptions {
  ffmpegPath: string
  deadline: number
}

/** With an Info frame in front, which says what of the first and the last frame is no sound: players and decoders then have the very samples. */
export const mp3Arguments = ['-c:a', 'libmp3lame', '-b:a', '96k', '-id3v2_version', '0', '-f', 'mp3']
/** How many samples there are, and what MD5 they have, stands in front, too. */
export const flacArguments = ['-c:a', 'flac', '-compression_level', '5', '-f', 'flac']

/** Encodes 16-bit PCM as MP3; resolves with the size of what was written. */
export const encodeMp3 = (pcmPath: string, path: string, format: PcmFormat, options: EncodeOptions): Promise<number> =>
  encode(pcmPath, path, format, mp3Arguments, options)

/** The same as FLAC. */
export const encodeFlac = (pcmPath: string, path: string, format: PcmFormat, options: EncodeOptions): Promise<number> =>
  encode(pcmPath, path, format, flacArguments, options)

/** Into a file and not a pipe: what stands in front is known at the end. */
async function encode(
  pcmPath: string,
  path: string,
  { channels, rate }: PcmFormat,
  encoder: readonly string[],
  { ffmpegPath, deadline }: EncodeOptions,
): Promise<number> {
  const input = ['-f', 's16le', '-ar', String(rate), '-ac', String(channels), '-i', pcmPath]
  const end = await runAside(ffmpegPath, [...input, ...encoder, path], { deadline, onProgress() {} })
  if (end.is === 'late') throw new Error('there was no time left to encode the sound')
  if (end.is === 'failed') throw new Error(`the sound cannot be encoded: ${end.why}`)
  return (await stat(path)).size
}
