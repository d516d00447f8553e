import type { Ending, PageEvent } from './events.ts'
import type { Patience } from './room-page.ts'
import { isFinalRefusal } from './trtc-codes.ts'

/** What befell a page. */
interface Trouble {
  kind: 'browser' | 'room' | 'media'
  /** For a person. */
  message: string
  trtcCode: number | undefined
}

interface Past {
  /** The number of the page that is meant. What an earlier one still says is not heard. */
  page: number
  /** When to give up getting into the room for the first time. */
  startDeadline: number
  /** Whether the recorder has been in the room. */
  wasIn: boolean
  /** Since when the recorder is in the room without a break. */
  inSince: number | undefined
  /** Pages given up in a row, each of them before it was good for a while. */
  givenUp: number
  trouble: Trouble | undefined
}

/**
 * Where the recorder stands with its room. All times are milliseconds of a monotonic clock.
 * What is done about what, and how long each takes, was measured: docs/adr/0002.
 *
 *     starting ──► entering ──► in ◄──► reconnecting        (the SDK fights for its signalling)
 *        ▲            │          │           │
 *        └─ replacing ◄──────────┴───────────┘              (a page that failed is given up, and the next one begins)
 *                 any ──► over
 */
export type RoomState = Past &
  (
    | { name: 'starting'; since: number }
    /** `early`: what the page said before it said that it is in. */
    | { name: 'entering'; since: number; early: PageEvent[] }
    /** `rebuiltAt`: when the connection for media was last built anew, until something came through it. */
    | { name: 'in'; rebuiltAt: number | undefined }
    | { name: 'reconnecting'; since: number }
    | { name: 'replacing'; until: number }
    | { name: 'over'; end: RoomEnd }
  )

/** How it ends. `sentOut` is TRTC's word, and nobody comes back after it. */
export type RoomEnd =
  | { type: 'sentOut'; reason: Exclude<Ending, 'RoomLost'>; message: string }
  | { type: 'lost'; reason: 'RoomLost' | 'BrowserFailed' | 'MediaUnreachable'; message: string }
  | { type: 'refused'; trtcCode: number }
  | { type: 'startTimeout'; trtcCode: number | undefined; message: string }
  /** An error in the recorder itself. */
  | { type: 'defect'; error: unknown }
  /** As it was asked to. */
  | { type: 'left' }

export type SupervisorEvent = { at: number } & (
  | { type: 'ready'; page: number }
  /** Chromium ended, the page crashed, or it does not answer. */
  | { type: 'failed'; page: number; why: string }
  | { type: 'said'; page: number; event: PageEvent }
  /** Media that ought to come stays away, and no packet of any kind comes either. */
  | { type: 'pathDead'; page: number; forMillis: number }
  | { type: 'defect'; error: unknown }
  | { type: 'leave' }
  /** `lastFrameAt`: of the page that is meant. */
  | { type: 'tick'; lastFrameAt: number | undefined }
)

export type Effect =
  | { type: 'launch'; page: number; patience: Patience }
  | { type: 'enter'; page: number }
  /** Ends a page's Chromium; there is nothing more to be had from it. */
  | { type: 'discard'; page: number }
  | { type: 'rebuildMedia'; page: number }
  | { type: 'tell'; event: PageEvent }
  /** It was in the room, and is not until the next page is. */
  | { type: 'away'; why: string }
  /** A page did not get into the room; the next one tries. */
  | { type: 'notIn'; why: string }
  | { type: 'over'; end: RoomEnd }

export interface Step {
  state: RoomState
  effects: Effect[]
}

const launchMillis = 20_000
/** A page that gives no sign of life for so long has failed. Each that follows on it in a row is given twice as much, for the machine may be slow. */
const patienceMillis = 2500
/** Each step of the start of Chromium: the first took 2.5 s on two cores with a load of 17. */
const startPatienceMillis = 5000
const mostPatienceMillis = 20_000
/** The SDK tries for 5 s by itself, and three times where it is refused. */
const enterMillis = 20_000
const firstEntryPauseMillis = 1000
/** Before the n-th page in a row that did not do; after the last one it is over. A page that was in the room for a while begins anew. */
export const pausesMillis = [0, 0, 1000, 2000, 5000, 10_000, 20_000, 30_000]
const goodMillis = 60_000
/**
 * The SDK tries to come back every 2 s without end, but where the room closes the connection with code 1000 or 4013 it never tries again and
 * never says so. Then the media ends too, after the room's own grace.
 */
