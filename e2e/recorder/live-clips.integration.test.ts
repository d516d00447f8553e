import { setTimeout as sleep } from 'node:timers/promises'
import type { AudioCodec, ClipAnswer, ClipRequest } from '@trtc-recorder/api'
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest'
import { identities } from '../../sandbox/src/identities.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())
beforeEach(() => world.reset())

const { bucket } = identities.cos
const second = 1000

const request = (name: string, fromMillis: number, toMillis: number, users: string[] = [], exact = false): ClipRequest => ({
  clip: { namespace: 'default', name, uid: `${name}-uid` },
  from: new Date(fromMillis).toISOString(),
  to: new Date(toMillis).toISOString(),
  users,
  streams: ['main', 'aux'],
  exact,
})
const answerOf = async (recorder: RecorderProcess, { clip }: ClipRequest): Promise<ClipAnswer | undefined> =>
  (await recorder.status()).clips.find(({ uid }) => uid === clip.uid)

/** When it is cut, or cannot be. */
async function answered(recorder: RecorderProcess, wanted: ClipRequest): Promise<ClipAnswer> {
  const isOver = async () => ((await answerOf(recorder, wanted))?.is ?? 'waiting') !== 'waiting'
  await expect.poll(isOver, { timeout: 20_000, interval: 50 }).toBe(true)
  return (await answerOf(recorder, wanted))!
}

/** Alice with camera and microphone, Bob with a microphone, recorded for some seconds. */
async function lesson(audioCodec: AudioCodec): Promise<RecorderProcess> {
  onTestFailed(() => console.error(world.output))
  await world.publish('alice', { audio: true, video: true })
  await world.publish('bob', { audio: true })
  const recorder = await world.recordFromNow({ spec: { audioCodec } })
  await recorder.logged({ msg: 'Media arrived', userId: 'alice', kind: 'video' })
  await recorder.logged({ msg: 'Media arrived', userId: 'bob', kind: 'audio' })
  await sleep(4 * second)
  return recorder
}

/** Soon after then, when one of Alice's pictures has just begun: it is the first that a clip shows. */
async function nextPicture(millis: number): Promise<number> {
  const { epochMillis, intervalMillis } = (await world.sent('alice', 'video')).at(-1)!
  return epochMillis + Math.ceil((millis - epochMillis) / intervalMillis) * intervalMillis + 15
}

test.each<AudioCodec>(['AAC', 'Opus'])(
  'a clip of a recording that goes on, with %s, is in COS soon after its end, has the very pictures and sound, and leaves the recording what it is',
  async (audioCodec) => {
    const recorder = await lesson(audioCodec)
    // Asked for before it is over.
    const to = await nextPicture(Date.now() + 1.5 * second)
    const proof = request('proof', to - 3 * second, to)
    await world.askForClips([proof])
    const answer = await answered(recorder, proof)
    console.log(`a clip with ${audioCodec} was in COS ${(Date.now() - to).toFixed(0)} ms after its end`)
    expect(answer).toMatchObject({ is: 'over', result: { outcome: 'Completed', message: '2 files are stored' } })
    const { files } = (answer as ClipAnswer & { is: 'over' }).result
    expect(files.map(({ userId, status, message }) => `${userId} ${status} ${message}`).sort()).toEqual([
      'alice 1 ok',
      'bob 1 ok',
    ])
    const expected = (userId: string) => ({
      ...{ mode: '02' as const, stream: 'main' as const, audioCodec },
      published: { video: userId === 'alice', audio: true },
    })
    for (const file of files) {
      expect(file.durationSeconds).toBeCloseTo(3, 1)
      expect(await world.findings(file, expected(file.userId))).toEqual([])
    }

    // Not wanted any more, it is forgotten.
    await world.askForClips([])
    await expect.poll(async () => (await recorder.status()).clips).toEqual([])
    await world.dismissRoom()
    const { result } = await recorder.ended
    expect(result?.files.map(({ status, message }) => `${status} ${message}`)).toEqual(['1 ok', '1 ok'])
    for (const file of result!.files) expect(await world.findings(file, expected(file.userId))).toEqual([])
  },
)

test('an exact clip of a recording that goes on has the very pictures, and leaves the recording what it is', async () => {
  const recorder = await lesson('AAC')
  const to = await nextPicture(Date.now() - second)
  // In the middle of a group of pictures.
  const proof = request('proof', await nextPicture(to - 2.63 * second), to, [], true)
  await world.askForClips([proof])
  const answer = await answered(recorder, proof)
  console.log(`an exact clip was in COS ${(Date.now() - to - second).toFixed(0)} ms after it was asked for`)
  expect(answer).toMatchObject({ is: 'over', result: { outcome: 'Completed', message: '2 files are stored' } })
  const { files } = (answer as ClipAnswer & { is: 'over' }).result
  for (const file of files) {
    expect(file).toMatchObject({ status: 1, message: 'ok', exactness: 'Exact' })
    const published = { video: file.userId === 'alice', audio: true }
    expect(await world.findings(file, { mode: '02', stream: 'main', audioCodec: 'AAC', published })).toEqual([])
  }
  await world.dismissRoom()
  const { result } = await recorder.ended
  expect(result?.files.map(({ status, message }) => `${status} ${message}`)).toEqual(['1 ok', '1 ok'])
})

test('clips are cut one after the other, of what was then, also by who has left since; of nobody there is none; a COS that refuses costs the clip only', async () => {
  const recorder = await lesson('AAC')
  const now = Date.now()
  await world.leave('bob')
  await recorder.logged({ msg: 'File stored and verified', userId: 'bob' })
  const ofBob = request('of-bob', now - 2 * second, now, ['bob'])
  const ofNobody = request('of-nobody', now - 2 * second, now, ['carol'])
  const beforeAll = request('before-all', now - 100 * second, now - 90 * second)
  await world.askForClips([ofBob, ofNobody, beforeAll])
  expect(await answered(recorder, ofBob)).toMatchObject({
    is: 'over',
    result: { outcome: 'Completed', files: [{ userId: 'bob' }] },
  })
  expect(await answered(recorder, ofNobody)).toMatchObject({ is: 'over', result: { outcome: 'NothingThere', files: [] } })
  expect(await answered(recorder, beforeAll)).toMatchObject({ is: 'over', result: { outcome: 'NothingThere' } })

  await world.cos.deny(bucket, ['PutObject'])
  const refused = request('refused', now - 2 * second, now, ['alice'])
  await world.askForClips([refused])
  expect(await answered(recorder, refused)).toMatchObject({ is: 'later', message: expect.stringContaining('AccessDenied') })
  await world.cos.clearFaults()
  // Asked for in the future, it is not waited for at the stop.
  const future = request('future', now, now + 600 * second)
  await world.askForClips([future])
  await expect.poll(() => answerOf(recorder, future)).toMatchObject({ is: 'waiting' })
  await world.dismissRoom()
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed' })
  expect(result!.files.every(({ status }) => status === 1)).toBe(true)
})
