import { setTimeout as sleep } from 'node:timers/promises'
import { type Control, liveIndexObjectSchema, recorderEnv, subscribeSchema } from '@trtc-recorder/api'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Receiver } from '../../recorder-image/src/live/pcm/testing/receiver.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { readMedia } from '../media/index.ts'
import { beepMoments, compare, farthest, type Seen } from '../media/moments.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())
beforeEach(() => world.reset())

const subscribe = subscribeSchema.parse({})
const running: Control = { version: 1, desiredState: 'Running', subscribe }
const paused: Control = { version: 1, desiredState: 'Paused', subscribe }

async function becomes(recorder: RecorderProcess, state: string): Promise<void> {
  while ((await recorder.status()).state !== state) await sleep(20)
}

/** Paths of what is not as it was. */
const changed = (before: ReadonlyMap<string, Buffer>, after: ReadonlyMap<string, Buffer>): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => !before.get(path)?.equals(after.get(path) ?? Buffer.alloc(0)),
  )

/** Which of these are in what is kept: `some`, `none` or `all`. */
function howMany(slices: readonly Buffer[], kept: ReadonlyMap<string, Buffer>): string {
  const found = slices.flatMap((slice, at) => ([...kept.values()].some((bytes) => bytes.includes(slice)) ? [at] : []))
  return found.length === 0 ? 'none' : found.length === slices.length ? 'all' : `${found.join()} of ${slices.length}`
}

