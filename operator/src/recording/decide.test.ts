import { recordingFinalizer } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { aFile, aRecording, aResult, at, run, stoppedBy, World } from './testing.ts'

const withCallback = () => aRecording({ callback: { url: 'https://school.example/recorded' } })

describe('a Recording from the beginning to the end', () => {
  test('is held, and gets a volume and a Pod', () => {
    const world = new World().settle()
    expect(world.recording.metadata.finalizers).toEqual([recordingFinalizer])
    expect(world.actions.slice(0, 2)).toEqual(['ensureVolume', 'createPod'])
    expect(world.pod.metadata.name).toBe('math-1')
    expect(world.is('Succeeded')).toBe('Unknown Pending')
    expect(world.is('Started')).toBe('False Pending')
    expect(world.is('Reconciling')).toBe('True Pending')
    expect(world.status.observedGeneration).toBe(1)
  })

  test('writes the attempt down before its Pod is made', () => {
    const plan = decide(new World().observed(), at(0))
    expect(plan.status.attempts).toEqual([{ number: 1, pod: 'math-1', podUid: '' }])
    expect(plan.actions.map((action) => action.do)).toEqual(['ensureVolume', 'createPod'])
  })

  test('says that it starts, on which node', () => {
    const world = new World().settle().scheduled()
    expect(world.is('Started')).toBe('False Starting')
    expect(world.status.attempts).toMatchObject([{ podUid: world.pod.metadata.uid, node: 'node-1' }])
  })

  test('has started when the Pod is ready, and is no longer reconciling', () => {
    const world = new World().settle().scheduled().after(5).inRoom()
    expect(world.is('Succeeded')).toBe('Unknown Recording')
    expect(world.is('Started')).toBe('True Entered')
    expect(world.is('Reconciling')).toBeUndefined()
    expect(world.status.startTime).toBe(at(5).toISOString())
  })

  test('shows how it is going', () => {
    const world = new World().settle().scheduled().inRoom()
    world.progress = {
      state: 'recording',
      participants: [{ userId: 'alice', audio: true, video: true, aux: false, recorded: true }],
      recordedBytes: 5_000,
      uploadedBytes: 2_000,
      files: [{ userId: 'alice', stream: 'main', path: 'a.mp4', state: 'recording', recordedBytes: 5_000, uploadedBytes: 2_000 }],
    }
    world.settle()
    expect(world.status).toMatchObject({ participants: 1, recordedBytes: 5_000, uploadedBytes: 2_000, fileCount: 1 })
  })

  test('says that it is finishing while the recorder uploads the rest', () => {
    const world = new World().settle().scheduled().inRoom()
    world.progress = { state: 'finishing', participants: [], recordedBytes: 1, uploadedBytes: 0, files: [] }
    expect(world.settle().is('Succeeded')).toBe('Unknown Finishing')
    // Nobody asks it again for a while, and it is no longer ready.
    world.progress = undefined
    world.podBecomes((pod) => run(pod, world.now))
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
  })

  test('has succeeded when every file is stored, and only then lets go of the Pod and the volume', () => {
    const world = new World().settle().scheduled().inRoom()
    world.actions.length = 0
    world.after(60).ends(stoppedBy('RemovedByApi', aFile('alice'), aFile('bob', { path: 'bob.mp4' })))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.is('Stored')).toBe('True Completed')
    expect(world.is('Stalled')).toBeUndefined()
    expect(world.status).toMatchObject({
      stopReason: 'RemovedByApi',
      completionTime: at(60).toISOString(),
      fileCount: 2,
      recordedBytes: 2000,
      uploadedBytes: 2000,
      attempts: [{ reason: 'Completed', exitCode: 0, endTime: at(60).toISOString() }],
    })
    expect(world.actions).toEqual(['deletePod', 'releasePod', 'deleteVolume', 'letGo'])
    expect(world.pods).toEqual([])
    expect(world.volume).toBeUndefined()
    expect(world.gone).toBe(false)
  })

  test('that is finished, tidied up and told can be deleted without an operator', () => {
    const world = new World(withCallback())
      .settle()
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('alice')))
    expect(world.recording.metadata.finalizers).toEqual([recordingFinalizer])
    world.callbackDelivered()
    expect(world.recording.metadata.finalizers).toBeUndefined()
    expect(world.after(60).recording.metadata.finalizers).toBeUndefined()
  })

  test('takes the exact time of entering from the recorder', () => {
    const world = new World().settle().scheduled().after(6).inRoom()
    world.after(60).ends(stoppedBy('Idle', aFile('alice')))
    expect(world.status.startTime).toBe(at(5).toISOString())
  })

  test('says so when nobody published anything', () => {
    const world = new World().settle().scheduled().inRoom().ends(stoppedBy('Idle'))
    expect(world.is('Succeeded')).toBe('True NothingRecorded')
    expect(world.status.fileCount).toBe(0)
  })

  test('keeps a volume that is to be retained, as nobody’s', () => {
    const recording = aRecording({ storage: { size: '1Gi', retention: 'Retain' } })
    const world = new World(recording)
      .settle()
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('alice')))
    expect(world.volume?.metadata.ownerReferences).toBeUndefined()
    expect(world.delete().gone).toBe(true)
    expect(world.volume).toBeDefined()
  })

  test('hands the result to the callback', () => {
    const world = new World(withCallback()).settle()
    expect(world.is('CallbackDelivered')).toBe('Unknown Waiting')
    world.scheduled().inRoom().after(60).ends(stoppedBy('Idle'))
    expect(world.status.callback).toEqual({
      id: 'recording-uid/result',
      state: 'Pending',
      attempts: 0,
      dueSince: at(60).toISOString(),
    })
  })
})

