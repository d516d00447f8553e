import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { subscribeSchema } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isMissing } from '../ledger/ledger.ts'
import { StoreError } from '../store/upload.ts'
import { aJob, FakePage } from './testing.ts'
import { terminated, World } from './testing-world.ts'

let world: World
beforeEach(async () => {
  world = await World.make()
})
afterEach(() => world.remove())

describe('COS that does not take the recording', () => {
  const noBucket = new StoreError('refused', 'NoSuchBucket', 'Bucket lessons-1250000000 does not exist')

  test('does not keep the recorder out of the room: it is said at once, and the outcome says it in the end', async () => {
    world.store.preflightError = noBucket
    world.store.uploadError = noBucket
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    await expect.poll(() => world.run!.progress().storage).toEqual({ state: 'refused', message: noBucket.message })
    expect(await world.run!.notReady()).toBeUndefined()
    world.stop(terminated)
    expect(await result).toMatchObject({
      outcome: 'UploadRefused',
      startedAt: expect.any(String),
      files: [{ status: 0, message: noBucket.message }],
    })
    expect(world.media.left).toHaveLength(1)
  })

  test('is said as well when it takes no more in the middle of a recording', async () => {
    const result = world.start()
    await world.recording()
    await expect.poll(() => world.run!.progress().storage).toEqual({ state: 'proven' })
    world.store.trouble = new StoreError('unavailable', 'ECONNREFUSED', 'COS did not answer')
    expect(world.run!.progress().storage).toEqual({ state: 'unavailable', message: 'COS did not answer' })
    world.store.trouble = new StoreError('unavailable', 'SignatureDoesNotMatch', 'The key is wrong')
    expect(world.run!.progress().storage).toMatchObject({ state: 'refused' })
    world.store.trouble = undefined
    expect(world.run!.progress().storage).toEqual({ state: 'proven' })
    world.stop(terminated)
    await result
  })

  test('and that does not even answer is not waited for', async () => {
    Object.assign(world.store, { preflight: () => new Promise(() => {}) })
    const result = world.start()
    await world.recording()
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed' })
  })
})

test('a browser of which something stays when it is ended harms no file', async () => {
  const fails = () => Promise.reject(new Error('EROFS: read-only file system, rm'))
  world.components = {
    beginPage: () => Object.assign(new FakePage(), { discard: fails }),
    openRoom: (...options) => Object.assign(world.room.open(...options), { close: fails }),
  }
  const result = world.start()
  await world.recording()
  world.room.publishes('alice', 1)
  world.stop(terminated)
  expect(await result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
})

describe('what the volume or the page does not take', () => {
  test('is stored all the same where it is in COS, and only cannot be removed', async () => {
    const discard = () => Promise.reject(new Error('EIO: i/o error, unlink'))
    world.components = { openMediaFile: (...file) => Object.assign(world.media.open(...file), { discard }) }
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1, message: 'ok' }] })
  })

  /** In place of the file, which nothing can be written to then; it may be being written at this moment. */
  async function block(...path: string[]): Promise<void> {
    const place = join(world.root, 'work', 'school.maths', ...path)
    for (;;) {
      await rm(place, { recursive: true, force: true })
      const isBlocked = await mkdir(join(place, 'in the way'), { recursive: true }).then(
        () => true,
        () => false,
      )
      if (isBlocked) return
    }
  }

  test('is in the manifest where it is a record: how far the attempt is, and events for callbacks', async () => {
    const result = world.start(aJob({}, { keepsEvents: true }))
    await world.recording()
    await expect.poll(() => readdir(join(world.root, 'work', 'school.maths', 'events'))).toContain('0.jsonl')
    for (const path of ['attempts/1.json', 'events/0.jsonl']) {
      await block(path)
    }
    world.room.publishes('alice', 1)
    world.stop(terminated)
    const { outcome, files } = await result
    expect([outcome, files[0]!.status, files[0]!.message]).toEqual(['Completed', 1, 'ok'])
    expect(world.manifest.losses.filter(isMissing)).toEqual([])
    const notKept = world.manifest.losses.filter(({ reason }) => reason === 'NotKept').map(({ detail }) => detail)
    expect(notKept.sort()).toEqual([
      expect.stringMatching(/^\d+ events of events\/0\.jsonl: EISDIR/),
      expect.stringMatching(/^that this attempt is stopped of attempts\/1\.json: EISDIR/),
    ])
  })

  test('is tried again: a note of the attempt that the volume takes later is there, and nothing is told of it', async () => {
    const result = world.start()
    await world.recording()
    const note = join(world.root, 'work', 'school.maths', 'attempts', '1.json')
    await expect.poll(() => readFile(note, 'utf8')).toContain('"state":"recording"')
    await block('attempts', '1.json')
    await world.control({ version: 1, desiredState: 'Paused', subscribe: subscribeSchema.parse({}) })
    await expect.poll(() => world.run!.progress().state, { timeout: 5000 }).toBe('paused')
    await rm(note, { recursive: true })
    await expect.poll(() => readFile(note, 'utf8').catch(() => ''), { timeout: 10_000 }).toContain('"pauses":[{')
    world.stop(terminated)
    await result
    expect(world.manifest.losses.filter(({ reason }) => reason === 'NotKept')).toEqual([])
  })

  test('is in the ledger where it is media that the page could not take, with whose it was', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    const of = { slot: 1, ssrc: 1, kind: 'video' } as const
    world.room.tapFailed({ ...of, frames: 3, bytes: 300, ended: false, message: 'Error: a defect' })
    world.room.publishes('bob', 2)
    world.room.tapFailed({ ...of, slot: 2, ssrc: 2, frames: 0, bytes: 0, ended: true, message: 'Error: gone' })
    world.stop(terminated)
    await result
    expect(world.manifest.losses).toMatchObject([
      { userId: 'alice', stream: 'main', medium: 'video', reason: 'TapFailed', frames: 3, bytes: 300, detail: 'Error: a defect' },
      { userId: 'bob', reason: 'TapFailed', frames: null, detail: expect.stringContaining('nothing more was taken') },
    ])
  })
})

