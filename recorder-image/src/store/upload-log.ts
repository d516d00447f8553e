import { mkdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { mayPass } from '../disk/volume-full.ts'
import type { PartPlan, PartRange } from './part-plan.ts'
import { StoreError } from './upload.ts'

/** A part of the body that COS has acknowledged. */
export interface ConfirmedPart extends PartRange {
  etag: string
  /** CRC-64/XZ of the slice, computed here while it was sent. */
  crc64: bigint
  /** Whether COS said the same. */
  confirmed: boolean
}

const lineSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('initiating') }),
  z.object({
    event: z.literal('initiated'),
    uploadId: z.string(),
    holdbackBytes: z.int(),
    partBytes: z.int(),
  }),
  z.object({
    event: z.literal('part'),
    number: z.int(),
    start: z.int(),
    end: z.int(),
    etag: z.string(),
    crc64: z.string(),
    confirmed: z.boolean().default(false),
  }),
  z.object({ event: z.literal('stored'), bytes: z.int(), crc64: z.string() }),
  z.object({ event: z.literal('startedOver'), reason: z.string() }),
])
export type UploadLogLine = z.infer<typeof lineSchema>

/** What an upload's log says: how far it had come. */
export interface UploadLogState {
  uploadId: string | undefined
  /** Sizes that the upload was begun with; they stay, even if a later version would choose others. */
  plan: PartPlan | undefined
  parts: Map<number, ConfirmedPart>
  /** Whether COS may hold an upload of this file of which nobody knows the id any more. */
  mayBeAbandoned: boolean
}

/** Folds the lines of a log into the state they leave. Pure. A torn last line, from a crash, is as if never written. */
export function replay(text: string): UploadLogState {
  const fresh = (): Omit<UploadLogState, 'mayBeAbandoned'> => ({ uploadId: undefined, plan: undefined, parts: new Map() })
  let state = fresh()
  let initiating = 0
  for (const raw of text.split('\n')) {
    const line = parseLine(raw)
    switch (line?.event) {
      case undefined:
      case 'stored':
        break
      case 'initiating':
        initiating += 1
        break
      case 'initiated':
        state = {
          uploadId: line.uploadId,
          plan: { holdbackBytes: line.holdbackBytes, partBytes: line.partBytes },
          parts: new Map(),
        }
        break
      case 'part':
        state.parts.set(line.number, { ...line, crc64: BigInt(line.crc64) })
        break
      case 'startedOver':
        state = fresh()
        break
    }
  }
  return { ...state, mayBeAbandoned: initiating > (state.uploadId === undefined ? 0 : 1) }
}

function parseLine(raw: string): UploadLogLine | undefined {
  try {
    return lineSchema.parse(JSON.parse(raw))
  } catch {
    return undefined
  }
}

/**
 * Append-only file of JSON lines. A line that `append` has returned from is on disk, unless the volume is full or fails: then it is kept, and written with
 * the next one. An upload must not wait for room that only the upload can make; what a crash would cost is that parts go again.
 */
export class UploadLog {
  readonly state: UploadLogState
  #kept: string[] = []
  readonly #path: string
  #tail: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
    mkdirSync(dirname(path), { recursive: true })
    this.state = replay(readIfThere(path))
  }

  /** Whether every line is on disk. */
  get isWritten(): boolean {
    return this.#kept.length === 0
  }

  append(line: UploadLogLine): Promise<void> {
    const written = this.#tail.then(() => this.#write(line))
    this.#tail = written.catch(() => undefined)
    return written
  }

  async #write(line: UploadLogLine): Promise<void> {
    // The leading newline ends a line that a crash or a full volume may have torn.
    this.#kept.push(`\n${JSON.stringify({ time: new Date().toISOString(), ...line })}`)
    try {
      const handle = await open(this.#path, 'a')
      try {
        await handle.appendFile(this.#kept.join(''))
        await handle.datasync()
        this.#kept = []
      } finally {
        await handle.close()
      }
    } catch (cause) {
      if (mayPass(cause)) return
      const { code = 'EIO', message } = cause as NodeJS.ErrnoException
      throw new StoreError('refused', code, `Writing the log ${this.#path} failed: ${message}. Check the volume.`, { cause })
    }
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
