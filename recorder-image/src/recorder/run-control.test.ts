import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { aFrame, aJob } from './testing.ts'
import { terminated, World } from './testing-world.ts'

let world: World
beforeEach(async () => {
  world = await World.make()
})
afterEach(() => world.remove())

describe('a recording that is steered', () => {
  test('told to stop by its control file, it says who wanted that', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    await world.control({ version: 1, desiredState: 'Stopped', stopReason: 'Deleted', subscribe: aJob().spec.subscribe })
    expect(await result).toMatchObject({ outcome: 'Completed', stopReason: 'Deleted', files: [{ status: 1 }] })
  })

  test('paused by its control file it takes what had come, then nothing, and says from when to when', async () => {
    const { subscribe } = aJob().spec
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    const before = Date.now() * 1000 - 1000
    world.room.inPage.push(
      { ...aFrame(1, 'before '), key: false, receiveTimeMicros: before },
      { ...aFrame(1, 'secret '), receiveTimeMicros: Number.MAX_SAFE_INTEGER },
    )
    await world.control({ version: 1, desiredState: 'Paused', subscribe })
    await expect.poll(() => world.run!.progress().state).toBe('paused')
    expect(await world.run!.notReady()).toBeUndefined()
    expect(world.room.subscribed).toEqual([])
    world.room.sends(1, 'secret ')
    await world.control({ version: 1, desiredState: 'Running', subscribe })
    await expect.poll(() => world.run!.progress().state).toBe('recording')
    world.room.sends(1, 'later ')
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
    expect([...world.store.objects.values()][0]).toBe('alice before later |')
    const [pause] = world.manifest.pauses
    const events = world.manifest.events.filter(({ event }) => event === 'paused' || event === 'resumed')
    expect(events).toMatchObject([{ event: 'paused' }, { event: 'resumed' }])
    expect(Date.parse(pause!.to!)).toBeGreaterThan(Date.parse(pause!.from))
  })

  test('paused and resumed at one moment each, whatever time it takes, and from there on what does not come is missing', async () => {
    const { subscribe } = aJob().spec
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.onAsked = () => {
      world.passedMillis += 20
    }
    await world.control({ version: 1, desiredState: 'Paused', subscribe })
    await expect.poll(() => world.run!.progress().state).toBe('paused')
    await world.control({ version: 1, desiredState: 'Running', subscribe })
    await expect.poll(() => world.run!.progress().state).toBe('recording')
    world.passedMillis += 6000
    await expect.poll(() => world.run!.progress().losses.stretches).toBeGreaterThan(0)
    world.stop(terminated)
    await result
    const { pauses, events, losses } = world.manifest
    const times = events.flatMap(({ event, time }) => (event === 'paused' || event === 'resumed' ? [time] : []))
    expect(pauses.map(({ from, to }) => [from, to])).toEqual([times])
    expect(losses.map(({ reason, from }) => [reason, from])).toEqual([['NeverArrived', times[1]]])
  })

  test('whose events somebody asks for keeps what happens, in order, and ends when they have it', async () => {
    const { subscribe } = aJob().spec
    const result = world.start(aJob({}, { keepsEvents: true }))
    await world.recording()
    world.room.publishes('alice', 1)
    for (const [desiredState, state] of [
      ['Paused', 'paused'],
      ['Running', 'recording'],
    ] as const) {
      await world.control({ version: 1, desiredState, subscribe })
      await expect.poll(() => world.run!.progress().state).toBe(state)
    }
    await expect.poll(() => world.run!.events(0)!.events).toHaveLength(3)
    world.stop(terminated)
    await expect.poll(() => world.run!.events(3)!.events).toHaveLength(2)
    expect(world.run!.events(0)!.events.map(({ id, type, object }) => [id, type, object?.userId])).toEqual([
      [1, 'recordingStarted', undefined],
      [2, 'recordingPaused', undefined],
      [3, 'recordingResumed', undefined],
      [4, 'recordingStopped', undefined],
      [5, 'fileFinished', 'alice'],
    ])
    expect(world.run!.events(0)!.events.at(-1)!.object).toMatchObject({ status: 1, message: 'ok', url: expect.any(String) })
    expect(world.run!.events(5)!.events).toEqual([])
    expect(await result).toMatchObject({ outcome: 'Completed' })
  })

  test.each([
    ['paused', ['Paused'], 'paused', 1],
    ['paused and told to go on', ['Paused', 'Running'], 'recording', 0],
  ] as const)('%s while it enters, it is so from when it is in', async (_, states, state, pauses) => {
    const opened = Promise.withResolvers<() => void>()
    world.room.onOpen = (room) => {
      room.say({ type: 'anchorEntered', userId: 'alice' })
      opened.resolve(() => room.say({ type: 'entered' }))
    }
    const result = world.start()
    const letIn = await opened.promise
    for (const desiredState of states) {
      // That it is heeded shows by whom it records.
      for (const exclude of [['alice'], []]) {
        await world.control({ version: 1, desiredState, subscribe: { ...aJob().spec.subscribe, exclude } })
        await expect.poll(() => world.run!.progress().participants[0]!.recorded).toBe(exclude.length === 0)
      }
    }
    letIn()
    await world.recording()
    expect(world.run!.progress().state).toBe(state)
    world.room.publishes('bob', 1)
    expect(world.room.subscribed.length).toBe(pauses === 0 ? 1 : 0)
    world.stop(terminated)
    const { startedAt } = await result
    expect(world.manifest.pauses.map(({ from }) => from)).toEqual(pauses === 0 ? [] : [startedAt])
  })

  test('started paused it is in the room, and asks for nobody', async () => {
    await world.control({ version: 1, desiredState: 'Paused', subscribe: aJob().spec.subscribe })
    const result = world.start()
    await world.recording()
    expect(world.run!.progress().state).toBe('paused')
    world.room.publishes('alice', 1)
    expect(world.room.subscribed).toEqual([])
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [] })
    expect(world.manifest.pauses).toHaveLength(1)
  })
})
