import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { Refusal } from './refusal.ts'
import { aFile, aRecording, aResult, at, interrupted, stoppedBy } from './testing.ts'
import { holdUp } from './testing-pods.ts'
import { World } from './testing-world.ts'

const withCallback = () => aRecording({ callback: { url: 'https://school.example/recorded', format: 'Result' } })

const inRoom = (world: World) => world.settle().scheduled().inRoom()
const notStored = (over: Parameters<typeof aResult>[0] = {}) =>
  aResult({
    outcome: 'UploadIncomplete',
    stopReason: 'Idle',
    startedAt: at(5).toISOString(),
    files: [aFile('alice', { status: 0 })],
    ...over,
  })

function refuses(world: World, action: 'createPod' | 'ensureVolume', word: ConstructorParameters<typeof Refusal>[0]): World {
  world.refuses = { [action]: new Refusal(word, 'because') }
  return world.settle()
}

const silent = (world: World) =>
  world.podBecomes((pod) => {
    const lastTransitionTime = world.now.toISOString()
    pod.status!.conditions = [
      { type: 'Ready', status: 'False', lastTransitionTime },
      { type: 'ContainersReady', status: 'True' },
    ]
  })

/** Wherever a Recording may be. */
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
  'while another one has its identity': (world) => {
    world.heldBy = 'Recording history'
    world.settle()
  },
  'while it waits in line': (world) => {
    world.place = { is: 'waits', at: 3, of: 5, within: 'namespace', limit: 2 }
    world.settle()
  },
  'while no quota allows its Pod': (world) => refuses(world, 'createPod', 'QuotaExceeded'),
  'while a webhook refuses its volume': (world) => refuses(world, 'ensureVolume', 'PodRejected'),
  'while a namesake’s volume is in its way': (world) => refuses(world, 'ensureVolume', 'VolumeNotOwned'),
  'while its image cannot be pulled': (world) => world.settle().podBecomes((pod) => holdUp(pod, world.now, 'ImagePullBackOff')),
  'while it is paused': (world) => inRoom(world).changes({ desiredState: 'Paused' }),
  'while its node is silent': (world) => silent(inRoom(world)),
  'while a recorder is left behind': (world) => silent(inRoom(world)).after(15).scheduled().inRoom(),
  'while COS is away': (world) => inRoom(world).ends(notStored()),
  'while what is left is being uploaded': (world) => inRoom(world).ends(notStored()).after(5).scheduled(),
  'after COS refused it': (world) => inRoom(world).ends(notStored({ outcome: 'UploadRefused' })),
  'while what could not be read is said again': (world) =>
    inRoom(world)
      .ends({ ...stoppedBy('Idle'), filesOmitted: 30 })
      .after(5),
  'while its volume is being deleted': (world) => {
    inRoom(world).ends(interrupted)
    world.claims[0]!.metadata.deletionTimestamp = world.now.toISOString()
    world.after(5)
  },
  'when its callback could not be delivered yet': (world) => {
    inRoom(world).ends(stoppedBy('Idle', aFile('alice')))
    world.recording.status!.callback = { ...world.status.callback!, attempts: 7, lastError: 'no answer' }
  },
}

