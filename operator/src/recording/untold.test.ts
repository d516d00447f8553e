import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { aRecording, aResult } from './testing.ts'
import { World } from './testing-world.ts'
import { onlyTells, Untold, untoldMillis } from './untold.ts'

/** Whether what is decided after a move could wait. */
function waits(world: World, move: (world: World) => unknown): boolean {
  const { carryOut } = world
  world.carryOut = () => {}
  move(world)
  const answer = onlyTells(world.observed(), decide(world.observed(), world.now))
  world.carryOut = carryOut
  return answer
}

const onItsWay = () => new World().settle().scheduled()
const inTheRoom = () => onItsWay().inRoom()
const problem = {
  state: 'recording',
  participants: [],
  recordedBytes: 0,
  uploadedBytes: 0,
  files: [],
  live: [],
  controlProblem: null,
} as const

describe('a status that only tells', () => {
  test.each<[string, World, (world: World) => unknown]>([
    ['has a Pod that was scheduled', new World().settle(), (world) => world.scheduled()],
    ['is of a recorder that was told to stop', inTheRoom(), (world) => world.stop()],
  ])('waits when a Recording %s', (_, world, move) => {
    expect(waits(world, move)).toBe(true)
  })

  test('waits when its first Pod has been made and nothing is written yet', () => {
    const world = new World().settle()
    world.recording = { ...world.recording, status: { observedGeneration: -1 } }
    expect(waits(world, () => {})).toBe(true)
  })

  test.each<[string, World, (world: World) => unknown]>([
    ['is in the room', onItsWay(), (world) => world.inRoom()],
    ['is told to stop before there is anybody who listens', onItsWay(), (world) => world.stop()],
    ['is paused', inTheRoom(), (world) => world.changes({ desiredState: 'Paused' })],
    ['has come to its end', inTheRoom(), (world) => world.ends(aResult({ stopReason: 'RoomDismissed' }))],
    ['has lost its recorder', inTheRoom(), (world) => world.ends(undefined)],
    [
      'cannot store',
      inTheRoom().stop(),
      (world) => {
        world.progress = { ...problem, storage: { state: 'refused', message: 'COS refuses.' } } as never
      },
    ],
    [
      'waits for an identity',
      new World(aRecording()),
      (world) => {
        world.heldBy = 'Recording art'
      },
    ],
  ])('is written at once when a Recording %s', (_, world, move) => {
    expect(waits(world, move)).toBe(false)
  })

  test('waits three seconds and no longer, and anew when it was told', () => {
    const untold = new Untold()
    const world = new World().settle()
    world.carryOut = () => {}
    world.scheduled()
    const rest = (seconds: number) => {
      const now = new Date(world.now.getTime() + seconds * 1000)
      return untold.restMillis(world.observed(), decide(world.observed(), now), now)
    }
    expect([rest(0), rest(1), rest(3), rest(4)]).toEqual([untoldMillis, untoldMillis - 1000, 0, untoldMillis])
    // The clock is set back.
    expect(rest(-86_400)).toBe(0)
  })
})

test('a stop that a recorder was told stands, although it was never written and is taken back', () => {
  const world = inTheRoom()
  const { status } = world
  world.after(1).stop()
  // The operator told the Pod, and was killed before it wrote the status.
  world.recording = { ...world.recording, status, spec: { ...world.recording.spec, desiredState: 'Running' } }
  world.after(1)
  expect(world.status.stopRequestedTime).toBe(world.pod.metadata.annotations?.['trtc-recorder.dev/control-stop-asked'])
  expect(world.is('Succeeded')).toBe('Unknown Finishing')
})
