import type { Clock } from '../clock/clock.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { startTapServer, type TapServer } from '../tap/server.ts'
import type { TapRecord } from '../tap/wire.ts'
import { type Chromium, launchChromium } from './chromium.ts'
import type { PageEvent } from './events.ts'
import { loadPageBundle } from './page-bundle.ts'
import { PageTime } from './page-time.ts'
import type { PageCommand, PageReport } from './protocol.ts'

export interface ChromiumOptions {
  path: string
  args: string[]
}

/** All in the order it happened in the page; nothing more comes after `discard`. */
export interface PageHandlers {
  /** The page takes commands. */
  onReady(): void
  onEvent(event: PageEvent): void
  onFrame(frame: EncodedFrame): void
  onPath(path: PathReport): void
  onHole(report: HoleReport): void
  onOverflow(report: Extract<PageReport, { type: 'overflow' }>): void
  onTapFailed(report: TapFailedReport): void
  /** It gives no sign of life: another one may soon be needed. And again when it does after all. */
  onDoubt(doubted: boolean): void
  /** There is nothing more to be had from it. Said once. */
  onFailed(why: string): void
  onWarning(message: string, details: object): void
}

export type PathReport = Extract<PageReport, { type: 'path' }>
export type TapFailedReport = Extract<PageReport, { type: 'tapFailed' }>
export type HoleReport = Extract<PageReport, { type: 'hole' }>

export interface PageOptions {
  chromium: ChromiumOptions
  clock: Clock
}

/** How long a page may give no sign of life. */
export interface Patience {
  /** Until Chromium has answered for the first time. */
  launchMillis: number
  /** From then on, until it takes commands. */
  startMillis: number
  /** From then on. */
  answerMillis: number
}

/** A page that starts before anybody has use for it. */
export interface BegunPage {
  /** From now on it is watched, and what it says is told. Once. */
  take(handlers: PageHandlers, patience: Patience): RoomPage
  /** Ends it, unless it was taken. */
  discard(): Promise<void>
}

/** One Chromium with one page, good for entering one room once. */
export interface RoomPage {
  /** When it last said anything, on the monotonic clock; media counts here. */
  readonly heardAt: number
  send(command: PageCommand): void
  /** Resolves when everything that was received until now has arrived, or, with false, after a moment when the page does not answer. */
  flush(): Promise<boolean>
  /** The same when nothing more will be recorded, with what it knows by now of what was missing. */
  lastWord(): Promise<boolean>
  /** Has it leave the room, for as long as a page that answers takes. */
  leave(): Promise<void>
  /** Ends Chromium, also where it is still starting. */
  discard(): Promise<void>
}

/**
 * While it starts, each answer of Chromium is a sign of life. Then the page says twice a second that it lives, and only that counts: media flows on
 * through a page that has died. Silence is counted in looks, not by the clock: when this process is the one that was held up, what the page said meanwhile
 * is read before the next look.
 */
const lookEveryMillis = 250
/** Longer than a page that lives is silent on a machine that is not overloaded. */
const doubtfulLooks = 4
const flushMillis = 1000
const leaveMillis = 1500

/** Starts Chromium with a fresh page. Never throws; what goes wrong is said to `onFailed`. */
export function beginRoomPage(options: PageOptions): BegunPage {
  const page = new Page(options.clock)
  page.start(options.chromium)
  return {
    take: (handlers, patience) => page.take(handlers, patience),
    discard: async () => {
      if (!page.isTaken) await page.discard()
    },
  }
}

