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
  /** There is nothing more to be had from it. Said once. */
  onFailed(why: string): void
  onWarning(message: string, details: object): void
}

export type PathReport = Extract<PageReport, { type: 'path' }>
export type TapFailedReport = Extract<PageReport, { type: 'tapFailed' }>
export type HoleReport = Extract<PageReport, { type: 'hole' }>

/** One Chromium with one page, good for entering one room once. */
export interface RoomPage {
  send(command: PageCommand): void
  /** Resolves when everything the page had until now has arrived, or after a moment when it does not answer. */
  flush(): Promise<void>
  /** The same when nothing more will be recorded, with what it knows by now of what was missing. */
  lastWord(): Promise<void>
  /** Has it leave the room, for as long as a page that answers takes. */
  leave(): Promise<void>
  /** Ends Chromium, also where it is still starting. */
  discard(): Promise<void>
}

/**
 * The page says twice a second that it lives, and only that counts: media flows on through a page that has died. Silence is counted in looks, not by
 * the clock: when this process is the one that was held up, what the page said meanwhile is read before the next look.
 */
const lookEveryMillis = 250
const silentLooksAllowed = 10
const flushMillis = 1000
const leaveMillis = 1500

/** Starts Chromium with a fresh page. Never throws; what goes wrong is said to `onFailed`. */
export function openRoomPage(options: { chromium: ChromiumOptions; clock: Clock }, handlers: PageHandlers): RoomPage {
  const page = new Page(options.clock, handlers)
  page.start(options.chromium)
  return page
}

class Page implements RoomPage {
  readonly #handlers: PageHandlers
  readonly #time: PageTime
  readonly #flushes = new Map<number, () => void>()
  readonly #gone = Promise.withResolvers<string>()
  #starting: Promise<void> = Promise.resolve()
  #tap: TapServer | undefined
  #chromium: Chromium | undefined
  #watchdog: NodeJS.Timeout | undefined
  #left = () => {}
  #silentLooks = 0
  #lastFlush = 0
  #ready = false
  #over = false

  constructor(clock: Clock, handlers: PageHandlers) {
    this.#handlers = handlers
    this.#time = new PageTime(clock)
  }

  start(chromium: ChromiumOptions): void {
    this.#starting = this.#start(chromium).catch((error: Error) => this.#fail(error.message))
  }

  send(command: PageCommand): void {
    this.#tap?.send(command)
  }

  flush(): Promise<void> {
    return this.#flush('flush')
  }

  lastWord(): Promise<void> {
    return this.#flush('lastWord')
  }

  leave(): Promise<void> {
    if (!this.#ready || this.#over) return Promise.resolve()
    return within(leaveMillis, (resolve) => {
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

  #flush(type: 'flush' | 'lastWord'): Promise<void> {
    if (!this.#ready || this.#over) return Promise.resolve()
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
    const chromium = await launchChromium(options.path, options.args)
    this.#chromium = chromium
    chromium.gone.then((why) => this.#fail(why))
    if (this.#over) return chromium.kill()
    const opened = chromium.open(this.#tap.url, { function: 'startRecorder', argument: this.#tap.socketPath })
    await Promise.race([opened, this.#gone.promise])
  }

  #onRecord(record: TapRecord) {
    if (this.#over) return
    if (record.type === 'report') return this.#onReport(record.report as PageReport)
    record.frame.receiveTimeMicros = this.#time.toMicros(record.frame.receiveTimeMicros)
    this.#handlers.onFrame(record.frame)
  }

  #onReport(report: PageReport) {
    switch (report.type) {
      case 'room':
        return this.#handlers.onEvent({ ...report.event, timeMicros: this.#time.toMicros(report.event.timeMicros) })
      case 'ready':
        return this.send(this.#time.ask())
      case 'clock':
        return this.#onClock(report.pageMicros)
      case 'alive':
        this.#silentLooks = 0
        return
      case 'flushed':
        this.#flushes.get(report.id)?.()
        this.#flushes.delete(report.id)
        return
      case 'left':
        return this.#left()
      case 'path':
        return this.#handlers.onPath(report)
      case 'hole': {
        const { openMicros } = report
        return this.#handlers.onHole({
          ...report,
          ...(openMicros === undefined ? {} : { openMicros: this.#time.toMicros(openMicros) }),
        })
      }
      case 'overflow':
        return this.#handlers.onOverflow(report)
      case 'tapFailed':
        return this.#handlers.onTapFailed(report)
      case 'warning':
        return this.#handlers.onWarning(report.message, report.code === undefined ? {} : { code: report.code })
    }
  }

  /** Once it is known how late the page's clock is, the page is ready. */
  #onClock(pageMicros: number) {
    if (!this.#time.answered(pageMicros)) return this.send(this.#time.ask())
    this.#watchdog = setInterval(() => {
      this.#silentLooks += 1
      if (this.#silentLooks > silentLooksAllowed) this.#fail('The page has not answered for 2.5 s')
    }, lookEveryMillis)
    this.#ready = true
    this.#handlers.onReady()
  }

  #fail(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#handlers.onFailed(why)
  }
}

function within(millis: number, start: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    start(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
