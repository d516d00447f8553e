import { statfs } from 'node:fs/promises'
import type { Logger } from 'pino'
import { type Outlook, outlookOf, paceMillis, type Room } from './outlook.ts'

const everyMillis = 5_000

export interface DiskWatchOptions {
  directory: string
  log: Logger
  /** Called each time it has looked and found the volume low. */
  onLow(): void
}

/** Looks after the room on the volume, and warns when it runs low. */
export class DiskWatch {
  /** Null until it has looked. */
  outlook: Outlook | null = null
  readonly #options: DiskWatchOptions
  readonly #timer: NodeJS.Timeout
  #rooms: Room[] = []

  constructor(options: DiskWatchOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#look(), everyMillis).unref()
    void this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { directory, log, onLow } = this.#options
    try {
      const { bavail, blocks, bsize } = await statfs(directory)
      const at = performance.now()
      this.#rooms = [
        ...this.#rooms.filter((room) => room.at >= at - paceMillis),
        { at, freeBytes: bavail * bsize, totalBytes: blocks * bsize },
      ]
      const wasLow = this.outlook?.isLow === true
      const outlook = outlookOf(this.#rooms)
      this.outlook = outlook
      if (outlook.isLow && !wasLow)
        log.warn(outlook, 'The volume runs low; it fills up faster than COS takes what is on it, or is too small')
      if (!outlook.isLow && wasLow) log.info(outlook, 'There is room on the volume again')
      if (outlook.isLow) onLow()
    } catch (error) {
      log.warn({ error: (error as Error).message }, 'The room on the volume could not be found out')
    }
  }
}
