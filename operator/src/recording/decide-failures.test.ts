import type { TerminationMessage } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { eventsOf } from './events.ts'
import { Refusal } from './refusal.ts'
import { aFile, aProgress, aRecording, aResult, at, interrupted, stoppedBy } from './testing.ts'
import { endPod, enter, holdUp, leave, run, takeFromNode } from './testing-pods.ts'
import { jobOf, World } from './testing-world.ts'

const withCallback = () => aRecording({ callback: { url: 'https://school.example/recorded', format: 'Result' } })

describe('an attempt that fails', () => {
  test('is followed by another on the same volume, after a while', () => {
    const world = new World().settle().scheduled().after(5).inRoom()
    const volume = world.volume
    world.after(10).ends(interrupted)
    expect(world.is('Succeeded')).toBe('Unknown RetryScheduled')
    expect(world.is('Started')).toBe('True Entered')
    expect(world.condition('Succeeded')?.message).toContain(
      'The connection was lost. Attempt 2 begins at 2026-03-01T10:00:20.000Z',
    )
    expect(world.pods).toEqual([])
    world.after(4)
    expect(world.pods).toEqual([])
    world.after(1)
    expect(world.pod.metadata.name).toBe('math-a2')
    expect(world.volume).toBe(volume)
    expect(jobOf(world)).toMatchObject({ attempt: 2, firstStartedAt: at(5).toISOString() })
    expect(jobOf(world).uploadOnly).toBeUndefined()
  })

  test('is followed at once by another when a healthy recorder was sent away', () => {
    const world = new World().settle().scheduled().inRoom()
    world.podBecomes((pod) => {
      pod.metadata.deletionTimestamp = world.now.toISOString()
    })
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    world.ends(stoppedBy('Terminated', aFile('alice')))
    expect(world.status.attempts).toMatchObject([
      { number: 1, reason: 'PodDeleted', exitCode: 0 },
      { number: 2, pod: 'math-a2', state: 'Planned', volume: 'math-v1' },
    ])
    expect(world.status.files).toHaveLength(1)
    world
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('alice', { path: 'second.mp4', attempt: 2 })))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files).toHaveLength(2)
  })

  test('goes on elsewhere where its node was not ready before it fell silent, so that nobody says of its Pod that it is not', () => {
    const world = new World().settle().scheduled().inRoom()
    world.podBecomes((pod) => takeFromNode(pod, world.now))
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    expect(world.nextLookSeconds).toBe(10)
    world.after(10)
    expect(world.is('Succeeded')).toBe('Unknown NodeLost')
    world.after(5)
    expect(world.status.attempts).toMatchObject([{ state: 'LeftBehind', reason: 'NodeSilent' }, { volume: 'math-v2' }])
    expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
  })

  test('goes on elsewhere where its node was not ready before, was as good as ready again, and its recorder answers no more', () => {
    const readySince = (readyAt: number) => (world: World) =>
      world.podBecomes((pod) => {
        pod.status!.conditions = [
          { type: 'Ready', status: 'True', lastTransitionTime: at(readyAt).toISOString() },
          { type: 'ContainersReady', status: 'True', lastTransitionTime: at(2).toISOString() },
        ]
      })
    const world = readySince(40)(new World().settle().scheduled().inRoom())
    world.heardAt = at(90)
    expect(world.after(100).status.attempts).toHaveLength(1)
    expect(world.nextLookSeconds).toBe(50)
    world.after(50)
    expect(world.status.attempts).toMatchObject([
      { state: 'LeftBehind', reason: 'NodeSilent', message: expect.stringContaining('does not answer any more') },
      { volume: 'math-v2' },
    ])
    // Of any other node the node controller would say so; that the operator hears nothing may be for its own network.
    const ready = readySince(2)(new World().settle().scheduled().inRoom())
    ready.heardAt = at(90)
    expect(ready.after(600).status.attempts).toHaveLength(1)
    const neverHeard = readySince(40)(new World().settle().scheduled().inRoom())
    expect(neverHeard.after(600).status.attempts).toHaveLength(1)
  })

  test('whose container is not made is looked at when it should be, though nobody tells of it', () => {
    const world = new World().settle().scheduled()
    expect(world.nextLookSeconds).toBeLessThanOrEqual(20)
    world.after(20)
    expect(world.is('Succeeded')).toBe('Unknown ContainerNotStarted')
    expect(world.nextLookSeconds).toBeLessThanOrEqual(20)
  })

  test.each([
    [
      'only uploads, for as long as it takes',
      (world: World) => world.ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Idle' })).after(5),
    ],
  ])('whose Pod %s says that its node is silent as early as one that records', (_, reach) => {
    const world = reach(new World().settle().scheduled().inRoom()).scheduled()
    expect(jobOf(world).uploadOnly).toBe(true)
    world.podBecomes((pod) => {
      run(pod, world.now)
      pod.status!.conditions = [
        { type: 'Ready', status: 'False', lastTransitionTime: world.now.toISOString() },
        { type: 'ContainersReady', status: 'True' },
      ]
    })
    expect(world.is('Succeeded')).toBe('Unknown NodeLost')
    expect(world.is('Stored')).toMatch(/^False|^Unknown/)
    expect(world.condition('Succeeded')?.message).toContain('What it has is stored when the node is back')
  })

  test('never overlaps with the next one, unless its node is silent', () => {
    const world = new World().settle().scheduled().inRoom()
    world.podBecomes((pod) => {
      pod.metadata.deletionTimestamp = at(600).toISOString()
    })
    world.after(600)
    expect(world.pods).toHaveLength(1)
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
  })

  test('ends the recording when it is the fifth in a row that did not get into the room', () => {
    const world = new World().settle()
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      expect(world.is('Stalled')).toBeUndefined()
      world.scheduled().ends(aResult({ attempt, outcome: 'StartTimeout', stopReason: 'NeverStarted', message: 'No answer.' }))
      if (attempt < 5) expect(world.is('Succeeded')).toBe('Unknown StartTimeout')
      if (attempt < 5) expect(world.is('Started')).toBe('False StartTimeout')
      world.after(300)
    }
    expect(world.is('Succeeded')).toBe('False AttemptsExhausted')
    expect(world.is('Stalled')).toBe('True AttemptsExhausted')
    expect(world.condition('Succeeded')?.message).toContain('StartTimeout: No answer.')
    expect(world.status).toMatchObject({ stopReason: 'NeverStarted' })
    expect(world.volume).toBeUndefined()
  })

  test('waits longer each time', () => {
    const world = new World().settle()
    const waits: number[] = []
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      world.scheduled().ends(aResult({ attempt, outcome: 'StartTimeout', stopReason: 'NeverStarted' }))
      waits.push(decide(world.observed(), world.now).requeueAfterMillis ?? 0)
      world.after(waits.at(-1)! / 1000)
    }
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000])
  })

  test('for a Secret that is missing is tried again without end, and says which', () => {
    const world = new World().settle()
    const missing = aResult({
      outcome: 'SecretNotFound',
      stopReason: 'NeverStarted',
      message: 'Secret recorder-sig has no key userSig.',
    })
    for (let attempt = 1; attempt <= 40; attempt += 1) {
      world.scheduled().ends(missing)
      expect(world.is('Started')).toBe('False SecretNotFound')
      expect(world.condition('Started')?.message).toContain('Secret recorder-sig has no key userSig.')
      world.after(300)
    }
    expect(world.status.attempts?.length).toBeLessThanOrEqual(20)
    world.scheduled().inRoom()
    expect(world.is('Started')).toBe('True Entered')
  })

  test('of a kind that no repeat can mend ends the recording with TRTC’s own word', () => {
    const refused = aResult({
      outcome: 'RoomRefused',
      stopReason: 'NeverStarted',
      message: 'TRTC -100018: UserSig expired',
      trtcCode: -100018,
    })
    const world = new World(withCallback()).settle().scheduled().ends(refused).after(600)
    expect(world.is('Succeeded')).toBe('False RoomRefused')
    expect(world.is('Started')).toBe('False RoomRefused')
    expect(world.is('Stalled')).toBe('True RoomRefused')
    expect(world.condition('Succeeded')?.message).toContain('-100018')
    expect(world.status.attempts).toHaveLength(1)
    expect(world.status.callback?.state).toBe('Pending')
    expect(world.volume).toBeUndefined()
  })

  test('because the UserSig ran out while the lesson goes on is waited for, and what is on the volume is stored when it is stopped', () => {
    const world = new World().settle().scheduled().inRoom().ends(undefined, { exitCode: 139 }).after(5)
    world.scheduled().ends(aResult({ outcome: 'RoomRefused', stopReason: 'NeverStarted', message: 'UserSig expired' }))
    expect(world.is('Succeeded')).toBe('Unknown RoomRefused')
    expect(world.is('Stalled')).toBe('True RoomRefused')
    world.after(300)
    expect(world.pod.metadata.name).toBe('math-a3')
    expect(world.is('Stalled')).toBeUndefined()
    world.scheduled().stop()
    world.ends(aResult({ stopReason: 'Terminated', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.is('Stored')).toBe('True Completed')
    expect(world.status.files).toHaveLength(1)
  })

  test('because COS refuses what was recorded is tried again until the rights are mended', () => {
    const file = aFile('alice', { status: 0, message: 'writing to COS: AccessDenied' })
    const result = { ...stoppedBy('Idle', file), outcome: 'UploadRefused' as const, message: 'COS: AccessDenied' }
    const world = new World().settle().scheduled().inRoom().ends(result)
    expect(world.is('Succeeded')).toBe('Unknown StorageRefused')
    expect(world.is('Stored')).toBe('False StorageRefused')
    expect(world.is('Stalled')).toBe('True StorageRefused')
    expect(world.status.volumes).toMatchObject([
      { name: 'math-v1', state: 'Holding', holds: expect.stringContaining('1 of the 1 files') },
    ])
    for (let attempt = 2; attempt < 20; attempt += 1) {
      world
        .after(300)
        .scheduled()
        .ends(aResult({ attempt, outcome: 'UploadRefused', stopReason: 'NeverStarted' }))
    }
    expect(world.is('Succeeded')).toBe('Unknown StorageRefused')
    world
      .after(300)
      .scheduled()
      .ends(aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.volume).toBeUndefined()
  })

  test('with a file that is not whole is not a success, even if all else is', () => {
    const result = {
      ...stoppedBy('Idle', aFile('alice'), aFile('bob', { path: 'b.mp4', status: 0, message: 'recording' })),
      outcome: 'FileFailed' as const,
    }
    const world = new World().settle().scheduled().inRoom().ends(result)
    expect(world.is('Succeeded')).toBe('False FileFailed')
    expect(world.condition('Succeeded')?.message).toContain('1 of 2 files')
    expect(world.volume).toBeDefined()
  })

  test('without any trace of its Pod counts as deleted, and what it left is salvaged', () => {
    const world = new World().settle().scheduled().inRoom()
    world.pods = []
    world.settle()
    expect(world.status.attempts).toMatchObject([{ reason: 'PodDeleted' }])
    expect(world.after(5).pod.metadata.name).toBe('math-a2')
  })
})