describe('a Recording that is stopped', () => {
  test('before its Pod was scheduled is over at once', () => {
    const world = new World().settle().stop()
    expect(world.is('Succeeded')).toBe('True StoppedBeforeStart')
    expect(world.status.stopReason).toBe('StopRequested')
    expect(world.pods).toEqual([])
    expect(world.volume).toBeUndefined()
  })

  test('before the operator ever saw it never has a Pod', () => {
    const world = new World(aRecording({ desiredState: 'Stopped' })).settle()
    expect(world.actions).not.toContain('createPod')
    expect(world.is('Succeeded')).toBe('True StoppedBeforeStart')
  })

  test('while starting waits for the recorder to end', () => {
    const world = new World().settle().scheduled().stop()
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    expect(world.pod.metadata.deletionTimestamp).toBeDefined()
    world.ends(aResult({ stopReason: 'Terminated' }))
    expect(world.is('Succeeded')).toBe('True StoppedBeforeStart')
  })

  test('just when the recorder enters has started, although its Pod was never seen ready', () => {
    const world = new World().settle().scheduled().stop()
    world.ends(aResult({ stopReason: 'Terminated', startedAt: at(5).toISOString(), files: [aFile('alice')] }))
    expect(world.is('Started')).toBe('True Entered')
    expect(world.is('Succeeded')).toBe('True Completed')
  })

  test('while recording is finished by the recorder, who cannot know who asked', () => {
    const world = new World().settle().scheduled().inRoom().stop()
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    expect(world.condition('Succeeded')?.message).toContain('desiredState')
    world.ends(stoppedBy('Terminated', aFile('alice')))
    expect(world.status.stopReason).toBe('StopRequested')
    expect(world.is('Succeeded')).toBe('True Completed')
  })

  test('asks once', () => {
    const world = new World().settle().scheduled().inRoom()
    world.actions.length = 0
    world.stop().after(10)
    expect(world.actions).toEqual(['deletePod'])
  })

  test('keeps the room’s own reason if that came first', () => {
    const world = new World()
      .settle()
      .scheduled()
      .inRoom()
      .stop()
      .ends(stoppedBy('RoomDismissed', aFile('alice')))
    expect(world.status.stopReason).toBe('RoomDismissed')
  })

  test('while it waits to try again is over', () => {
    const world = new World().settle().scheduled().inRoom().ends(interrupted).stop()
    expect(world.status).toMatchObject({ stopReason: 'StopRequested' })
    expect(world.is('Succeeded')).toBe('True Completed')
  })

  test('after its recorder was killed has what is on the volume uploaded first, without entering the room', () => {
    const world = new World().settle().scheduled().inRoom().ends(undefined, { reason: 'OOMKilled' }).stop().after(5)
    expect(world.status.stopReason).toBe('StopRequested')
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
    expect(world.pod.metadata.name).toBe('math-2')
    expect(jobOf(world)).toMatchObject({ attempt: 2, uploadOnly: true })
    world.scheduled().ends(aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.stopReason).toBe('StopRequested')
    expect(world.status.attempts).toMatchObject([{ reason: 'OOMKilled' }, { reason: 'Completed', uploadOnly: true }])
  })

  test('tries to upload for as long as COS is away', () => {
    const world = new World().settle().scheduled().inRoom().stop()
    world.ends(aResult({ outcome: 'UploadIncomplete', stopReason: 'Terminated', startedAt: at(5).toISOString() }))
    for (let attempt = 2; attempt <= 30; attempt += 1) {
      expect(world.is('Stored')).toBe('False UploadIncomplete')
      world.after(300)
      world
        .scheduled()
        .ends(aResult({ attempt, outcome: attempt % 2 ? 'UploadIncomplete' : 'StorageUnavailable', stopReason: 'NeverStarted' }))
    }
    expect(world.status.attempts).toHaveLength(20)
    world
      .after(300)
      .scheduled()
      .ends(aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('True Completed')
  })
})

const interrupted = aResult({
  outcome: 'Interrupted',
  stopReason: 'RoomLost',
  message: 'The connection was lost.',
  startedAt: at(5).toISOString(),
  files: [aFile('alice')],
})

const jobOf = (world: World) =>
  JSON.parse(world.pod.spec?.containers[0]?.env?.find((variable) => variable.name === 'TRTC_RECORDER_JOB')?.value ?? '{}')

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
    expect(world.pod.metadata.name).toBe('math-2')
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
      { number: 2, pod: 'math-2', podUid: '' },
    ])
    expect(world.status.files).toHaveLength(1)
    world
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('alice', { path: 'second.mp4', attempt: 2 })))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.files).toHaveLength(2)
  })

  test('never overlaps with the next one', () => {
    const world = new World().settle().scheduled().inRoom()
    world.podBecomes((pod) => {
      pod.metadata.deletionTimestamp = world.now.toISOString()
    })
    world.after(600)
    expect(world.pods).toHaveLength(1)
    expect(world.is('Succeeded')).toBe('Unknown NodeLost')
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
      world.after(30)
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

  test('for good, after an earlier one was killed, has the volume uploaded before it is called failed', () => {
    const world = new World().settle().scheduled().inRoom().ends(undefined, { exitCode: 139 }).after(5)
    world.scheduled().ends(aResult({ outcome: 'RoomRefused', stopReason: 'NeverStarted', message: 'UserSig expired' }))
    expect(world.is('Succeeded')).toBe('Unknown UploadIncomplete')
    world
      .after(5)
      .scheduled()
      .ends(aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('False RoomRefused')
    expect(world.is('Stored')).toBe('True Completed')
    expect(world.status.files).toHaveLength(1)
  })

  test('keeps the volume when COS refuses for good what was recorded', () => {
    const file = aFile('alice', { status: 0, message: 'writing to COS: AccessDenied' })
    const result = { ...stoppedBy('Idle', file), outcome: 'UploadRefused' as const, message: 'COS: AccessDenied' }
    const world = new World().settle().scheduled().inRoom().ends(result).after(3600)
    expect(world.is('Succeeded')).toBe('False StorageRefused')
    expect(world.is('Stored')).toBe('False StorageRefused')
    expect(world.condition('Stored')?.message).toContain(file.path)
    expect(world.volume).toBeDefined()
    expect(world.pods).toEqual([])
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
    expect(world.after(5).pod.metadata.name).toBe('math-2')
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

describe('a Recording whose identity another one holds', () => {
  test('waits, names it, and begins when it is free', () => {
    const world = new World()
    world.heldBy = 'other/history'
    world.settle()
    expect(world.is('Started')).toBe('False IdentityInUse')
    expect(world.condition('Started')?.message).toContain('other/history')
    expect(world.pods).toEqual([])
    world.heldBy = undefined
    expect(world.settle().pod.metadata.name).toBe('math-1')
  })

  test('can be stopped and deleted while it waits', () => {
    const world = new World()
    world.heldBy = 'other/history'
    expect(world.settle().stop().is('Succeeded')).toBe('True StoppedBeforeStart')
    expect(world.delete().gone).toBe(true)
  })
})

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
    expect(world.pod.metadata.deletionTimestamp).toBeDefined()
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
