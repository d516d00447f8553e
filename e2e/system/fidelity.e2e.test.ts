import type { Recording } from '@trtc-recorder/api'
import { describe, expect } from 'vitest'
import type { SentSpan } from '../../sandbox/src/room/index.ts'
import { type AppliedRecording, fileOf, whose } from './applied-recording.ts'
import { diagnosis } from './diagnosis.ts'
import { test as base, recordFor, Scene } from './scene.ts'

type Mode = '00' | '01' | '02'
const recorders: Record<Mode, string> = { '00': 'recorder-00', '01': 'recorder-01', '02': 'recorder-02' }

interface Lesson {
  recordings: Record<Mode, { applied: AppliedRecording; finished: Recording }>
  /** What the room sent to each recorder while everybody was there: tracks by user. */
  subscribed: Record<string, Record<string, string[]>>
  sent: Record<string, SentSpan[]>
}

/**
 * One lesson, recorded three times over: alice is there for 20 s, bob mutes himself, leaves and comes back, carol has a microphone only, and
 * dave is excluded.
 */
const test = base.extend<{ lesson: Lesson }>({
  lesson: [
    async ({ namespace }, use) => {
      const scene = new Scene(namespace)
      try {
        await use(await play(scene))
      } catch (error) {
        console.error(await diagnosis('the lesson', scene.recordings))
        throw error
      } finally {
        await scene.close()
      }
    },
    { scope: 'file' },
  ],
})

async function play(scene: Scene): Promise<Lesson> {
  await scene.publish('carol')
  await scene.publish('dave', { video: true, audio: true })
  const modes = Object.keys(recorders) as Mode[]
  const applied = await Promise.all(
    modes.map(async (mode) => {
      const userId = recorders[mode]
      const userSigSecretRef = { name: await scene.recorder(userId) }
      return scene.record(`lesson-${mode}`, { mode, userId, userSigSecretRef, subscribe: { exclude: ['dave'] } })
    }),
  )
  await Promise.all(applied.map((recording) => recording.is('Succeeded', 'Unknown', 'Recording')))

  await scene.publish('alice', { video: true, audio: true })
  await scene.publish('bob', { video: true, audio: true })
  await recordFor(4)
  const { members } = await scene.state()
  await mute(scene, true)
  await recordFor(3)
  await mute(scene, false)
  await recordFor(4)
  await scene.leave('bob')
  await recordFor(3)
  await scene.publish('bob', { video: true, audio: true })
  // With this alice has been there for 21 s: her picture begins with a key frame, which may take 1 s.
  await recordFor(7)
  await scene.leave('alice')
  await recordFor(1)

  await Promise.all(applied.map((recording) => recording.stop()))
  const finished = await Promise.all(applied.map((recording) => recording.settled()))
  const sent: Lesson['sent'] = {}
  for (const userId of ['alice', 'bob', 'carol']) sent[userId] = await scene.world.room.sent({ room: scene.room, userId })
  return {
    recordings: Object.fromEntries(
      modes.map((mode, index) => [mode, { applied: applied[index]!, finished: finished[index]! }]),
    ) as Lesson['recordings'],
    subscribed: Object.fromEntries(
      members.map(({ userId, subscriptions }) => [
        userId,
        Object.fromEntries(subscriptions.map((subscription) => [subscription.userId, subscription.tracks.toSorted()])),
      ]),
    ),
    sent,
  }
}

const mute = async (scene: Scene, muted: boolean) => {
  for (const kind of ['audio', 'video'] as const) await scene.setMuted('bob', kind, muted)
}

test('every Recording ends well, and says why it ended', ({ lesson }) => {
  for (const { finished } of Object.values(lesson.recordings)) {
    expect(finished.status).toMatchObject({
      stopReason: 'StopRequested',
      attempts: [{ number: 1, reason: 'Completed', exitCode: 0 }],
    })
  }
})