describe('a Pod that cannot start', () => {
  test('for lack of a node says so, and waits', () => {
    const world = new World().settle().podBecomes((pod) => {
      pod.status = {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' }],
      }
    })
    expect(world.is('Started')).toBe('False Unschedulable')
    expect(world.after(3600).is('Succeeded')).toBe('Unknown Unschedulable')
  })

  const waitingFor = (reason: string) => (pod: { status?: unknown; spec?: { nodeName?: string } }) => {
    pod.spec!.nodeName = 'node-1'
    pod.status = {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: at(0).toISOString() }],
      containerStatuses: [{ name: 'recorder', state: { waiting: { reason, message: 'because' } } }],
    }
  }

  test('for lack of its image waits for it', () => {
    const world = new World().settle().podBecomes(waitingFor('ImagePullBackOff')).after(3600)
    expect(world.is('Started')).toBe('False ImagePullFailed')
    expect(world.condition('Started')?.message).toBe('ImagePullBackOff: because')
    expect(world.pod.metadata.deletionTimestamp).toBeUndefined()
  })

  test('for an image that the chart has replaced since gets a new Pod', () => {
    const world = new World().settle()
    world.podBecomes((pod) => {
      waitingFor('InvalidImageName')(pod)
      pod.spec!.containers[0]!.image = 'no such'
    })
    expect(world.pod.metadata.deletionTimestamp).toBeDefined()
  })

  test('for its configuration gets a new Pod after two minutes', () => {
    const world = new World().settle().podBecomes(waitingFor('CreateContainerConfigError'))
    expect(world.is('Started')).toBe('False ContainerNotStarted')
    expect(world.pod.metadata.deletionTimestamp).toBeUndefined()
    expect(world.after(120).pod.metadata.deletionTimestamp).toBeDefined()
  })
})

