import { describe, expect, test } from 'vitest'
import { Attempt, type AttemptNote, alreadyOver, attemptAt, numbered, pausesOf } from './attempt.ts'
import { aJob, noLog } from './testing.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000)
const iso = (second: number) => at(second).toISOString()
const killed = (attempt: number, entered: number): AttemptNote => ({
  ...{ attempt, state: 'recording', enteredAt: iso(entered), pauses: [], clockSteps: [] },
})
const stopped = (attempt: number, stopReason: 'Idle' | 'Terminated', state: 'stopped' | 'complete' = 'stopped'): AttemptNote => ({
  ...{
    attempt,
    state,
    enteredAt: iso(attempt * 100),
    stoppedAt: iso(attempt * 100 + 50),
    stopReason,
    pauses: [],
    clockSteps: [],
  },
})

describe('an attempt notes on the volume', () => {
  test('how far it came, and when it was paused', async () => {
    const notes: AttemptNote[] = []
    const attempt = new Attempt(3, async (record) => void notes.push(record), noLog)
    await attempt.begun()
    await attempt.entered(at(1))
    await attempt.paused(at(2))
    await attempt.resumed(at(3))
    await attempt.paused(at(4))
    await attempt.stopped('Idle', at(5))
    await attempt.complete()
    expect(notes.map(({ state }) => state)).toEqual([
      ...['begun', 'recording', 'recording', 'recording', 'recording', 'stopped', 'complete'],
    ])
    expect(notes.at(-1)).toEqual({
      ...{ attempt: 3, state: 'complete', clockSteps: [], enteredAt: iso(1), stoppedAt: iso(5), stopReason: 'Idle' },
      pauses: [
        { from: iso(2), to: iso(3) },
        { from: iso(4), to: iso(5) },
      ],
    })
  })

  test('that it entered once, however often its page is replaced', async () => {
    const attempt = new Attempt(1, async () => {}, noLog)
    await attempt.entered(at(1))
    await attempt.entered(at(9))
    expect(attempt.note).toMatchObject({ enteredAt: iso(1) })
  })

  test('and goes on when the volume takes no note', async () => {
    const attempt = new Attempt(1, () => Promise.reject(new Error('ENOSPC')), noLog)
    await attempt.entered(at(1))
    expect(attempt.note.state).toBe('recording')
  })
})

describe('the number of an attempt', () => {
  test('is the operator’s, who also knows when the room was first entered', () => {
    expect(numbered(aJob({}, { attempt: 4, firstStartedAt: iso(7) }), [killed(1, 9)], false)).toMatchObject({
      job: { attempt: 4, firstStartedAt: iso(7) },
      anew: false,
    })
  })

  test('by hand follows the last on the volume, and begins anew after one that is complete', () => {
    expect(numbered(aJob(), [killed(1, 9)], true)).toMatchObject({ job: { attempt: 2, firstStartedAt: iso(9) }, anew: false })
    const anew = numbered(aJob(), [killed(1, 9), stopped(2, 'Idle', 'complete')], true)
    expect(anew).toMatchObject({ job: { attempt: 1 }, anew: true })
    expect(anew.job.firstStartedAt).toBeUndefined()
  })
})

describe('a recording is over', () => {
  test.each([
    ['not after a kill', {}, [killed(1, 1)], undefined],
    ['not after a SIGTERM', {}, [stopped(1, 'Terminated')], undefined],
    ['after a stop for good, whatever came then', {}, [stopped(1, 'Idle'), killed(2, 200)], 'Idle'],
    ['when the operator says so', { uploadOnly: true }, [stopped(1, 'Terminated')], 'Terminated'],
    ['when the operator says so of one that nobody entered', { uploadOnly: true }, [], 'NeverStarted'],
  ] as const)('%s', (_, job, earlier, reason) => {
    expect(alreadyOver(aJob({}, { attempt: 3, ...job }), earlier, at(1000).getTime())?.reason).toBe(reason)
  })

  test('when its time is up', () => {
    const job = aJob({ limits: { maxDurationSeconds: 60 } }, { attempt: 2, firstStartedAt: iso(0) })
    expect(alreadyOver(job, [killed(1, 0)], at(59).getTime())).toBeUndefined()
    expect(alreadyOver(job, [killed(1, 0)], at(60).getTime())?.reason).toBe('MaxDuration')
  })
})

test('the attempt that a file is of is the last that had entered when it was begun', () => {
  const earlier: AttemptNote[] = [killed(1, 10), { attempt: 2, state: 'begun', pauses: [], clockSteps: [] }, killed(3, 50)]
  expect([20, 50, 60].map((second) => attemptAt(earlier, iso(second)))).toEqual([1, 3, 3])
})

describe('the pauses of a recording', () => {
  const open = {
    ...killed(1, 0),
    pauses: [
      { from: iso(1), to: iso(2) },
      { from: iso(5), to: null },
    ],
  }

  test('are those of all attempts; one in which the recorder was killed lasts until the next was in the room', () => {
    const next = { ...killed(2, 10), pauses: [{ from: iso(15), to: iso(16) }] }
    expect(pausesOf([open, next])).toEqual([
      { from: iso(1), to: iso(2) },
      { from: iso(5), to: iso(10) },
      { from: iso(15), to: iso(16) },
    ])
  })

  test('is one that goes on where the next was paused as it entered', () => {
    const next = { ...killed(2, 10), pauses: [{ from: iso(10), to: iso(16) }] }
    expect(pausesOf([open, next])).toEqual([
      { from: iso(1), to: iso(2) },
      { from: iso(5), to: iso(16) },
    ])
    const never: AttemptNote = { attempt: 2, state: 'begun', pauses: [], clockSteps: [] }
    const last = { ...next, attempt: 3, pauses: [{ from: iso(10), to: null }] }
    expect(pausesOf([open, never, last]).at(-1)).toEqual({ from: iso(5), to: null })
  })
})
