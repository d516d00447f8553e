import { readFileSync, type Stats, statSync } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { checkedLine, readCheckedLines } from './checked-lines.ts'

/**
 * A file of JSON lines on the volume that is only appended to. `add` never throws and never waits. What could not be written, as on a full
 * volume, is kept and tried again with what comes next; a line whose key comes again before it was written gives way to the later one.
 */
export class DurableLines {
  /** Why the last try to write failed; undefined when everything is on disk that was added. */
  error: Error | undefined
  readonly #path: string
  readonly #unwritten = new Map<string | number, object>()
  #writing: Promise<void> | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Keys of what is not on disk yet. */
  get waiting(): readonly (string | number)[] {
    return [...this.#unwritten.keys()]
  }

  /** What is not on disk yet. */
  get unwritten(): readonly object[] {
    return [...this.#unwritten.values()]
  }

  add(lines: Iterable<[key: string | number, line: object]>): void {
    for (const [key, line] of lines) {
      this.#unwritten.delete(key)
      this.#unwritten.set(key, line)
    }
    if (this.#unwritten.size > 0) this.#writing ??= this.#write()
  }

  /** Resolves when what was added is on disk and would survive the machine, or could not be written; see `error`. */
  async settled(): Promise<void> {
    await this.#writing
    if (this.#unwritten.size > 0) this.#writing ??= this.#write()
    await this.#writing
  }

  async #write(): Promise<void> {
    try {
      while (this.#unwritten.size > 0) {
        const lines = [...this.#unwritten]
        // The leading line feed ends a line that a crash or a full volume may have torn.
        await appendDurably(this.#path, `\n${lines.map(([, line]) => `${checkedLine(line)}\n`).join('')}`)
        for (const [key, line] of lines) if (this.#unwritten.get(key) === line) this.#unwritten.delete(key)
      }
      this.error = undefined
    } catch (error) {
      this.error = error as Error
    } finally {
      this.#writing = undefined
    }
  }
}

/** Lines that the disk has changed since they were written. */
export interface DamagedLines {
  /** The file and its folder. */
  file: string
  lines: number
  /** Between these times they were written, in microseconds since 1970. */
  fromMicros: number
  toMicros: number
}
export type OnDamagedLines = (damage: DamagedLines) => void
/** The same, or that a file cannot be read at all. */
export type DamagedFile = Omit<DamagedLines, 'lines'> & { lines: number | 'all' }
export type OnDamagedFile = (damage: DamagedFile) => void

/** A file that cannot be read: what it said is of the time from its first line to its last, as far as that can be told. */
export async function unreadableFile(path: string): Promise<DamagedFile> {
  return { file: shownPath(path), lines: 'all', ...timesOf(await stat(path).catch(() => undefined)) }
}

/** The same, waited for. */
export const unreadableFileNow = (path: string): DamagedFile => {
  let found: Stats | undefined
  try {
    found = statSync(path)
  } catch {
    // It may be the folder that cannot be read.
  }
  return { file: shownPath(path), lines: 'all', ...timesOf(found) }
}

/** So many lines of a file were changed. */
export const damagedLinesOf = (path: string, lines: number): DamagedLines => ({
  file: shownPath(path),
  lines,
  ...timesOf(statSync(path)),
})

const shownPath = (path: string) => `${basename(dirname(path))}/${basename(path)}`

function timesOf(found: Stats | undefined): Pick<DamagedLines, 'fromMicros' | 'toMicros'> {
  const { birthtimeMs, mtimeMs } = found ?? { birthtimeMs: Date.now(), mtimeMs: Date.now() }
  return { fromMicros: Math.min(birthtimeMs, mtimeMs) * 1000, toMicros: mtimeMs * 1000 }
}

/** The lines of such a file, but for those that were torn, which were never there, and those that were damaged, which is told. */
export const readLines = async <T>(path: string, onDamage: OnDamagedLines): Promise<T[]> =>
  linesOf(path, await readFile(path), onDamage)

/** The same, waited for. */
export const readLinesNow = <T>(path: string, onDamage: OnDamagedLines): T[] => linesOf(path, readFileSync(path), onDamage)

function linesOf<T>(path: string, bytes: Buffer, onDamage: OnDamagedLines): T[] {
  const { lines, damaged } = readCheckedLines<T>(bytes)
  if (damaged === 0) return lines
  onDamage(damagedLinesOf(path, damaged))
  return lines
}

/** All of it or nothing, as far as the volume lets it: what stayed of some of it would be there twice when it is written again. */
async function appendDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'a')
  try {
    const { size } = await file.stat()
    try {
      await file.appendFile(text)
      await file.datasync()
    } catch (error) {
      await file.truncate(size).catch(() => {})
      throw error
    }
  } finally {
    // What is synced is there, whatever is said now.
    await file.close().catch(() => {})
  }
}
