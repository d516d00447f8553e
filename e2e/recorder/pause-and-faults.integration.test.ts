import { setTimeout as sleep } from 'node:timers/promises'
import { type ClipAnswer, type ClipRequest, type Control, type PausedTime, subscribeSchema } from '@trtc-recorder/api'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { processTree } from './processes.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

/** A pause, and what else may happen while it lasts. */
let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.close())
beforeEach(() => world.reset())
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(world.output)
})

const tell = (desiredState: Control['desiredState'], exclude: string[] = []) =>
  world.control({ version: 1, desiredState, subscribe: subscribeSchema.parse({ exclude }) } as Control)

async function becomes(recorder: RecorderProcess, state: string): Promise<void> {
  while ((await recorder.status()).state !== state) await sleep(20)
}
async function nothingIsReceived(): Promise<void> {
  while (Object.keys(await world.received()).length > 0) await sleep(20)
}
const arrived = (recorder: RecorderProcess, userId: string) =>
  recorder.logged({ msg: 'Media arrived', userId, kind: 'video' }).then(() => sleep(2500))

/** Of which a piece of each picture that was sent in a pause would be found, were it kept anywhere. */
async function foundOfPause(userId: string, from: number, to: number): Promise<number> {
  const kept = [...(await world.kept()).values()]
  const secret = await world.picturesSent(userId, from, to)
  expect(secret.length).toBeGreaterThan(10)
  return secret.filter((slice) => kept.some((bytes) => bytes.includes(slice))).length
}

describe('while it is paused', () => {
  test('COS is away, the recorder is killed, and the next one is told to go on: one pause, of which nothing is anywhere', async () => {
    await world.publish('alice', { audio: true, video: true })
    await tell('Running')
    const first = await world.recordFromNow()
    await arrived(first, 'alice')
    await world.cos.outage(true)
    await tell('Paused')
    await becomes(first, 'paused')
    await nothingIsReceived()
    await sleep(1500)
    first.kill('SIGKILL')
    await first.ended
    const second = await world.recordFromNow()
    await becomes(second, 'paused')
    await sleep(1500)
    expect(await world.received()).toEqual({})
    await world.cos.outage(false)
    await tell('Running')
    await becomes(second, 'recording')
    await arrived(second, 'alice')
    second.kill('SIGTERM')
    const { result } = await second.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    expect(result!.files.map(({ userId, status, message }) => `${userId} ${status} ${message}`)).toEqual([
      'alice 1 ok',
      'alice 1 ok',
    ])
    const { pauses, losses } = await world.manifest()
    expect(pauses).toHaveLength(1)
    const [from, to] = [Date.parse(pauses[0]!.from), Date.parse(pauses[0]!.to!)]
    expect(to - from).toBeGreaterThan(3000)
    expect(losses.filter((loss) => Date.parse(loss.from) < to - 100 && Date.parse(loss.to) > from + 100)).toEqual([])
    expect(await foundOfPause('alice', from, to)).toBe(0)
  })

  test('the recorder is killed, and it goes on before the next one begins: the pause ends with it, and what was missed is told', async () => {
    await world.publish('alice', { audio: true, video: true })
    await tell('Running')
    const first = await world.recordFromNow()
    await arrived(first, 'alice')
    await tell('Paused')
    await becomes(first, 'paused')
    await nothingIsReceived()
    await sleep(1000)
    first.kill('SIGKILL')
    await first.ended
    await tell('Running')
    const second = await world.recordFromNow()
    await arrived(second, 'alice')
    second.kill('SIGTERM')
    const { result } = await second.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    const { pauses, losses, files } = await world.manifest()
    expect(pauses).toEqual([{ from: expect.any(String), to: expect.any(String) }])
    const to = Date.parse(pauses[0]!.to!)
    expect(Date.parse(files[1]!.startTime)).toBeGreaterThan(to)
    const missed = losses.filter(({ reason }) => reason === 'RecorderKilled')
    expect(missed.map(({ userId, medium }) => `${userId} ${medium}`).sort()).toEqual(['alice audio', 'alice video'])
    for (const loss of missed) expect(Date.parse(loss.to) - Date.parse(loss.from)).toBeLessThan(to - Date.parse(pauses[0]!.from))
  })

  test('its page is killed, somebody comes, somebody is not wanted any more, and it goes on: in new files, without that one', async () => {
    for (const userId of ['alice', 'bob']) await world.publish(userId, { audio: true, video: true })
    await tell('Running')
    const recorder = await world.recordFromNow()
    await arrived(recorder, 'alice')
    await tell('Paused')
    await becomes(recorder, 'paused')
    await nothingIsReceived()
    const page = (await processTree(recorder.pid)).find(({ commandLine }) => commandLine.includes('--type=renderer'))
    process.kill(page!.pid, 'SIGKILL')
    await world.publish('carol', { audio: true, video: true })
    await tell('Paused', ['bob'])
    await sleep(2500)
    expect(await world.received()).toEqual({})
    await tell('Running', ['bob'])
    await becomes(recorder, 'recording')
    await recorder.logged({ msg: 'File opened', userId: 'carol' })
    await sleep(2500)
    expect(Object.keys(await world.received()).sort()).toEqual(['alice', 'carol'])
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    expect(result!.files.filter(({ status }) => status !== 1)).toEqual([])
    const { pauses, losses } = await world.manifest()
    const [from, to] = [Date.parse(pauses[0]!.from), Date.parse(pauses[0]!.to!)]
    expect(losses.filter((loss) => Date.parse(loss.from) < to - 100 && Date.parse(loss.to) > from + 100)).toEqual([])
    for (const userId of ['alice', 'bob']) expect(await foundOfPause(userId, from, to)).toBe(0)
    expect(await foundOfPause('bob', to, Date.now())).toBe(0)
  })

  test('it is told to stop: it ends with the pause, and the files with what came before', async () => {
    await world.publish('alice', { audio: true, video: true })
    await tell('Running')
    const recorder = await world.recordFromNow()
    await arrived(recorder, 'alice')
    await tell('Paused')
    await becomes(recorder, 'paused')
    await sleep(1500)
    await world.control({
      version: 1,
      desiredState: 'Stopped',
      stopReason: 'StopRequested',
      subscribe: subscribeSchema.parse({}),
    })
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', stopReason: 'StopRequested', files: [{ userId: 'alice', status: 1 }] })
    const manifest = await world.manifest()
    const [pause] = manifest.pauses
    expect(Date.parse(pause!.to!)).toBe(Date.parse(manifest.endTime!))
    expect(Date.parse(manifest.files[0]!.endTime)).toBeLessThan(Date.parse(pause!.from) + 500)
    expect(await foundOfPause('alice', Date.parse(pause!.from), Date.parse(pause!.to!))).toBe(0)
  })
})

