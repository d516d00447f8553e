import type { EncodedFrame } from '../tap/frame.ts'
import { startTapServer } from '../tap/server.ts'
import type { TapRecord } from '../tap/wire.ts'
import { launchChromium } from './chromium.ts'
import type { RoomEvent } from './events.ts'
import { loadPageBundle } from './page-bundle.ts'
import type { PageCommand, PageReport } from './protocol.ts'

export type EnterCommand = Extract<PageCommand, { type: 'enter' }>
export type SubscribeCommand = Extract<PageCommand, { type: 'subscribe' }>

export interface RoomHandlers {
  /** In order with frames. Nothing more comes after `ended`. */
  onEvent(event: RoomEvent): void
  onFrame(frame: EncodedFrame): void
  /** Worth a log line, and no more. */
  onWarning(message: string, details: object): void
}

export interface Room {
  subscribe(command: Omit<SubscribeCommand, 'type'>): void
  /** Resolves when everything the page had until now has arrived, or after a moment when the page does not answer. */
  flush(): Promise<void>
  /** Leaves the room politely if the page still answers, and ends Chromium. */
  close(): Promise<void>
}

export interface RoomOptions {
  chromium: { path: string; args: string[] }
  enter: EnterCommand
  /** Gives up opening. */
  signal?: AbortSignal
}

/**
 * The page says each second that it lives. Silence is counted in looks, not by the clock: when this process is the one that was held up,
 * what the page said meanwhile is read before the next look.
 */
const lookEveryMillis = 500
const silentLooksAllowed = 8
const flushMillis = 1000
const leaveMillis = 1500

const nowMicros = () => Date.now() * 1000

/**
 * Starts Chromium with a fresh page and has it enter the room. What happens then comes as events; `refused` and `ended` are final.
 * Rejects when Chromium or the page does not come up.
 */
export async function openRoom(options: RoomOptions, handlers: RoomHandlers): Promise<Room> {
  let over = false
  let ready = () => {}
  const isReady = new Promise<void>((resolve) => {
    ready = resolve
  })
  const flushes = new Map<number, () => void>()
  let left = () => {}
  let silentLooks = 0
  let watched = false

  const end = (event: RoomEvent) => {
    if (over) return
    over = event.type === 'ended' || event.type === 'refused'
    handlers.onEvent(event)
  }
  const fail = (message: string) => end({ type: 'ended', reason: 'BrowserFailed', message, timeMicros: nowMicros() })
  const onReport = (report: PageReport) => {
    switch (report.type) {
      case 'room':
        return end(report.event)
      case 'ready':
        return ready()
      case 'alive':
        return
      case 'flushed':
        return flushes.get(report.id)?.()
      case 'left':
        return left()
      case 'overflow':
        return handlers.onWarning('Recorder did not keep up with the page; frames were lost', report)
      case 'warning':
        return handlers.onWarning(report.message, report.code === undefined ? {} : { code: report.code })
    }
  }
  const onRecord = (record: TapRecord) => {
    silentLooks = 0
    if (record.type === 'frame') handlers.onFrame(record.frame)
    else onReport(record.report as PageReport)
  }

  const bundle = await loadPageBundle()
  const tap = await startTapServer(bundle, {
    onRecord,
    onClosed: () => fail('The page closed its connection to the recorder'),
    onError: (error) => handlers.onWarning('The page sent what cannot be read', { error: error.message }),
  })
  const chromium = await launchChromium(options.chromium.path, options.chromium.args).catch(async (error) => {
    await tap.close()
    throw error
  })
  const watchdog = setInterval(() => {
    silentLooks += 1
    if (watched && silentLooks > silentLooksAllowed) fail('The page has not answered for 4 s')
  }, lookEveryMillis)
  const close = async () => {
    over = true
    clearInterval(watchdog)
    await chromium.kill()
    await tap.close()
  }
  chromium.gone.then(fail)
  const givenUp = Promise.race([chromium.gone, abortOf(options.signal)]).then((reason) => Promise.reject(new Error(reason)))
  try {
    await Promise.race([chromium.open(tap.url, { function: 'startRecorder', argument: tap.socketPath }), givenUp])
    await Promise.race([isReady, givenUp])
  } catch (error) {
    await close()
    throw error
  }
  silentLooks = 0
  watched = true
  tap.send(options.enter)

  let lastFlush = 0
  return {
    subscribe: (command) => tap.send({ type: 'subscribe', ...command } satisfies SubscribeCommand),
    flush() {
      const id = ++lastFlush
      return within(flushMillis, (resolve) => {
        flushes.set(id, resolve)
        tap.send({ type: 'flush', id } satisfies PageCommand)
      })
    },
    async close() {
      if (!over) {
        over = true
        await within(leaveMillis, (resolve) => {
          left = resolve
          tap.send({ type: 'leave' } satisfies PageCommand)
        })
      }
      await close()
    },
  }
}

const abortOf = (signal: AbortSignal | undefined) =>
  new Promise<string>((resolve) => signal?.addEventListener('abort', () => resolve('Chromium took too long to start')))

function within(millis: number, start: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    start(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
