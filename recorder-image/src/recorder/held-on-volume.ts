import { mkdirSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Stream } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { AppendFile } from '../media/append-file.ts'
import { encodeRecord, readRecords } from '../media/records.ts'
import type { EncodedFrame } from '../tap/frame.ts'

/** Whose frames they turned out to be. */
export interface HeldOwner {
  userId: string
  stream: Stream
}

/** Frames of one subscription as the volume has them. */
export interface HeldCopy {
  name: string
  path: string
  attempt: number
  frames: EncodedFrame[]
  /** Undefined where nobody claimed them. */
  owner: HeldOwner | undefined
  /** Of frames that were written, and that the disk has changed. */
  damagedBytes: number
}

const recordTypes = { frame: 1, owner: 2 } as const
/** What came within this time is written and synced together. */
const batchMillis = 100
/** More that nobody claimed is not kept; the oldest goes. */
const mostKeptBytes = 64 * 1024 * 1024

const namePattern = /^(\d+)-(\d+)\.frames$/

/**
 * Copies of frames on the volume, as long as they are in no file: those of a subscription of which it is not known yet whose it is. A copy goes when what it
 * holds is safe in the file of its owner; where nobody claimed it, it stays until the volume goes, runs low, or has too many of them. Never throws, never
 * rejects: the frames are in memory, too.
 */
export class HeldOnVolume {
  readonly #directory: string
  readonly #attempt: number
  readonly #log: Logger
  readonly #copies = new Map<number, AppendFile>()
  readonly #working = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined

  constructor(directory: string, attempt: number, log: Logger) {
    this.#directory = directory
    this.#attempt = attempt
    this.#log = log
  }

  /** Within a tenth of a second it would survive the loss of the machine. */
  hold(hold: number, frame: EncodedFrame): void {
    try {
      this.#copyOf(hold).append(frameRecord(frame))
      this.#writeSoon()
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, 'Media that nobody has claimed yet waits in memory alone')
    }
  }

  /** They are given to the file of their owner; `safe` resolves with whether they are safe there. */
  claimed(hold: number, { userId, stream }: HeldOwner, safe: Promise<boolean>): void {
    const copy = this.#copies.get(hold)
    if (copy === undefined) return
    copy.append(encodeRecord(recordTypes.owner, Buffer.from(JSON.stringify({ userId, stream }))))
    this.#writeSoon()
    void safe.then((isSafe) => isSafe && this.remove(hold))
  }

  remove(hold: number): void {
    const copy = this.#copies.get(hold)
    if (copy === undefined) return
    this.#copies.delete(hold)
    this.#work(copy.close().then(() => rm(copy.path, { force: true })))
  }

  /** Nobody claimed them. Returns where they are, within the folder of the recording; undefined where they are not. */
  keep(hold: number): string | undefined {
    const copy = this.#copies.get(hold)
    if (copy === undefined) return undefined
    this.#copies.delete(hold)
    this.#work(
      copy
        .flush()
        .then(() => copy.close())
        .then(() => this.#trim(mostKeptBytes)),
    )
    return placeOf(copy.path)
  }

  /** What nobody claimed gives way to what is recorded. */
  discardKept(): void {
    this.#work(this.#trim(0))
  }

  /** Resolves when what was asked for is done. What is not safe in a file stays for the next attempt. */
  async settled(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#write()
    while (this.#working.size > 0) await Promise.all(this.#working)
  }

  #copyOf(hold: number): AppendFile {
    let copy = this.#copies.get(hold)
    if (copy === undefined) {
      mkdirSync(this.#directory, { recursive: true })
      copy = new AppendFile(join(this.#directory, `${this.#attempt}-${hold}.frames`))
      this.#copies.set(hold, copy)
    }
    return copy
  }

  #writeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#write()
    }, batchMillis)
  }

  #write(): void {
    for (const copy of this.#copies.values()) if (copy.written < copy.length) this.#work(copy.flush().then(() => copy.sync()))
  }

  async #trim(mostBytes: number): Promise<void> {
    const names = await readdir(this.#directory).catch(() => [])
    const inUse = new Set([...this.#copies.values()].map(({ path }) => path))
    const kept = names.filter((name) => namePattern.test(name)).map((name) => join(this.#directory, name))
    const sized = await Promise.all(
      kept.filter((path) => !inUse.has(path)).map(async (path) => ({ path, size: (await stat(path)).size })),
    )
    let bytes = 0
    for (const { path, size } of sized.sort((a, b) => orderOf(b.path) - orderOf(a.path))) {
      bytes += size
      if (bytes > mostBytes) await rm(path, { force: true })
    }
  }

  #work(work: Promise<void>): void {
    const done = work
      .catch((error: Error) => this.#log.warn({ error: error.message }, 'Media that nobody claimed could not be looked after'))
      .finally(() => this.#working.delete(done))
    this.#working.add(done)
  }
}

/** Rises with each that is begun, over all attempts: the time of a file goes by a clock that may be set. */
function orderOf(path: string): number {
  const [, attempt, hold] = namePattern.exec(basename(path))!
  return Number(attempt) * 2 ** 32 + Number(hold)
}

/** Where a copy is, within the folder of the recording: the ledger names it so. */
export const placeOf = (path: string) => `${basename(dirname(path))}/${basename(path)}`

/** What attempts before this one left. One that cannot be read is empty. */
export async function readHeldCopies(directory: string, attempt: number): Promise<HeldCopy[]> {
  const names = await readdir(directory).catch(() => [])
  const copies: HeldCopy[] = []
  for (const name of names.sort()) {
    const by = Number(namePattern.exec(name)?.[1] ?? attempt)
    if (by !== attempt)
      copies.push({ name, path: join(directory, name), attempt: by, ...(await readCopy(join(directory, name))) })
  }
  return copies
}

async function readCopy(path: string): Promise<Pick<HeldCopy, 'frames' | 'owner' | 'damagedBytes'>> {
  const frames: EncodedFrame[] = []
  let owner: HeldOwner | undefined
  let damagedBytes = 0
  for await (const records of readRecords(path)) {
    for (const { type, payload, damagedBytes: before } of records) {
      damagedBytes += before
      if (type === recordTypes.frame) frames.push(readFrame(payload))
      if (type === recordTypes.owner) owner = JSON.parse(payload.toString())
    }
  }
  return { frames, owner, damagedBytes }
}

/** `bytes of what is known of it (u32) · that, as JSON · its data` */
function frameRecord({ data, ...about }: EncodedFrame): Buffer {
  const text = Buffer.from(JSON.stringify(about))
  const head = Buffer.alloc(4)
  head.writeUInt32LE(text.length)
  return encodeRecord(recordTypes.frame, Buffer.concat([head, text, data]))
}

function readFrame(payload: Buffer): EncodedFrame {
  const end = 4 + payload.readUInt32LE(0)
  return { ...JSON.parse(payload.toString('utf8', 4, end)), data: Uint8Array.from(payload.subarray(end)) }
}
