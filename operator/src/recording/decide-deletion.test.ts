import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { aFile, aRecording, aResult, at, interrupted, stoppedBy } from './testing.ts'
import { World } from './testing-world.ts'

const withCallback = () => aRecording({ callback: { url: 'https://school.example/recorded', format: 'Result' } })

describe('a Recording that is deleted', () => {
  const stages: Record<string, (world: World) => void> = {
    'before it was seen': () => {},
    'before its Pod was scheduled': (world) => world.settle(),
    'while starting': (world) => world.settle().scheduled(),
    'while recording': (world) => world.settle().scheduled().inRoom(),
    'while finishing': (world) => world.settle().scheduled().inRoom().stop(),
    'between attempts': (world) => world.settle().scheduled().inRoom().ends(interrupted),
    'after its recorder was killed': (world) => world.settle().scheduled().inRoom().ends(undefined, { reason: 'OOMKilled' }),
    'while waiting for a Secret': (world) =>
      world
        .settle()
        .scheduled()
        .ends(aResult({ outcome: 'SecretNotFound', stopReason: 'NeverStarted' })),
    'after it failed': (world) =>
      world
        .settle()
        .scheduled()
        .ends(aResult({ outcome: 'RoomRefused', stopReason: 'NeverStarted' })),
    'when it is finished': (world) =>
      world
        .settle()
        .scheduled()
        .inRoom()
        .ends(stoppedBy('Idle', aFile('alice'))),
  }

  test.each(Object.entries(stages))('%s leaves nothing', (_, reach) => {
    const world = new World(withCallback())
    reach(world)
    world.delete()
    // What a kubelet and COS would do until the end.
    for (let round = 0; round < 4 && !world.gone; round += 1) {
      if (world.pods.length > 0) world.ends(stoppedBy('Terminated', aFile('alice')))
      world.after(10)
    }
    if (world.status.callback !== undefined && !world.gone) {
      world.callbackDelivered()
    }
    expect(world.gone).toBe(true)
    expect(world.pods).toEqual([])
    expect(world.volume).toBeUndefined()
  })

  test('while recording is finished and stored first', () => {
    const world = new World().settle().scheduled().inRoom().delete()
    expect(world.actions.at(-1)).toBe('steerPod')
    expect(world.gone).toBe(false)
    world.ends(stoppedBy('Terminated', aFile('alice')))
    expect(world.status).toMatchObject({ stopReason: 'Deleted', files: [{ userId: 'alice', status: 1 }] })
    expect(world.gone).toBe(true)
  })

  test('with COS away is let go after five uploads, and the volume stays', () => {
    const world = new World().settle().scheduled().inRoom().delete()
    world.ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Terminated', startedAt: at(5).toISOString() }))
    for (let attempt = 2; attempt <= 6; attempt += 1) {
      expect(world.gone).toBe(false)
      world
        .after(300)
        .scheduled()
        .ends(aResult({ attempt, outcome: 'UploadIncomplete', stopReason: 'NeverStarted' }))
    }
    expect(world.gone).toBe(true)
    expect(world.volume?.metadata.ownerReferences).toBeUndefined()
  })

  test('and was never held by us is none of our business', () => {
    const recording = aRecording({}, { deletionTimestamp: at(1).toISOString(), finalizers: ['example.com/other'] })
    expect(decide(new World(recording).observed(), at(2))).toMatchObject({ addFinalizer: false, actions: [] })
  })
})