describe('an attempt that cannot begin', () => {
  test('without its Secret names it, and does not enter', async () => {
    await rm(join(world.root, 'secrets', 'trtc', 'userSig'))
    const result = await world.start()
    expect(result).toMatchObject({ outcome: 'SecretNotFound', stopReason: 'NeverStarted', files: [] })
    expect(result.message).toContain('Secret trtc has no key userSig')
    expect(result.startedAt).toBeUndefined()
  })

  test('with a UserSig that TRTC refuses says the code and what it means', async () => {
    world.room.onOpen = (room) => room.ends({ type: 'refused', trtcCode: 70013 })
    const result = await world.start()
    expect(result).toMatchObject({ outcome: 'RoomRefused', trtcCode: 70013, stopReason: 'NeverStarted' })
    expect(result.message).toContain('made for another user')
    expect(world.room.closed).toBe(true)
  })

  test('because TRTC did not answer in time says what went wrong', async () => {
    world.room.onOpen = (room) => room.ends({ type: 'startTimeout', trtcCode: undefined, message: 'schedule failed' })
    const result = await world.start()
    expect(result).toMatchObject({ outcome: 'StartTimeout', message: 'Could not enter room 101 within 60 s: schedule failed' })
  })

  test('because of a defect of the recorder itself has an outcome of its own, and what was recorded is stored', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.ends({ type: 'defect', error: new TypeError('undefined is not a function') })
    expect(await result).toMatchObject({
      outcome: 'InternalError',
      message: 'undefined is not a function',
      files: [{ userId: 'alice', status: 1 }],
    })
  })

  test('with users of whom nothing arrived is no success, and the ledger has them', async () => {
    const result = world.start()
    await world.recording()
    world.room.say({ type: 'available', userId: 'alice', stream: 'main', kind: 'audio', available: true })
    world.passSeconds(30)
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'MediaUnreachable', stopReason: 'Terminated', files: [] })
    expect(world.manifest.losses).toMatchObject([{ userId: 'alice', medium: 'audio', reason: 'NeverArrived' }])
  })

  test('asked to stop while entering, it ends without a file', async () => {
    world.room.onOpen = () => {}
    const result = world.start()
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', stopReason: 'Terminated', files: [] })
  })
})
