import { recordingFinalizer } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { decide } from './decide.ts'
import { aFile, aProgress, aRecording, aResult, at, interrupted, stoppedBy } from './testing.ts'
import { endPod, run } from './testing-pods.ts'
import { jobOf, World } from './testing-world.ts'

const withCallback = () => aRecording({ callback: { url: 'https://school.example/recorded', format: 'Result' } })

describe('a Recording from the beginning to the end', () => {
  test('is held, and gets a volume and a Pod', () => {
    const world = new World().settle()
    expect(world.recording.metadata.finalizers).toEqual([recordingFinalizer])
    expect(world.actions.slice(0, 2)).toEqual(['ensureVolume', 'createPod'])
    expect(world.pod.metadata.name).toBe('math-a1')
    expect(world.is('Succeeded')).toBe('Unknown Pending')
    expect(world.is('Started')).toBe('False Pending')
    expect(world.is('Reconciling')).toBe('True Pending')
    expect(world.status.observedGeneration).toBe(1)
  })

  test('writes the attempt down before its Pod is made', () => {
    const plan = decide(new World().observed(), at(0))
    expect(plan.status.attempts).toEqual([{ number: 1, pod: 'math-a1', state: 'Planned', volume: 'math-v1' }])
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
    world.progress = aProgress({
      participants: [{ userId: 'alice', audio: true, video: true, aux: false, recorded: true, missing: [] }],
      recordedBytes: 5_000,
      uploadedBytes: 2_000,
      files: [{ userId: 'alice', stream: 'main', path: 'a.mp4', state: 'recording', recordedBytes: 5_000, uploadedBytes: 2_000 }],
    })
    world.settle()
    expect(world.status).toMatchObject({ participants: 1, recordedBytes: 5_000, uploadedBytes: 2_000, fileCount: 1 })
  })

  test('says that it is not known how it is going where its Pod cannot be reached', () => {
    const world = new World().settle().scheduled().inRoom()
    const { status } = decide({ ...world.observed(), progress: { is: 'unknown', why: 'it cannot be reached' } }, world.now)
    const succeeded = status.conditions?.find(({ type }) => type === 'Succeeded')
    expect(succeeded).toMatchObject({
      reason: 'Recording',
      message: expect.stringContaining('is not known: it cannot be reached'),
    })
    // Another operator takes over, and has not asked yet.
    const recording = { ...world.recording, status }
    expect(decide({ ...world.observed(), recording, progress: { is: 'not asked' } }, world.now).status).toEqual(status)
  })

  test('says while it records that COS does not take it, and when it does again', () => {
    const world = new World().settle().scheduled().inRoom()
    world.progress = aProgress({ storage: { state: 'refused', message: 'NoSuchBucket: there is no bucket lessons.' } })
    world.settle()
    expect([world.is('Succeeded'), world.is('Stored')]).toEqual(['Unknown Recording', 'False StorageRefused'])
    expect(world.condition('Stored')?.message).toContain('NoSuchBucket')
    // Not asked this time.
    world.progress = undefined
    expect(world.settle().is('Stored')).toBe('False StorageRefused')
    world.progress = aProgress({ storage: { state: 'proven' } })
    expect(world.settle().is('Stored')).toBe('Unknown Recording')
  })

  const volume = {
    totalBytes: 10e9,
    freeBytes: 1e9,
    releasableBytes: 0,
    minutesLeft: 12,
    isLow: true,
    givesBack: 'Holes',
  } as const

  test('says how long the volume lasts, and when it runs low', () => {
    const world = new World().settle().scheduled().inRoom()
    world.progress = aProgress({ volume: { ...volume, minutesLeft: 900, isLow: false } })
    expect(world.settle().status.minutesLeft).toBe(900)
    expect(world.is('Stored')).toBe('Unknown Recording')
    world.progress = aProgress({ volume })
    expect(world.settle().is('Stored')).toBe('Unknown VolumeLow')
    expect(world.condition('Stored')?.message).toContain('about 12 more minutes')
    world.progress = aProgress({ volume: { ...volume, minutesLeft: null, isLow: false } })
    expect(world.settle().is('Stored')).toBe('Unknown Recording')
    expect(world.status.minutesLeft).toBeUndefined()
  })

  test('says how long what COS does not take has room on the volume', () => {
    const world = new World().settle().scheduled().inRoom()
    world.progress = aProgress({ storage: { state: 'unavailable', message: 'ECONNREFUSED.' }, volume })
    expect(world.settle().is('Stored')).toBe('False StorageUnavailable')
    expect(world.condition('Stored')?.message).toContain('about 12 more minutes')
  })

  test('says when the UserSig runs out, and warns an hour before', () => {
    const world = new World().settle().scheduled().inRoom()
    const userSigExpiresAt = new Date(at(0).getTime() + 7200_000).toISOString()
    world.progress = aProgress({ userSigExpiresAt })
    expect(world.settle().status.userSigExpireTime).toBe(userSigExpiresAt)
    expect(world.is('Started')).toBe('True Entered')
    expect(decide(world.observed(), world.now).requeueAfterMillis).toBeLessThanOrEqual(3600_000)
    // Nobody has to be asked again for that.
    world.progress = undefined
    expect(world.after(3601).is('Started')).toBe('True UserSigExpiring')
    expect(world.condition('Started')?.message).toContain('Put a fresh one into key userSig of Secret')
    world.progress = aProgress({ userSigExpiresAt: new Date(at(0).getTime() + 86_400_000).toISOString() })
    expect(world.settle().is('Started')).toBe('True Entered')
    world.ends(aResult({ stopReason: 'RoomDismissed', startedAt: at(1).toISOString() }))
    expect(world.is('Started')).toBe('True Entered')
  })

  test('says so too while it waits with what it has recorded', () => {
    const world = new World().settle().scheduled().inRoom()
    const storage = { state: 'refused' as const, message: 'SignatureDoesNotMatch' }
    world.progress = aProgress({ state: 'finishing', storage })
    world.settle()
    expect([world.is('Succeeded'), world.is('Stored')]).toEqual(['Unknown Finishing', 'False StorageRefused'])
  })

  test('says that it is finishing while the recorder uploads the rest', () => {
    const world = new World().settle().scheduled().inRoom()
    world.progress = aProgress({ state: 'finishing' })
    expect(world.settle().is('Succeeded')).toBe('Unknown Finishing')
    world.progress = aProgress({ state: 'finishing', making: { kind: 'mix', number: 3, of: 4, doneShare: 0.429 } })
    world.settle()
    expect(world.recording!.status!.conditions!.find(({ type }) => type === 'Succeeded')!.message).toMatch(
      /are being finished and uploaded\. Its outputs are made: mix \(3 of 4\), 42 % of it done$/,
    )
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
    expect(world.actions).toEqual(['deletePod', 'deleteVolume', 'letGo'])
    expect(world.pods).toEqual([])
    expect(world.volume).toBeUndefined()
    expect(world.gone).toBe(false)
  })

  test('does not wait for a sidecar, whose Pod is given thirty seconds', () => {
    const world = new World().settle().scheduled().inRoom()
    world.podBecomes((pod) => {
      endPod(pod, world.now, stoppedBy('Idle', aFile('alice')))
      pod.status!.phase = 'Running'
    })
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.pod.metadata).toMatchObject({ deletionGracePeriodSeconds: 30 })
    expect(world.recording.metadata.finalizers).toEqual([recordingFinalizer])
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

  test('is held until TRTC’s events are told, or given up, where those are wanted', () => {
    const callback = { url: 'https://school.example/recorded', format: 'TRTC' as const }
    const world = new World(aRecording({ callback }))
      .settle()
      .scheduled()
      .inRoom()
      .ends(stoppedBy('Idle', aFile('alice')))
    world.callbackDelivered()
    expect(world.recording.metadata.finalizers).toEqual([recordingFinalizer])
    world.recording.status!.notices = { 301: '0', 302: '0', 303: '0 GivenUp', 305: '0' }
    expect(world.after(1).recording.metadata.finalizers).toBeUndefined()
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
    const world = new World(
      aRecording({ desiredState: 'Stopped', callback: { url: 'https://school.example' } as never }),
    ).settle()
    expect(world.actions.filter((action) => action === 'createPod' || action === 'ensureVolume')).toEqual([])
    expect([world.status.attempts ?? [], world.status.volumes ?? [], world.volume]).toEqual([[], [], undefined])
    expect(world.is('Succeeded')).toBe('True StoppedBeforeStart')
    expect(world.condition('Succeeded')?.message).toBe(
      'The recording was ended before the recorder entered the room. spec.desiredState was set to Stopped. That is for good: make a new Recording to record.',
    )
    expect(world.status).toMatchObject({ stopReason: 'StopRequested', fileCount: 0, callback: { state: 'Pending' } })
    // To begin later it would have to be another one.
    const { completionTime } = world.status
    world.changes({ desiredState: 'Running' })
    expect([world.status.completionTime, world.pods, world.is('Succeeded')]).toEqual([
      completionTime,
      [],
      'True StoppedBeforeStart',
    ])
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

  test('stays stopped when what was applied before is applied again, and says that it is ignored', () => {
    const world = new World().settle().scheduled().inRoom().stop()
    world.changes({ desiredState: 'Running' })
    expect(world.pod.metadata.annotations?.['trtc-recorder.dev/control']).toContain('"Stopped"')
    world.ends(stoppedBy('StopRequested', aFile('alice')))
    expect(world.is('Succeeded')).toBe('True Completed')
    expect(world.status.stopReason).toBe('StopRequested')
    expect(world.condition('Succeeded')?.message).toContain('spec.desiredState says Running again, which is ignored')
    expect(world.changes({ desiredState: 'Running' }).is('Succeeded')).toBe('True Completed')
  })

  test('frees its identity when it has left the room, long before its files are stored', () => {
    const world = new World().settle().scheduled().inRoom().stop()
    expect(world.status.attempts).not.toMatchObject([{ leftTime: expect.anything() }])
    world.after(1).podBecomes((pod) => run(pod, world.now))
    expect(world.status.attempts).toMatchObject([{ leftTime: at(1).toISOString() }])
    expect(world.is('Succeeded')).toBe('Unknown Finishing')
  })

  test('asks once', () => {
    const world = new World().settle().scheduled().inRoom()
    world.actions.length = 0
    world.stop().after(10)
    expect(world.actions).toEqual(['steerPod'])
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
    expect(world.pod.metadata.name).toBe('math-a2')
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
      world.scheduled().ends(aResult({ attempt, outcome: 'UploadIncomplete', stopReason: 'NeverStarted' }))
    }
    expect(world.status.attempts).toHaveLength(20)
    world
      .after(300)
      .scheduled()
      .ends(aResult({ stopReason: 'NeverStarted', files: [aFile('alice')] }))
    expect(world.is('Succeeded')).toBe('True Completed')
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
    expect(world.settle().pod.metadata.name).toBe('math-a1')
  })

  test('can be stopped and deleted while it waits', () => {
    const world = new World()
    world.heldBy = 'other/history'
    expect(world.settle().stop().is('Succeeded')).toBe('True StoppedBeforeStart')
    expect(world.delete().gone).toBe(true)
  })
})
