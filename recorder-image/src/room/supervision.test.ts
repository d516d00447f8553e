import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PageEvent } from './events.ts'
import { begin, type Effect, pausesMillis, type RoomState, type SupervisorEvent, step } from './supervision.ts'

type Timeless<E> = E extends { timeMicros: number } ? Omit<E, 'timeMicros'> : never
type Happening = SupervisorEvent extends infer E ? (E extends { at: number } ? Omit<E, 'at'> : never) : never

/** A room that a test plays to, with what is done about it. */
class Play {
  state: RoomState
  at = 0
  done: Effect[]
  constructor(startTimeoutMillis = 60_000) {
    const first = begin(0, startTimeoutMillis)
    this.state = first.state
    this.done = first.effects
  }

  happens(event: Happening): this {
    const { state, effects } = step(this.state, { ...event, at: this.at } as SupervisorEvent)
    this.state = state
    this.done.push(...effects)
    return this
  }

  says(event: Timeless<PageEvent>, page = this.state.page): this {
    return this.happens({ type: 'said', page, event: { ...event, timeMicros: this.at * 1000 } as PageEvent })
  }

  enters(): this {
    return this.happens({ type: 'ready', page: this.state.page }).says({ type: 'entered' })
  }

  fails(why = 'Chromium ended', page = this.state.page): this {
    return this.happens({ type: 'failed', page, why })
  }

  pass(millis: number, lastFrameAt?: number): this {
    this.at += millis
    return this.happens({ type: 'tick', lastFrameAt })
  }

  /** What was done since the last time this was asked. */
  get doings(): string[] {
    return this.done.splice(0).map((effect) => {
      if (effect.type === 'tell') return `tell ${effect.event.type}`
      if (effect.type === 'over') return `over ${'reason' in effect.end ? effect.end.reason : effect.end.type}`
      return 'page' in effect ? `${effect.type} ${effect.page}` : effect.type
    })
  }
}
const ended = (reason: 'RoomDismissed' | 'RemovedByApi' | 'DuplicateUser' | 'RoomLost') =>
  ({ type: 'ended', reason, message: '' }) as const

describe('getting in', () => {
  test('a page is started, told to enter, and what it says is told', () => {
    const play = new Play().enters().says({ type: 'anchorEntered', userId: 'alice' })
    expect(play.doings).toEqual(['launch 1', 'enter 1', 'tell entered', 'tell anchorEntered'])
  })

  test('what is said before it is in is told once it is', () => {
    const play = new Play().happens({ type: 'ready', page: 1 }).says({ type: 'anchorEntered', userId: 'alice' })
    expect(play.doings).toEqual(['launch 1', 'enter 1'])
    expect(play.says({ type: 'entered' }).doings).toEqual(['tell entered', 'tell anchorEntered'])
  })

  test('a crash while entering is followed by the next try, which the first one’s last words do not harm', () => {
    const play = new Play().happens({ type: 'ready', page: 1 }).fails('Chromium ended (SIGSEGV)')
    expect(play.doings).toEqual(['launch 1', 'enter 1', 'discard 1', 'notIn'])
    play.pass(1000).enters()
    play.fails('The page closed its connection', 1).says(ended('RoomLost'), 1).says({ type: 'connectionLost' }, 1)
    expect(play.doings).toEqual(['launch 2', 'enter 2', 'tell entered'])
    expect(play.state.name).toBe('in')
  })

  test('an account that TRTC does not accept is not tried again', () => {
    const play = new Play().happens({ type: 'ready', page: 1 }).says({ type: 'refused', trtcCode: 70013, message: '' })
    expect(play.doings.at(-1)).toBe('over refused')
  })

  test('anything else is tried until the time is up, and what went wrong is said', () => {
    const play = new Play(3500)
    while (play.state.name !== 'over') {
      if (play.state.name === 'starting') play.happens({ type: 'ready', page: play.state.page })
      if (play.state.name === 'entering') play.says({ type: 'refused', trtcCode: undefined, message: 'schedule failed' })
      play.pass(250)
    }
    expect(play.doings.filter((one) => one.startsWith('enter'))).toHaveLength(4)
    expect(play.state.end).toEqual({ type: 'startTimeout', trtcCode: undefined, message: 'schedule failed' })
    expect(play.at).toBe(3500)
  })

  test('silence has its time too', () => {
    const play = new Play(10_000).happens({ type: 'ready', page: 1 }).pass(10_000)
    expect(play.state).toMatchObject({ end: { type: 'startTimeout', message: 'TRTC did not answer in time' } })
  })
})

