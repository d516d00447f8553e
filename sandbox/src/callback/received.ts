import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SignatureVerdict } from './signature.ts'

/** A callback as it arrived. */
export interface ReceivedCallback {
  /** Number of the request, from 1. */
  sequence: number
  time: string
  method: string
  /** Path and query. */
  path: string
  /** Lower-case names; repeated headers joined by a comma. */
  headers: Record<string, string>
  /** Raw body as text; callbacks are JSON in UTF-8. */
  body: string
  signature: SignatureVerdict
  /** HTTP status it was answered with; 0 where there was no answer. */
  status: number
}

/** Callbacks in the order they came, and whoever waits for one. With a folder, they survive a restart. */
export class Received {
  #callbacks: ReceivedCallback[] = []
  #sequence = 0
  readonly #file: string | undefined
  readonly #listeners = new Set<() => void>()

  constructor(dir: string | undefined) {
    if (dir === undefined) return
    mkdirSync(dir, { recursive: true })
    this.#file = join(dir, 'received.jsonl')
    if (!existsSync(this.#file)) return
    const lines = readFileSync(this.#file, 'utf8').split('\n').filter(Boolean)
    this.#callbacks = lines.map((line) => JSON.parse(line))
    this.#sequence = this.#callbacks.at(-1)?.sequence ?? 0
  }

  add(callback: Omit<ReceivedCallback, 'sequence'>): void {
    const numbered = { sequence: ++this.#sequence, ...callback }
    this.#callbacks.push(numbered)
    if (this.#file) appendFileSync(this.#file, `${JSON.stringify(numbered)}\n`)
    for (const listener of this.#listeners) listener()
  }

  clear(): void {
    this.#callbacks = []
    if (this.#file) rmSync(this.#file, { force: true })
  }

  find(path?: string): ReceivedCallback[] {
    return this.#callbacks.filter((callback) => path === undefined || callback.path === path)
  }

  /** Resolves with what there is once there are `count`, or when the time is up. */
  waitFor(path: string | undefined, count: number, timeoutMillis: number): Promise<ReceivedCallback[]> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer)
        this.#listeners.delete(check)
        resolve(this.find(path))
      }
      const check = () => {
        if (this.find(path).length >= count) finish()
      }
      const timer = setTimeout(finish, timeoutMillis)
      this.#listeners.add(check)
      check()
    })
  }
}
