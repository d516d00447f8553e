import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import { parse } from 'yaml'
import type { z } from 'zod'

/** The document cannot be used. The message has paths and what is wrong, and nothing of what stands there: it holds secrets. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError'
}

/** `what`: in the plural, as messages call it. An empty document is `empty`. */
export function parseDocument<T>(text: string, schema: z.ZodType<T>, { what, empty }: { what: string; empty: unknown }): T {
  const parsed = schema.safeParse(parsedYaml(text, what) ?? empty)
  if (!parsed.success) throw new DocumentError(`The ${what} cannot be used: ${parsed.error.issues.map(explain).join('; ')}`)
  return parsed.data
}

function parsedYaml(text: string, what: string): unknown {
  try {
    return parse(text, { logLevel: 'error', prettyErrors: false })
  } catch (error) {
    // The parser's own message may quote the line, with its secrets.
    const { pos } = error as { pos?: [number, number] }
    throw new DocumentError(`The ${what} cannot be used: they are no YAML${pos ? `, from character ${pos[0]} on` : ''}`)
  }
}

const explain = ({ path, message }: z.core.$ZodIssue) => `${path.join('.') || 'the document'}: ${message}`

/** Kubernetes changes a mounted Secret within a minute; this adds little to that. */
const everyMillis = 2000

export interface WatchedDocument<T> {
  current(): T
  stop(): void
}

/**
 * A document as it stands in its file, now. The first reading has to succeed; later, one that cannot be used is said once and the former one stays in
 * force, so that a slip of the pen locks nobody out.
 */
export async function watchDocument<T>(
  path: string,
  parsed: (text: string) => T,
  { what, log, onChange }: { what: string; log: Logger; onChange?: (() => void) | undefined },
): Promise<WatchedDocument<T>> {
  let text = await readFile(path, 'utf8')
  let document = parsed(text)
  const look = async () => {
    try {
      const found = await readFile(path, 'utf8')
      if (found === text) return
      text = found
      document = parsed(found)
      log.info({ what }, 'Document read again')
      onChange?.()
    } catch (error) {
      const why = error instanceof DocumentError ? error.message : `it cannot be read: ${(error as NodeJS.ErrnoException).code}`
      log.error({ what, why }, 'Document kept as it was')
    }
  }
  const timer = setInterval(look, everyMillis)
  timer.unref()
  return { current: () => document, stop: () => clearInterval(timer) }
}
