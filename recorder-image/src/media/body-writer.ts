import { AppendFile } from './append-file.ts'
import type { MediaPaths } from './media-paths.ts'

/** What an earlier attempt left and is kept, in bytes. */
export interface KeptBytes {
  body: number
  index: number
  journal: number
}

const syncEveryMs = 1000

/**
 * The order in which things reach the disk, so that each crash leaves a truth: the journal of the sound before what was made of it,
 * the body before the index that speaks of it, and growth is only told of what even a lost machine keeps.
 */
export class BodyWriter {
  readonly journal: AppendFile
  /** Front part of the body that the index covers. */
  covered: number
  /** Front part of the body that is covered and survives the loss of the machine. */
  durable: number
  readonly #body: AppendFile
  readonly #index: AppendFile
  #syncedAt = performance.now()

  constructor(paths: MediaPaths, kept: KeptBytes = { body: 0, index: 0, journal: 0 }) {
    this.journal = new AppendFile(paths.journal, kept.journal)
    this.#body = new AppendFile(paths.body, kept.body)
    this.#index = new AppendFile(paths.index, kept.index)
    this.covered = kept.body
    this.durable = kept.body
  }

  get error(): Error | undefined {
    return this.#body.error ?? this.#index.error ?? this.journal.error
  }

  /** Written with the next batch, or `flush`. */
  note(record: Uint8Array): void {
    this.#index.append(record)
  }

  /** Appends a batch to the body, then the record that says so. */
  async writeBatch(chunks: readonly Uint8Array[], record: (offset: number) => Uint8Array): Promise<void> {
    if (this.error !== undefined) return
    const offset = this.#body.length
    for (const chunk of chunks) this.#body.append(chunk)
    await this.#body.flush()
    if (this.error !== undefined) return
    this.#index.append(record(offset))
    await this.#index.flush()
    if (this.error === undefined) this.covered = this.#body.written
  }

  async flush(): Promise<void> {
    await this.#index.flush()
  }

  get isSyncDue(): boolean {
    return performance.now() - this.#syncedAt >= syncEveryMs
  }

  /** Whether the body grew. */
  async sync(): Promise<boolean> {
    this.#syncedAt = performance.now()
    const covered = this.covered
    await Promise.all([this.journal.sync(), this.#body.sync()])
    await this.#index.sync()
    if (this.error !== undefined || covered === this.durable) return false
    this.durable = covered
    return true
  }

  async close(): Promise<void> {
    await Promise.all([this.journal.close(), this.#body.close(this.covered), this.#index.close()])
  }
}
