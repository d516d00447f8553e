import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { machineProgram } from '../../recorder-image/src/media/testing/machine-program.ts'

/**
 * Runs ffmpeg or ffprobe with `count` outputs: stdout, then file descriptors 3, 4, … (descriptor 2 is stderr, so outputs[1] stays
 * empty). What is on stderr comes back as lines, without repeats; the exit code adds one if nothing else was said.
 */
export async function run(name: 'ffmpeg' | 'ffprobe', args: readonly string[], count: number, input?: Uint8Array) {
  const child = spawn(machineProgram(name), args, {
    stdio: [
      input === undefined ? 'ignore' : 'pipe',
      'pipe',
      'pipe',
      ...Array.from({ length: Math.max(0, count - 2) }, () => 'pipe' as const),
    ],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) =>
      reject(new Error(`${name} could not be run: ${error.message}. Install ffmpeg, or set FFMPEG_BIN.`)),
    )
    child.on('close', resolve)
  })
  child.stdin?.on('error', () => {}) // a child that ends early says why on stderr
  child.stdin?.end(input)
  const read = (descriptor: number) => buffer(child.stdio[descriptor] as Readable)
  const rest = Array.from({ length: Math.max(0, count - 2) }, (_, index) => read(index + 3))
  const [code, stdout, stderr, ...outputs] = await Promise.all([ended, read(1), read(2), ...rest])
  const said = stderr
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const errors = [...new Set(said)].slice(0, 20)
  if (code !== 0 && errors.length === 0) errors.push(`${name} ended with code ${code}`)
  return { outputs: [stdout, Buffer.alloc(0), ...outputs] as Buffer[], errors }
}