describe('staying in', () => {
  test('a page that fails is replaced at once', () => {
    const play = new Play().enters()
    play.doings
    expect(play.fails().doings).toEqual(['discard 1', 'away', 'launch 2'])
    expect(play.enters().doings).toEqual(['enter 2', 'tell entered'])
  })

  test('an SDK that cannot come back too', () => {
    const play = new Play().enters()
    play.doings
    expect(play.says(ended('RoomLost')).doings).toEqual(['discard 1', 'away', 'launch 2'])
  })

  test.each(['RoomDismissed', 'RemovedByApi', 'DuplicateUser'] as const)('%s is the end, in whatever state', (reason) => {
    for (const prepare of [
      (play: Play) => play,
      (play: Play) => play.happens({ type: 'ready', page: 1 }),
      (play: Play) => play.enters(),
      (play: Play) => play.enters().says({ type: 'connectionLost' }),
    ]) {
      const play = prepare(new Play()).says(ended(reason))
      expect(play.doings.at(-1)).toBe(`over ${reason}`)
      expect(play.pass(100_000).fails().says(ended('RoomLost')).doings).toEqual([])
    }
  })

  test('the first page may take its time to start; the next one has 2.5 s to answer, and each that follows it in a row twice as much', () => {
    const play = new Play().enters()
    for (let times = 0; times < 6; times++) {
      play.fails()
      if (play.state.name === 'replacing') play.pass(play.state.until - play.at)
    }
    const patience = play.done.flatMap((effect) => (effect.type === 'launch' ? [effect.patience] : []))
    expect(patience[0]).toEqual({ launchMillis: 20_000, startMillis: 5000, answerMillis: 2500 })
    const times = [1, 2, 4, 8, 8, 8]
    expect(patience.slice(1).map(({ answerMillis }) => answerMillis)).toEqual(times.map((n) => n * 2500))
    const starting = [5000, 10_000, 20_000, 20_000, 20_000, 20_000]
    expect(patience.slice(1).map(({ launchMillis }) => launchMillis)).toEqual(starting)
    expect(patience.slice(1).map(({ startMillis }) => startMillis)).toEqual(starting)
  })

  test('pages that fail one after the other are given growing pauses, and in the end up', () => {
    const play = new Play().enters()
    let tries = 0
    while (play.state.name !== 'over' && tries < 100) {
      if (play.state.name === 'replacing') play.pass(play.state.until - play.at)
      if (play.state.name === 'starting') play.enters()
      play.fails()
      tries += 1
    }
    expect(play.state).toMatchObject({ end: { type: 'lost', reason: 'BrowserFailed' } })
    expect(tries).toBe(pausesMillis.length + 1)
    expect(play.at).toBe(pausesMillis.reduce((sum, pause) => sum + pause, 0))
  })

  test('but one that was good for a minute begins anew', () => {
    const play = new Play().enters()
    for (let times = 0; times < 100; times++) {
      play.pass(60_000).fails()
      expect(play.state.name).toBe('starting')
      play.enters()
    }
  })

  test('signalling that stays away is left to the SDK as long as media flows', () => {
    const play = new Play().enters().says({ type: 'connectionLost' })
    for (let seconds = 0; seconds < 600; seconds++) play.pass(1000, play.at)
    expect(play.state.name).toBe('reconnecting')
    play.doings
    play.pass(9000, play.at).pass(2000, play.at - 9000)
    expect(play.doings).toEqual(['discard 1', 'away', 'launch 2'])
  })

  test('a dead path: the SDK’s connection is built anew, once; where that was in vain, a new page', () => {
    const play = new Play().enters()
    play.doings
    const dead = (forMillis: number) => play.happens({ type: 'pathDead', page: play.state.page, forMillis })
    expect(dead(1200).doings).toEqual(['rebuildMedia 1'])
    play.at += 2000
    expect(dead(2000).doings).toEqual([])
    play.at += 2500
    expect(dead(4500).doings).toEqual(['discard 1', 'away', 'launch 2'])
  })

  test('users who are silent through a path that answers are no reason for another page', () => {
    const play = new Play().enters()
    for (let times = 0; times < 20; times++) {
      play.happens({ type: 'pathDead', page: 1, forMillis: 1200 })
      play.pass(2500)
    }
    expect(play.state).toMatchObject({ name: 'in', page: 1 })
  })

  test('media that came back makes the next dead path the first again', () => {
    const play = new Play().enters().happens({ type: 'pathDead', page: 1, forMillis: 1200 })
    play.pass(1000, 900)
    play.doings
    play.at += 10_000
    expect(play.happens({ type: 'pathDead', page: 1, forMillis: 1200 }).doings).toEqual(['rebuildMedia 1'])
  })

  test('a defect of the recorder is no fault of the page', () => {
    const play = new Play().enters()
    const error = new TypeError('x is not a function')
    play.happens({ type: 'defect', error })
    expect(play.state).toMatchObject({ name: 'over', end: { type: 'defect', error } })
  })
})