class Page implements RoomPage {
  #handlers: PageHandlers | undefined
  #patience: Patience | undefined
  readonly #clock: Clock
  readonly #time: PageTime
  readonly #flushes = new Map<number, () => void>()
  readonly #gone = Promise.withResolvers<string>()
  #starting: Promise<void> = Promise.resolve()
  #tap: TapServer | undefined
  #chromium: Chromium | undefined
  #watchdog: NodeJS.Timeout | undefined
  #left = () => {}
  #silentLooks = 0
  #heardAt: number
  #lastFlush = 0
  #answered = false
  #ready = false
  #failedWhy: string | undefined
  #over = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#heardAt = clock.now()
    this.#time = new PageTime(clock)
  }

  get heardAt(): number {
    return this.#heardAt
  }

  get isTaken(): boolean {
    return this.#handlers !== undefined
  }

  start(chromium: ChromiumOptions): void {
    this.#watchdog = setInterval(() => this.#look(), lookEveryMillis)
    this.#starting = this.#start(chromium).catch((error: Error) => this.#fail(error.message))
  }

  take(handlers: PageHandlers, patience: Patience): RoomPage {
    this.#handlers = handlers
    this.#patience = patience
    const failedWhy = this.#failedWhy
    const ready = this.#ready
    // What it said before, once its taker has it.
    queueMicrotask(() => {
      if (failedWhy !== undefined) handlers.onFailed(failedWhy)
      else if (ready && !this.#over) handlers.onReady()
    })
    return this
  }

  send(command: PageCommand): void {
    this.#tap?.send(command)
  }

  flush(): Promise<boolean> {
    return this.#flush('flush')
  }

  lastWord(): Promise<boolean> {
    return this.#flush('lastWord')
  }

  async leave(): Promise<void> {
    if (!this.#ready || this.#over) return
    await within(leaveMillis, (resolve) => {
      this.#left = resolve
      this.send({ type: 'leave' })
    })
  }

  async discard(): Promise<void> {
    this.#over = true
    this.#gone.resolve('given up')
    clearInterval(this.#watchdog)
    await this.#chromium?.kill()
    await this.#starting
    await this.#tap?.close()
  }

  /** One that is not ready has nothing. */
  async #flush(type: 'flush' | 'lastWord'): Promise<boolean> {
    if (!this.#ready || this.#over) return true
    const id = ++this.#lastFlush
    return within(flushMillis, (resolve) => {
      this.#flushes.set(id, resolve)
      this.send({ type, id })
    })
  }

  async #start(options: ChromiumOptions): Promise<void> {
    const bundle = await loadPageBundle()
    this.#tap = await startTapServer(bundle, {
      onRecord: (record) => this.#onRecord(record),
      onClosed: () => this.#fail('The page closed its connection to the recorder'),
      onError: (error) => this.#fail(`The page sent what cannot be read: ${error.message}`),
    })
    if (this.#over) return
    const chromium = await launchChromium(options.path, options.args, () => this.#alive())
    this.#chromium = chromium
    chromium.gone.then((why) => this.#fail(why))
    if (this.#over) return chromium.kill()
    const opened = chromium.open(this.#tap.url, { function: 'startRecorder', argument: this.#tap.socketPath })
    await Promise.race([opened, this.#gone.promise])
  }

  #onRecord(record: TapRecord) {
    if (this.#over) return
    this.#heardAt = this.#clock.now()
    if (record.type === 'report') return this.#onReport(record.report as PageReport)
    record.frame.receiveTimeMicros = this.#time.toMicros(record.frame.receiveTimeMicros)
    this.#handlers?.onFrame(record.frame)
  }

  #onReport(report: PageReport) {
    switch (report.type) {
      case 'room':
        return this.#handlers?.onEvent({ ...report.event, timeMicros: this.#time.toMicros(report.event.timeMicros) })
      case 'ready':
        return this.#onConnected()
      case 'clock':
        return this.#onClock(report.pageMicros)
      case 'alive':
        return this.#alive()
      case 'flushed':
        this.#flushes.get(report.id)?.()
        this.#flushes.delete(report.id)
        return
      case 'left':
        return this.#left()
      case 'path':
        return this.#handlers?.onPath(report)
      case 'hole': {
        const { openMicros } = report
        return this.#handlers?.onHole({
          ...report,
          ...(openMicros === undefined ? {} : { openMicros: this.#time.toMicros(openMicros) }),
        })
      }
      case 'overflow':
        return this.#handlers?.onOverflow(report)
      case 'tapFailed':
        return this.#handlers?.onTapFailed(report)
      case 'warning':
        return this.#handlers?.onWarning(report.message, report.code === undefined ? {} : { code: report.code })
    }
  }

  #onConnected(): void {
    this.#alive()
    this.send(this.#time.ask())
  }

  /** Once it is known how late the page's clock is, the page is ready. */
  #onClock(pageMicros: number) {
    this.#alive()
    if (!this.#time.answered(pageMicros)) return this.send(this.#time.ask())
    this.#ready = true
    this.#handlers?.onReady()
  }

  #alive(): void {
    const doubted = this.#isDoubted
    this.#answered = true
    this.#silentLooks = 0
    if (doubted) this.#handlers?.onDoubt(false)
  }

  #look(): void {
    const doubted = this.#isDoubted
    this.#silentLooks += 1
    // Nobody waits for it yet.
    if (this.#patience === undefined) return
    const { launchMillis, startMillis, answerMillis } = this.#patience
    const patienceMillis = this.#ready ? answerMillis : this.#answered ? startMillis : launchMillis
    const who = this.#ready ? 'The page' : 'Chromium, which is starting,'
    if (this.#silentLooks * lookEveryMillis > patienceMillis) this.#fail(`${who} has not answered for ${patienceMillis / 1000} s`)
    else if (this.#isDoubted && !doubted) this.#handlers?.onDoubt(true)
  }

  get #isDoubted(): boolean {
    return this.#ready && this.#silentLooks >= doubtfulLooks
  }

  #fail(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#failedWhy = why
    this.#handlers?.onFailed(why)
  }
}

/** Whether it was. */
function within(millis: number, start: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), millis)
    start(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
