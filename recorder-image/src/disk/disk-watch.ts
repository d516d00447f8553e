import { statfs } from 'node:fs/promises'
import type { RecorderProgress } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { takesHoles } from './holes.ts'
import { outlookOf, paceMillis, type Room } from './outlook.ts'
import { isVolumeFull } from './volume-full.ts'

const defaultEveryMillis = 5_000

type VolumeProgress = NonNullable<RecorderProgress['volume']>
/** How the volume takes back what COS has: as holes in files that go on, or, where its file system knows none, only whole files. */
export type GivesBack = VolumeProgress['givesBack']

export interface DiskWatchOptions {
  directory: string
  log: Logger
  /** How often it looks; 5 s. */
  everyMillis?: number
  /** What COS has confirmed of the files and can be given back. */
  releasableBytes(): number
  /** Called each time it has looked and found that it is time to give back what COS has. */
  onReleaseDue(givesBack: GivesBack): void
}

/** Looks after the room on the volume, and warns when it runs low. */
export class DiskWatch {
  /** Null until it has looked, and while it cannot be found out. */
  progress: VolumeProgress | null = null
  readonly #options: DiskWatchOptions
  readonly #timer: NodeJS.Timeout
  #givesBack: GivesBack | undefined
  #rooms: Room[] = []

  constructor(options: DiskWatchOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#look(), options.everyMillis ?? defaultEveryMillis).unref()
    void this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { directory, log, releasableBytes, onReleaseDue } = this.#options
    try {
      const givesBack = this.#givesBack ?? (await this.#findOut())
      const { bavail, blocks, bsize } = await statfs(directory)
      const at = performance.now()
      const room = { at, freeBytes: bavail * bsize, releasableBytes: releasableBytes(), totalBytes: blocks * bsize }
      this.#rooms = [...this.#rooms.filter((room) => room.at >= at - paceMillis), room]
      const wasLow = this.progress?.isLow === true
      const { outlook, releaseIsDue } = outlookOf(this.#rooms)
      this.progress = { ...outlook, givesBack }
      if (outlook.isLow && !wasLow)
        log.warn(outlook, 'The volume runs low; it fills up faster than COS takes what is on it, or is too small')
      if (!outlook.isLow && wasLow) log.info(outlook, 'There is room on the volume again')
      if (releaseIsDue) onReleaseDue(givesBack)
    } catch (error) {
      this.progress = null
      log.warn({ error: (error as Error).message }, 'The room on the volume could not be found out')
    }
  }

  async #findOut(): Promise<GivesBack> {
    const { directory, log } = this.#options
    try {
      this.#givesBack = (await takesHoles(directory)) ? 'Holes' : 'WholeFiles'
    } catch (error) {
      // It is looked at again when there is room.
      if (isVolumeFull(error)) return 'Holes'
      throw error
    }
    if (this.#givesBack === 'WholeFiles')
      log.warn(
        { directory },
        'The file system of the volume takes back whole files only; when it runs low, files are ended and others begun, so that they can go',
      )
    return this.#givesBack
  }
}
