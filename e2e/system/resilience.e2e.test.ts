import { describe, expect } from 'vitest'
import type { AppliedRecording } from './applied-recording.ts'
import { killOperator } from './operator-pod.ts'
import { mainProcessOf } from './processes.ts'
import { recordFor, type Scene, test } from './scene.ts'

/** How a recorder's Pod ends against its will, and what the attempt is then said to have ended with. */
const ends: Record<string, { reason: string; exitCode?: number; end(scene: Scene, pod: Pod): Promise<unknown> }> = {
  deleted: {
    reason: 'PodDeleted',
    exitCode: 0,
    end: (scene, { metadata }) => scene.kubectl('delete', 'pod', metadata.name, '--wait=false'),
  },
  'force-deleted': {
    reason: 'PodDeleted',
    end: (scene, { metadata }) => scene.kubectl('delete', 'pod', metadata.name, '--force', '--grace-period=0', '--wait=false'),
  },
  killed: {
    reason: 'Crashed',
    exitCode: 137,
    end: async (_, { metadata }) => process.kill(mainProcessOf(metadata.uid), 'SIGKILL'),
  },
}
type Pod = Awaited<ReturnType<AppliedRecording['pods']>>[number]

describe.concurrent('a recorder whose Pod is', () => {
  test.for(Object.keys(ends))('%s: what it had is in COS, and the next attempt records the rest', async (how, { scene }) => {
    const { reason, exitCode, end } = ends[how]!
    await scene.publish('alice', { audio: true, video: true })
    const recording = await scene.recordFromNow(how, { mode: '02' })
    await recordFor(6)
    const [pod] = await recording.pods()
    await end(scene, pod!)

    const again = await recording.until(
      'recording again',
      ({ status }) => status?.attempts?.[1]?.startTime !== undefined && status.attempts[1].endTime === undefined,
    )
    expect(again.status!.attempts![0]).toMatchObject({ number: 1, reason, ...(exitCode === undefined ? {} : { exitCode }) })
    if (how === 'deleted') {
      // It had time to store everything, so that is where everything is, whatever comes after.
      expect(again.status!.files).toMatchObject([{ userId: 'alice', attempt: 1, status: 1 }])
      const stored = (await recording.objects(again)).map(({ key }) => key)
      expect(stored).toContain(again.status!.files![0]!.path)
    }
    await recordFor(6)
    await scene.removeRecorder()

    const finished = await recording.settled()
    expect(finished.status).toMatchObject({ stopReason: 'RemovedByApi', conditions: expect.arrayContaining([succeeded]) })
    expect(finished.status!.attempts).toMatchObject([
      { number: 1, pod: `${how}-a1`, node: 'sandbox', reason },
      { number: 2, pod: `${how}-a2`, node: 'sandbox', reason: 'Completed', exitCode: 0 },
    ])
    expect(finished.status!.files).toMatchObject([
      { userId: 'alice', attempt: 1, status: 1 },
      { userId: 'alice', attempt: 2, status: 1 },
    ])
    for (const file of finished.status!.files!) expect((await recording.check(finished, file)).findings).toEqual([])
    const [first, second] = finished.status!.files!
    expect(first!.durationSeconds).toBeGreaterThan(4)
    expect(second!.durationSeconds).toBeGreaterThan(3)
    expect((await recording.manifest(finished)).files).toHaveLength(2)
  })
})

const succeeded = expect.objectContaining({ type: 'Succeeded', status: 'True', reason: 'Completed' })

test('an operator that is killed while recording is not missed, and its successor’s status is right', async ({ scene }) => {
  await scene.publish('alice', { audio: true, video: true })
  const recording = await scene.recordFromNow('unattended', { mode: '02' })
  const [before] = await recording.pods()
  const { status } = await recording.get()
  await recordFor(2)
  const { restarted } = await killOperator()
  // It even ends while nobody looks.
  await scene.removeRecorder()
  await restarted()
  const finished = await recording.settled()
  expect(finished.status).toMatchObject({
    stopReason: 'RemovedByApi',
    attempts: [{ number: 1, podUid: before!.metadata.uid, reason: 'Completed', exitCode: 0 }],
    conditions: expect.arrayContaining([succeeded]),
    files: [{ userId: 'alice', attempt: 1, status: 1 }],
  })
  // The recorder's own time of entry, to the millisecond, takes the place of the Pod's, to the second.
  expect(Math.abs(Date.parse(finished.status!.startTime!) - Date.parse(status!.startTime!))).toBeLessThan(3000)
  expect((await recording.check(finished, finished.status!.files![0]!)).findings).toEqual([])
})
