import { mkdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { checkedLine, readCheckedLines } from '../disk/checked-lines.ts'
import { type DamagedFile, unreadableFileNow } from '../disk/durable-lines.ts'
import type { PartPlan, PartRange } from './part-plan.ts'

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
  /** Lines of which neither copy can be read. */
  lostLines: number
}

/** Folds the lines of a log into the state they leave. Pure. A torn line, from a crash, is as if never written; each of the others stands there twice. */
export function replay(bytes: Buffer): UploadLogState {
  const fresh = (): Omit<UploadLogState, 'mayBeAbandoned' | 'lostLines'> => ({
    uploadId: undefined,
    plan: undefined,
    parts: new Map(),
  })
  let state = fresh()
  let initiating = 0
  const read = readCheckedLines<{ time?: string }>(bytes)
  const lines = read.lines.flatMap((line) => {
    const { data } = lineSchema.safeParse(line)
    return data === undefined ? [] : [{ time: line.time, ...data }]
  })
  for (const [at, line] of lines.entries()) {
    if (line.time !== undefined && isDeepStrictEqual(line, lines[at - 1])) continue
    switch (line.event) {
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
  const mayBeAbandoned = initiating > (state.uploadId === undefined ? 0 : 1)
  return { ...state, mayBeAbandoned, lostLines: lostInBothCopies(read.lines, read.damagedAfter) }
}

/** Of the damaged lines between two whole ones, the first may be a copy of the one before them, and the last of the one behind: else that has both its copies. */
function lostInBothCopies(lines: readonly object[], damagedAfter: readonly number[]): number {
  const copies = Map.groupBy(lines, (line) => JSON.stringify(line))
  const isSingle = (line: object | undefined) => line !== undefined && copies.get(JSON.stringify(line))!.length === 1
  let lost = 0
  for (const [after, damaged] of Map.groupBy(damagedAfter, (after) => after)) {
    const mates = [lines[after - 1], lines[after]].filter(isSingle).length
    lost += Math.max(0, Math.floor((damaged.length - mates) / 2))
  }
  return lost
}

/**
 * Append-only file of JSON lines, each twice: parts that were given back to the volume are known from here alone. A line that `append` has returned from is on disk, unless the volume does not take it: then it is kept, and written with
 * the next one. An upload must not wait for room that only the upload can make, and what is on a volume that has become read-only gets to COS all the same; what
 * a crash would cost is that parts go again.
 */
export class UploadLog {
  readonly state: UploadLogState
  /** Where neither copy of a line can be read. */
  readonly damage: DamagedFile | undefined
  #kept: string[] = []
  readonly #path: string
  #tail: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
    mkdirSync(dirname(path), { recursive: true })
    this.state = replay(readIfThere(path))
    const { lostLines } = this.state
    if (lostLines > 0) this.damage = { ...unreadableFileNow(path), lines: lostLines }
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
    const text = checkedLine({ time: new Date().toISOString(), ...line })
    this.#kept.push(`\n${text}\n${text}`)
    try {
      const handle = await open(this.#path, 'a')
      try {
        await handle.appendFile(this.#kept.join(''))
        await handle.datasync()
        this.#kept = []
      } finally {
        await handle.close()
      }
    } catch {
      // It waits in `#kept`.
    }
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}
