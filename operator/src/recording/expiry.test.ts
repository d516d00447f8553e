import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { remainingMillis } from './expiry.ts'
import { aFile, aRecording, stoppedBy } from './testing.ts'
import { World } from './testing-world.ts'

function over(spec: object): World {
  const world = new World(aRecording(spec)).settle().scheduled().inRoom()
  world.ends(stoppedBy('Idle', aFile('alice')))
  return world.settle()
}
const later = (world: World, seconds: number) => decide(world.observed(), new Date(world.now.getTime() + seconds * 1000))

describe('a Recording with ttlSecondsAfterFinished', () => {
  test('is deleted when its time is up, and not before', () => {
    const world = over({ ttlSecondsAfterFinished: 60 })
    const before = later(world, 0)
    expect(before.actions).toEqual([])
    expect(before.requeueAfterMillis).toBeGreaterThan(0)
    expect(before.requeueAfterMillis).toBeLessThanOrEqual(60_000)
    expect(later(world, 61).actions).toEqual([{ do: 'deleteRecording' }])
  })

  test('stays as long as somebody keeps it', () => {
    const world = over({ ttlSecondsAfterFinished: 60 })
    world.recording.metadata.annotations = { 'trtc-recorder.dev/keep': 'for the court' }
    expect(later(world, 61).actions).toEqual([])
    world.recording.metadata.annotations = { 'trtc-recorder.dev/keep': 'false' }
    expect(later(world, 61).actions).toEqual([{ do: 'deleteRecording' }])
  })

  test('without it stays for ever', () => {
    const plan = later(over({}), 1e9)
    expect(plan.actions).toEqual([])
    expect(plan.requeueAfterMillis).toBeUndefined()
  })

  test('counts from when its callback was delivered', () => {
    const world = over({ ttlSecondsAfterFinished: 60, callback: { url: 'https://school.example/recorded' } })
    expect(later(world, 1000).actions).toEqual([])
    world.after(500)
    world.callbackDelivered()
    world.status.callback!.deliveredTime = world.now.toISOString()
    expect(remainingMillis(world.recording, world.now)).toBe(60_000)
  })

  test.each(['Holding', 'Lost'] as const)(
    'stays while its status alone says where media is, or was, that is not in COS: %s',
    (state) => {
      const { recording, now } = over({ ttlSecondsAfterFinished: 0 })
      expect(remainingMillis(recording, now)).toBeLessThanOrEqual(0)
      const volumes = [{ name: 'v', state, holds: 'one file' }]
      expect(remainingMillis({ ...recording, status: { ...recording.status, volumes } }, now)).toBeUndefined()
    },
  )

  test('is not deleted twice', () => {
    const { recording, now } = over({ ttlSecondsAfterFinished: 0 })
    const metadata = { ...recording.metadata, deletionTimestamp: now.toISOString() }
    expect(remainingMillis({ ...recording, metadata }, now)).toBeUndefined()
  })
})
