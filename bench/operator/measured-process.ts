import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { usage } from '../process-tree.ts'

/** A process whose CPU and memory are told. What it writes to stderr is kept for the case that it ends by itself. */
export class MeasuredProcess {
  readonly #child: ChildProcess
  #tail = ''

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { env, stdio: ['ignore', process.env.SHOW_LOG ? 'inherit' : 'ignore', 'pipe'] })
    this.#child.stderr?.on('data', (chunk) => {
      this.#tail = (this.#tail + chunk).slice(-4000)
    })
    this.#child.once('exit', (code) => {
      if (code) console.error(`${command} ended with ${code}: ${this.#tail}`)
    })
  }

  get cpuMillis(): number {
    return usage(this.#child.pid!).cpuSeconds * 1000
  }

  /** Resident memory now and at its most, in MB. */
  get memoryMB(): { now: number; most: number } {
    const text = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1])
    return { now: kilobytes('VmRSS') / 1024, most: kilobytes('VmHWM') / 1024 }
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}

/** User and system time that processes of others' have used. */
export const cpuMillisOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + usage(pid).cpuSeconds * 1000, 0)

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
