import { afterAll, describe, expect } from 'vitest'
import { conditionOf, kubectl, must } from './kubectl.ts'
import { recordFor, test } from './scene.ts'
import { runningWorld } from './world.ts'

describe('COS that is away', () => {
  afterAll(() => runningWorld().cos.outage(false))

  // Some seconds stand for any time: a recorder has no timer that knows how long it has been. It tries again as long after as it was away.
  test('keeps nobody from recording, and a Recording that is deleted in the foreground from nothing but going', async ({
    scene,
  }) => {
    const { cos } = scene.world
    await scene.publish('alice')
    const doomed = await scene.recordFromNow('doomed')
    await recordFor(3)
    await cos.outage(true)
    const before = await doomed.get()
    await scene.kubectl('delete', 'recording', 'doomed', '--cascade=foreground', '--wait=false')

    const other = { userId: 'other', userSigSecretRef: { name: await scene.recorder('other') } }
    const early = await scene.record('early', other)
    await early.is('Started', 'True', 'Entered')
    const away = await early.is('Stored', 'False', 'StorageUnavailable')
    expect(conditionOf(away.status, 'Succeeded')).toMatchObject({ status: 'Unknown', reason: 'Recording' })
    await recordFor(12)
    const kept = await doomed.get()
    expect(kept.metadata.deletionTimestamp).toBeDefined()
    expect(await doomed.objects(before)).toEqual([])

    await cos.outage(false)
    await early.is('Stored', 'Unknown', 'Recording')
    await doomed.gone()
    expect(await doomed.remains()).toEqual([])
    expect((await doomed.objects(before)).filter(({ key }) => key.endsWith('.mp3'))).toHaveLength(1)

    await scene.removeRecorder('other')
    const finished = await early.settled()
    expect(finished.status).toMatchObject({ stopReason: 'RemovedByApi', attempts: [{ number: 1, reason: 'Completed' }] })
    const [file] = finished.status!.files!
    expect(file!.durationSeconds).toBeGreaterThan(12)
    expect((await early.check(finished, file!)).findings).toEqual([])
  })
})

describe('kubectl drain', () => {
  afterAll(() => kubectl('uncordon', 'sandbox'))

  test('is held up by nothing where the operator goes with the recorder, and the lesson goes on when there is a node again', async ({
    scene,
  }) => {
    await scene.publish('alice')
    const recording = await scene.recordFromNow('drained')
    await recordFor(5)
    const flags = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=60s']
    await must('kubectl', ['drain', 'sandbox', ...flags])
    expect(await recording.pods()).toEqual([])
    await kubectl('uncordon', 'sandbox')

    await recording.until('recorded again', ({ status }) => status?.attempts?.[1]?.startTime !== undefined)
    await recordFor(3)
    await scene.removeRecorder()
    const { status } = await recording.settled()
    expect(status).toMatchObject({ stopReason: 'RemovedByApi', attempts: [{ number: 1 }, { number: 2, reason: 'Completed' }] })
    expect(status!.conditions).toContainEqual(expect.objectContaining({ type: 'Succeeded', status: 'True', reason: 'Completed' }))
    // Nobody was there to read what the first recorder said; the second one said it again.
    expect(status!.files).toMatchObject([
      { attempt: 1, status: 1 },
      { attempt: 2, status: 1 },
    ])
  })
})
