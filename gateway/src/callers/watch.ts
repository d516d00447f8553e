import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { type CallerDirectory, CallersError, parseCallers } from './directory.ts'

/** Kubernetes changes a mounted Secret within a minute; this adds little to that. */
const everyMillis = 2000

export interface WatchedCallers {
  current(): CallerDirectory
  stop(): void
}

/**
 * The callers as they stand in the file, now. The first reading has to succeed; later, a document that cannot be used is said once and the former
 * one stays in force, so that a slip of the pen locks nobody out.
 */
export async function watchCallers(path: string, log: Logger): Promise<WatchedCallers> {
  let text = await readFile(path, 'utf8')
  let directory: CallerDirectory = parseCallers(text)
  const look = async () => {
    try {
      const found = await readFile(path, 'utf8')
      if (found === text) return
      text = found
      directory = parseCallers(found)
      log.info({ callers: directory.callers.length }, 'Callers read again')
    } catch (error) {
      const why = error instanceof CallersError ? error.message : `they cannot be read: ${(error as NodeJS.ErrnoException).code}`
      log.error({ why }, 'Callers kept as they were')
    }
  }
  const timer = setInterval(look, everyMillis)
  timer.unref()
  return { current: () => directory, stop: () => clearInterval(timer) }
}