describe('a recording that is paused', () => {
  test('takes nothing within half a second: no byte of it is on the volume or in COS, and it goes on in the same files', async () => {
    await world.publish('alice', { video: true, audio: true })
    await world.control(running)
    const recorder = await world.recordFromNow({ spec: { live: { audioSlices: { seconds: 5 } } } })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await sleep(3000)
    await world.control(paused)
    const askedAt = Date.now()
    await becomes(recorder, 'paused')
    expect(Date.now() - askedAt).toBeLessThan(500)
    while (Object.keys(await world.received()).length > 0) await sleep(20)
    expect(Date.now() - askedAt).toBeLessThan(2000)
    expect((await recorder.get('/readyz')).status).toBe(200)
    // What had come before is on the volume a moment later; then nothing is written any more.
    let keptWhilePaused = await world.kept()
    await expect
      .poll(
        async () => {
          const before = keptWhilePaused
          await sleep(1500)
          keptWhilePaused = await world.kept()
          return changed(before, keptWhilePaused)
        },
        { timeout: 20_000 },
      )
      .toEqual([])
    await sleep(2000)
    expect(changed(keptWhilePaused, await world.kept())).toEqual([])
    await world.control(running)
    await becomes(recorder, 'recording')
    await sleep(4000)
    const keptAfter = await world.kept()
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
    const file = result!.files[0]!
    const manifest = await world.manifest()
    expect(manifest.pauses).toHaveLength(1)
    const [from, to] = [Date.parse(manifest.pauses[0]!.from), Date.parse(manifest.pauses[0]!.to!)]
    expect(to - from).toBeGreaterThan(3000)
    expect(manifest.events.map(({ event }) => event)).toEqual(expect.arrayContaining(['paused', 'resumed']))
    // A pause is no loss.
    expect(manifest.losses.filter((loss) => Date.parse(loss.from) < to - 100)).toEqual([])

    // The tone of the test sounds the same all the time, so it is pictures that are looked for.
    const secret = await world.picturesSent('alice', from, to)
    expect(secret.length).toBeGreaterThan(30)
    for (const kept of [keptWhilePaused, keptAfter, await world.kept()]) expect(howMany(secret, kept)).toBe('none')
    // The same search finds what was sent before.
    expect(howMany(await world.picturesSent('alice', from - 2000, from - 1000), keptAfter)).toBe('all')

    const media = await world.media(file)
    expect(media.decodeErrors).toEqual([])
    const inFile = (millis: number) => (millis - Date.parse(file.startTime)) / 1000
    expect(media.frames.filter(({ ptsSeconds }) => ptsSeconds > inFile(from) && ptsSeconds < inFile(to))).toEqual([])
    expect(media.sound!.silences).toContainEqual({
      startSeconds: expect.closeTo(inFile(from), 0),
      endSeconds: expect.closeTo(inFile(to), 0),
    })
    expect(file.durationSeconds).toBeGreaterThan((to - from) / 1000 + 5)

    // The slices of it leave out the pause and nothing else, and each plays by itself, at its time.
    const slices = await world.slices(manifest)
    const beeps: Seen[] = []
    for (const { entry, path, read } of slices) {
      const [start, end] = [Date.parse(entry.startTime), Date.parse(entry.endTime)]
      expect(start >= to - 100 || end <= from + 300).toBe(true)
      expect(read.playedSamples / 48).toBeCloseTo(end - start, -1)
      expect(read.comments).toEqual(expect.arrayContaining(['TRTC_USER=alice', `TRTC_START_MS=${start}`]))
      const { sound, decodeErrors } = await readMedia(path)
      expect(decodeErrors).toEqual([])
      expect(sound!.durationSeconds).toBeCloseTo((end - start) / 1000, 1)
      beeps.push(...sound!.beeps.map((at) => ({ wallMillis: start + at * 1000, ptsMillis: 0, number: 0 })))
    }
    const sent = await world.sent('alice', 'audio')
    const ends = slices.map(({ entry }) => Date.parse(entry.endTime))
    const before = { from: Date.parse(slices[0]!.entry.startTime), to: ends.findLast((end) => end <= from + 300)! }
    const after = { from: to + 1000, to: ends.at(-1)! }
    for (const window of [before, after]) {
      // A beep on a border is heard from there on.
      const moments = beepMoments(sent, { windowOf: () => window }).filter(({ wallMillis }) => (wallMillis / 1000) % 5 !== 0)
      const { matched, missing } = compare(moments, beeps)
      expect(missing).toEqual([])
      // Nor is one in whose middle the first slice begins.
      expect(farthest(matched.filter(({ moment }) => moment.verdict === 'required'))).toBeLessThan(20)
    }
    expect(beeps.filter(({ wallMillis }) => wallMillis > from + 300 && wallMillis < to - 100)).toEqual([])
    expect((await recorder.ended).result!.live).toEqual([{ part: 'audioSlices', stored: slices.length, waiting: 0, lost: 0 }])
  })

  test('leaves nothing of it in what is made of it either: stills, HLS, PCM, sound of 16 kHz, speech', async () => {
    const receiver = new Receiver()
    await receiver.open()
    onTestFinished(() => receiver.close())
    const receivers = { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true }
    await world.publish('alice', { video: true, audio: true })
    await world.control(running)
    const live = { stills: { seconds: 1 }, hls: { seconds: 2 }, pcm: { url: `${receiver.address}/listen` } }
    const recorder = await world.recordFromNow({
      spec: { live, outputs: { audio16k: true, speech: true } },
      environment: { [recorderEnv.receivers]: JSON.stringify(receivers) },
    })
    const heardSeconds = () => receiver.connections.reduce((sum, { pcm }) => sum + pcm.length / 2 / 16_000, 0)
    await expect.poll(heardSeconds, { timeout: 30_000 }).toBeGreaterThan(3)
    await world.control(paused)
    await becomes(recorder, 'paused')
    while (Object.keys(await world.received()).length > 0) await sleep(20)
    await sleep(1500)
    const heardBefore = heardSeconds()
    await sleep(3000)
    expect(heardSeconds()).toBe(heardBefore)
    const keptWhilePaused = await world.kept()
    await world.control(running)
    await becomes(recorder, 'recording')
    await expect.poll(heardSeconds, { timeout: 30_000 }).toBeGreaterThan(heardBefore + 3)
    const keptAfter = await world.kept()
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
    const manifest = await world.manifest()
    const [from, to] = [Date.parse(manifest.pauses[0]!.from), Date.parse(manifest.pauses[0]!.to!)]
    const pausedSeconds = (to - from) / 1000

    const secret = await world.picturesSent('alice', from, to)
    expect(secret.length).toBeGreaterThan(30)
    for (const kept of [keptWhilePaused, keptAfter, await world.kept()]) expect(howMany(secret, kept)).toBe('none')
    expect(howMany(await world.picturesSent('alice', from - 2000, from - 1000), keptAfter)).toBe('all')

    const object = async (path: string) => world.cos.fetch(identities.cos.bucket, path)
    const stills = manifest.live.find(({ part }) => part === 'stills')!
    const { entries } = liveIndexObjectSchema.parse(JSON.parse(String(await object(stills.path))))
    expect(entries.length).toBeGreaterThan(3)
    const isOfPause = ({ startTime }: { startTime: string }) =>
      Date.parse(startTime) > from + 300 && Date.parse(startTime) < to - 100
    expect(entries.filter(isOfPause)).toEqual([])

    const { durationSeconds } = result!.files[0]!
    expect(heardSeconds()).toBeLessThan(durationSeconds - pausedSeconds + 0.6)

    // Its tone sounds all the time but in the pause.
    const wav = await object(manifest.outputs.find(({ kind }) => kind === 'audio16k')!.path)
    let [silence, longest] = [0, { samples: 0, end: 0 }]
    for (let at = 44; at + 1 < wav.length; at += 2) {
      silence = wav.readInt16LE(at) === 0 ? silence + 1 : 0
      if (silence > longest.samples) longest = { samples: silence, end: (at - 44) / 2 }
    }
    expect(longest.samples / 16_000).toBeGreaterThan(pausedSeconds - 0.6)
    const middle = (longest.end - longest.samples / 2) / 16_000
    const rttm = String(await object(manifest.outputs.find(({ path }) => path.endsWith('.rttm'))!.path))
    const spoken = rttm.split('\n').flatMap((line) => {
      const [type, , , start, seconds] = line.split(' ')
      return type === 'SPEAKER' ? [{ start: Number(start), end: Number(start) + Number(seconds) }] : []
    })
    expect(spoken.filter(({ start, end }) => start < middle + 1 && end > middle - 1)).toEqual([])
  })
})
