import { type RecorderOutcome, recorderOutcomes, type StopReason, stopReasons } from '@trtc-recorder/api'
import { expect, test } from 'vitest'
import { decide } from './decide.ts'
import { isFinished } from './fencing.ts'
import { aFile, aRecording, aResult, type World as ToyCluster, World } from './testing.ts'

/** A small generator of numbers in [0, 1) that gives the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const outcomes = Object.keys(recorderOutcomes) as RecorderOutcome[]
const stops = Object.keys(stopReasons) as StopReason[]

/** Whatever may happen to a Recording, in any order. A World checks at each step that no two recorders live and that decisions come to rest. */
function moves(world: ToyCluster, random: () => number): (() => unknown)[] {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  const withPod = world.pods.length > 0 && world.pod.status?.phase !== 'Succeeded' && world.pod.status?.phase !== 'Failed'
  const file = aFile(pick(['alice', 'bob']), { path: pick(['a', 'b', 'c']), status: pick([0, 1, 1]) })
  const result = aResult({
    outcome: pick(outcomes),
    stopReason: pick(stops),
    files: random() < 0.5 ? [file] : [],
    ...(random() < 0.5 ? { startedAt: world.now.toISOString() } : {}),
  })
  return [
    () => world.after(random() * 400),
    () => world.after(5),
    ...(withPod
      ? [
          () => world.scheduled(),
          () => world.inRoom(),
          () => world.ends(result),
          () =>
            world.ends(
              undefined,
              pick([{ reason: 'OOMKilled' }, { disruption: 'DeletionByPodGC' }, { exitCode: 0 }, { podReason: 'Evicted' }]),
            ),
          () =>
            world.podBecomes((pod) => {
              pod.metadata.deletionTimestamp ??= world.now.toISOString()
            }),
        ]
      : []),
    ...(random() < 0.05 ? [() => world.stop()] : []),
    ...(random() < 0.03 && world.recording.metadata.deletionTimestamp === undefined ? [() => world.delete()] : []),
    ...(random() < 0.02 ? [() => (world.pods = [])] : []),
    ...(random() < 0.1 ? [() => (world.heldBy = world.heldBy === undefined ? 'a/b' : undefined)] : []),
  ]
}

test('whatever happens, a Recording has one recorder, one end, and always something named to wait for', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = randomFrom(seed)
    const world = new World(aRecording(random() < 0.5 ? {} : { storage: { size: '1Gi', retention: 'Retain' } })).settle()
    let end: string | undefined
    for (let step = 0; step < 40 && !world.gone; step += 1) {
      const possible = moves(world, random)
      possible[Math.floor(random() * possible.length)]!()
      world.settle()
      const now = `${world.is('Succeeded')} ${world.status.stopReason} ${world.status.completionTime}`
      if (end !== undefined) expect(now, `seed ${seed}`).toBe(end)
      else if (isFinished(world.recording)) {
        end = now
        expect(world.is('Succeeded'), `seed ${seed}`).toMatch(/^(True|False)/)
        expect(world.live, `seed ${seed}`).toEqual([])
      } else expect(world.condition('Succeeded')?.message, `seed ${seed}`).toBeTruthy()
    }
    expect(() => calm(world), `seed ${seed}`).not.toThrow()
  }
})

/** From anywhere: with a room, a node and COS that work, a Recording that is asked to end does. */
function calm(world: ToyCluster): void {
  world.heldBy = undefined
  if (world.gone) return
  world.settle().stop()
  for (let round = 0; round < 20 && !isFinished(world.recording); round += 1) {
    world.allEnd(aResult({ stopReason: 'Terminated' }))
    world.after(300)
  }
  if (!isFinished(world.recording))
    throw new Error(`not finished: ${world.is('Succeeded')}: ${world.condition('Succeeded')?.message}`)
  world.settle().delete()
  if (!world.gone) throw new Error('not gone')
}

test('deciding twice on the same is deciding once', () => {
  for (let seed = 1000; seed < 1050; seed += 1) {
    const random = randomFrom(seed)
    const world = new World().settle()
    for (let step = 0; step < 20 && !world.gone; step += 1) {
      const possible = moves(world, random)
      possible[Math.floor(random() * possible.length)]!()
      if (world.gone) break
      const once = decide(world.observed(), world.now)
      const written = { ...world.recording, status: once.status }
      expect(decide({ ...world.observed(), recording: written }, world.now).status, `seed ${seed}`).toEqual(once.status)
    }
  }
})
