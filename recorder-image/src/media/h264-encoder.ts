import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Encoders of H.264, the first that there is counts. The one that the image has is free of GPL; whoever records by hand may have another. */
export const h264Encoders = ['libopenh264', 'libx264'] as const
export type H264Encoder = (typeof h264Encoders)[number]

/** The one that this ffmpeg has; undefined where it has none. Rejects where it cannot be run. */
export async function findH264Encoder(ffmpegPath: string): Promise<H264Encoder | undefined> {
  const { stdout } = await run(ffmpegPath, ['-hide_banner', '-encoders'])
  return h264Encoders.find((name) => new RegExp(`\\b${name}\\b`).test(stdout))
}