describe('a node that falls silent before the recorder is in the room', () => {
  test('is found out when the recorder is long due, without a word from anybody, and the next attempt begins elsewhere', () => {
    const world = new World().settle().podBecomes((pod) => run(pod, at(0)))
    expect(world.is('Started')).toBe('False Starting')
    // So that it is looked at then, whether or not anything is heard.
    expect(decide(world.observed(), at(0)).requeueAfterMillis).toBe(120_000)
    expect(world.after(120).is('Succeeded')).toBe('Unknown NodeLost')
    expect(world.is('Started')).toBe('False NodeLost')
    world.after(15)
    expect(world.status.attempts).toMatchObject([
      { number: 1, state: 'LeftBehind', reason: 'NodeSilent' },
      { number: 2, volume: 'math-v2' },
    ])
  })

  test.each([
    ['its kubelet has heard of the Pod', (world: World) => world.settle().scheduled()],
    ['its container is made', (world: World) => world.settle().podBecomes((pod) => holdUp(pod, at(0), 'ContainerCreating'))],
    ['its recorder is ready', (world: World) => world.settle().podBecomes((pod) => run(pod, at(0)))],
    [
      'its kubelet says so, and the recorder has said it itself',
      (world: World) => {
        world.settle().podBecomes((pod) => run(pod, at(0)))
        world.status.attempts![0]!.startTime = at(2).toISOString()
        world.status.startTime = at(2).toISOString()
        return world.settle()
      },
    ],
  ])('and has its Pod deleted before %s has the next attempt begin elsewhere at once', (_, begun) => {
    const world = begun(new World())
    // The node controller sees after about 50 s that a node is silent, and the Pod came when it was for some.
    world.after(55).podBecomes((pod) => takeFromNode(pod, world.now))
    expect(world.status.attempts).toMatchObject([
      { number: 1, state: 'LeftBehind', reason: 'NodeSilent' },
      { number: 2, volume: 'math-v2' },
    ])
    expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
    // What it may have is looked for when the node is back.
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding', retired: true }, { name: 'math-v2' }])
  })

  test('does not hold up the next attempt for the half hour that a recorder has to finish, if it never ran', () => {
    const world = new World().settle().scheduled()
    world.podBecomes((pod) => {
      pod.metadata.deletionTimestamp = at(1800).toISOString()
      pod.metadata.deletionGracePeriodSeconds = 1800
    })
    world.after(59)
    expect(world.status.attempts).toHaveLength(1)
    world.after(2).after(15)
    expect(world.status.attempts).toMatchObject([{ state: 'LeftBehind' }, { number: 2, volume: 'math-v2' }])
  })
})

