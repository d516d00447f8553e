import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Control, type Manifest, manifestSchema, type RecorderJob } from '@trtc-recorder/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Clock } from '../clock/clock.ts'
import { StoreError } from '../store/upload.ts'
import { Run } from './run.ts'
import type { Stop } from './stop-policy.ts'
import { aFrame, aJob, FakeMedia, FakeRoom, FakeStore, noLog } from './testing.ts'

const terminated: Stop = { reason: 'Terminated', message: 'The recorder was asked to stop' }

/** One volume and one bucket, and as many attempts as a test wants. */
class World {
  readonly media = new FakeMedia()
  readonly store = new FakeStore()
  readonly secrets: string[] = []
  room = new FakeRoom()
  root = ''
  passedMillis = 0
  steppedMillis = 0
  stop = (_: Stop) => {}
  run: Run | undefined
  salvageWaitsFor: Promise<void> | undefined
  readonly salvaged: string[] = []

  start(job: RecorderJob = aJob(), options: { byHand?: boolean; uploadSeconds?: number } = {}) {
    this.room = Object.assign(new FakeRoom(), { onOpen: this.room.onOpen })
    const stopRequested = new Promise<Stop>((resolve) => {
      this.stop = resolve
    })
    this.run = new Run({
      job,
      byHand: false,
      uploadSeconds: 5,
      ...options,
      workDirectory: join(this.root, 'work'),
      controlPath: join(this.root, 'control.json'),
      clipsPath: join(this.root, 'clips.json'),
      secretsDirectory: join(this.root, 'secrets'),
      chromium: { path: '', args: [] },
      replayPage: join(this.root, 'replay.html'),
      stopRequested,
      onSecret: (value) => this.secrets.push(value),
      log: noLog,
      clock: new Clock({
        monotonicMillis: () => performance.now() + this.passedMillis,
        wallMillis: () => Date.now() + this.passedMillis + this.steppedMillis,
      }),
      components: {
        openRoom: (options, handlers) => this.room.open(options, handlers),
        openMediaFile: this.media.open,
        leftMediaFiles: async () => this.media.left.map(({ identity }) => identity.name),
        salvageMediaFile: async (_, name) => {
          this.salvaged.push(name)
          await this.salvageWaitsFor
          return this.media.salvage(name)
        },
        createStore: () => this.store,
      },
    })
    return this.run.result()
  }

  async control(control: Control): Promise<void> {
    await writeFile(join(this.root, 'control.json'), JSON.stringify(control))
  }

  passSeconds(seconds: number): void {
    this.passedMillis += seconds * 1000
  }

  async recording(): Promise<void> {
    while (this.run!.progress().state === 'starting') await new Promise((resolve) => setImmediate(resolve))
  }

  get manifest(): Manifest {
    return manifestSchema.parse(JSON.parse(this.store.objects.get('lessons/maths.manifest.json')!))
  }
}

