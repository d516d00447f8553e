import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { createLimiter } from '../store/limiter.ts'
import { type UnfinishedMedia, unfinishedMedia } from './finish-media.ts'
import type { FinishedMedia } from './media-file.ts'

/** Files that are finished at once: what one needs in memory grows with its length, and there may be fifty. */
const atOnce = 2
/** An index larger than this is of a file of many hours; of those one at a time is finished. */
const longIndexBytes = 32 * 1024 * 1024
/** A thread that has had nothing to do for this long ends. */
const idleMs = 10_000

/**
 * Finishes files off the event loop, two at a time, in threads that are kept for the next file. A thread that fails costs the file it
 * was at, and is replaced.
 */
export class FinishQueue {
  readonly #limit = createLimiter(atOnce)
  readonly #limitLong = createLimiter(1)
  readonly #idle: FinishThread[] = []

  /** Starts a thread for a file that will soon come: loading its code takes longer than finishing a short file. */
  warm(): void {
    if (this.#idle.length === 0) this.#rest(new FinishThread())
  }

  /** `before` is what must be done first, such as encoding what is left; it counts as a part of finishing. Never rejects. */
  async finish(before: () => Promise<UnfinishedMedia>): Promise<FinishedMedia> {
    return await this.#limit(async () => {
      const media = await before()
      const size = await stat(media.paths.index).then(
        ({ size }) => size,
        () => 0,
      )
      return size > longIndexBytes ? await this.#limitLong(() => this.#inThread(media)) : await this.#inThread(media)
    })
  }

  async #inThread(media: UnfinishedMedia): Promise<FinishedMedia> {
    const thread = this.#wake() ?? new FinishThread()
    try {
      const finished = await thread.finish(media)
      this.#rest(thread)
      return finished
    } catch (error) {
      return unfinishedMedia(media, error as Error)
    }
  }

  #wake(): FinishThread | undefined {
    const thread = this.#idle.pop()
    clearTimeout(thread?.idle)
    return thread
  }

  #rest(thread: FinishThread): void {
    this.#idle.push(thread)
    thread.idle = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(thread), 1)
      void thread.end()
    }, idleMs).unref()
  }
}

class FinishThread {
  idle: NodeJS.Timeout | undefined
  readonly #worker = new Worker(new URL('./finish-worker.ts', import.meta.url), { stdin: false })
  /** Why it can do nothing any more. */
  #failure: Error | undefined
  #waiting: PromiseWithResolvers<FinishedMedia> | undefined

  constructor() {
    this.#worker.unref()
    this.#worker.on('message', (finished: FinishedMedia) => this.#waiting?.resolve(finished))
    this.#worker.on('error', (error: Error) => this.#fail(error))
    this.#worker.on('exit', (code) => this.#fail(new Error(`the thread that finishes files ended with code ${code}`)))
  }

  async finish(media: UnfinishedMedia): Promise<FinishedMedia> {
    if (this.#failure !== undefined) throw this.#failure
    this.#waiting = Promise.withResolvers()
    this.#worker.ref()
    try {
      this.#worker.postMessage(media)
      return await this.#waiting.promise
    } finally {
      this.#waiting = undefined
      this.#worker.unref()
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#waiting?.reject(this.#failure)
  }
}

/** One for the process: that is what "two at a time" is about. */
export const finishQueue = new FinishQueue()
