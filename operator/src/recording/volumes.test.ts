import type { RecordingStatus } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { isFinished } from './fencing.ts'
import { labels, podName } from './names.ts'
import { recorderPod } from './pod.ts'
import { Refusal } from './refusal.ts'
import { aFile, aRecording, aResult, at, interrupted, podConfig, stoppedBy } from './testing.ts'
import { endPod, enter, run } from './testing-pods.ts'
import { jobOf, World } from './testing-world.ts'

const inRoom = () => new World().settle().scheduled().inRoom()
const uploaded = (...users: string[]) =>
  aResult({ stopReason: 'NeverStarted', files: users.map((user) => aFile(user, { path: user })) })

/** Its kubelet is not heard of any more, and the node controller says so. */
function nodeFallsSilent(world: World): World {
  return world.podBecomes((pod) => {
    pod.status!.conditions = [
      { type: 'Ready', status: 'False', lastTransitionTime: world.now.toISOString() },
      { type: 'ContainersReady', status: 'True' },
    ]
  })
}

describe('what a volume holds', () => {
  test('is nothing before anybody recorded, and something from the moment the recorder is in the room', () => {
    expect(new World().settle().scheduled().status.volumes).toMatchObject([{ name: 'math-v1', state: 'Planned' }])
    const world = inRoom()
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', uid: world.volume!.metadata.uid, state: 'Holding' }])
  })

  test('may be something where a Pod that had a node was taken away by force: its kubelet may have run it all the same', () => {
    const world = new World().settle().scheduled()
    // That its volume is bound may not have been heard of.
    world.podGoes().stop().after(300)
    expect(world.status.volumes).toMatchObject([{ state: 'Holding', holds: 'What attempt 1 may have recorded' }])
    expect(jobOf(world)).toMatchObject({ uploadOnly: true })
    world.scheduled().ends(uploaded('alice'))
    expect(world.status.files).toHaveLength(1)
    expect(world.claims).toEqual([])
  })

  test('is remembered however many attempts history forgets', () => {
    const world = inRoom().ends(undefined, { reason: 'OOMKilled' })
    for (let attempt = 0; attempt < 30; attempt += 1) {
      world
        .after(300)
        .scheduled()
        .ends(aResult({ outcome: 'SecretNotFound', stopReason: 'NeverStarted' }))
    }
    expect(world.status.attempts?.some(({ reason }) => reason === 'OOMKilled')).toBe(true)
    world.status.attempts!.shift()
    expect(world.settle().status.volumes).toMatchObject([
      { state: 'Holding', holds: 'What attempt 1 and those before it left there' },
    ])
    world.stop().after(300)
    expect(jobOf(world)).toMatchObject({ uploadOnly: true })
  })
})

test('a volume that was made in a run whose status was never written is the one that is used', () => {
  const world = new World()
  // Volume and Pod come first; then the answer was lost.
  const { actions } = decide(world.observed(), world.now)
  world.carryOut({ addFinalizer: true, status: world.status, actions: actions.filter((action) => action.do === 'ensureVolume') })
  world.settle()
  expect(world.claims.map(({ metadata }) => metadata.name)).toEqual(['math-v1'])
  expect(world.status.attempts).toMatchObject([{ pod: 'math-a1', volume: 'math-v1' }])
})

/** Somebody deletes its first volume, which stays for now. */
function isDeleted(world: World): World {
  const [first, ...others] = world.claims
  world.claims = [{ ...first!, metadata: { ...first!.metadata, deletionTimestamp: world.now.toISOString() } }, ...others]
  return world
}

test('a volume that somebody deletes before any Pod used it is made again', () => {
  const world = new World().settle()
  world.claims = []
  world.settle()
  expect(world.claims.map(({ metadata }) => metadata.name)).toEqual(['math-v1'])
  expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
})