const lostConnectionMillis = 30_000
const lostMediaMillis = 10_000
/**
 * So long nothing at all may come through a connection that was built anew. Longer than Chromium waits between two checks of a path that stands
 * (2.5 s): where users are silent, their silence is no reason for another page.
 */
const rebuildMillis = 4000
/** A path that is dead while signalling is lost too is a network that is away: the SDK may be quicker to come back than a new page. */
const deadPathMillis = 8000
/** A batch that was under way when the connection was built anew. */
const inFlightMillis = 300

export function begin(at: number, startTimeoutMillis: number): Step {
  const past = { wasIn: false, inSince: undefined, givenUp: 0, trouble: undefined }
  return launch({ ...past, name: 'replacing', page: 1, until: at, startDeadline: at + startTimeoutMillis }, at)
}

/** What becomes of the state, and what is to be done. Pure. */
export function step(state: RoomState, event: SupervisorEvent): Step {
  if (state.name === 'over') return stay(state)
  if ('page' in event && (event.page !== state.page || state.name === 'replacing')) return stay(state)
  switch (event.type) {
    case 'leave':
      return { state: { ...state, name: 'over', end: { type: 'left' } }, effects: [{ type: 'over', end: { type: 'left' } }] }
    case 'defect':
      return over(state, { type: 'defect', error: event.error })
    case 'ready':
      if (state.name !== 'starting') return stay(state)
      return {
        state: { ...state, name: 'entering', since: event.at, early: [] },
        effects: [{ type: 'enter', page: state.page }],
      }
    case 'failed':
      return replace(state, { kind: 'browser', message: event.why, trtcCode: undefined }, event.at)
    case 'said':
      return said(state, event.event, event.at)
    case 'pathDead':
      return pathDead(state, event.forMillis, event.at)
    case 'tick':
      return tick(state, event.at, event.lastFrameAt)
  }
}

function said(state: RoomState, event: PageEvent, at: number): Step {
  const isIn = state.name === 'in' || state.name === 'reconnecting'
  switch (event.type) {
    case 'entered': {
      if (state.name !== 'entering') return stay(state)
      const effects: Effect[] = [event, ...state.early].map((event) => ({ type: 'tell', event }))
      return { state: { ...state, name: 'in', wasIn: true, inSince: at, rebuiltAt: undefined }, effects }
    }
    case 'refused': {
      const { trtcCode } = event
      const message = event.message.trim()
      if (!isFinalRefusal(trtcCode)) return replace(state, { kind: 'room', message, trtcCode }, at)
      if (!state.wasIn) return over(state, { type: 'refused', trtcCode: trtcCode! })
      return over(state, { type: 'lost', reason: 'RoomLost', message: `TRTC did not let the recorder in again: ${message}` })
    }
    case 'ended':
      if (event.reason === 'RoomLost') return replace(state, { kind: 'room', message: event.message, trtcCode: undefined }, at)
      return over(state, { type: 'sentOut', reason: event.reason, message: event.message })
    case 'connectionLost':
      if (state.name !== 'in') return stay(state)
      return { state: { ...state, name: 'reconnecting', since: at }, effects: [{ type: 'tell', event }] }
    case 'connectionRecovered':
      if (state.name !== 'reconnecting') return stay(state)
      return { state: { ...state, name: 'in', rebuiltAt: undefined }, effects: [{ type: 'tell', event }] }
    case 'anchorEntered':
    case 'anchorLeft':
    case 'published':
    case 'available':
    case 'bound':
      if (isIn) return { state, effects: [{ type: 'tell', event }] }
      return state.name === 'entering' ? stay({ ...state, early: [...state.early, event] }) : stay(state)
  }
}

function pathDead(state: RoomState, forMillis: number, at: number): Step {
  const trouble: Trouble = { kind: 'media', message: 'No packet of media comes from the room', trtcCode: undefined }
  if (state.name === 'reconnecting') return forMillis >= deadPathMillis ? replace(state, trouble, at) : stay(state)
  if (state.name !== 'in') return stay(state)
  if (state.rebuiltAt === undefined) {
    return { state: { ...state, rebuiltAt: at }, effects: [{ type: 'rebuildMedia', page: state.page }] }
  }
  const wasInVain = forMillis >= rebuildMillis && at - state.rebuiltAt >= rebuildMillis
  return wasInVain ? replace(state, trouble, at) : stay(state)
}

