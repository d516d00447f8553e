import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StoreError } from '../store/upload.ts'
import { readHeldCopies } from './held-on-volume.ts'
import type { Stop } from './stop-policy.ts'
import { aJob } from './testing.ts'
import { terminated, World } from './testing-world.ts'

const aCheck = {
  ...{ detail: '', groupsOfPictures: 1, pictures: 1, decodedPictures: 1 },
  ...{ decodedSoundSeconds: 0, frozenShare: 0, silentShare: null },
}

let world: World
beforeEach(async () => {
  world = await World.make()
})
afterEach(() => world.remove())

describe('the next attempt', () => {
  const unavailable = new StoreError('unavailable', 'ECONNREFUSED', 'COS does not answer')

  async function firstAttempt(stop: Stop, error: StoreError = unavailable) {
    world.store.uploadError = error
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(stop)
    return result
  }

  test('finishes what the one before left, and records the rest', async () => {
    expect(await firstAttempt(terminated)).toMatchObject({
      outcome: 'UploadIncomplete',
      files: [{ status: 0, message: 'COS does not answer' }],
    })
    world.store.uploadError = undefined
    const second = world.start(aJob({}, { attempt: 2 }))
    await world.recording()
    world.room.publishes('bob', 1)
    world.stop(terminated)
    expect(await second).toMatchObject({
      outcome: 'Completed',
      attempt: 2,
      files: [
        { userId: 'alice', attempt: 1, status: 1 },
        { userId: 'bob', attempt: 2, status: 1 },
      ],
    })
    expect(world.manifest.files.map(({ userId }) => userId)).toEqual(['alice', 'bob'])
    expect(world.manifest.events.map(({ userId, event }) => `${userId} ${event}`)).toEqual(
      expect.arrayContaining(['alice enter', 'bob enter']),
    )
  })

  test('is in the room before it looks at what the one before left', async () => {
    await firstAttempt(terminated)
    world.store.uploadError = undefined
    const salvage = Promise.withResolvers<void>()
    world.salvageWaitsFor = salvage.promise
    let letIn = () => {}
    world.room.onOpen = (room) => {
      letIn = () => room.say({ type: 'entered' })
    }
    const second = world.start(aJob({}, { attempt: 2 }))
    await expect.poll(() => world.run!.progress().files).toMatchObject([{ userId: 'alice', state: 'finishing' }])
    expect(world.salvaged).toEqual([])
    letIn()
    await world.recording()
    await expect.poll(() => world.salvaged).toHaveLength(1)
    world.room.publishes('bob', 1)
    expect(world.run!.progress().files).toMatchObject([{ userId: 'alice', state: 'finishing' }, { userId: 'bob' }])
    salvage.resolve()
    world.stop(terminated)
    expect(await second).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice' }, { userId: 'bob' }] })
  })

  test('loses nothing by a file that cannot be salvaged: it is said, and stays on the volume', async () => {
    world.store.uploadError = unavailable
    const first = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.publishes('carol', 2)
    world.stop(terminated)
    await first
    world.store.uploadError = undefined
    world.media.unreadable = Buffer.from('alice').toString('base64url')
    const second = world.start(aJob({}, { attempt: 2 }))
    await world.recording()
    world.room.publishes('bob', 1)
    world.stop(terminated)
    expect(await second).toMatchObject({
      outcome: 'UploadIncomplete',
      files: [
        { userId: 'alice', attempt: 1, status: 0, message: expect.stringContaining('salvage: the index is torn') },
        { userId: 'carol', attempt: 1, status: 1 },
        { userId: 'bob', attempt: 2, status: 1 },
      ],
    })
    expect(world.manifest.losses).toContainEqual(expect.objectContaining({ userId: 'alice', reason: 'NotSalvaged' }))
    expect(world.media.left.map(({ identity }) => identity.userId)).toEqual(['alice'])
  })

  test('goes on with what a recorder of a later release has kept, for whatever words that has', async () => {
    const first = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(terminated)
    const name = (await first).files[0]!.path.split('/').at(-1)!
    const folder = join(world.root, 'work', 'school.maths')
    const attempts = join(folder, 'attempts')
    for (const [path, words] of [
      [join(folder, 'files', `${name}.json`), { clockSource: 'capture', check: { ...aCheck, result: 'Doubted' } }],
      [join(attempts, '1.json'), { stopReason: 'SunSet' }],
    ] as const) {
      const { crc32: _, ...note } = JSON.parse(await readFile(path, 'utf8'))
      const later = 'file' in note ? { ...note, file: { ...note.file, ...words } } : { ...note, ...words }
      await writeFile(path, JSON.stringify(later))
    }
    const [from, to] = ['2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z']
    const of = { userId: 'alice', stream: 'main' }
    const loss = { ...of, medium: 'video', from, to, frames: 3, bytes: 9, file: null, detail: '', reason: 'EatenByMice' }
    await writeFile(join(attempts, '1.ledger.jsonl'), JSON.stringify({ id: 7, loss }))
    await writeFile(join(attempts, '1.events.jsonl'), JSON.stringify({ ...of, time: from, event: 'handRaised' }))
    expect(await world.start(aJob({}, { attempt: 2, uploadOnly: true }))).toMatchObject({ outcome: 'Completed' })
    expect(world.manifest.files).toMatchObject([{ userId: 'alice', status: 1, clockSource: 'capture' }])
    expect(world.manifest.losses).toEqual([loss])
    expect(world.manifest.events.map(({ event }) => event)).toContain('handRaised')
  })

  test('has COS forget what it was sent of a file of which nothing is left', async () => {
    const givenUp: string[] = []
    const { store } = world
    const open = store.open.bind(store)
    store.open = (source) => ({ ...open(source), giveUp: async () => void givenUp.push(source.key) })
    world.components = { leftMediaFiles: async () => ['empty.mp4'], salvageMediaFile: async () => undefined }
    const result = world.start()
    await world.recording()
    await expect.poll(() => givenUp).toEqual(['lessons/empty.mp4'])
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [] })
  })

  test('says of a file whose note cannot be read that no more is known of it, once', async () => {
    const first = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(terminated)
    const name = (await first).files[0]!.path.split('/').at(-1)!
    await writeFile(join(world.root, 'work', 'school.maths', 'files', `${name}.json`), '{"file":{"userId":"al')
    for (const attempt of [2, 3]) {
      const message = expect.stringContaining('its note on the volume cannot be read')
      expect(await world.start(aJob({}, { attempt, uploadOnly: true }))).toMatchObject({
        outcome: 'FileFailed',
        files: [{ userId: 'alice', attempt: 1, status: 0, message }],
      })
      expect(world.manifest.files).toMatchObject([{ userId: 'alice', message }])
      expect(world.manifest.losses.filter(({ file }) => file === name)).toMatchObject([{ reason: 'NotSalvaged' }])
    }
  })

  test('says what was being sent while there was no recorder, when the one before was killed', async () => {
    world.media.seconds = 0
    const killed = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.publishes('dave', 2)
    world.room.say({ type: 'available', userId: 'dave', stream: 'main', kind: 'video', available: false })
    // What it had noted by then.
    const noted = join(world.root, 'work', 'school.maths', 'attempts', '1.events.jsonl')
    await expect.poll(() => readFile(noted, 'utf8').catch(() => '')).toContain('videoOff')
    const safeUntil = new Date((await world.media.left[0]!.finish()).endTime).toISOString()
    // As far as the second can tell the first is gone: it notes nothing more on the volume.
    const stopFirst = world.stop
    const second = world.start(aJob({}, { attempt: 2 }))
    await world.recording()
    world.stop(terminated)
    const { startedAt, losses } = await second
    expect(losses.stretches).toBe(1)
    expect(world.manifest.losses).toMatchObject([
      { userId: 'alice', medium: 'video', reason: 'RecorderKilled', from: safeUntil, to: startedAt },
    ])
    stopFirst(terminated)
    await killed
  })

  const held = () => readdir(join(world.root, 'work', 'school.maths', 'held')).catch(() => [])

  test('names what nobody had claimed when the one before was killed, once, and leaves it on the volume', async () => {
    const killed = world.start()
    await world.recording()
    world.room.say({ type: 'anchorEntered', userId: 'alice' })
    world.room.sends(7, 'x1')
    world.room.sends(7, 'x2x')
    await expect
      .poll(async () => (await readHeldCopies(join(world.root, 'work', 'school.maths', 'held'), 2))[0]?.frames)
      .toHaveLength(2)
    const stopFirst = world.stop
    for (const attempt of [2, 3]) {
      const next = world.start(aJob({}, { attempt }))
      await world.recording()
      world.stop(terminated)
      expect(await next).toMatchObject({ outcome: 'Completed', losses: { frames: 2, bytes: 5 } })
      expect(world.manifest.losses).toMatchObject([
        { userId: null, reason: 'Unclaimed', frames: 2, bytes: 5, detail: 'kept on the volume as held/1-1.frames' },
      ])
      expect(await held()).toEqual(['1-1.frames'])
    }
    stopFirst(terminated)
    await killed
  })

  test('makes a file of what had just got its owner when the one before was killed', async () => {
    world.media.safe = new Promise(() => {})
    const killed = world.start()
    await world.recording()
    world.room.say({ type: 'anchorEntered', userId: 'alice' })
    world.room.say({ type: 'available', userId: 'alice', stream: 'main', kind: 'video', available: true })
    world.room.sends(7, 'a1 ')
    world.room.sends(7, 'a2')
    world.room.say({ type: 'bound', slot: 7, ssrc: 7, userId: 'alice', stream: 'main', kind: 'video' })
    await expect
      .poll(async () => (await readHeldCopies(join(world.root, 'work', 'school.maths', 'held'), 2))[0]?.owner)
      .toEqual({ userId: 'alice', stream: 'main' })
    // It had got no further.
    world.media.left.length = 0
    world.media.safe = Promise.resolve(true)
    const stopFirst = world.stop
    const second = world.start(aJob({}, { attempt: 2 }))
    await world.recording()
    world.stop(terminated)
    const { files } = await second
    expect(files).toMatchObject([{ userId: 'alice', attempt: 1, status: 1 }])
    expect(world.store.objects.get(files[0]!.path)).toBe('a1 a2|')
    expect(world.manifest.losses.filter(({ reason }) => reason === 'Unclaimed')).toEqual([])
    expect(await held()).toEqual([])
    stopFirst(terminated)
    await killed
  })

  test('does not enter a room that had been recorded to its end', async () => {
    await firstAttempt({ reason: 'Idle', message: 'Nobody there' })
    world.store.uploadError = undefined
    let entered = false
    world.room.onOpen = () => {
      entered = true
    }
    expect(await world.start(aJob({}, { attempt: 2 }))).toMatchObject({
      outcome: 'Completed',
      stopReason: 'Idle',
      files: [{ userId: 'alice', status: 1 }],
    })
    expect(entered).toBe(false)
  })

  test('does not enter either when it is told that the recording is over', async () => {
    await firstAttempt(terminated)
    world.store.uploadError = undefined
    const second = await world.start(aJob({}, { attempt: 2, uploadOnly: true }))
    expect(second).toMatchObject({ outcome: 'Completed', stopReason: 'Terminated', files: [{ userId: 'alice', status: 1 }] })
    expect(second.startedAt).toBeUndefined()
  })

  test('says again what an earlier one had stored, for nobody may have read it', async () => {
    await firstAttempt(terminated)
    world.store.uploadError = undefined
    await world.start(aJob({}, { attempt: 2, uploadOnly: true }))
    const stored = world.store.objects.size
    const third = await world.start(aJob({}, { attempt: 3, uploadOnly: true }))
    expect(third).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1, attempt: 1 }] })
    expect(world.store.objects.size).toBe(stored)
  })

  test('on a volume that knows nothing leaves the manifest in COS as it is', async () => {
    world.store.uploadError = undefined
    const result = await world.start(aJob({}, { attempt: 2, uploadOnly: true }))
    expect(result).toMatchObject({ outcome: 'Completed', files: [] })
    expect(result.manifestUrl).toBeUndefined()
  })

  test('does not enter when the time of the whole recording is up', async () => {
    const job = aJob({}, { attempt: 2, firstStartedAt: new Date(Date.now() - 60_000).toISOString() })
    job.spec.limits.maxDurationSeconds = 60
    expect(await world.start(job)).toMatchObject({ outcome: 'Completed', stopReason: 'MaxDuration', files: [] })
  })

  test('has the files of the one before also when it is refused by TRTC', async () => {
    await firstAttempt(terminated)
    world.store.uploadError = undefined
    world.room.onOpen = (room) => room.ends({ type: 'refused', trtcCode: 70001 })
    expect(await world.start(aJob({}, { attempt: 2 }))).toMatchObject({
      outcome: 'RoomRefused',
      files: [{ userId: 'alice', status: 1 }],
    })
  })

  test('uploads that take too long wait for it on the volume', async () => {
    world.store.uploadError = undefined
    Object.assign(world.store, { uploadError: new Promise(() => {}) })
    const first = world.start(aJob(), { uploadSeconds: 0.1 })
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(terminated)
    expect(await first).toMatchObject({
      outcome: 'UploadIncomplete',
      files: [{ status: 0, message: expect.stringContaining('not done in time') }],
    })
    expect(world.media.left).toHaveLength(1)
  })

  test.each([-3_600_000, 3_600_000])('says that the wall clock was set by %s ms since the one before', async (steppedMillis) => {
    await firstAttempt(terminated)
    world.store.uploadError = undefined
    world.steppedMillis = steppedMillis
    const second = world.start(aJob({}, { attempt: 2 }))
    await world.recording()
    world.stop(terminated)
    const { startedAt } = await second
    expect(world.manifest.clockSteps).toHaveLength(1)
    const { time, before, after } = world.manifest.clockSteps[0]!
    expect(Math.abs(Date.parse(after) - Date.parse(before) - steppedMillis)).toBeLessThan(100)
    expect(time).toBe(after)
    // As the second tells them.
    expect(Math.abs(Date.parse(startedAt!) - Date.parse(time))).toBeLessThan(20_000)
  })

  test('after a lost room the outcome asks for one', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.ends({ type: 'lost', reason: 'BrowserFailed', message: 'The page crashed' })
    expect(await result).toMatchObject({ outcome: 'Interrupted', stopReason: 'BrowserFailed', files: [{ status: 1 }] })
  })
})

describe('by hand', () => {
  test('the volume numbers the attempts; a recording that is complete begins anew', async () => {
    world.store.uploadError = new StoreError('unavailable', 'ECONNREFUSED', 'COS does not answer')
    const attempts: number[] = []
    for (const _ of [1, 2, 3]) {
      const result = world.start(aJob(), { byHand: true })
      await world.recording()
      world.stop(terminated)
      if (attempts.length === 0) world.room.publishes('alice', 1)
      attempts.push((await result).attempt)
      world.store.uploadError = undefined
    }
    expect(attempts).toEqual([1, 2, 1])
  })
})