let world: World
beforeEach(async () => {
  world = new World()
  world.root = await mkdtemp(join(tmpdir(), 'run-'))
  for (const [path, value] of Object.entries({ 'trtc/userSig': 'sig', 'cos/secretId': 'id', 'cos/secretKey': 'key' })) {
    await mkdir(join(world.root, 'secrets', path, '..'), { recursive: true })
    await writeFile(join(world.root, 'secrets', path), value)
  }
})
afterEach(() => rm(world.root, { recursive: true }))

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

  describe('with a replay page', () => {
    const job = () => aJob({ outputs: { replay: true } })
    const recorded = async () => {
      const result = world.start(job())
      await world.recording()
      world.room.publishes('alice', 1)
      world.room.ends({ type: 'sentOut', reason: 'RoomDismissed', message: 'The room was dissolved' })
      return result
    }

    test('puts it beside the files, with everything of the recording in it, and lists it', async () => {
      await writeFile(join(world.root, 'replay.html'), '<script id="recording">"the recording"</script>')
      const { outcome, outputs } = await recorded()
      expect(outcome).toBe('Completed')
      expect(outputs).toMatchObject([{ kind: 'replay', path: 'lessons/maths.replay.html', status: 1, message: 'ok' }])
      expect(world.manifest.outputs).toEqual(outputs)
      const page = world.store.objects.get('lessons/maths.replay.html')!
      const { manifest, folder } = JSON.parse(page.slice('<script id="recording">'.length, -'</script>'.length))
      expect(folder).toBe('lessons/')
      expect(manifest.files).toEqual(JSON.parse(JSON.stringify(world.manifest.files)))
    })

    test('that cannot be made, has its files, and says what is missing', async () => {
      const { outcome, outputs, files } = await recorded()
      expect(outcome).toBe('Completed')
      expect(files).toMatchObject([{ userId: 'alice', status: 1 }])
      expect(outputs).toMatchObject([{ kind: 'replay', status: 0, url: '', message: expect.stringContaining('ENOENT') }])
      expect(world.manifest.outputs).toEqual(outputs)
    })
  })

  test('keeps media for what is made of its sound while another attempt records on, and lets it go otherwise', async () => {
    const recording = { namespace: 'school', name: 'maths', uid: 'some-uid' }
    for (const [outputs, left] of [
      [{ speech: true }, 1],
      [{}, 0],
    ] as const) {
      const result = world.start(aJob({ outputs }, { recording, attempt: 1 + left }))
      await world.recording()
      world.room.publishes('alice', 1)
      world.stop(terminated)
      expect(await result).toMatchObject({ files: expect.arrayContaining([expect.objectContaining({ status: 1 })]), outputs: [] })
      expect(world.media.left.splice(0)).toHaveLength(left)
    }
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

  test('told to stop by its control file, it says who wanted that', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    await world.control({ version: 1, desiredState: 'Stopped', stopReason: 'Deleted', subscribe: aJob().spec.subscribe })
    expect(await result).toMatchObject({ outcome: 'Completed', stopReason: 'Deleted', files: [{ status: 1 }] })
  })

  test('paused by its control file it takes what had come, then nothing, and says from when to when', async () => {
    const { subscribe } = aJob().spec
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    const before = Date.now() * 1000 - 1000
    world.room.inPage.push(
      { ...aFrame(1, 'before '), key: false, receiveTimeMicros: before },
      { ...aFrame(1, 'secret '), receiveTimeMicros: Number.MAX_SAFE_INTEGER },
    )
    await world.control({ version: 1, desiredState: 'Paused', subscribe })
    await expect.poll(() => world.run!.progress().state).toBe('paused')
    expect(await world.run!.notReady()).toBeUndefined()
    expect(world.room.subscribed).toEqual([])
    world.room.sends(1, 'secret ')
    await world.control({ version: 1, desiredState: 'Running', subscribe })
    await expect.poll(() => world.run!.progress().state).toBe('recording')
    world.room.sends(1, 'later ')
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
    expect([...world.store.objects.values()][0]).toBe('alice before later |')
    const [pause] = world.manifest.pauses
    const events = world.manifest.events.filter(({ event }) => event === 'paused' || event === 'resumed')
    expect(events).toMatchObject([{ event: 'paused' }, { event: 'resumed' }])
    expect(Date.parse(pause!.to!)).toBeGreaterThan(Date.parse(pause!.from))
  })

  test('whose events somebody asks for keeps what happens, in order, and ends when they have it', async () => {
    const { subscribe } = aJob().spec
    const result = world.start(aJob({}, { keepsEvents: true }))
    await world.recording()
    world.room.publishes('alice', 1)
    for (const [desiredState, state] of [
      ['Paused', 'paused'],
      ['Running', 'recording'],
    ] as const) {
      await world.control({ version: 1, desiredState, subscribe })
      await expect.poll(() => world.run!.progress().state).toBe(state)
    }
    // The state is said a moment before the event is.
    await expect.poll(() => world.run!.events(0)!.events).toHaveLength(3)
    world.stop(terminated)
    await expect.poll(() => world.run!.events(3)!.events).toHaveLength(2)
    expect(world.run!.events(0)!.events.map(({ id, type, object }) => [id, type, object?.userId])).toEqual([
      [1, 'recordingStarted', undefined],
      [2, 'recordingPaused', undefined],
      [3, 'recordingResumed', undefined],
      [4, 'recordingStopped', undefined],
      [5, 'fileFinished', 'alice'],
    ])
    expect(world.run!.events(0)!.events.at(-1)!.object).toMatchObject({ status: 1, message: 'ok', url: expect.any(String) })
    expect(world.run!.events(5)!.events).toEqual([])
    expect(await result).toMatchObject({ outcome: 'Completed' })
  })

  test('with slices stores those of each user, lists them in the manifest, and counts them', async () => {
    const result = world.start(aJob({ live: { audioSlices: { seconds: 5, users: { include: ['alice'] } } } }))
    await world.recording()
    const now = Date.now()
    for (const [slot, userId] of ['alice', 'bob'].entries()) {
      world.room.say({ type: 'anchorEntered', userId })
      world.room.say({ type: 'available', userId, stream: 'main', kind: 'audio', available: true })
      world.room.say({ type: 'bound', slot, ssrc: slot + 1, userId, stream: 'main', kind: 'audio' })
      for (let n = 0; n < 400; n++) {
        world.room.frame({
          ...{
            ...aFrame(slot, ''),
            kind: 'audio',
            ssrc: slot + 1,
            mimeType: 'audio/opus',
            data: Uint8Array.of(0xf8, 0xff, 0xfe),
          },
          ...{ sequenceNumber: n, rtpTimestamp: n * 960, receiveTimeMicros: (now + n * 20) * 1000 },
        })
      }
    }
    world.stop(terminated)
    const { live } = await result
    const [index] = world.manifest.live
    expect(world.manifest.live).toMatchObject([{ part: 'audioSlices', userId: 'alice', stream: 'main', lost: 0 }])
    expect(live).toEqual([{ part: 'audioSlices', stored: index!.stored, waiting: 0, lost: 0 }])
    const slices = [...world.store.objects.keys()].filter((key) => key.endsWith('.ogg'))
    expect(slices).toHaveLength(index!.stored)
    // 8 s have one border or two in them.
    expect([2, 3]).toContain(slices.length)
    expect(slices[0]).toMatch(/^lessons\/maths\.YWxpY2U\.main\.audioSlices\/\d{17}\.ogg$/)
    expect(Date.parse(index!.to) - Date.parse(index!.from)).toBeCloseTo(8000, -1)
  })

  test('started paused it is in the room, and asks for nobody', async () => {
    await world.control({ version: 1, desiredState: 'Paused', subscribe: aJob().spec.subscribe })
    const result = world.start()
    await world.recording()
    expect(world.run!.progress().state).toBe('paused')
    world.room.publishes('alice', 1)
    expect(world.room.subscribed).toEqual([])
    world.stop(terminated)
    expect(await result).toMatchObject({ outcome: 'Completed', files: [] })
    expect(world.manifest.pauses).toHaveLength(1)
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

  test('whose wall clock is set while it records tells new files by the new time and leaves the old ones as they are', async () => {
    const result = world.start()
    await world.recording()
    world.room.publishes('alice', 1)
    world.steppedMillis = 3_600_000
    world.room.publishes('bob', 2)
    // It is looked at twice, half a second apart, before it is believed.
    await new Promise((resolve) => setTimeout(resolve, 1200))
    world.room.publishes('carol', 3)
    world.room.sends(1, 'more ')
    world.stop(terminated)
    const { files } = await result
    const begun = (userId: string) => Date.parse(files.find((file) => file.userId === userId)!.startTime)
    expect(begun('carol') - begun('alice')).toBeGreaterThan(3_600_000)
    expect(begun('carol') - begun('alice')).toBeLessThan(3_620_000)
    expect(begun('bob') - begun('alice')).toBeLessThan(20_000)
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