describe('a node that makes nothing of a Pod', () => {
  const waiting = (world: World) => world.podBecomes((pod) => holdUp(pod, world.now, 'ContainerCreating'))
  /** The Pod of attempt 1 waits beside that of attempt 2. */
  const slow = () => waiting(new World().settle()).after(60)
  const first = (world: World, change: (pod: Pod) => void) => {
    const changed = structuredClone(world.pods[0]!)
    change(changed)
    world.pods = [changed, ...world.pods.slice(1)]
    return world.settle()
  }

  test('is not waited for alone: after a minute the next attempt begins elsewhere, and the Pod stays', () => {
    const world = waiting(new World().settle()).after(59)
    expect(world.pods).toHaveLength(1)
    expect(world.nextLookSeconds).toBe(1)
    world.after(1)
    expect(world.status.attempts).toMatchObject([
      { number: 1, state: 'LeftBehind', reason: 'SlowStart', message: expect.stringContaining('ContainerCreating since') },
      { number: 2, state: 'Planned', volume: 'math-v2' },
    ])
    expect(world.pods.map(({ metadata }) => metadata.deletionTimestamp)).toEqual([undefined, undefined])
    // The scheduler may know nothing of it.
    expect(world.pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution).toEqual([
      { weight: 100, preference: { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['node-1'] }] } },
    ])
  })

  test('makes way as soon as the other one runs', () => {
    const world = slow().podBecomes((pod) => run(pod, at(65)))
    expect(world.pods[0]?.metadata.deletionTimestamp).toBeDefined()
    expect(world.pod.metadata.deletionTimestamp).toBeUndefined()
    expect(world.inRoom().is('Succeeded')).toBe('Unknown Recording')
    // Nobody knows whether it has run since.
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding', retired: true }, { name: 'math-v2' }])
  })

  test.each<[string, (world: World) => World]>([
    ['has no node yet', (world) => world],
    ['waits as well', waiting],
    [
      'is refused',
      (world) => {
        world.pods = [world.pods[0]!]
        world.refuses.createPod = new Refusal('QuotaExceeded', 'exceeded quota: none')
        return world.settle()
      },
    ],
  ])('and does after all, while the other one %s, has the recorder', (_, other) => {
    const world = first(other(slow()), (pod) => run(pod, at(70)))
    expect(world.status.attempts?.[0]).toMatchObject({ number: 1, state: 'Running' })
    expect(world.status.attempts?.[0]).not.toHaveProperty('reason')
    expect(world.pods[0]?.metadata.deletionTimestamp).toBeUndefined()
    for (const pod of world.pods.slice(1)) expect(pod.metadata.deletionTimestamp).toBeDefined()
    first(world, (pod) => enter(pod, at(72)))
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    world.kubeletsLetGo()
    // That the other one came to nothing says nothing of the recording.
    expect(world.status.attempts?.[1]).toMatchObject({ state: 'Ended', reason: 'SlowStart' })
    first(world, (pod) => endPod(pod, at(90), stoppedBy('RoomDismissed', aFile('alice'))))
    if (world.pods.length > 0) world.scheduled().ends(aResult({ stopReason: 'NeverStarted' }))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.claims).toEqual([])
  })

  test('is the only one of its kind: what is so on two nodes is so on a third', () => {
    const world = waiting(slow()).after(3600)
    expect(world.pods.map(({ metadata }) => metadata.name)).toEqual(['math-a1', 'math-a2'])
    expect(world.is('Succeeded')).toBe('Unknown ContainerNotStarted')
  })

  test('keeps nothing when the recording is stopped', () => {
    const world = waiting(slow()).stop()
    for (const pod of world.pods) expect(pod.metadata.deletionTimestamp).toBeDefined()
  })

  test('is waited for where it is only to upload', () => {
    const world = new World().settle().scheduled().inRoom()
    world.ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Idle' })).after(5)
    expect(waiting(world).after(3600).status.attempts).toHaveLength(2)
  })
})

