import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { aFrame, aJob } from './testing.ts'
import { terminated, World } from './testing-world.ts'

let world: World
beforeEach(async () => {
  world = await World.make()
})
afterEach(() => world.remove())

describe('one attempt', () => {
  test('records everybody into a file of their own, stores them, and says so', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.publishes('bob', 2)
    world.room.ends({ type: 'sentOut', reason: 'RoomDismissed', message: 'The room was dissolved' })
    expect(await result).toMatchObject({
      outcome: 'Completed',
      stopReason: 'RoomDismissed',
      message: 'The room was dissolved. 2 files are stored',
      startedAt: expect.any(String),
      stoppedAt: expect.any(String),
      storedAt: expect.any(String),
      manifestUrl: 'http://cos/lessons/maths.manifest.json',
      files: [
        { userId: 'alice', status: 1, message: 'ok', video: { codec: 'avc1.42e01f' } },
        { userId: 'bob', status: 1 },
      ],
    })
    expect([...world.store.objects.values()].slice(0, 2)).toEqual(['alice |', 'bob |'])
    expect(world.manifest.files.map(({ userId, crc64 }) => [userId, crc64])).toEqual([
      ['alice', '1'],
      ['bob', '1'],
    ])
    expect(world.manifest.events.map(({ userId, event }) => `${userId} ${event}`)).toContain('alice videoOn')
    expect(world.room.closed).toBe(true)
    expect(world.media.left).toEqual([])
    expect(world.secrets).toEqual(['sig', 'id', 'key'])
  })

  test('has Chromium start beside all that is prepared, and ends it where there is nothing to record', async () => {
    const result = world.start()
    expect(world.page).toMatchObject({ discarded: false })
    await world.recording()
    world.room.ends({ type: 'sentOut', reason: 'RoomDismissed', message: 'The room was dissolved' })
    await result
    await world.start(aJob({}, { attempt: 2 }))
    expect(world.page).toMatchObject({ discarded: true })
    await rm(join(world.root, 'secrets'), { recursive: true })
    expect(await world.start(aJob({}, { attempt: 3 }))).toMatchObject({ outcome: 'SecretNotFound' })
    expect(world.page).toMatchObject({ discarded: true })
    await world.start(aJob({}, { attempt: 4, uploadOnly: true }))
    expect(world.page).toBeUndefined()
  })

  test('asked to stop, it takes what the page still has', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.inPage.push(aFrame(1, 'last'))
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', stopReason: 'Terminated' })
    expect([...world.store.objects.values()][0]).toBe('alice last|')
  })

  test('goes on in the next file where one has no room for a frame', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.inPage.push(aFrame(1, 'next file'), aFrame(1, ' goes on'))
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [{ status: 1 }, { status: 1 }] })
    const names = world.manifest.files.map(({ path, part }) => `${part} ${path.replace(/^.*_\d{17}/, '')}`)
    expect(names.sort()).toEqual(['1 .mp4', '2 -2.mp4'])
    expect([...world.store.objects.values()].slice(0, 2).sort()).toEqual(['alice |', 'next file goes on|'])
  })

  test('marks the names of its files where other Recordings write files of the same room to the same folder', async () => {
    const result = world.start({ ...aJob(), fileMark: 'a1b2c3d4' })
    await world.recording()
    world.room.publishes('alice', 1)
    world.room.inPage.push(aFrame(1, 'next file'), aFrame(1, ' goes on'))
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice' }, { userId: 'alice' }] })
    const names = world.manifest.files.map(({ path }) => path.replace(/^.*_main_\d{17}/, ''))
    expect(names.sort()).toEqual(['~a1b2c3d4-2.mp4', '~a1b2c3d4.mp4'])
  })

  test('sends a file while it is checked, and calls it stored only when it has passed', async () => {
    const check = Promise.withResolvers<void>()
    world.media.checked = check.promise
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(terminated)
    await expect.poll(() => [...world.store.objects.keys()].filter((key) => key.endsWith('.mp4'))).toHaveLength(1)
    expect(world.run!.progress().files).toMatchObject([{ state: 'finishing' }])
    check.resolve()
    expect(await result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
  })

  test('says everywhere what is missing of a file that is whole otherwise', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    const [file] = world.media.left
    const at = Date.now() * 1000
    world.media.ledger!.add({
      ...{ userId: 'alice', stream: 'main', medium: 'video', reason: 'LostInNetwork', file: file!.identity.name, detail: '' },
      ...{ fromMicros: at, toMicros: at + 400_000, frames: 12, bytes: null },
    })
    expect(world.run!.progress().losses).toMatchObject({ frames: 12, stretches: 1, latest: [{ reason: 'LostInNetwork' }] })
    world.stop(terminated)
    expect(await result).toMatchObject({
      outcome: 'Completed',
      message: 'The recorder was asked to stop. 1 file is stored; 12 frames are missing in 1 stretch of time, see the manifest',
      files: [{ status: 1, message: 'ok, but 12 frames are missing in 0.4 s: LostInNetwork', lostFrames: 12, lostSeconds: 0.4 }],
      losses: { frames: 12, stretches: 1 },
    })
    expect(world.manifest.losses).toMatchObject([{ userId: 'alice', reason: 'LostInNetwork', frames: 12 }])
  })

  describe('whose user goes', () => {
    const at = (slot: number, millis: number, sinceMillis: number) => ({
      ...{ ...aFrame(slot, 'x'), rtpTimestamp: millis * 90 },
      receiveTimeMicros: (sinceMillis + millis) * 1000,
    })
    const main = { userId: 'alice', stream: 'main' } as const
    const publish = (published: boolean) => {
      world.room.say({ type: 'available', ...main, kind: 'video', available: published })
      world.room.say({ type: 'published', ...main, published })
    }

    test('says that the end is unproven where nothing came any more before that', async () => {
      const result = world.start()
      await world.recording()
      world.room.publishes('alice', 1)
      const since = Date.now() - 1000
      for (let millis = 0; millis <= 600; millis += 40) world.room.frame(at(1, millis, since))
      publish(false)
      world.stop(terminated)
      expect(await result).toMatchObject({ outcome: 'Completed', losses: { stretches: 0 }, files: [{ message: 'ok' }] })
      expect(world.manifest.losses).toMatchObject([{ ...main, medium: 'video', reason: 'EndUnproven', framesAre: 'AtMost' }])
      expect(Date.parse(world.manifest.losses[0]!.from)).toBe(since + 600)
    })

    test('takes what was on its way for no sign of what they publish next', async () => {
      const result = world.start()
      await world.recording()
      world.room.publishes('alice', 1)
      const since = Date.now()
      publish(false)
      publish(true)
      world.room.frame(at(1, 40, since))
      world.room.say({ type: 'bound', slot: 2, ssrc: 2, ...main, kind: 'video' })
      world.room.frame(at(2, 640, since))
      world.stop(terminated)
      expect(await result).toMatchObject({ files: [{ status: 1 }, { status: 1 }] })
      expect(world.manifest.losses.map(({ reason }) => reason)).not.toContain('RoomAway')
    })
  })

  describe('whose wall clock is set while it records', () => {
    /** Alice publishes before, bob after; a pause begins before and ends after. */
    async function recordedOver(steppedMillis: number) {
      const result = world.start()
      await world.recording()
      world.room.publishes('alice', 1)
      const { subscribe } = aJob().spec
      await world.control({ version: 1, desiredState: 'Paused', subscribe })
      await expect.poll(() => world.run!.progress().state).toBe('paused')
      world.steppedMillis = steppedMillis
      // It is looked at twice, half a second apart, before it is believed.
      const note = () => readFile(join(world.root, 'work', 'school.maths', 'attempts', '1.json'), 'utf8')
      await expect.poll(note, { timeout: 5000 }).toContain('"after"')
      await world.control({ version: 1, desiredState: 'Running', subscribe })
      await expect.poll(() => world.run!.progress().state).toBe('recording')
      world.room.sends(1, 'more ')
      world.room.publishes('bob', 2)
      world.stop(terminated)
      const { startedAt, stoppedAt, storedAt } = await result
      return { manifest: world.manifest, startedAt: startedAt!, stoppedAt: stoppedAt!, storedAt: storedAt! }
    }
    const millis = (from: string, to: string | null | undefined) => Date.parse(to!) - Date.parse(from)

    test('ahead tells times by it from then on: files end, and go on as the next ones', async () => {
      const { manifest, startedAt, stoppedAt, storedAt } = await recordedOver(3_600_000)
      const begun = (userId: string, part = 1) =>
        manifest.files.find((file) => file.userId === userId && file.part === part)!.startTime
      for (const later of [begun('bob'), begun('alice', 2), stoppedAt, storedAt, manifest.endTime!, manifest.pauses[0]!.to!]) {
        expect(millis(begun('alice'), later)).toBeGreaterThan(3_600_000)
        expect(millis(begun('alice'), later)).toBeLessThan(3_620_000)
      }
      expect(millis(startedAt, begun('alice'))).toBeLessThan(20_000)
      expect(manifest.clockSteps).toHaveLength(1)
      const { time, before, after } = manifest.clockSteps[0]!
      expect(Math.abs(millis(before, after) - 3_600_000)).toBeLessThan(100)
      expect(millis(time, before)).toBe(0)
      expect(millis(manifest.pauses[0]!.from, time)).toBeGreaterThanOrEqual(0)
    })

    test('back tells times as before, and by how much it was set and when', async () => {
      const { manifest, startedAt, stoppedAt, storedAt } = await recordedOver(-3_600_000)
      expect(manifest.files.map(({ userId, part }) => `${userId} ${part}`)).toEqual(['alice 1', 'bob 1'])
      expect(manifest.clockSteps).toHaveLength(1)
      const { time, before, after } = manifest.clockSteps[0]!
      expect(Math.abs(millis(before, after) + 3_600_000)).toBeLessThan(100)
      const [pause] = manifest.pauses
      const [alice, bob] = manifest.files.map(({ startTime }) => startTime)
      // As the fake room stamps what it says by whole milliseconds, a file may begin one early.
      const rising = [startedAt, pause!.from, time, pause!.to!, stoppedAt, storedAt]
      expect(rising).toEqual(rising.toSorted())
      for (const later of [alice!, bob!, ...rising, ...manifest.events.map(({ time }) => time)]) {
        expect(millis(startedAt, later)).toBeGreaterThanOrEqual(-1)
        expect(millis(startedAt, later)).toBeLessThan(20_000)
      }
    })
  })

  test('says how far it is', async () => {
    const result = world.start()
    await world.recording()
    expect(await world.run!.notReady()).toBeUndefined()
    world.room.publishes('alice', 1)
    expect(world.run!.progress()).toMatchObject({
      state: 'recording',
      participants: [{ userId: 'alice', audio: false, video: true, aux: false, recorded: true }],
      recordedBytes: 6,
      files: [{ userId: 'alice', state: 'recording' }],
    })
    world.stop(terminated)
    await result
    expect(world.run!.progress()).toMatchObject({ state: 'done', files: [{ state: 'stored' }] })
    expect(await world.run!.notReady()).toBe('the recorder is done')
  })

  test('a file that is not whole is stored all the same, has status 0 and stays on the volume', async () => {
    world.media.problem = 'recording: 3 s are missing'
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'FileFailed', files: [{ status: 0, message: 'recording: 3 s are missing' }] })
    expect(world.store.objects.size).toBe(2)
    expect(world.media.left).toHaveLength(1)
  })
})
