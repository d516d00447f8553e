import { expect } from 'vitest'
import { recordFor, test } from './scene.ts'

test('a clip of a Recording that goes on is there seconds after its end, made by the recorder itself, and the Recording is whole', async ({
  scene,
}) => {
  await scene.publish('alice')
  const recording = await scene.recordFromNow('going-on')
  await recordFor(5)
  const to = Date.now() + 2000
  const time = (millis: number) => new Date(millis).toISOString()
  const { status } = await recording.clip('proof', { from: time(to - 3000), to: time(to) })
  expect(status).toMatchObject({ attempts: 0, fileCount: 1, files: [{ userId: 'alice', status: 1, message: 'ok' }] })
  expect(status!.conditions).toMatchObject([{ type: 'Succeeded', status: 'True', reason: 'Completed' }])
  expect(status!.files![0]!.durationSeconds).toBeCloseTo(3, 1)
  const tookMillis = Date.parse(status!.completionTime!) - to
  console.log(`the status of the clip was final ${tookMillis} ms after its end`)
  expect(tookMillis).toBeLessThan(15_000)
  const { status: exact } = await recording.clip('exactly', { from: time(to - 2710), to: time(to), exact: true })
  expect(exact).toMatchObject({ attempts: 0, files: [{ userId: 'alice', status: 1, message: 'ok', exactness: 'Exact' }] })
  await recording.is('Succeeded', 'Unknown', 'Recording')
  await recording.stop()
  const finished = await recording.settled()
  expect(finished.status).toMatchObject({ stopReason: 'StopRequested', files: [{ userId: 'alice', status: 1, message: 'ok' }] })
})