describe('mode 02', () => {
  test('of an anchor who publishes for 20 s, 99 % of the frames are in the file, in order, on time, and in step with the sound', async ({
    lesson: { recordings, sent },
  }) => {
    const { applied, finished } = recordings['02']
    const file = fileOf(finished, 'alice')
    const { findings, measures } = await applied.check(finished, file)
    expect(findings).toEqual([])
    expect(measures.completeness).toBeGreaterThanOrEqual(0.99)
    expect(measures.worstFrameTimeSeconds).toBeLessThanOrEqual(0.04)
    expect(measures.worstBeepToFlashSeconds).toBeLessThanOrEqual(0.06)
    expect(measures.beepsCompared).toBeGreaterThanOrEqual(17)
    // Not only what lies between its ends: the ends as well.
    const video = sent.alice!.find(({ track }) => track === 'video')!
    const publishedSeconds = ((video.last - video.first) * video.intervalMillis) / 1000
    expect(publishedSeconds).toBeGreaterThanOrEqual(20)
    expect(file.durationSeconds).toBeGreaterThan(publishedSeconds - 2)
    expect(file.video).toMatchObject({ width: 640, height: 360 })
  })

  test('a user who mutes himself stays in one file; one who leaves and comes back has two', async ({
    lesson: { recordings },
  }) => {
    const { applied, finished } = recordings['02']
    const files = finished.status!.files!.filter(({ userId }) => userId === 'bob')
    expect(files).toHaveLength(2)
    for (const file of files) {
      const { findings } = await applied.check(finished, file)
      expect(findings).toEqual([])
    }
    const [first, second] = files
    expect(first!.durationSeconds).toBeGreaterThan(9)
    const firstEnd = Date.parse(first!.startTime) + first!.durationSeconds * 1000
    expect(Date.parse(second!.startTime) - firstEnd).toBeGreaterThan(1500)
    const events = (await applied.manifest(finished)).events.filter(({ userId }) => userId === 'bob').map(({ event }) => event)
    expect(events).toEqual(expect.arrayContaining(['audioOff', 'videoOff', 'leave', 'enter']))
  })

  test('a clip of it has the very pictures and the sound of its time, and is cut without reading the rest', async ({
    lesson: { recordings },
  }) => {
    const { applied, finished } = recordings['02']
    const whole = fileOf(finished, 'alice')
    const begins = await applied.nextPicture('alice', Date.parse(whole.startTime) + 8400)
    const [from, to] = [begins.toISOString(), new Date(begins.getTime() + 3000).toISOString()]
    const { status } = await applied.clip('proof', { from, to, users: ['alice', 'carol'] })
    expect(status).toMatchObject({ attempts: 1, fileCount: 2, startTime: from, endTime: to })
    expect(status!.conditions!.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      'Succeeded True Completed',
    ])
    for (const file of status!.files!) {
      expect([file.status, file.message, file.startTime]).toEqual([1, 'ok', from])
      expect(file.durationSeconds).toBeCloseTo(3, 1)
      const published = { published: { video: file.userId === 'alice', audio: true } }
      const { findings, measures } = await applied.check(finished, file, published)
      expect(findings).toEqual([])
      if (file.userId === 'alice') expect(measures.completeness).toBeGreaterThanOrEqual(0.99)
    }
    const { bytes, readBytes } = status!.files!.find(({ userId }) => userId === 'alice')!
    expect(readBytes).toBeLessThan(whole.bytes / 2)
    expect(readBytes).toBeLessThan(bytes * 1.3)

    const { status: exact } = await applied.clip('exactly', { from, to, users: ['alice'], exact: true })
    expect(exact!.files).toMatchObject([{ userId: 'alice', status: 1, message: 'ok', exactness: 'Exact' }])
    const { findings, measures } = await applied.check(finished, exact!.files![0]!, { published: { video: true, audio: true } })
    expect(findings).toEqual([])
    expect(measures.completeness).toBeGreaterThanOrEqual(0.99)
  })

  test('a user with a microphone only has a file with sound only', async ({ lesson: { recordings } }) => {
    const { applied, finished } = recordings['02']
    const { findings } = await applied.check(finished, fileOf(finished, 'carol'), { published: { video: false, audio: true } })
    expect(findings).toEqual([])
  })
})

test('mode 00 makes an MP3 of everybody, and asks for no picture', async ({ lesson: { recordings, subscribed } }) => {
  const { applied, finished } = recordings['00']
  expect(whose(finished).toSorted()).toEqual(['alice', 'bob', 'bob', 'carol'])
  for (const file of finished.status!.files!) {
    expect(file.path).toMatch(/\.mp3$/)
    expect((await applied.check(finished, file)).findings).toEqual([])
  }
  expect(subscribed[recorders['00']]).toEqual({ alice: ['audio'], bob: ['audio'], carol: ['audio'] })
})

test('mode 01 makes an MP4 without sound of everybody with a camera, and asks for no sound', async ({ lesson }) => {
  const { applied, finished } = lesson.recordings['01']
  expect(whose(finished).toSorted()).toEqual(['alice', 'bob', 'bob'])
  for (const file of finished.status!.files!) {
    expect(file.path).toMatch(/\.mp4$/)
    expect(file.audio).toBeUndefined()
    expect((await applied.check(finished, file)).findings).toEqual([])
  }
  expect(lesson.subscribed[recorders['01']]).toEqual({ alice: ['video'], bob: ['video'] })
})

test('an excluded user has no file and was never subscribed to', async ({ lesson: { recordings, subscribed } }) => {
  expect(subscribed[recorders['02']]).toEqual({ alice: ['audio', 'video'], bob: ['audio', 'video'], carol: ['audio'] })
  for (const { applied, finished } of Object.values(recordings)) {
    expect(whose(finished)).not.toContain('dave')
    const { files, events } = await applied.manifest(finished)
    expect([...files, ...events].filter(({ userId }) => userId === 'dave')).toEqual([])
    const stored = (await applied.objects(finished)).filter(({ key }) => !/\.manifest\.json$|\/(proof|exactly)_/.test(key))
    expect(stored.map(({ key }) => key).toSorted()).toEqual(files.map(({ path }) => path).toSorted())
  }
})
