import type { AppendFile } from './append-file.ts'
import { releaseJournal } from './sound-journal.ts'

/** Less is not worth a process. */
const leastBytes = 256 * 1024

/** How much of a journal has been given back to the volume while it grows. */
export class JournalRelease {
  readonly #journal: AppendFile
  #released = 0
  #running: Promise<number> = Promise.resolve(0)

  constructor(journal: AppendFile) {
    this.#journal = journal
  }

  /** Gives back what there is up to `end`, if it is worth it; resolves with how many bytes that were. */
  release(end: number): Promise<number> {
    this.#running = this.#running.catch(() => 0).then(() => this.#releaseTo(end))
    return this.#running
  }

  /** Resolves when the journal can be read: nothing is being given back. */
  async settled(): Promise<void> {
    await this.#running.catch(() => 0)
  }

  async #releaseTo(end: number): Promise<number> {
    const hole = { start: this.#released, end }
    if (end - hole.start < leastBytes || end > this.#journal.written) return 0
    await releaseJournal(this.#journal.path, hole)
    this.#released = end
    return end - hole.start
  }
}