describe('a volume that is gone although it held what was not in COS', () => {
  test('is lost, and nothing is called stored', () => {
    const world = inRoom().ends(undefined, { reason: 'OOMKilled' })
    world.claims = []
    world.stop()
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Lost', holds: expect.stringContaining('attempt 1') }])
    expect(world.is('Stored')).toBe('False VolumeLost')
    expect(world.is('Succeeded')).toBe('False VolumeLost')
    expect(world.condition('Stored')?.message).toContain('PersistentVolumeClaim math-v1 is gone')
    // Nobody looks for files on an empty volume.
    expect(world.claims).toEqual([])
    expect(world.pods).toEqual([])
  })

  test('is lost as well when another one came back under its name', () => {
    const world = inRoom().ends(undefined, { reason: 'OOMKilled' })
    world.claims = world.claims.map((claim) => ({ ...claim, metadata: { ...claim.metadata, uid: 'another' } }))
    world.after(5)
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Lost' }, { name: 'math-v2' }])
    world
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('bob', { attempt: 2 })))
    expect(world.is('Succeeded')).toBe('False VolumeLost')
    expect(world.status.files).toHaveLength(1)
    // Somebody may have restored it from a snapshot, labels and all: it is not deleted as one that has been emptied.
    expect(world.claims.map(({ metadata }) => metadata.uid)).toEqual(['another'])
    expect(world.recording.metadata.finalizers ?? []).toEqual([])
  })

  test('is not what was lost if its recorder, which still had it, has stored all of it', () => {
    const world = inRoom()
    world.claims = []
    world.settle()
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Lost' }])
    world.ends(stoppedBy('Idle', aFile('alice')))
    expect(world.is('Stored')).toBe('True Completed')
    expect(world.status.volumes).toEqual([])
  })

  test('stays lost if its recorder could not store all of it, or if an earlier one left something there', () => {
    const world = inRoom()
    world.claims = []
    world.settle().ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Idle', startedAt: at(5).toISOString() }))
    expect(world.is('Stored')).toBe('False VolumeLost')
    const second = inRoom().ends(undefined, { reason: 'OOMKilled' }).after(5).scheduled().inRoom()
    second.claims = []
    second.settle().ends(stoppedBy('Idle', aFile('bob', { attempt: 2 })))
    expect(second.is('Stored')).toBe('False VolumeLost')
  })

  test.each([
    ['before the next recorder is made', (world: World) => isDeleted(world).after(5), 'math-a2'],
    [
      'while the next recorder waits for a node',
      (world: World) =>
        isDeleted(world.after(5))
          .podBecomes((pod) => {
            const message = '0/1 nodes are available: persistentvolumeclaim "math-v1" is being deleted.'
            pod.status!.conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }]
          })
          .after(15),
      'math-a3',
    ],
  ])('and stays for long when somebody deletes it %s: the lesson is recorded on another', (_, deletes, pod) => {
    const world = deletes(inRoom().ends(undefined, { reason: 'OOMKilled' }))
    expect(world.live.map(({ metadata }) => metadata.name)).toEqual([pod])
    expect(world.status.attempts?.at(-1)).toMatchObject({ pod, volume: 'math-v2' })
    expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
    // It says what it holds for as long as it is there, and is lost then.
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding' }, { name: 'math-v2' }])
    world.claims = world.claims.filter(({ metadata }) => metadata.name !== 'math-v1')
    expect(world.settle().status.volumes).toMatchObject([{ name: 'math-v1', state: 'Lost' }, { state: 'Holding' }])
  })

  test('and keeps a recorder that got its node just before somebody deleted it: that works on it', () => {
    const world = isDeleted(inRoom().ends(undefined, { reason: 'OOMKilled' }).after(5))
    expect(world.settle().live.map(({ metadata }) => metadata.name)).toEqual(['math-a2'])
    world.after(10).scheduled().inRoom().after(60)
    expect(world.live.map(({ metadata }) => metadata.name)).toEqual(['math-a2'])
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding' }])
  })

  test('and is named as soon as a recorder that was given up for it runs after all, on a node that was slow', () => {
    const world = isDeleted(new World().settle().scheduled()).after(60)
    expect(world.status.attempts).toMatchObject([{ state: 'LeftBehind', reason: 'VolumeLost' }, { volume: 'math-v2' }])
    const [slow, ...others] = world.pods
    const late = structuredClone(slow!)
    enter(late, world.now)
    world.pods = [late, ...others]
    expect(world.settle().status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding' }, { name: 'math-v2' }])
    expect(world.stop().is('Stored')).not.toBe('True NothingRecorded')
  })

  test('does not stop the lesson from being recorded on', () => {
    const world = inRoom().ends(undefined, { reason: 'OOMKilled' })
    world.claims = []
    world.after(5)
    expect(world.claims.map(({ metadata }) => metadata.name)).toEqual(['math-v2'])
    expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
  })
})

describe('the volume of unstored data', () => {
  test('has no owner, so that no deletion in the foreground takes it', () => {
    const world = inRoom()
    expect(world.volume?.metadata.ownerReferences).toBeUndefined()
    world.delete().ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Deleted', startedAt: at(5).toISOString() }))
    world.after(5)
    // The owner would take this Pod with it at once.
    expect(world.pod.metadata.ownerReferences).toBeUndefined()
    world.scheduled().ends(uploaded('alice'))
    expect(world.gone).toBe(true)
    expect(world.volume).toBeUndefined()
  })

  test('that an earlier release made is freed of its owner', () => {
    const world = inRoom()
    world.claims[0]!.metadata.ownerReferences = [
      { apiVersion: 'x', kind: 'Recording', name: 'math', uid: 'recording-uid', controller: true },
    ]
    expect(world.settle().volume?.metadata.ownerReferences).toBeUndefined()
  })
})

