import type { EncodedFrame } from '../tap/frame.ts'
import type { RoomEvent } from './events.ts'
import { PathWatch } from './path-watch.ts'
import type { PageCommand, PageReport } from './protocol.ts'
import {
  type BegunPage,
  beginRoomPage,
  type HoleReport,
  type PageHandlers,
  type PageOptions,
  type Patience,
  type RoomPage,
} from './room-page.ts'
import { begin, type Effect, type RoomEnd, type RoomState, type Step, type SupervisorEvent, step } from './supervision.ts'

export type EnterCommand = Extract<PageCommand, { type: 'enter' }>
export type SubscribeCommand = Omit<Extract<PageCommand, { type: 'subscribe' }>, 'type'>
export type ResubscribeCommand = Omit<Extract<PageCommand, { type: 'resubscribe' }>, 'type'>

export interface RoomHandlers {
  /** In order with frames. */
  onEvent(event: RoomEvent): void
  onFrame(frame: EncodedFrame): void
  /** What the receiver counted around a hole in somebody's pictures. */
  onHole(report: HoleReport): void
  /** The page threw frames away, which Node did not take in time. */
  onOverflow(report: Extract<PageReport, { type: 'overflow' }>): void
  /** Frames were not taken, or will not be, by a defect of the page. */
  onTapFailed(report: Extract<PageReport, { type: 'tapFailed' }>): void
  /** Worth a log line, and no more. */
  onWarning(message: string, details: object): void
  /** Whether media that ought to come stays away. */
  isQuiet(): boolean
}

/** One room, whatever becomes of the pages that are in it for us. */
export interface Room {
  subscribe(command: SubscribeCommand): void
  unsubscribe(command: SubscribeCommand): void
  resubscribe(command: ResubscribeCommand): void
  /** Asks the sender in a slot for a key frame; may be called for every picture. */
  requestKeyFrame(slot: number): void
  /** Resolves when everything that was received until now has arrived, or after a moment when the page does not answer. */
  flush(): Promise<void>
  /** The same when nothing more will be recorded, with what the page knows by now of what was missing. Of one that does not answer `away` is told. */
  lastWord(): Promise<void>
  /** Resolves when the recorder is not in the room and will not come back by itself. */
  readonly over: Promise<RoomEnd>
  /** Leaves the room politely if the page still answers, and ends Chromium. */
  close(): Promise<void>
}

export interface RoomOptions extends PageOptions {
  /** The first page, where it was begun already. */
  firstPage?: BegunPage | undefined
  /** All but the UserSig. */
  enter: Omit<EnterCommand, 'userSig'>
  /** A UserSig that is good now; asked for each time a page enters. */
  userSig(): Promise<string>
  /** How long getting in for the first time may take. */
  startTimeoutMillis: number
  /** Real pages, unless a test brings its own. */
  beginPage?: typeof beginRoomPage
}

const tickMillis = 250
const keyFrameRequestMillis = 1000
/** A page that falls silent again and again on a machine that is overloaded must not be the reason for ever more of them. */
const nextPageEveryMillis = 30_000

/** Enters the room and stays in it: the thin rim of `supervision`, which decides. Never throws. */
export function openRoom(options: RoomOptions, handlers: RoomHandlers): Room {
  return new SupervisedRoom(options, handlers)
}

class SupervisedRoom implements Room {
  readonly over: Promise<RoomEnd>
  readonly #options: RoomOptions
  readonly #handlers: RoomHandlers
  readonly #isOver: (end: RoomEnd) => void
  readonly #timer: NodeJS.Timeout
  readonly #discarded = new Set<Promise<void>>()
  #state: RoomState
  #page: RoomPage | undefined
  /** Begun before it is needed. */
  #nextPage: BegunPage | undefined
  #nextPageBegunAt = Number.NEGATIVE_INFINITY
  /** When the page was heard last that was given up last. */
  #heardAt = Number.NEGATIVE_INFINITY
  #path = new PathWatch()
  #lastFrameAt: number | undefined
  readonly #keyFrameRequestedAt = new Map<number, number>()

  constructor(options: RoomOptions, handlers: RoomHandlers) {
    this.#options = options
    this.#handlers = handlers
    const { promise, resolve } = Promise.withResolvers<RoomEnd>()
    this.over = promise
    this.#isOver = resolve
    this.#nextPage = options.firstPage
    this.#timer = setInterval(() => this.#tick(), tickMillis)
    const first = begin(options.clock.now(), options.startTimeoutMillis)
    this.#state = first.state
    this.#take(first)
  }

  subscribe(command: SubscribeCommand): void {
    this.#page?.send({ type: 'subscribe', ...command })
  }

  unsubscribe(command: SubscribeCommand): void {
    this.#page?.send({ type: 'unsubscribe', ...command })
  }

