import type { RecordedFile } from '@trtc-recorder/api'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { World } from './world.ts'

/** The real SDK in Chromium behind a bad line; what comes out is compared, picture by picture, with what was sent. */
let world: World
beforeAll(async () => {
  world = await World.start()
})
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(world.output)
  await world.reset()
})
afterAll(() => world.close())

const seconds = (n: number) => new Promise((resolve) => setTimeout(resolve, n * 1000))

describe('behind a bad line', () => {
  test('every picture and every sound is there that was repaired, late, swapped or doubled, at its time', async () => {
    await world.publish('alice', { video: true, audio: true })
    const recorder = await world.recordFromNow()
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    // Sound is not repaired: it comes in any order, but it comes.
    await world.worsenLine('alice', { jitterMillis: 60, latePercent: 5, lateMillis: 30, twicePercent: 5, repairMillis: 60 })
    await seconds(4)
    await world.worsenLine('alice', { jitterMillis: 20, delayMillis: 600 })
    await seconds(3)
    await world.worsenLine('alice', {})
    await seconds(3)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    const [alice] = result!.files as [RecordedFile]
    expect(await world.findings(alice, { mode: '02' })).toEqual([])
    expect((await world.manifest()).losses.filter(({ reason }) => reason !== 'NoKeyFrame')).toEqual([])
  })

  test('no picture is missing though one packet of twenty had to be sent again', async () => {
    await world.publish('alice', { video: true })
    const recorder = await world.recordFromNow({ spec: { mode: '01' } })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    await world.worsenLine('alice', { jitterMillis: 20, repairMillis: 60 })
    await world.lose('alice', 5, true)
    await seconds(8)
    await world.lose('alice', 0, true)
    await world.worsenLine('alice', {})
    await seconds(3)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    const [alice] = result!.files as [RecordedFile]
    expect(await world.findings(alice, { mode: '01' })).toEqual([])
    expect((await world.manifest()).losses.filter(({ reason }) => reason !== 'NoKeyFrame')).toEqual([])
  })
})