describe('a result that could not be read', () => {
  const unreadable = { ...stoppedBy('Idle'), filesOmitted: 30, manifestUrl: 'https://cos.example/math.manifest.json' }

  test('is said again by an attempt that reads the volume', () => {
    const world = inRoom().ends(unreadable)
    expect(world.status.stopReason).toBe('Idle')
    expect(isFinished(world.recording)).toBe(false)
    expect(jobOf(world)).toMatchObject({ attempt: 2, uploadOnly: true })
    world.scheduled().ends(uploaded('alice', 'bob'))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files).toHaveLength(2)
  })

  test('and never can be leads to the manifest, not to an empty list', () => {
    const world = inRoom().ends(unreadable)
    for (let attempt = 2; attempt <= 6; attempt += 1)
      world
        .after(300)
        .scheduled()
        .ends({ ...unreadable, attempt })
    expect(world.is('Succeeded')).toBe('False ResultUnknown')
    expect(world.is('Stored')).toBe('False ResultUnknown')
    expect(world.condition('Stored')?.message).toContain('https://cos.example/math.manifest.json')
    expect(world.status).toMatchObject({ fileCount: 30, manifestUrl: 'https://cos.example/math.manifest.json' })
  })
})

describe('a node that falls silent', () => {
  test('does not end the lesson: after 15 s the next attempt begins elsewhere, on a volume of its own', () => {
    const world = nodeFallsSilent(inRoom())
    expect(world.is('Succeeded')).toBe('Unknown NodeLost')
    expect(world.is('Reconciling')).toBe('True NodeLost')
    expect(world.after(14).pods).toHaveLength(1)
    world.after(1)
    expect(world.pods.map((pod) => pod.metadata.name)).toEqual(['math-a1', 'math-a2'])
    expect(world.pods[0]?.metadata.deletionTimestamp).toBeDefined()
    expect(world.status.attempts).toMatchObject([{ state: 'LeftBehind', reason: 'NodeSilent' }, { volume: 'math-v2' }])
    expect(world.status.volumes).toMatchObject([
      { name: 'math-v1', state: 'Holding', retired: true },
      { name: 'math-v2', state: 'Planned' },
    ])
    expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
  })

  const twoVolumes = () => nodeFallsSilent(inRoom()).after(15).scheduled().inRoom()
  const endFirst = (world: World, ...end: [Parameters<typeof endPod>[2], Parameters<typeof endPod>[3]?]) => {
    const [first, ...others] = world.pods
    const ended = structuredClone(first!)
    endPod(ended, world.now, ...end)
    world.pods = [ended, ...others]
    return world.settle()
  }

  test('that comes back with a recorder that was sent out by the next one: its files count, and it ends nothing', () => {
    const world = endFirst(twoVolumes(), stoppedBy('DuplicateUser', aFile('alice', { path: 'first' })))
    expect(world.status.stopReason).toBeUndefined()
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Empty' }, { state: 'Holding' }])
    world.ends(stoppedBy('RoomDismissed', aFile('alice', { path: 'second', attempt: 2 })))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files?.map((file) => file.path)).toEqual(['first', 'second'])
    expect(world.claims).toEqual([])
  })

  test('that comes back with a recorder that was killed has its volume emptied while the lesson goes on', () => {
    const world = endFirst(twoVolumes(), undefined, { exitCode: 137 })
    expect(jobOf(world)).toMatchObject({ uploadOnly: true, attempt: 3 })
    expect(world.status.attempts?.at(-1)).toMatchObject({ volume: 'math-v1' })
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    world.scheduled().ends(uploaded('first'))
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Empty' }, { state: 'Holding' }])
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(world.pods).toHaveLength(1)
    world.ends(stoppedBy('RoomDismissed', aFile('alice', { path: 'second', attempt: 2 })))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files).toHaveLength(2)
    expect(world.claims).toEqual([])
  })

  test('whose upload is not over with the lesson ends when it is', () => {
    const world = endFirst(twoVolumes(), undefined, { exitCode: 137 })
    const [second, upload] = world.pods
    world.pods = [upload!, second!]
    world.ends(stoppedBy('RoomDismissed', aFile('alice', { path: 'second', attempt: 2 })))
    expect(world.status.stopReason).toBe('RoomDismissed')
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    world.scheduled().ends(uploaded('first'))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.attempts).toHaveLength(3)
  })

  test('holds up no recorder when its upload is refused', () => {
    const world = twoVolumes()
    world.refuses.createPod = new Refusal('QuotaExceeded', 'exceeded quota: none')
    endFirst(world, undefined, { exitCode: 137 })
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(world.status.attempts?.at(-1)).toMatchObject({ uploadOnly: true, reason: 'QuotaExceeded', refusedTimes: 1 })
    delete world.refuses.createPod
    expect(jobOf(world.after(300))).toMatchObject({ uploadOnly: true })
  })

  test('and is still away when the lesson is over is named as what is waited for', () => {
    const world = twoVolumes().ends(stoppedBy('RoomDismissed', aFile('alice', { path: 'second', attempt: 2 })))
    world.after(3600)
    expect(world.is('Succeeded')).toBe('Unknown NodeLost')
    expect(world.condition('Stored')?.message).toMatch(/PersistentVolumeClaim math-v1 may hold .* node node-1/)
    // Its Node is deleted, and the Pod with it.
    world.pods = []
    world.settle()
    expect(jobOf(world.after(5))).toMatchObject({ uploadOnly: true })
  })

  test('while its recorder is asked to finish is waited for: nobody else has what it has', () => {
    const world = inRoom().stop()
    nodeFallsSilent(world).after(600)
    expect(world.pods).toHaveLength(1)
    expect(world.is('Succeeded')).toBe('Unknown NodeLost')
  })
})