describe.each<PausedTime>(['Silence', 'Cut'])('with pause: %s', (pause) => {
  test('clips across a pause play, and are of the time that they say; all that is made of the files is made', async () => {
    for (const userId of ['alice', 'bob']) await world.publish(userId, { audio: true, video: true })
    await tell('Running')
    const outputs = {
      ...{ audio16k: true, speech: true, vcon: true, mix: true, mixFormat: 'Mp4', paella: true },
      pair: { left: ['alice'], right: ['bob'] },
    }
    const recorder = await world.recordFromNow({ spec: { pause, outputs } })
    await arrived(recorder, 'alice')
    await tell('Paused')
    await becomes(recorder, 'paused')
    const pausedAt = Date.now()
    const during = await clipOf(recorder, 'during', pausedAt - 1000, pausedAt + 1500)
    await sleep(500)
    await tell('Running')
    await becomes(recorder, 'recording')
    const resumedAt = Date.now()
    await sleep(3500)
    const across = await clipOf(recorder, 'across', pausedAt - 1000, resumedAt + 2000)
    const within = await clipOf(recorder, 'within', pausedAt + 700, resumedAt + 2000)
    const inside = await clipOf(recorder, 'inside', pausedAt + 700, pausedAt + 1500)
    const exact = await clipOf(recorder, 'exact', pausedAt - 1000, resumedAt + 2000, true)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    const manifest = await world.manifest()
    expect(manifest.outputs.filter(({ status, message }) => status !== 1 || message !== 'ok')).toEqual([])
    const [from, to] = [Date.parse(manifest.pauses[0]!.from), Date.parse(manifest.pauses[0]!.to!)]
    const pausedSeconds = (to - from) / 1000
    const cut = pause === 'Cut' ? pausedSeconds : 0
    expect(during.map(({ userId, status }) => `${userId} ${status}`).sort()).toEqual(['alice 1', 'bob 1'])
    for (const clips of [across, exact]) {
      expect(clips.map(({ userId, status }) => `${userId} ${status}`).sort()).toEqual(['alice 1', 'bob 1'])
      for (const { durationSeconds, startTime } of clips) {
        expect(durationSeconds).toBeCloseTo((resumedAt - pausedAt + 3000) / 1000 - cut, 0)
        expect(Date.parse(startTime)).toBe(pausedAt - 1000)
      }
    }
    // Its first instant is that after the pause, where that is not in the file.
    for (const { startTime, durationSeconds } of within) {
      const start = Date.parse(startTime)
      if (pause === 'Cut') expect(Math.abs(start - to)).toBeLessThan(700)
      else expect(start).toBe(pausedAt + 700)
      expect(durationSeconds).toBeCloseTo((resumedAt + 2000 - start) / 1000, 1)
    }
    expect(inside.length).toBe(pause === 'Cut' ? 0 : 2)
    for (const clip of [...across, ...within, ...inside, ...exact]) {
      const media = await world.media(clip)
      expect(media.decodeErrors).toEqual([])
    }
    const seconds = manifest.outputs.flatMap(({ durationSeconds }) => durationSeconds ?? [])
    expect(Math.max(...seconds) - Math.min(...seconds)).toBeLessThan(0.1)
    for (const userId of ['alice', 'bob']) expect(await foundOfPause(userId, from, to)).toBe(0)
  })
})

async function clipOf(recorder: RecorderProcess, name: string, fromMillis: number, toMillis: number, exact = false) {
  const request: ClipRequest = {
    clip: { namespace: 'default', name, uid: `${name}-uid` },
    from: new Date(fromMillis).toISOString(),
    to: new Date(toMillis).toISOString(),
    ...{ users: [], streams: ['main', 'aux'], exact },
  }
  await world.askForClips([request])
  const answer = async (): Promise<ClipAnswer | undefined> =>
    (await recorder.status()).clips.find(({ uid }) => uid === request.clip.uid)
  await expect.poll(async () => (await answer())?.is, { timeout: 30_000, interval: 50 }).toBe('over')
  const { result } = (await answer()) as ClipAnswer & { is: 'over' }
  expect(['Completed', 'NothingThere']).toContain(result.outcome)
  return result.files
}