describe('a Recording that is deleted', () => {
  test.each(Object.entries(stages))('%s leaves nothing', (_, reach) => {
    const world = new World(withCallback())
    reach(world)
    world.delete()
    // What a kubelet and COS would do until the end.
    world.refuses = {}
    for (let round = 0; round < 4 && !world.gone; round += 1) {
      for (const _ of world.pods) if (world.pods.length > 0) world.ends(stoppedBy('Terminated', aFile('alice')))
      if (world.claims.some(({ metadata }) => metadata.deletionTimestamp)) world.claims = []
      world.after(300)
    }
    if (world.status.callback !== undefined && !world.gone) {
      world.callbackDelivered()
    }
    expect(world.gone).toBe(true)
    expect(world.pods).toEqual([])
    expect(world.volume).toBeUndefined()
  })

  test('while its volume is lost says so, and is gone', () => {
    const world = inRoom(new World(withCallback())).ends(undefined, { reason: 'OOMKilled' })
    world.claims = []
    world.delete()
    expect(world.gone).toBe(false)
    expect(world.is('Stored')).toBe('False VolumeLost')
    expect(world.callbackDelivered().gone).toBe(true)
    expect(world.pods).toEqual([])
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

  test('does not wait for a volume that somebody else keeps from going', () => {
    const world = inRoom(new World())
    world.claims[0]!.metadata.deletionTimestamp = world.now.toISOString()
    world.ends(stoppedBy('Idle', aFile('alice'))).delete()
    expect(world.gone).toBe(false)
    expect(world.nextLookSeconds).toBe(60)
    expect(world.after(60).gone).toBe(true)
  })

  test('and was never held by us is none of our business', () => {
    const recording = aRecording({}, { deletionTimestamp: at(1).toISOString(), finalizers: ['example.com/other'] })
    expect(decide(new World(recording).observed(), at(2))).toMatchObject({ addFinalizer: false, actions: [] })
  })
})

describe('a Recording in a namespace that is being deleted', () => {
  /** Nothing can be made any more, and everything is deleted: Recordings, Pods and volumes, in no certain order. */
  function namespaceGoes(world: World, order: readonly ('the Recording' | 'its Pods')[]): void {
    const refusal = new Refusal('NamespaceTerminating', 'because it is being terminated')
    world.refuses = { createPod: refusal, ensureVolume: refusal }
    for (const what of order) {
      if (world.gone) return
      if (what === 'the Recording') world.delete()
      else deletesPods(world)
      world.after(1)
    }
  }

  function deletesPods(world: World): void {
    for (const { metadata } of world.pods) metadata.deletionTimestamp ??= world.now.toISOString()
    world.settle()
  }

  test.each([
    ['stored all', stoppedBy('Terminated', aFile('alice')), 'True Completed'],
    ['not stored all', notStored({ stopReason: 'Terminated' }), 'False UploadIncomplete'],
  ])('is over, and told of, as soon as its recorder has %s, however much later it is deleted itself', (_, result, stored) => {
    const world = inRoom(new World(aRecording({ callback: { url: 'https://example.com', format: 'Result' } })))
    world.claims = world.claims.map((claim) => ({ ...claim, spec: { ...claim.spec, volumeName: 'pv-1' } }))
    namespaceGoes(world, ['its Pods'])
    world.ends(result).after(10)
    expect(world.status).toMatchObject({ stopReason: 'Deleted', callback: { state: 'Pending' } })
    expect(world.is('Stored')).toBe(stored)
    world.recording.status!.callback!.state = 'Delivered'
    expect(world.delete().gone).toBe(true)
  })

  describe.each(Object.entries(stages))('%s', (name, reach) => {
    test.each([
      { first: 'the Recording', second: 'its Pods', volumes: 'go' },
      { first: 'the Recording', second: 'its Pods', volumes: 'stay' },
      { first: 'its Pods', second: 'the Recording', volumes: 'go' },
      { first: 'its Pods', second: 'the Recording', volumes: 'stay' },
    ] as const)('is gone when its recorders are: $first first, and volumes $volumes', ({ first, second, volumes }) => {
      const world = new World(aRecording())
      reach(world)
      namespaceGoes(world, [first, second])
      for (let round = 0; round < 8 && !world.gone; round += 1) {
        for (const _ of world.pods) if (world.pods.length > 0) world.ends(notStored({ stopReason: 'Terminated' }))
        if (world.pods.length === 0 && volumes === 'go') world.claims = []
        world.after(10)
      }
      expect(world.gone, `${name}: ${JSON.stringify(world.status.conditions)}`).toBe(true)
      expect(world.pods).toEqual([])
      if (world.status.volumes?.some(({ state }) => state === 'Lost' || state === 'Holding')) {
        expect(world.is('Stored')).toMatch(/^False (UploadIncomplete|VolumeLost)$/)
      }
    })
  })
})
