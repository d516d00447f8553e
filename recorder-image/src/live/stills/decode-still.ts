import { FfmpegProcess } from '../../media/ffmpeg.ts'
import { rawVideo } from '../../media/raw-video.ts'
import type { VideoConfig } from '../../media/video-codec.ts'

/** What makes JPEGs of what is read. One thread, as pictures are small, and `mjpeg` as a form has no container around them. */
export const toJpegs = ['-c:v', 'mjpeg', '-threads', '1', '-q:v', '4', '-f', 'mjpeg'] as const
export const stillArguments = ['-frames:v', '1', ...toJpegs, 'pipe:1'] as const

/** No picture takes so long, unless the machine stands still. */
const mostMillis = 10_000

/** A key frame, as a sample of MP4. */
export interface StillSource {
  config: VideoConfig
  sample: Uint8Array
}

/** Makes a JPEG of a key frame, by a process of its own. Rejects with what a person should read where it is none that can be decoded. */
export async function decodeStill({ config, sample }: StillSource, ffmpegPath: string): Promise<Buffer> {
  const { format, head, picture } = rawVideo(config)
  const input = ['-threads', '1', '-f', format, '-i', 'pipe:0']
  const { child, ended } = new FfmpegProcess(ffmpegPath, ['-loglevel', 'error', ...input, ...stillArguments])
  const timer = setTimeout(() => child.kill('SIGKILL'), mostMillis)
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin?.end(Buffer.concat([head, picture(sample, 0)]))
  const problem = await ended
  clearTimeout(timer)
  if (problem !== undefined) throw new Error(problem)
  if (chunks.length === 0) throw new Error('no picture came out of the decoder')
  return Buffer.concat(chunks)
}
