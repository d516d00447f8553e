import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type RecorderProgress, type RecorderResult, recorderProgressSchema, recorderResultSchema } from '@trtc-recorder/api'
import { lookUpHere } from '../../sandbox/src/names/look-up-here.ts'

export interface LogLine {
  msg: string
  [key: string]: unknown
}

export interface RecorderEnd {
  exitCode: number | null
  /** Missing when it was killed before it could say. */
  result: RecorderResult | undefined
}

/** A recorder as a process of its own, the way a person runs it without a cluster. */
export class RecorderProcess {
  readonly logs: LogLine[] = []
  /** Everything it wrote, for tests that look for what must not be there. */
  output = ''
  readonly ended: Promise<RecorderEnd>
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #over = false

  /** `asInImage`: by way of the script that is the image's entry point. */
  constructor(arguments_: string[], environment: NodeJS.ProcessEnv, { asInImage = false } = {}) {
    const main = fileURLToPath(new URL('../../recorder-image/src/main.ts', import.meta.url))
    const start = fileURLToPath(new URL('../../recorder-image/start.sh', import.meta.url))
    const command = [...(asInImage ? ['sh', start] : []), process.execPath, main, ...arguments_, '--port', '0']
    this.#child = spawn(command[0]!, command.slice(1), {
      env: { ...process.env, ...lookUpHere, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      this.output += text
    })
    createInterface(this.#child.stderr!).on('line', (line) => {
      this.output += `${line}\n`
      this.logs.push(line.startsWith('{') ? JSON.parse(line) : { msg: line })
      this.#wake()
    })
    this.ended = once(this.#child, 'close').then(([exitCode]) => {
      this.#over = true
      this.#wake()
      return { exitCode, result: stdout === '' ? undefined : recorderResultSchema.parse(JSON.parse(stdout)) }
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits for a log line that holds these values; it may have come already. */
  async logged(values: Record<string, unknown>): Promise<LogLine> {
    const holds = (line: LogLine) => Object.entries(values).every(([key, value]) => line[key] === value)
    for (let from = 0; ; ) {
      const found = this.logs.slice(from).find(holds)
      if (found) return found
      from = this.logs.length
      if (this.#over) throw new Error(`The recorder ended without logging ${JSON.stringify(values)}:\n${this.output}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  async status(): Promise<RecorderProgress> {
    return recorderProgressSchema.parse(await (await this.get('/status')).json())
  }

  async get(path: string): Promise<Response> {
    const { port } = await this.logged({ msg: 'Health server started' })
    return fetch(`http://127.0.0.1:${port}${path}`)
  }
}