test('a volume that is empty makes room for another one, however many a long lesson has had', () => {
  const world = new World().settle()
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    nodeFallsSilent(world.scheduled().inRoom()).after(15)
    // The node is back, and its recorder has stored what it had.
    const left = world.pods.findIndex(({ metadata }) => metadata.name === `math-a${attempt}`)
    const ended = structuredClone(world.pods[left]!)
    endPod(ended, world.now, stoppedBy('DuplicateUser', aFile('alice', { path: `file-${attempt}` })))
    world.pods = world.pods.map((pod, index) => (index === left ? ended : pod))
    world.settle()
  }
  expect(world.scheduled().inRoom().is('Succeeded')).toBe('Unknown Recording')
  expect(world.claims.length).toBeLessThanOrEqual(16)
  world.ends(stoppedBy('RoomDismissed', aFile('alice', { path: 'last', attempt: 21 })))
  expect(world.is('Succeeded')).toBe('True Completed')
  expect(world.claims).toEqual([])
})

describe('a volume that cannot follow', () => {
  test('since its node was removed is not waited for: the next attempt has one of its own at once, and the old one is emptied meanwhile', () => {
    const world = inRoom().after(90)
    // Drained, asked to end, and then the node was gone: whoever collects Pods took it away.
    world.podBecomes((pod) => {
      pod.metadata.deletionTimestamp = at(1890).toISOString()
    })
    world.ends(undefined, { disruption: 'DeletionByPodGC' }).after(1)
    expect(world.status.attempts).toMatchObject([
      { reason: 'NodeLost', volume: 'math-v1' },
      { number: 2, volume: 'math-v1', uploadOnly: true },
      { number: 3, volume: 'math-v2' },
    ])
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding', retired: true }, { name: 'math-v2' }])
  })

  test.each([
    ['another zone', (world: World) => unschedulable(world)],
    ['still attached elsewhere', (world: World) => multiAttach(world)],
  ])('%s: the next attempt has a volume of its own, and the old one is emptied when it can be reached', (_, happens) => {
    const world = happens(inRoom().after(90).ends(undefined, { reason: 'OOMKilled' }).after(5)).after(60)
    expect(world.status.attempts?.slice(0, 3)).toMatchObject([
      {},
      { reason: 'VolumeUnreachable', volume: 'math-v1' },
      { volume: 'math-v2' },
    ])
    world.pods = world.pods.filter(({ metadata }) => metadata.name !== 'math-a2')
    world.settle()
    expect(world.is('Succeeded')).toMatch(/^Unknown/)
    expect(jobOf(world)).toMatchObject({ uploadOnly: true })
    expect(world.status.attempts?.at(-1)).toMatchObject({ volume: 'math-v1' })
  })

  const unschedulable = (world: World) =>
    world.podBecomes((pod) => {
      const lastTransitionTime = world.now.toISOString()
      const message = '0/3 nodes are available: 1 node(s) had volume node affinity conflict, 2 were cordoned'
      pod.status = {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }],
      }
    })
  const multiAttach = (world: World) => {
    const message = 'FailedAttachVolume: Multi-Attach error for volume "pvc-1"'
    world.news = { complaint: message }
    return world.podBecomes((pod) => {
      pod.spec!.nodeName = 'node-2'
      pod.status = {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: world.now.toISOString() }],
      }
    })
  }
})

