import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { framesAsSent } from '../media/index.ts'
import { compare, pictureMoments, seenPictures } from '../media/moments.ts'
import { World } from './world.ts'

const clip = { width: 320, height: 180, fps: 15, loopSeconds: 10 } as const
const tracks = { audio: true, video: true }
/** Signalling says that a user left so long before what they sent last is here. */
const delayMillis = 200

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())

test('what was on its way when its user left is in their file, and nobody else is disturbed', async () => {
  for (const userId of ['leaves', 'stays']) await world.publish(userId, tracks, clip)
  const recorder = await world.recordFromNow()
  for (const userId of ['leaves', 'stays']) await recorder.logged({ msg: 'Media arrived', userId, kind: 'video' })
  await world.worsenLine('leaves', { delayMillis })
  const since = Date.now()
  await sleep(2000)
  const left = Date.now()
  await world.leave('leaves')
  await sleep(2500)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', losses: { stretches: 0 } })
  const { files } = await world.manifest()
  const file = files.find(({ userId }) => userId === 'leaves')!
  const media = await world.media(file)
  const sent = await world.sent('leaves', 'video')
  const moments = pictureMoments(sent, { windowOf: () => ({ from: since, to: left - 20 }), edgeFrames: 0 })
  expect(compare(moments, seenPictures(file, framesAsSent(media))).missing).toEqual([])
  const soundEnds = Date.parse(file.startTime) + media.sound!.durationSeconds * 1000
  // It lies where it was sent.
  expect(soundEnds).toBeGreaterThan(left - 60)
})
