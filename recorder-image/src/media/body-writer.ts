import { mayPass } from '../disk/volume-full.ts'
import { AppendFile } from './append-file.ts'
import type { MediaPaths } from './media-paths.ts'

/** What an earlier attempt left and is kept, in bytes. */
export interface KeptBytes {
  body: number
  index: number
  journal: number
}

/** What arrived is on the disk, whatever becomes of the machine, within this time. */
const safeWithinMs = 1000
/** What a sync itself may take. */
const syncTakesMs = 100

/**
 * Whether to sync with this batch, so that what it or an earlier one brought is safe in time: what came first came up to one batch before it was
 * written, and the next chance is another batch later. Pure.
 */
export const syncIsDue = (sinceFirstWriteMs: number, batchMs: number) =>
  sinceFirstWriteMs + 2 * batchMs + syncTakesMs > safeWithinMs

/**
 * The order in which things reach the disk, so that each crash leaves a truth: the journal of the sound before what was made of it,
 * the body before the index that speaks of it, and growth is only told of what even a lost machine keeps.
 */
export class BodyWriter {
  readonly journal: AppendFile
  /** Front part of the body that is covered and survives the loss of the machine. */
  durable: number
  readonly #body: AppendFile
  readonly #index: AppendFile
  /** When the first of what is not synced yet was written. */
  #unsyncedSince: number | undefined
  #syncedBytes: number
  /** Batches that came after the volume did not take one. */
  readonly #held: { chunks: readonly Uint8Array[]; record: (offset: number) => Uint8Array }[] = []
  /** Of batches that are not in the body yet, each with where the body ends with it. */
  readonly #records: { record: Uint8Array; bodyEnd: number }[] = []
  /** Of batches that are not durable yet: where body and index end with each. */
  #covering: { indexEnd: number; bodyEnd: number }[] = []
  /** Only a crash needs it. */
  #goesWithoutJournal = false

  constructor(paths: MediaPaths, kept: KeptBytes = { body: 0, index: 0, journal: 0 }) {
    this.journal = new AppendFile(paths.journal, kept.journal)
    this.#body = new AppendFile(paths.body, kept.body)
    this.#index = new AppendFile(paths.index, kept.index)
    this.durable = kept.body
    this.#syncedBytes = this.#writtenBytes
  }

  /** Front part of the body that the index covers. A sync that fails may make it shorter again. Whoever reads the index believes it. */
  get covered(): number {
    const isThere = ({ indexEnd, bodyEnd }: { indexEnd: number; bodyEnd: number }) =>
      indexEnd <= this.#index.written && bodyEnd <= this.#body.written
    return this.#covering.findLast(isThere)?.bodyEnd ?? this.durable
  }

  get error(): Error | undefined {
    return this.#body.error ?? this.#index.error ?? (this.#goesWithoutJournal ? undefined : this.journal.error)
  }

  /** Written with the next batch, or `flush`. */
  note(record: Uint8Array): void {
    this.#index.append(record)
  }

  /** Appends a batch to the body, then the record that says so. */
  async writeBatch(chunks: readonly Uint8Array[], record: (offset: number) => Uint8Array): Promise<void> {
    if (mayPass(this.error)) this.#held.push({ chunks, record })
    if (this.error !== undefined) return
    const offset = this.#body.length
    for (const chunk of chunks) this.#body.append(chunk)
    this.#records.push({ record: record(offset), bodyEnd: this.#body.length })
    await this.#cover()
  }

  /** Writes what the volume did not take. Where only the journal has no room, the rest goes on without it. */
  async retry(): Promise<void> {
    await Promise.all([this.journal.retry(), this.#body.retry(), this.#index.retry()])
    this.#goesWithoutJournal = mayPass(this.journal.error)
    await this.#cover()
    for (const { chunks, record } of this.#held.splice(0)) await this.writeBatch(chunks, record)
  }

  async #cover(): Promise<void> {
    await this.#body.flush()
    if (this.error !== undefined) return
    for (const { record, bodyEnd } of this.#records.splice(0)) {
      this.#index.append(record)
      this.#covering.push({ indexEnd: this.#index.length, bodyEnd })
    }
    await this.flush()
  }

  async flush(): Promise<void> {
    await this.#index.flush()
  }

  get #writtenBytes(): number {
    return this.journal.written + this.#body.written + this.#index.written
  }

  /** Whether nothing was written since the last sync. */
  get isSynced(): boolean {
    return this.#writtenBytes === this.#syncedBytes
  }

  /** Asked after each batch; `batchMs` is the time between two. */
  isSyncDue(batchMs: number): boolean {
    if (this.isSynced) return false
    this.#unsyncedSince ??= performance.now()
    return syncIsDue(performance.now() - this.#unsyncedSince, batchMs)
  }

  /** Whether the body grew. */
  async sync(): Promise<boolean> {
    this.#unsyncedSince = undefined
    this.#syncedBytes = this.#writtenBytes
    const covered = this.covered
    await Promise.all([this.journal.sync(), this.#body.sync()])
    await this.#index.sync()
    if (this.error !== undefined) return false
    this.#covering = this.#covering.filter(({ bodyEnd }) => bodyEnd > covered)
    if (covered === this.durable) return false
    this.durable = covered
    return true
  }

  async close(): Promise<void> {
    await Promise.all([this.journal.close(), this.#body.close(this.covered), this.#index.close()])
  }
}
