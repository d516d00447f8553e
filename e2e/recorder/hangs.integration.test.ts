import { setTimeout as sleep } from 'node:timers/promises'
import { subscribeSchema } from '@trtc-recorder/api'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { processTree } from './processes.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

/** What stands still for a while, and goes on. `HANGS=20` for another length, in seconds, and of more. */
const seconds = Number(process.env.HANGS ?? 6)

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())
beforeEach(() => world.reset())
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(world.output)
})

/** Everything of a recorder, as on a machine that is suspended, or its own process alone. */
async function standStill(recorder: RecorderProcess, what: 'machine' | 'Node'): Promise<void> {
  const all = (await processTree(recorder.pid)).map(({ pid }) => pid)
  const pids = what === 'machine' ? all : [recorder.pid]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await sleep(seconds * 1000)
  for (const pid of pids) process.kill(pid, 'SIGCONT')
}

const whatHangs = process.env.HANGS === undefined ? (['machine'] as const) : (['machine', 'Node'] as const)

test.each(whatHangs)('a %s that stands still: the files go on, and nothing is lost', async (what) => {
  for (const userId of ['alice', 'bob']) await world.publish(userId, { audio: true, video: true })
  const recorder = await world.recordFromNow()
  for (const userId of ['alice', 'bob']) await recorder.logged({ msg: 'Media arrived', userId, kind: 'video' })
  await sleep(2500)
  await standStill(recorder, what)
  await sleep(3000)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', losses: { frames: 0, stretches: 0 } })
  expect(result!.files.map(({ userId, status }) => `${userId} ${status}`).sort()).toEqual(['alice 1', 'bob 1'])
  for (const file of result!.files) expect(await world.findings(file, { mode: '02' })).toEqual([])
})

test('somebody else enters with its userId while it is paused: DuplicateUser', async () => {
  await world.publish('alice', { audio: true, video: true })
  const recorder = await world.recordFromNow()
  await recorder.logged({ msg: 'Media arrived', userId: 'alice', kind: 'video' })
  await sleep(1500)
  await world.control({ version: 1, desiredState: 'Paused', subscribe: subscribeSchema.parse({}) })
  while ((await recorder.status()).state !== 'paused') await sleep(20)
  await world.recordFromNow({ name: 'other' })
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', stopReason: 'DuplicateUser', files: [{ userId: 'alice', status: 1 }] })
})
