import { describe, expect, test } from 'vitest'
import { withCondition } from './conditions.ts'
import { eventsOf } from './events.ts'
import { aProgress, aRecording, aResult, at } from './testing.ts'
import { World } from './testing-world.ts'

const reasons = (before: World['status'] | undefined, after: World['status']) =>
  eventsOf(before, after).map(({ type, reason }) => `${type} ${reason}`)

describe('Events', () => {
  /** Plays moves, and gives what was told of each. */
  function play(world: World) {
    const told: string[] = []
    const step = (move: () => unknown) => {
      const before = world.status
      move()
      told.push(...reasons(before, world.status))
      expect(eventsOf(world.status, world.status)).toEqual([])
    }
    return { told, step }
  }

  test('tell the end of a life that goes as it should, and of nothing else that its conditions say', () => {
    const world = new World()
    const { told, step } = play(world)
    step(() => world.settle())
    step(() => world.scheduled())
    step(() => world.inRoom())
    step(() => world.after(15))
    step(() => world.stop())
    step(() => world.ends(aResult({ stopReason: 'Terminated', startedAt: at(1).toISOString() })))
    expect(told).toEqual(['Normal NothingRecorded'])
  })

  test('warn of nothing where a recording was stopped before its recorder ran', () => {
    const world = new World()
    const { told, step } = play(world)
    step(() => world.settle())
    step(() => world.stop())
    step(() => world.settle())
    expect(told).toEqual(['Normal StoppedBeforeStart'])
  })

  test('tell each turn of a story that goes otherwise, once', () => {
    const world = new World().settle().inRoom()
    const { told, step } = play(world)
    step(() => world.ends(undefined))
    step(() => world.after(60))
    step(() => world.inRoom())
    expect(told).toEqual(['Warning Crashed', 'Normal RetryScheduled', 'Normal Recording'])
  })

  test('warn of trouble, and name the attempt', () => {
    const world = new World().settle().scheduled()
    const before = world.status
    world.ends(aResult({ outcome: 'RoomRefused', stopReason: 'NeverStarted', message: 'UserSig expired' }))
    const events = eventsOf(before, world.status)
    expect(events.map((event) => event.type)).toEqual(['Warning', 'Warning'])
    expect(events[0]?.note).toBe('Attempt 1 (Pod math-a1) ended: UserSig expired')
    expect(events[1]).toMatchObject({ reason: 'RoomRefused', note: 'UserSig expired' })
  })
})

test('warn of what a recorder that goes on needs help with, each time anew', () => {
  const world = new World().settle().scheduled().inRoom()
  const told: string[] = []
  const hears = (progress: Parameters<typeof aProgress>[0]) => {
    const before = world.status
    world.progress = aProgress(progress)
    world.settle()
    told.push(...reasons(before, world.status))
  }
  const refused = { state: 'refused' as const, message: 'NoSuchBucket' }
  hears({ storage: refused })
  hears({ storage: refused, recordedBytes: 5 })
  hears({ storage: { state: 'proven' } })
  hears({ storage: refused })
  hears({ storage: { state: 'proven' }, userSigExpiresAt: at(60).toISOString() })
  expect(told).toEqual(['Warning StorageRefused', 'Warning StorageRefused', 'Warning UserSigExpiring'])
})

test('tell once what two conditions say', () => {
  const world = new World().settle().scheduled().inRoom()
  const before = world.status
  world.ends(aResult({ outcome: 'UploadRefused', stopReason: 'Idle', startedAt: at(5).toISOString(), message: 'AccessDenied' }))
  expect(world.is('Stored')).toBe('False StorageRefused')
  expect(reasons(before, world.status)).toEqual(['Warning UploadRefused', 'Warning StorageRefused'])
})

describe('a condition', () => {
  const pending = { status: 'Unknown', reason: 'Pending', message: 'wait' } as const
  test('keeps the time of its last transition until its status changes', () => {
    const first = withCondition([], 'Succeeded', pending, 1, at(0))
    const second = withCondition(first, 'Succeeded', { ...pending, reason: 'Recording' }, 2, at(10))
    const third = withCondition(second, 'Succeeded', { ...pending, status: 'True' }, 2, at(20))
    expect(second).toMatchObject([{ reason: 'Recording', observedGeneration: 2, lastTransitionTime: at(0).toISOString() }])
    expect(third[0]?.lastTransitionTime).toBe(at(20).toISOString())
  })

  test('is cut to what the schema takes', () => {
    expect(withCondition([], 'Succeeded', { ...pending, message: 'x'.repeat(5000) }, 1, at(0))[0]?.message).toHaveLength(1024)
  })

  test('stands in a fixed order', () => {
    const conditions = withCondition(withCondition([], 'Stalled', pending, 1, at(0)), 'Succeeded', pending, 1, at(0))
    expect(conditions.map((condition) => condition.type)).toEqual(['Succeeded', 'Stalled'])
  })

  test('is never written to a Recording that has nothing new', () => {
    const world = new World(aRecording()).settle()
    const { status } = world
    expect(world.after(1).status).toEqual(status)
  })
})
