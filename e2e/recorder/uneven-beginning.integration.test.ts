import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { test } from './test-in-world.ts'

const users = Array.from({ length: 12 }, (_, n) => `user${n}`)
const clip = { width: 320, height: 180, fps: 15, loopSeconds: 10 } as const

test('lines that are uneven from their first packet on: each file decodes, whatever comes before the first key frame', async ({
  world,
}) => {
  const recorder = await world.recordFromNow({ spec: { mode: '01' } })
  for (const userId of users) await world.worsenLine(userId, { jitterMillis: 200 })
  for (const userId of users) await world.publish(userId, { video: true }, clip)
  await sleep(3000)
  for (const userId of users) await world.worsenLine(userId, {})
  await sleep(3000)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result!.files.map(({ userId, status }) => `${userId} ${status}`).sort()).toEqual(
    users.map((userId) => `${userId} 1`).sort(),
  )
  for (const file of result!.files) expect((await world.media(file)).decodeErrors).toEqual([])
  const { losses } = await world.manifest()
  // Whoever comes two seconds late, as on a busy machine, is subscribed to again by then, and something of them does not come when the second subscription takes the place of the first.
  const reasons = ['NoKeyFrame', 'LostInNetwork', 'NeverArrived']
  for (const { reason } of losses) expect(reasons).toContain(reason)
})
