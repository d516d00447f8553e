import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * ffmpeg or ffprobe with all that they can do, for what is recorded in a test and for judging what was made of it: those beside FFMPEG_BIN where both are
 * there, else what PATH has. FFMPEG_BIN alone may name the recorder's own, which does what the recorder needs and no more.
 */
export function machineProgram(name: 'ffmpeg' | 'ffprobe', env: NodeJS.ProcessEnv = process.env): string {
  const directory = env.FFMPEG_BIN === undefined ? undefined : dirname(env.FFMPEG_BIN)
  return directory !== undefined && existsSync(join(directory, 'ffprobe')) ? join(directory, name) : name
}

/** For an ffmpeg that says all that it sees, and marks what it complains of: starting one takes longer than most of what a test asks of it, so one does all. */
export const sayingAll = ['-hide_banner', '-nostats', '-v', 'repeat+level+info'] as const

/** What it complains of; not of what is asked of it for the test alone: to make pictures small, and to write them one after the other. */
export const complaintsIn = (said: string) =>
  said
    .split('\n')
    .filter((line) => /\[(warning|error|fatal|panic)\]/.test(line) && !/^\[(swscaler|rawvideo) /.test(line))
    .map((line) => `${line}\n`)
    .join('')
