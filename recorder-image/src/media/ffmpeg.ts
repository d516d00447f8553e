import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, setPriority } from 'node:os'
import { dirname, join } from 'node:path'

/** Where ffmpeg is: FFMPEG_BIN, else the one that the package ffmpeg-static fetched, else the one in PATH. Its code is not imported: GPL. */
export function findFfmpeg(env: NodeJS.ProcessEnv = process.env): string {
  if (env.FFMPEG_BIN) return env.FFMPEG_BIN
  try {
    const bundled = join(dirname(createRequire(import.meta.url).resolve('ffmpeg-static/package.json')), 'ffmpeg')
    if (existsSync(bundled)) return bundled
  } catch {
    // Not installed: PATH.
  }
  return 'ffmpeg'
}

const stderrKept = 2000

/** An ffmpeg that reads stdin and writes stdout; what it says on stderr is kept for messages. */
export class FfmpegProcess {
  /** Without pipes, or a pid, where it could not be started: `ended` says why. */
  readonly child: ChildProcess
  /** Settles when it has ended and all its output was read; says why it failed, if it did. */
  readonly ended: Promise<string | undefined>
  #stderr = ''

  constructor(ffmpegPath: string, arguments_: readonly string[]) {
    this.child = spawn(ffmpegPath, ['-hide_banner', '-nostats', '-loglevel', 'warning', ...arguments_], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Out of reach of a terminal's Ctrl-C, which is for the recorder to answer. It ends with its stdin at the latest.
      detached: true,
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrKept)
    })
    // Broken pipes are told by the exit, which says more.
    this.child.stdin?.on('error', () => {})
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(`ffmpeg could not be run (${ffmpegPath}): ${error.message}`))
      this.child.on('close', (code, signal) => {
        if (code === 0) resolve(undefined)
        else resolve(`ffmpeg ended with ${signal ?? `exit code ${code}`}${this.stderr === '' ? '' : `: ${this.stderr}`}`)
      })
    })
  }

  /** The last of what it wrote to stderr, on one line. */
  get stderr(): string {
    return this.#stderr.trim().replace(/\s*\n\s*/g, '; ')
  }
}

/** How work ended that makes way for everything else. */
export type AsideEnd = { is: 'done' } | { is: 'late' } | { is: 'failed'; why: string }

/** Runs an ffmpeg with the lowest priority, until `deadline` (by `performance.now()`) or `signal` at most. `onProgress` is told what it says of its progress, every few seconds. */
export async function runAside(
  ffmpegPath: string,
  arguments_: readonly string[],
  { deadline, signal, onProgress }: { deadline: number; signal?: AbortSignal | undefined; onProgress: (text: string) => void },
): Promise<AsideEnd> {
  const leftMillis = deadline - performance.now()
  if (leftMillis <= 0 || signal?.aborted) return { is: 'late' }
  const how = ['-loglevel', 'error', '-nostdin', '-y', '-progress', 'pipe:1', '-stats_period', '2']
  const ffmpeg = new FfmpegProcess(ffmpegPath, [...how, ...arguments_])
  const { pid } = ffmpeg.child
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended: how is told below.
  }
  let isLate = false
  const stop = () => {
    isLate = true
    ffmpeg.child.kill('SIGKILL')
  }
  const timer = setTimeout(stop, leftMillis)
  signal?.addEventListener('abort', stop)
  try {
    ffmpeg.child.stdout?.setEncoding('latin1').on('data', onProgress)
    const why = await ffmpeg.ended
    if (isLate) return { is: 'late' }
    return why === undefined ? { is: 'done' } : { is: 'failed', why }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    ffmpeg.child.kill('SIGKILL')
  }
}
