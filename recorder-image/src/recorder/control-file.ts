import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import type { z } from 'zod'

/** Beside being told of changes by the kernel: not every file system tells. */
const lookEveryMillis = 1000

/**
 * Follows a file that says what has changed since the job was given, of one form. The kubelet puts a new one in its place by
 * exchanging a symbolic link in its folder, so it is the folder that is watched.
 */
export class ControlFile<T> {
  /** The latest that could be read; undefined before the first, as by hand. */
  current: T | undefined
  /** Why the file as it is now is not heeded; null when it is. */
  problem: string | null = null
  readonly #listeners: ((control: T) => void)[] = []
  readonly #path: string
  readonly #schema: z.ZodType<T>
  readonly #log: Logger
  #text: string | undefined
  #reading: Promise<void> = Promise.resolve()
  #close = () => {}

  private constructor(path: string, schema: z.ZodType<T>, log: Logger) {
    this.#path = path
    this.#schema = schema
    this.#log = log
  }

  /** Reads the file, if it is there, and follows it from then on. */
  static async open<T>(path: string | undefined, schema: z.ZodType<T>, log: Logger): Promise<ControlFile<T>> {
    const file = new ControlFile(path ?? '', schema, log)
    if (path === undefined) return file
    await file.#look()
    const timer = setInterval(() => void file.#look(), lookEveryMillis)
    try {
      const watcher = watch(dirname(path), () => void file.#look())
      watcher.on('error', (error) =>
        log.warn({ path, error: error.message }, 'Folder of the control file is not watched any more'),
      )
      file.#close = () => watcher.close()
    } catch (error) {
      log.warn(
        { path, error: (error as Error).message },
        'Folder of the control file cannot be watched; it is looked at each second',
      )
    }
    const closeWatcher = file.#close
    file.#close = () => {
      clearInterval(timer)
      closeWatcher()
    }
    return file
  }

  /** Called with each new control, not with the one that is there already. */
  onChange(listener: (control: T) => void): void {
    this.#listeners.push(listener)
  }

  close(): void {
    this.#close()
    this.#listeners.length = 0
  }

  #look(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read())
    return this.#reading
  }

  async #read(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => undefined)
    // While the kubelet exchanges it there may be none for a moment.
    if (text === undefined || text === '' || text === this.#text) return
    this.#text = text
    const parsed = this.#schema.safeParse(parseJson(text))
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      this.problem = `${this.#path}: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`.slice(0, 512)
      this.#log.error({ problem: this.problem }, 'Control file not understood; what it said before holds')
      return
    }
    this.problem = null
    this.current = parsed.data
    this.#log.info({ control: parsed.data }, 'Control file read')
    for (const listener of this.#listeners) listener(parsed.data)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