test('whatever happens: one page at a time, none left behind, and no word of an earlier one is told', () => {
  const page = fc.integer({ min: 0, max: 3 })
  const event: fc.Arbitrary<PageEvent> = fc.oneof(
    fc.constant({ type: 'entered' as const, timeMicros: 0 }),
    fc.constant({ type: 'connectionLost' as const, timeMicros: 0 }),
    fc.constant({ type: 'connectionRecovered' as const, timeMicros: 0 }),
    fc.constant({ type: 'anchorEntered' as const, userId: 'alice', timeMicros: 0 }),
    fc.constant({ ...ended('RoomLost'), timeMicros: 0 }),
    fc.constant({ type: 'refused' as const, trtcCode: undefined, message: '', timeMicros: 0 }),
  )
  const happening: fc.Arbitrary<{ back: number; what: Happening; millis: number }> = fc.record({
    /** Of which page, counted back from the one that is meant. */
    back: page,
    millis: fc.integer({ min: 0, max: 5000 }),
    what: fc.oneof(
      fc.constant<Happening>({ type: 'ready', page: 0 }),
      fc.constant<Happening>({ type: 'failed', page: 0, why: '' }),
      event.map<Happening>((event) => ({ type: 'said', page: 0, event })),
      fc.integer({ min: 1200, max: 9000 }).map<Happening>((forMillis) => ({ type: 'pathDead', page: 0, forMillis })),
      fc.constant<Happening>({ type: 'tick', lastFrameAt: undefined }),
    ),
  })
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => {
      const play = new Play()
      let running: number | undefined = play.state.page
      let isIn = false
      for (const { back, what, millis } of happenings) {
        play.at += millis
        const before = play.state
        const meant = 'page' in what ? before.page - back : before.page
        play.done = []
        play.happens('page' in what ? { ...what, page: meant } : what)
        if (meant !== before.page) expect(play.done).toEqual([])
        for (const effect of play.done) {
          if (effect.type === 'launch') {
            expect(running).toBeUndefined()
            running = effect.page
          } else if (effect.type === 'discard') {
            expect(effect.page).toBe(running)
            running = undefined
          } else if (effect.type === 'enter' || effect.type === 'rebuildMedia') expect(effect.page).toBe(running)
          else if (effect.type === 'away') {
            expect(isIn).toBe(true)
            isIn = false
          } else if (effect.type === 'tell') {
            if (effect.event.type === 'entered') expect(isIn).toBe(false)
            isIn = true
          } else if (effect.type === 'over') expect(running).toBeUndefined()
        }
      }
    }),
    { numRuns: 500 },
  )
})
