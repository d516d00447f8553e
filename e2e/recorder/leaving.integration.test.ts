import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
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
beforeEach(() => world.reset())
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

const leaves = (userId: string) => world.leave(userId)
const stopsPublishing = (userId: string) => world.publish(userId, {}, clip)

/** Publishes all of them to one recorder, which has something of each. */
async function recorded(users: readonly string[]) {
  for (const userId of users) await world.publish(userId, tracks, clip)
  const recorder = await world.recordFromNow()
  for (const userId of users) {
    for (const kind of ['audio', 'video']) await recorder.logged({ msg: 'Media arrived', userId, kind })
  }
  return recorder
}

/** What was sent of a user in this time and is not in their files, which are given in their order. */
async function missing(userId: string, from: number, to: number) {
  const manifest = await world.manifest()
  const files = manifest.files.filter((file) => file.userId === userId)
  files.sort((a, b) => a.startTime.localeCompare(b.startTime))
  const media = await Promise.all(files.map(world.media))
  const moments = pictureMoments(await world.sent(userId, 'video'), { windowOf: () => ({ from, to }), edgeFrames: 0 })
  const seen = files.flatMap((file, at) => seenPictures(file, framesAsSent(media[at]!)))
  const losses = manifest.losses.filter((loss) => loss.userId === userId)
  return { pictures: compare(moments, seen).missing, losses, files, media }
}

test('what was on its way when its user left or stopped publishing, and is back at once, is in the file before', async () => {
  const users = { leaves, stopsPublishing }
  const recorder = await recorded(Object.keys(users))
  for (const userId of Object.keys(users)) await world.worsenLine(userId, { delayMillis })
  const since = Date.now()
  await sleep(2000)
  const left = new Map<string, number>()
  for (const [userId, stop] of Object.entries(users)) {
    left.set(userId, Date.now())
    await stop(userId)
    await world.publish(userId, tracks, clip)
    expect(Date.now() - left.get(userId)!).toBeLessThan(50)
  }
  await sleep(3000)
  recorder.kill('SIGTERM')
  await recorder.ended
  for (const [userId, leftMillis] of left) {
    const { pictures, losses, files, media } = await missing(userId, since, leftMillis - 20)
    expect(files, userId).toHaveLength(2)
    expect(pictures, userId).toEqual([])
    expect(losses.filter(({ reason }) => reason !== 'EndUnproven')).toEqual([])
    const soundEnds = Date.parse(files[0]!.startTime) + media[0]!.sound!.durationSeconds * 1000
    expect(soundEnds, userId).toBeGreaterThan(leftMillis - 60)
  }
})

test('what is lost in the last 0.4 s before its user leaves or stops publishing, or its recorder stops, is told', async () => {
  const rows = [leaves, stopsPublishing, 'recorderStops' as const].flatMap((stop) =>
    [40, 100].map((percent) => ({ userId: `${typeof stop === 'string' ? stop : stop.name}${percent}`, stop, percent })),
  )
  const recorder = await recorded(rows.map(({ userId }) => userId))
  await sleep(2000)
  const loseOf = async (some: typeof rows) => {
    const since = Date.now()
    await Promise.all(some.map(({ userId, percent }) => world.lose(userId, percent, false)))
    await sleep(400)
    return { since, left: Date.now() }
  }
  const isOfRecorder = ({ stop }: (typeof rows)[number]) => stop === 'recorderStops'
  const users = rows.filter((row) => !isOfRecorder(row))
  const ofUsers = await loseOf(users)
  for (const { userId, stop } of users) if (typeof stop !== 'string') await stop(userId)
  await sleep(1500)
  const ofRecorder = await loseOf(rows.filter(isOfRecorder))
  recorder.kill('SIGTERM')
  expect((await recorder.ended).result).toMatchObject({ outcome: 'Completed' })
  for (const row of rows) {
    const { since, left } = isOfRecorder(row) ? ofRecorder : ofUsers
    const { pictures, losses } = await missing(row.userId, since, left - 20)
    const told = losses.filter(({ medium }) => medium === 'video')
    const isTold = (millis: number) =>
      told.some(({ from, to }) => millis >= Date.parse(from) - 20 && millis <= Date.parse(to) + 20)
    expect(pictures.length, row.userId).toBeGreaterThan(0)
    expect(pictures.filter(({ wallMillis }) => !isTold(wallMillis))).toEqual([])
    expect(
      told.reduce((sum, { frames }) => sum + (frames ?? 0), 0),
      row.userId,
    ).toBeGreaterThanOrEqual(pictures.length)
    expect(losses.some(({ medium }) => medium === 'audio')).toBe(true)
  }
})
