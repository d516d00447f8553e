import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { createLimiter } from '../store/limiter.ts'
import type { MediaTask, ThreadOrder } from './finish-worker.ts'
import type { FinishedMedia, MediaSnapshot, WholeMedia } from './media-file.ts'
import { longIndexBytes } from './media-index.ts'
import { type UnfinishedMedia, unfinishedMedia } from './unfinished-media.ts'

/** Files that are finished at once: what one needs in memory grows with its length, and there may be fifty. */
const atOnce = 2
/** A thread that has had nothing to do for this long ends. */
const idleMs = 10_000

/**
 * Finishes files off the event loop, two at a time, in threads that are kept for the next file. A thread that fails costs the file it
 * was at, and is replaced.
 */
export class FinishQueue {
  readonly #limit = createLimiter(atOnce)
  readonly #limitLong = createLimiter(1)
  readonly #limitSnapshots = createLimiter(1)
  readonly #idle: FinishThread[] = []
  /** Files that are being finished. */
  #finishing = 0
  readonly #startWorker: () => Worker

  constructor(startWorker = () => new Worker(new URL('./finish-worker.ts', import.meta.url), { stdin: false })) {
    this.#startWorker = startWorker
  }

  /**
   * A file will soon come, of which this is the index. A thread is started for it, which takes longer than finishing a short file, and reads what there is of it, which
   * takes longer the longer it is. With those that are being finished, of no more files than are finished at once.
   */
  readAhead(index: string): void {
    const ahead = this.#idle.filter((thread) => thread.ahead !== undefined)
    if (ahead.some((thread) => thread.ahead === index) || ahead.length + this.#finishing >= atOnce) return
    const thread = this.#idle.find((thread) => thread.ahead === undefined) ?? this.#startAhead()
    thread?.readAhead(index)
  }

  /** Undefined where no thread can be had now; it is tried again for the file itself. */
  #startAhead(): FinishThread | undefined {
    try {
      const thread = new FinishThread(this.#startWorker())
      this.#rest(thread)
      return thread
    } catch {
      return undefined
    }
  }

  /**
   * `before` is what must be done first, such as encoding what is left; it counts as a part of finishing. `onWhole` is told when only the check is left to do.
   * Never rejects.
   */
  async finish(before: () => Promise<UnfinishedMedia>, onWhole: (whole: WholeMedia) => void = () => {}): Promise<FinishedMedia> {
    return await this.#limit(async () => {
      const media = await before()
      const size = await stat(media.paths.index).then(
        ({ size }) => size,
        () => 0,
      )
      const finish = () => this.#inThread(media, onWhole)
      return size > longIndexBytes ? await this.#limitLong(finish) : await finish()
    })
  }

  /** A file that goes on, as it is by now. One at a time, beside those that are finished. Undefined where nothing has come; rejects where it cannot be read. */
  async snapshot(media: UnfinishedMedia): Promise<MediaSnapshot | undefined> {
    return await this.#limitSnapshots(() => this.#run<MediaSnapshot | undefined>({ task: 'snapshot', media }, () => {}))
  }

  async #inThread(media: UnfinishedMedia, onWhole: (whole: WholeMedia) => void): Promise<FinishedMedia> {
    let made: FinishedMedia | undefined
    const onUnchecked = (unchecked: FinishedMedia) => {
      made = unchecked
      onWhole(unchecked)
    }
    this.#finishing++
    try {
      return await this.#run<FinishedMedia>({ task: 'finish', media }, onUnchecked)
    } catch (error) {
      const { message } = error as Error
      if (made === undefined) return unfinishedMedia(media, error as Error)
      const problem = [made.problem, `it could not be checked: ${message}`].filter((one) => one !== undefined).join('; ')
      return { ...made, problem }
    } finally {
      this.#finishing--
    }
  }

  async #run<T>(task: MediaTask, onUnchecked: (unchecked: FinishedMedia) => void): Promise<T> {
    for (;;) {
      const rested = this.#wake(task)
      const thread = rested ?? new FinishThread(this.#startWorker())
      try {
        const { made, problem } = await thread.run<T>(task, onUnchecked)
        this.#rest(thread)
        if (problem !== undefined) throw new Error(problem)
        return made as T
      } catch (error) {
        // One that died while it had nothing to do costs no file.
        if (rested === undefined || thread.hasBegun) throw error
        void thread.end()
      }
    }
  }

  /** The thread that has read the file, else one that has read none. */
  #wake({ task, media }: MediaTask): FinishThread | undefined {
    const index = task === 'finish' ? media.paths.index : undefined
    const that = (ahead: string | undefined) => this.#idle.find((thread) => thread.ahead === ahead)
    const thread = that(index) ?? that(undefined) ?? this.#idle[0]
    if (thread !== undefined) this.#take(thread)
    return thread
  }

  #rest(thread: FinishThread): void {
    this.#idle.push(thread)
    thread.idle = setTimeout(() => {
      this.#take(thread)
      void thread.end()
    }, idleMs).unref()
  }

  #take(thread: FinishThread): void {
    clearTimeout(thread.idle)
    this.#idle.splice(this.#idle.indexOf(thread), 1)
  }
}

/** What a thread makes of a task, or why it could not. */
interface Made<T> {
  made?: T
  problem?: string
}

/** What a thread says: that it has taken a task, on the way that all is made and is being checked, and at the end what it made. */
type Said<T> = { begun: true } | { unchecked: FinishedMedia } | Made<T>

class FinishThread {
  idle: NodeJS.Timeout | undefined
  /** Whether it has taken the task that it was given last. */
  hasBegun = false
  /** The index that it has read for a file that is to come. */
  ahead: string | undefined
  readonly #worker: Worker
  /** Why it can do nothing any more. */
  #failure: Error | undefined
  #waiting: PromiseWithResolvers<Made<unknown>> | undefined
  #onUnchecked: (unchecked: FinishedMedia) => void = () => {}

  constructor(worker: Worker) {
    this.#worker = worker
    this.#worker.unref()
    this.#worker.on('message', (said: Said<unknown>) => {
      if ('begun' in said) this.hasBegun = true
      else if ('unchecked' in said) this.#onUnchecked(said.unchecked)
      else this.#waiting?.resolve(said)
    })
    this.#worker.on('error', (error: Error) => this.#fail(error))
    this.#worker.on('exit', (code) => this.#fail(new Error(`the thread that finishes files ended with code ${code}`)))
  }

  readAhead(index: string): void {
    this.ahead = index
    this.#order({ task: 'readAhead', index })
  }

  async run<T>(task: MediaTask, onUnchecked: (unchecked: FinishedMedia) => void): Promise<Made<T>> {
    this.hasBegun = false
    if (this.#failure !== undefined) throw this.#failure
    this.ahead = undefined
    this.#onUnchecked = onUnchecked
    this.#waiting = Promise.withResolvers()
    this.#worker.ref()
    try {
      this.#order(task)
      return (await this.#waiting.promise) as Made<T>
    } finally {
      this.#waiting = undefined
      this.#worker.unref()
    }
  }

  #order(order: ThreadOrder): void {
    this.#worker.postMessage(order)
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
