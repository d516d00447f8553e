import { type Control, controlAnnotation, controlSchema, subscribeSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { wantedControl } from './control.ts'
import { aProgress, aRecording, aResult, stoppedBy } from './testing.ts'
import { run } from './testing-pods.ts'
import { World } from './testing-world.ts'

const inRoom = (world = new World()) => world.settle().scheduled().inRoom()
const told = (world: World): Control => controlSchema.parse(JSON.parse(world.pod.metadata.annotations![controlAnnotation]!))
const said = (world: World, state: 'recording' | 'paused' | 'finishing') => {
  world.progress = aProgress({ state })
  return world.settle()
}

test('what a recorder should be told is what the spec says', () => {
  const { spec, metadata } = aRecording({ subscribe: subscribeSchema.parse({ exclude: ['dave'] }), desiredState: 'Paused' })
  const subscribe = subscribeSchema.parse({ exclude: ['dave'] })
  expect(wantedControl({ spec, metadata })).toEqual({ version: 1, desiredState: 'Paused', subscribe })
  const deleted = { spec, metadata: { ...metadata, deletionTimestamp: '2026-03-01T10:00:00Z' } }
  expect(wantedControl(deleted)).toEqual({ version: 1, desiredState: 'Stopped', stopReason: 'Deleted', subscribe })
})

describe('a recorder in the room', () => {
  test('hears of a stop also where another release admitted what this one would not', () => {
    const { spec } = aRecording()
    const world = inRoom(new World(aRecording({ subscribe: { ...spec.subscribe, include: ['a*b'] } })))
    world.stop()
    expect(told(world)).toMatchObject({ desiredState: 'Stopped', subscribe: { include: ['a*b'] } })
  })

  test('knows from its start what the spec says', () => {
    expect(told(inRoom(new World(aRecording({ desiredState: 'Paused' }))))).toMatchObject({ desiredState: 'Paused' })
  })

  test('is told whom to record from now on, once', () => {
    const world = inRoom()
    world.actions.length = 0
    world.changes({ subscribe: subscribeSchema.parse({ video: { include: ['alice'] } }) })
    expect(told(world).subscribe.video.include).toEqual(['alice'])
    expect(world.after(60).actions).toEqual(['steerPod'])
  })

  test('is paused and goes on, and the status says so when the recorder does', () => {
    const world = said(inRoom(), 'recording')
    world.changes({ desiredState: 'Paused' })
    expect(told(world)).toMatchObject({ desiredState: 'Paused' })
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(said(world, 'paused').is('Succeeded')).toBe('Unknown Paused')
    // Not asked this time.
    world.progress = undefined
    expect(world.settle().is('Succeeded')).toBe('Unknown Paused')
    world.changes({ desiredState: 'Running' })
    expect(told(world)).toMatchObject({ desiredState: 'Running' })
    expect(said(world, 'recording').is('Succeeded')).toBe('Unknown Recording')
  })

  test('is told to stop, and its Pod is cleared away when it has ended', () => {
    const world = inRoom()
    world.actions.length = 0
    world.stop()
    expect(told(world)).toMatchObject({ desiredState: 'Stopped', stopReason: 'StopRequested' })
    expect(world.pod.metadata.deletionTimestamp).toBeUndefined()
    world.ends(stoppedBy('StopRequested'))
    expect(world.status.stopReason).toBe('StopRequested')
    expect(world.actions).toEqual(['steerPod', 'deletePod', 'deleteVolume', 'letGo'])
  })

  test('that is deleted stops in the same way', () => {
    const world = inRoom().delete()
    expect(told(world)).toMatchObject({ desiredState: 'Stopped', stopReason: 'Deleted' })
    world.ends(stoppedBy('Deleted'))
    expect(world.gone).toBe(true)
  })

  test('has all the time it needs to finish once it is not ready any more', () => {
    const world = inRoom().stop()
    world.podBecomes((pod) => run(pod, world.now))
    expect(world.after(3600).pod.metadata.deletionTimestamp).toBeUndefined()
  })

  test('has it also where it is changed meanwhile whom to record', () => {
    const world = inRoom().stop()
    world.podBecomes((pod) => run(pod, world.now))
    world.after(60).changes({ subscribe: subscribeSchema.parse({ exclude: ['dave'] }) })
    expect(told(world)).toMatchObject({ desiredState: 'Stopped', subscribe: { exclude: ['dave'] } })
    expect(world.after(3600).pod.metadata.deletionTimestamp).toBeUndefined()
  })

  test('that does not listen is sent a SIGTERM after 15 s', () => {
    const world = inRoom().stop()
    expect(world.after(14).pod.metadata.deletionTimestamp).toBeUndefined()
    expect(world.after(1).pod.metadata.deletionTimestamp).toBeDefined()
  })

  test('that a webhook keeps from hearing of a stop is sent a SIGTERM after 15 s, and of anything else says so', () => {
    const world = said(inRoom(), 'recording')
    world.dropsAnnotations = true
    world.changes({ desiredState: 'Paused' })
    expect(world.condition('Succeeded')).toMatchObject({
      reason: 'Recording',
      message: expect.stringContaining('It has not heard of what the Recording was changed to'),
    })
    world.dropsAnnotations = false
    expect(said(world.after(5), 'paused').condition('Succeeded')?.message).not.toContain('heard')
    world.dropsAnnotations = true
    world.stop()
    expect(world.after(14).pod.metadata.deletionTimestamp).toBeUndefined()
    expect(world.nextLookSeconds).toBeLessThanOrEqual(15)
    expect(world.after(1).pod.metadata.deletionTimestamp).toBeDefined()
  })

  test('that a webhook keeps from hearing of a stop is sent a SIGTERM also where the clock was set back since that was asked for', () => {
    const world = inRoom()
    world.dropsAnnotations = true
    expect(world.stop().after(-86_400).pod.metadata.deletionTimestamp).toBeDefined()
  })

  test('that an older operator made cannot be told: its Pod is deleted to stop it', () => {
    const world = inRoom()
    world.podBecomes((pod) => {
      pod.spec!.volumes = pod.spec!.volumes!.filter(({ name }) => name !== 'control')
    })
    world.changes({ desiredState: 'Paused' }).stop()
    expect(world.pod.metadata.deletionTimestamp).toBeDefined()
    expect(world.actions).not.toContain('steerPod')
  })
})

test('a recorder on its way into the room is stopped by deleting its Pod', () => {
  const world = new World().settle().scheduled().stop()
  expect(world.pod.metadata.deletionTimestamp).toBeDefined()
  world.ends(aResult({ stopReason: 'Terminated' }))
  expect(world.is('Succeeded')).toBe('True StoppedBeforeStart')
})
