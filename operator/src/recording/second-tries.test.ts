import type { Recording } from '@trtc-recorder/api'
import { beforeEach, describe, expect, test } from 'vitest'
import { recordingIndexers } from '../caches.ts'
import { Store } from '../runtime/store.ts'
import { decide } from './decide.ts'
import { Refusal, type RefusalWord } from './refusal.ts'
import { SecondTries } from './second-tries.ts'
import { refused as isRefused } from './stage.ts'
import { aRecording } from './testing.ts'
import { World } from './testing-world.ts'

let version: number
let worlds: Map<string, World>
let recordings: Store<Recording, keyof typeof recordingIndexers>
let tries: SecondTries<Recording>
/** In the order in which they tried. */
let tried: string[]
let woken: string[]
/** How many Pods more there may be. */
let room: number

beforeEach(() => {
  version = 1
  worlds = new Map()
  recordings = new Store({ indexers: recordingIndexers })
  tries = new SecondTries({
    objects: recordings,
    refused: ({ status = {} }, word) => isRefused(status, word),
    wake: (key) => woken.push(key),
  })
  tried = []
  woken = []
  room = 0
})

/** One that was refused so many times, each after its back-off. */
function refused(
  name: string,
  {
    word = 'QuotaExceeded',
    times = 6,
    namespace = 'lessons',
    why = 'because',
  }: { word?: RefusalWord; times?: number; namespace?: string; why?: string } = {},
): World {
  const world = new World(aRecording({}, { name, namespace, uid: name }))
  worlds.set(`${namespace}/${name}`, world)
  world.refuses.createPod = new Refusal(word, why)
  world.settle()
  for (let time = 1; time < times; time += 1) world.after(300)
  tell(world)
  return world
}

function tell({ recording }: World): void {
  recordings.wrote({ ...recording, metadata: { ...recording.metadata, resourceVersion: String(++version) } })
}

function looksAtThoseWoken(): void {
  for (let key = woken.shift(); key !== undefined; key = woken.shift()) {
    const world = worlds.get(key)!
    tried.push(world.recording.metadata.name)
    const { mayBeGrantedNow } = tries.ask(world.recording)
    if (room > 0) world.refuses = {}
    const before = world.pods.length
    world.carryOut(world.decides.call(Object.assign(world, { mayBeGrantedNow })))
    world.mayBeGrantedNow = false
    world.settle()
    room -= world.pods.length - before
    tell(world)
    tries.settle(world.recording)
  }
}

describe('a quota with room for one more', () => {
  test('lets one begin at once that waits for minutes, whoever has waited longest', () => {
    const [second, first] = [refused('second', { times: 7 }), refused('first')]
    room = 1
    tries.quotaHasRoom('lessons')
    looksAtThoseWoken()
    expect([first.pods.length, second.pods.length]).toEqual([1, 0])
    expect(first.is('Succeeded')).toBe('Unknown Pending')
  })

  test('lets those of another namespace alone', () => {
    refused('first')
    tries.quotaHasRoom('other')
    expect(woken).toEqual([])
  })
})

test('a quota with room for many lets them all begin, one after the other', () => {
  for (let number = 0; number < 20; number += 1) refused(`r${number}`)
  room = 12
  tries.quotaHasRoom('lessons')
  looksAtThoseWoken()
  expect([...worlds.values()].filter(({ pods }) => pods.length === 1)).toHaveLength(12)
  // And not one after the other in vain.
  expect(tried).toHaveLength(15)
})

test('each that tries in vain makes way for others, and goes on waiting as before', () => {
  const [large, small] = [refused('large'), refused('small')]
  small.refuses = {}
  tries.quotaHasRoom('lessons')
  looksAtThoseWoken()
  expect(tried).toEqual(['large', 'small'])
  expect(large.is('Succeeded')).toBe('Unknown QuotaExceeded')
  expect(small.pods).toHaveLength(1)
  large.refuses = {}
  expect(large.after(290).pods).toHaveLength(0)
  expect(large.after(20).pods).toHaveLength(1)
})

test('what is refused again at that moment is not asked for in a loop', () => {
  const world = refused('first')
  const observed = { ...world.observed(), mayBeGrantedNow: true }
  expect(decide(observed, world.now).actions).toMatchObject([{ do: 'ensureVolume' }, { do: 'createPod' }])
  const refusal = { word: 'QuotaExceeded' as const, message: 'because', volume: 'first-v1', isFirstAsk: false }
  expect(decide({ ...observed, refusal }, world.now)).toMatchObject({ actions: [], requeueAfterMillis: 300_000 })
})

test('a volume of somebody else that is gone lets the Recording begin whose name it took, and nobody else', () => {
  const [first] = [refused('first', { word: 'VolumeNotOwned' }), refused('second', { word: 'VolumeNotOwned' }), refused('third')]
  first.refuses = {}
  for (const name of ['first', 'third', 'gone']) tries.isFree(`lessons/${name}`)
  looksAtThoseWoken()
  expect(tried).toEqual(['first'])
  expect(first.pods).toHaveLength(1)
})

test('a PriorityClass that is there lets those begin that were refused for the want of it, in whatever namespace, and nobody else', () => {
  const why = 'no PriorityClass with name exam was found'
  const rejected = { word: 'PodRejected', why } as const
  refused('first', { ...rejected, times: 7 })
  refused('second', { ...rejected, namespace: 'exams', times: 8 })
  refused('other', { word: 'PodRejected', why: 'no PriorityClass with name lesson was found' })
  refused('quota')
  room = 9
  tries.priorityClassIsThere('exam')
  looksAtThoseWoken()
  expect(tried).toEqual(['first', 'second'])
  expect([...worlds.values()].map(({ pods }) => pods.length)).toEqual([1, 1, 0, 0])
})