function tick(state: RoomState, at: number, lastFrameAt: number | undefined): Step {
  if (!state.wasIn && at >= state.startDeadline) return startTimeout(state, state.trouble ?? timeUp(state))
  switch (state.name) {
    case 'starting':
      return at - state.since >= launchMillis ? replace(state, timeUp(state), at) : stay(state)
    case 'entering':
      return at - state.since >= enterMillis ? replace(state, timeUp(state), at) : stay(state)
    case 'in': {
      const cameBack = state.rebuiltAt !== undefined && (lastFrameAt ?? 0) > state.rebuiltAt + inFlightMillis
      return cameBack ? stay({ ...state, rebuiltAt: undefined }) : stay(state)
    }
    case 'reconnecting': {
      const mediaFlows = lastFrameAt !== undefined && at - lastFrameAt < lostMediaMillis
      if (mediaFlows || at - state.since < lostConnectionMillis) return stay(state)
      const seconds = Math.round((at - state.since) / 1000)
      const message = `The connection to the room was lost ${seconds} s ago and nothing arrives any more`
      return replace(state, { kind: 'room', message, trtcCode: undefined }, at)
    }
    case 'replacing':
      return at >= state.until ? launch(state, at) : stay(state)
    case 'over':
      return stay(state)
  }
}

/** Gives the page up and has the next one begin, at once or after a pause; or gives up. */
function replace(state: RoomState, trouble: Trouble, at: number): Step {
  const wasGood = state.inSince !== undefined && at - state.inSince >= goodMillis
  const givenUp = wasGood ? 1 : state.givenUp + 1
  const isIn = state.inSince !== undefined
  const effects: Effect[] = [
    { type: 'discard', page: state.page },
    { type: isIn ? 'away' : 'notIn', why: trouble.message },
  ]
  const next: Past = { ...pastOf(state), page: state.page + 1, inSince: undefined, givenUp, trouble }
  const pause = state.wasIn ? pausesMillis[givenUp - 1] : firstEntryPauseMillis
  if (pause === undefined) return also(effects, over({ ...next, name: 'replacing', until: at }, lostBy(trouble, givenUp)))
  const replacing: RoomState = { ...next, name: 'replacing', until: at + pause }
  return pause === 0 ? also(effects, launch(replacing, at)) : { state: replacing, effects }
}

function launch(state: RoomState, at: number): Step {
  const launch: Effect = { type: 'launch', page: state.page, patience: patienceOf(state) }
  return { state: { ...pastOf(state), name: 'starting', since: at }, effects: [launch] }
}

function patienceOf({ wasIn, givenUp }: Past): Patience {
  const grown = (millis: number) => Math.min(mostPatienceMillis, millis * 2 ** Math.max(0, givenUp - 1))
  const startMillis = grown(startPatienceMillis)
  // The first Chromium may have to be read from a disk.
  return { launchMillis: wasIn ? startMillis : mostPatienceMillis, startMillis, answerMillis: grown(patienceMillis) }
}

function over(state: RoomState, end: RoomEnd): Step {
  // Of a page that was sent out the last frames may still be wanted.
  const keeps = end.type === 'sentOut' || state.name === 'replacing'
  const effects: Effect[] = keeps ? [] : [{ type: 'discard', page: state.page }]
  return { state: { ...pastOf(state), name: 'over', end }, effects: [...effects, { type: 'over', end }] }
}

const startTimeout = (state: RoomState, { message, trtcCode }: Trouble) =>
  over(state, { type: 'startTimeout', trtcCode, message })

const timeUp = ({ name }: RoomState): Trouble => ({
  kind: name === 'starting' ? 'browser' : 'room',
  message: name === 'starting' ? 'Chromium took too long to start' : 'TRTC did not answer in time',
  trtcCode: undefined,
})

function lostBy({ kind, message }: Trouble, times: number): RoomEnd {
  const reason = ({ browser: 'BrowserFailed', room: 'RoomLost', media: 'MediaUnreachable' } as const)[kind]
  return { type: 'lost', reason, message: `${message}; ${times} pages in a row did not do` }
}

const stay = (state: RoomState): Step => ({ state, effects: [] })
const also = (effects: Effect[], { state, effects: more }: Step): Step => ({ state, effects: [...effects, ...more] })

function pastOf({ page, startDeadline, wasIn, inSince, givenUp, trouble }: RoomState): Past {
  return { page, startDeadline, wasIn, inSince, givenUp, trouble }
}