describe('a clock that is set back by a day', () => {
  /** What was noted by it stands in the status. */
  const setBack = (world: World) => {
    world.now = at(-86_400)
    return world.settle()
  }

  test('holds up no attempt after one that failed', () => {
    const world = setBack(new World().settle().scheduled().inRoom().after(10).ends(interrupted))
    expect(world.pod.metadata.name).toBe('math-a2')
  })

  test('holds up none whose Pod was refused', () => {
    const world = new World()
    world.refuses.createPod = new Refusal('QuotaExceeded', 'exceeded quota: none')
    world.settle()
    world.refuses = {}
    expect(world.pods).toEqual([])
    expect(setBack(world).pods).toHaveLength(1)
  })

  test('holds up no upload', () => {
    const world = new World().settle().scheduled().inRoom().after(90)
    setBack(world.ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Idle' })))
    expect(jobOf(world)).toMatchObject({ attempt: 2, uploadOnly: true })
  })
})

describe('a recorder that somebody else asked to end', () => {
  const inTheRoom = () => new World().settle().scheduled().inRoom().after(90)
  const drained = () => inTheRoom().podBecomes((pod) => leave(pod, at(90)))

  test('is not waited for while it is at its files for more than a minute, whether or not its node lives', () => {
    const world = drained().after(59)
    expect(world.pods).toHaveLength(1)
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    expect(world.nextLookSeconds).toBe(1)
    world.after(1)
    expect(world.status.attempts).toMatchObject([
      { number: 1, state: 'LeftBehind', reason: 'SlowEnd', message: expect.stringContaining('is still at its files') },
      { number: 2, volume: 'math-v2' },
    ])
    world.scheduled().inRoom()
    const [former, recorder] = world.pods
    world.pods = [recorder!, former!]
    world.ends(stoppedBy('Terminated', aFile('alice', { path: 'first' })))
    expect(world.status.files).toHaveLength(1)
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Empty' }, { name: 'math-v2' }])
  })

  /** What the next one says of itself when it is asked. */
  const saying = (over: Parameters<typeof aProgress>[0]) => (world: World) => {
    world.progress = aProgress(over)
    return world
  }

  /** The former one, which was left behind, comes to its end with this result. */
  const formerEnds = (world: World, result: TerminationMessage) => {
    world.pods = [...world.pods.slice(1), world.pods[0]!]
    return world.ends(result)
  }
  const nextOne = (world: World) => world.pods.find(({ metadata }) => metadata.name === 'math-a2')

  test.each<[string, (world: World) => World, boolean]>([
    [
      'has no Pod yet',
      (world) => {
        world.refuses.createPod = new Refusal('QuotaExceeded', 'exceeded quota: none')
        return world.after(60)
      },
      false,
    ],
    ['has no node yet', (world) => world.after(60), false],
    ['is on its way', (world) => world.after(60).scheduled(), true],
    ['is alone in the room', (world) => saying({})(world.after(60).scheduled().inRoom()), true],
  ])('ends the recording where it says that the room had ended before, and the next one %s', (_, next, hasNode) => {
    for (const stop of ['RoomDismissed', 'RemovedByApi'] as const) {
      const both = next(drained())
      const left = aResult({
        stopReason: stop,
        startedAt: at(5).toISOString(),
        stoppedAt: at(89).toISOString(),
        files: [aFile('alice')],
      })
      formerEnds(both, left)
      expect(both.status.stopReason).toBe(stop)
      if (hasNode) {
        expect(nextOne(both)?.metadata.deletionTimestamp).toBeDefined()
        expect(both.is('Succeeded')).toBe('Unknown Finishing')
        both.pods = both.pods.filter((pod) => pod.metadata.name === 'math-a2')
        both.ends(stoppedBy('Terminated'))
      }
      expect(both.status.stopReason).toBe(stop)
      expect(both.is('Succeeded')).toBe('True Completed')
      expect(both.claims).toEqual([])
    }
  })

  test.each(['Terminated', 'Idle', 'MaxDuration'] as const)(
    'and says that it stopped for %s leaves the rest to the next one',
    (stop) => {
      const world = formerEnds(drained().after(60).scheduled().inRoom(), stoppedBy(stop, aFile('alice')))
      expect(world.is('Succeeded')).toBe('Unknown Recording')
      expect(nextOne(world)?.metadata.deletionTimestamp).toBeUndefined()
    },
  )

  const dismissed = aResult({
    ...{ stopReason: 'RoomDismissed', files: [aFile('alice')] },
    ...{ startedAt: at(5).toISOString(), stoppedAt: at(89).toISOString() },
  })

  test('keeps out of the room also one that goes on on the volume of another one', () => {
    const world = drained().after(60).scheduled().inRoom().ends(undefined, { reason: 'OOMKilled' }).after(60).scheduled()
    expect(world.status.attempts).toMatchObject([{ number: 1 }, { volume: 'math-v2' }, { number: 3, volume: 'math-v2' }])
    formerEnds(world, dismissed)
    const third = world.pods.find(({ metadata }) => metadata.name === 'math-a3')
    expect(third?.metadata.deletionTimestamp).toBeDefined()
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    world.pods = [third!]
    // What the second one has recorded is uploaded by one that enters no room.
    world.ends(stoppedBy('Terminated')).after(60)
    expect(world.status).toMatchObject({ stopReason: 'RoomDismissed' })
  })

  test('lets no recorder be made any more of one whose Pod was refused, and may be asked for again by then', () => {
    const world = drained()
    world.refuses.createPod = new Refusal('QuotaExceeded', 'exceeded quota: none')
    world.after(60)
    expect(world.status.attempts).toMatchObject([{ number: 1 }, { number: 2, reason: 'QuotaExceeded' }])
    world.refuses = {}
    world.now = at(4000)
    world.actions.length = 0
    formerEnds(world, dismissed)
    expect(world.actions).not.toContain('createPod')
    expect(world.is('Succeeded')).toBe('True Completed')
  })

  test('is not believed where the next one was in the room by then, and has heard nothing of it', () => {
    const world = drained().after(60).scheduled().inRoom().after(60)
    const late = { ...stoppedBy('RoomDismissed', aFile('alice')), stoppedAt: at(200).toISOString() }
    expect(formerEnds(world, late).is('Succeeded')).toBe('Unknown Recording')
  })

  const somebody = { userId: 'alice', audio: true, video: true, aux: false, recorded: true, missing: [] }
  const file = { userId: 'alice', stream: 'main', path: 'a', state: 'recording', recordedBytes: 1, uploadedBytes: 0 } as const
  test.each<[string, (world: World) => World]>([
    ['has somebody there', saying({ participants: [somebody] })],
    ['has recorded somebody', saying({ files: [file] })],
    ['cannot be asked', (world) => world],
  ])('does not end what the next one records in a room that was opened again, and that %s', (_, knows) => {
    const ends = (stop: 'RoomDismissed' | 'RemovedByApi') =>
      formerEnds(knows(drained().after(60).scheduled().inRoom()), { ...dismissed, stopReason: stop })
    const world = ends('RoomDismissed')
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(world.status.files).toHaveLength(1)
    expect(nextOne(world)?.metadata.deletionTimestamp).toBeUndefined()
    // Whoever removed a recorder wanted no other one.
    expect(ends('RemovedByApi').status.stopReason).toBe('RemovedByApi')
  })

  test('is waited for where it had come to its end before', () => {
    const world = inTheRoom().podBecomes((pod) => {
      leave(pod, at(90))
      pod.metadata.deletionTimestamp = at(120 + pod.metadata.deletionGracePeriodSeconds!).toISOString()
    })
    expect(world.after(600).status.attempts).toHaveLength(1)
  })

  test('is waited for when it is stopped', () => {
    expect(drained().stop().after(600).status.attempts).toHaveLength(1)
  })
})

describe('a recorder that ended well and whose result nobody could read', () => {
  test('is not taken for one that recorded nothing: what its volume holds is looked at', () => {
    const world = new World().settle().scheduled().inRoom().stop()
    const before = world.status
    world.ends(undefined, { exitCode: 0 })
    expect(eventsOf(before, world.status)).toContainEqual(expect.objectContaining({ type: 'Warning', reason: 'Crashed' }))
    expect(world.status.completionTime).toBeUndefined()
    expect(jobOf(world).uploadOnly).toBe(true)
    world.scheduled().ends(aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files).toHaveLength(1)
  })
})

describe('Pods the status does not know of', () => {
  test('are not touched while they may be newer than what is known', () => {
    const world = new World().settle().scheduled().inRoom()
    const known = world.recording
    world.ends(interrupted).after(5).scheduled().inRoom()
    world.recording = {
      ...known,
      status: {
        ...known.status,
        attempts: known.status!.attempts!.map((attempt) => ({ ...attempt, endTime: at(1).toISOString(), reason: 'Interrupted' })),
      },
    }
    world.actions.length = 0
    world.carryOut(decide(world.observed(), at(30)))
    expect(world.actions).toEqual([])
  })
})