describe('a Pod that nobody planned', () => {
  /** What a create that was answered with an error, and was carried out, leaves. */
  const unplanned = (world: World, attempt: number) => {
    const order = { attempt, uploadOnly: false, volume: 'math-v1', isBesideOthers: false }
    const pod = structuredClone(recorderPod(world.recording, order, podConfig)) as never as World['pods'][number]
    pod.metadata = { ...pod.metadata, uid: `unplanned-${attempt}`, creationTimestamp: world.now.toISOString() }
    enter(pod, world.now)
    world.pods = [...world.pods, pod]
    return world.settle()
  }

  test('is taken on where nothing else is under way', () => {
    const world = inRoom().ends(interrupted)
    unplanned(world, 2)
    expect(world.status.attempts).toMatchObject([{}, { number: 2, state: 'Running', podUid: 'unplanned-2' }])
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    world.ends(stoppedBy('Idle', aFile('bob')))
    expect(world.status.files).toHaveLength(2)
  })

  test.each([
    ['was refused the room', aResult({ outcome: 'RoomRefused', stopReason: 'NeverStarted' }), []],
    ['was in it', aResult({ outcome: 'UploadIncomplete', stopReason: 'Idle', startedAt: at(1).toISOString() }), ['Holding']],
    ['cannot say', undefined, ['Holding']],
  ] as const)('and that has ended before anybody told of it: its volume is what it says, if it %s', (_, result, holds) => {
    const world = new World().settle()
    // The Pod is made first, and the status told three seconds later.
    world.forgetStatus()
    world.ends(result)
    expect((world.status.volumes ?? []).map(({ state }) => state)).toEqual(holds)
    expect(isFinished(world.recording)).toBe(holds.length === 0)
  })

  test('and that is on its way when it is first told of, has nothing yet', () => {
    const world = new World().settle().scheduled()
    world.forgetStatus()
    world.podBecomes((pod) => run(pod, world.now))
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Planned' }])
    world.ends(aResult({ outcome: 'RoomRefused', stopReason: 'NeverStarted' }))
    expect(isFinished(world.recording)).toBe(true)
  })

  test('which is gone again before anybody saw it may have recorded, and is made anew on a volume that says so', () => {
    const world = new World().settle()
    world.claims = world.claims.map((claim) => ({ ...claim, spec: { ...claim.spec, volumeName: 'pv-1' } }))
    world.pods = []
    world.settle()
    expect(world.pods.map(({ metadata }) => metadata.name)).toEqual(['math-a1'])
    expect(world.status.volumes).toMatchObject([{ name: 'math-v1', state: 'Holding' }])
  })

  test('is asked to end where something is, and its result is read', () => {
    const world = inRoom()
    unplanned(world, 2)
    expect(world.pod.metadata.deletionTimestamp).toBeDefined()
    world.ends(stoppedBy('Terminated', aFile('bob', { path: 'bob' })))
    expect(world.status.files).toMatchObject([{ path: 'bob' }])
    expect(world.status.stopReason).toBeUndefined()
  })

  test('has its say although its attempt was given up for not having one', () => {
    const world = new World()
    world.carryOut({ ...decide(world.observed(), world.now), actions: [] })
    world.stop()
    expect(world.status.attempts).toMatchObject([{ number: 1, state: 'Ended', reason: 'NotStarted' }])
    expect(world.recording.metadata.finalizers).toBeUndefined()
  })
})

test('what an earlier release wrote is understood', () => {
  const ended = (over: object) => ({ number: 1, pod: podName('math', 1), podUid: 'uid', endTime: at(60).toISOString(), ...over })
  const read = (attempts: RecordingStatus['attempts'] & object) => {
    const world = new World({ ...aRecording(), status: { attempts } })
    return decide(world.observed(), at(61)).status.volumes
  }
  expect(read([ended({ reason: 'RoomRefused', exitCode: 14 })])?.[0]).not.toMatchObject({ state: 'Lost' })
  // Nothing is there any more, and it may have held something.
  expect(read([ended({ startTime: at(1).toISOString(), reason: 'OOMKilled', exitCode: 137 })])).toMatchObject([
    { name: 'math', state: 'Lost' },
  ])
  expect(labels.recording).toBe('trtc-recorder.dev/recording')
})