  requestKeyFrame(slot: number): void {
    const now = this.#options.clock.now()
    if (now < (this.#keyFrameRequestedAt.get(slot) ?? Number.NEGATIVE_INFINITY) + keyFrameRequestMillis) return
    this.#keyFrameRequestedAt.set(slot, now)
    this.#page?.send({ type: 'requestKeyFrame', slot })
  }

  resubscribe(command: ResubscribeCommand): void {
    this.#page?.send({ type: 'resubscribe', ...command })
  }

  async flush(): Promise<void> {
    await this.#page?.flush()
  }

  async lastWord(): Promise<void> {
    const page = this.#page
    const answered = (await page?.lastWord()) ?? true
    const isIn = page === this.#page && (this.#state.name === 'in' || this.#state.name === 'reconnecting')
    if (page !== undefined) this.#heardAt = page.heardAt
    if (!answered && isIn) this.#do({ type: 'away', why: 'The page did not answer when the recording stopped' })
  }

  async close(): Promise<void> {
    const wasSentOut = this.#state.name === 'over' && this.#state.end.type === 'sentOut'
    this.#happened({ type: 'leave' })
    clearInterval(this.#timer)
    const page = this.#page
    this.#page = undefined
    this.#discardNext()
    if (!wasSentOut) await page?.leave()
    await page?.discard()
    await Promise.all(this.#discarded)
  }

  #tick(): void {
    this.#happened({ type: 'tick', lastFrameAt: this.#lastFrameAt })
    const { name, page } = this.#state
    if (name !== 'in' && name !== 'reconnecting') return
    const { look, deadForMillis, hangs } = this.#path.tick(this.#handlers.isQuiet(), this.#options.clock.now())
    if (look) this.#page?.send({ type: 'look' })
    if (hangs === 'maybe') this.#doubt(true)
    if (hangs === 'yes')
      this.#happened({ type: 'failed', page, why: 'The page does not say what comes through its connection for media' })
    else if (deadForMillis !== undefined) this.#happened({ type: 'pathDead', page, forMillis: deadForMillis })
  }

  #happened(event: DistributedOmit<SupervisorEvent, 'at'>): void {
    this.#take(step(this.#state, { ...event, at: this.#options.clock.now() }))
  }

  #take({ state, effects }: Step): void {
    this.#state = state
    for (const effect of effects) this.#do(effect)
  }

  #do(effect: Effect) {
    const { clock } = this.#options
    const timeMicros = clock.micros()
    switch (effect.type) {
      case 'launch':
        this.#launch(effect.page, effect.patience)
        return
      case 'enter':
        void this.#enter(effect.page)
        return
      case 'discard':
        this.#discard()
        return
      case 'rebuildMedia':
        this.#page?.send({ type: 'rebuildMedia' })
        return this.#tell(() => this.#handlers.onEvent({ type: 'mediaRebuilt', timeMicros }))
      case 'tell': {
        const { event } = effect
        if (event.type === 'refused' || event.type === 'ended') return
        return this.#tell(() => this.#handlers.onEvent(event))
      }
      case 'away':
        return this.#tell(() => {
          const heardMicros = clock.micros(this.#heardAt)
          this.#handlers.onEvent({ type: 'away', why: effect.why, heardMicros, timeMicros })
        })
      case 'notIn':
        this.#handlers.onWarning('Room not entered; trying again', { error: effect.why })
        return
      case 'over':
        clearInterval(this.#timer)
        this.#discardNext()
        this.#isOver(effect.end)
    }
  }

  #launch(page: number, patience: Patience): void {
    this.#lastFrameAt = undefined
    this.#path = new PathWatch()
    const { clock } = this.#options
    const isMeant = () => this.#state.page === page
    const begun = this.#nextPage ?? this.#beginPage()
    this.#nextPage = undefined
    const handlers: PageHandlers = {
      onReady: () => this.#happened({ type: 'ready', page }),
      onDoubt: (doubted) => isMeant() && this.#doubt(doubted),
      onFailed: (why) => this.#happened({ type: 'failed', page, why }),
      onEvent: (event) => this.#happened({ type: 'said', page, event }),
      onPath: (path) => {
        if (!isMeant()) return
        this.#path.said(path, clock.now())
        this.#doubt(false)
      },
      onHole: (report) => isMeant() && this.#tell(() => this.#handlers.onHole(report)),
      onOverflow: (report) => isMeant() && this.#tell(() => this.#handlers.onOverflow(report)),
      onTapFailed: (report) => isMeant() && this.#tell(() => this.#handlers.onTapFailed(report)),
      onWarning: (message, details) => isMeant() && this.#handlers.onWarning(message, details),
      onFrame: (frame) => {
        if (!isMeant()) return
        this.#lastFrameAt = clock.now()
        this.#tell(() => this.#handlers.onFrame(frame))
      },
    }
    this.#page = begun.take(handlers, patience)
  }

  #beginPage(): BegunPage {
    const { chromium, clock, beginPage = beginRoomPage } = this.#options
    return beginPage({ chromium, clock })
  }

  /** Chromium takes as long to start as it takes until a silent page is given up: so the next one starts meanwhile. */
  #doubt(doubted: boolean) {
    if (!doubted) return this.#discardNext()
    if (this.#state.name === 'over' || this.#nextPage !== undefined) return
    const now = this.#options.clock.now()
    if (now - this.#nextPageBegunAt < nextPageEveryMillis) return
    this.#nextPageBegunAt = now
    this.#nextPage = this.#beginPage()
  }

  async #enter(page: number): Promise<void> {
    try {
      const userSig = await this.#options.userSig()
      if (this.#state.page === page) this.#page?.send({ ...this.#options.enter, userSig })
    } catch (error) {
      this.#happened({ type: 'failed', page, why: (error as Error).message })
    }
  }

  #discard(): void {
    const page = this.#page
    this.#page = undefined
    if (page !== undefined) this.#heardAt = page.heardAt
    this.#end(page)
  }

  #discardNext(): void {
    const page = this.#nextPage
    this.#nextPage = undefined
    this.#end(page)
  }

  #end(page: RoomPage | BegunPage | undefined): void {
    const discarded = page?.discard().catch((error: Error) => {
      this.#handlers.onWarning('What a page left could not be removed', { error: error.message })
    })
    if (discarded === undefined) return
    this.#discarded.add(discarded)
    discarded.then(() => this.#discarded.delete(discarded))
  }

  /** What is told may fail by a defect of the recorder, which must not be taken for one of the page. */
  #tell(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#happened({ type: 'defect', error })
    }
  }
}

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
