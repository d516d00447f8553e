/**
 * A recorder as a process of its own, Chromium with the real SDK, the sandbox's room and COS in this process. Files are fetched back from COS
 * and compared, picture by picture, with what their users sent. Each test has a world of its own, and most of each is waiting: some run at a
 * time. What is measured by the clock, or takes both processors, runs alone, at the end.
 */
import type { Loss, RecordedFile, RecorderResult } from '@trtc-recorder/api'
import { describe, expect } from 'vitest'
import { processTree } from './processes.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { test } from './test-in-world.ts'
import type { World } from './world.ts'

const seconds = (n: number) => new Promise((resolve) => setTimeout(resolve, n * 1000))
const whose = (result: RecorderResult | undefined) => result?.files.map(({ userId, stream }) => `${userId} ${stream}`).sort()
const fileOf = (result: RecorderResult | undefined, userId: string, stream = 'main'): RecordedFile =>
  result!.files.find((file) => file.userId === userId && file.stream === stream)!

async function recordAlice(world: World) {
  await world.publish('alice', { video: true, audio: true })
  const recorder = await world.recordFromNow()
  await recorder.logged({ msg: 'Media arrived', userId: 'alice', kind: 'video' })
  await seconds(2)
  return recorder
}

async function oneFile(recorder: RecorderProcess) {
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed' })
  expect(whose(result)).toEqual(['alice main'])
  return fileOf(result, 'alice')
}

// Begun first: the first of them takes longer than any other.
describe.concurrent('a connection that breaks', () => {
  test('closed by the room for good: the SDK says nothing and does nothing; another page enters once media ends too', async ({
    world,
  }) => {
    const recorder = await recordAlice(world)
    await world.dropSignalling(1000)
    while (recorder.logs.filter(({ msg }) => msg === 'Room entered').length < 2) await seconds(0.2)
    while (recorder.logs.filter(({ msg }) => msg === 'File opened').length < 2) await seconds(0.2)
    await seconds(2)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ attempt: 1, outcome: 'Completed' })
    expect(whose(result)).toEqual(['alice main', 'alice main'])
  })

  test('signalling: the SDK comes back, and the file goes on without a gap', async ({ world }) => {
    const recorder = await recordAlice(world)
    await world.dropSignalling()
    await recorder.logged({ msg: 'Connection to the room recovered' })
    await seconds(3)
    expect(await world.findings(await oneFile(recorder), { mode: '02' })).toEqual([])
  })

  test('signalling, and the session is gone: the SDK joins again with new receivers, and the file goes on', async ({ world }) => {
    const recorder = await recordAlice(world)
    const arrivals = () => recorder.logs.filter(({ msg, kind }) => msg === 'Media arrived' && kind === 'video').length
    await world.refuseReconnect(true)
    await world.dropSignalling()
    while (arrivals() < 2) await seconds(0.2)
    await world.refuseReconnect(false)
    await seconds(3)
    const { durationSeconds } = await oneFile(recorder)
    expect(durationSeconds).toBeGreaterThan(5)
  })
})

describe.concurrent('what is recorded', () => {
  test('mode 02: picture and sound of each user in a file of their own, and nothing of the excluded', async ({ world }) => {
    await world.publish('alice', { video: true, audio: true })
    await world.publish('carol', { audio: true })
    await world.publish('dave', { video: true, audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '02', subscribe: { exclude: ['dave'] } } })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await recorder.logged({ msg: 'File opened', userId: 'carol' })
    await seconds(6)
    const { participants } = await recorder.status()
    expect(participants.map(({ userId, recorded }) => `${userId} ${recorded}`).sort()).toEqual([
      'alice true',
      'carol true',
      'dave false',
    ])
    expect((await recorder.get('/readyz')).status).toBe(200)
    expect(await world.received()).toEqual({ alice: ['audio', 'video'], carol: ['audio'] })
    recorder.kill('SIGTERM')
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', stopReason: 'Terminated' })
    expect(exitCode).toBe(0)
    expect(whose(result)).toEqual(['alice main', 'carol main'])
    expect(await world.findings(fileOf(result, 'alice'), { mode: '02' })).toEqual([])
    expect(await world.findings(fileOf(result, 'carol'), { mode: '02', published: { video: false, audio: true } })).toEqual([])
    const manifest = await world.manifest()
    expect(manifest.files.map(({ userId }) => userId).sort()).toEqual(['alice', 'carol'])
    expect(manifest.events.map(({ userId, event }) => `${userId} ${event}`)).toEqual(
      expect.arrayContaining(['alice enter', 'alice videoOn', 'carol audioOn']),
    )
    expect(manifest.events.filter(({ userId }) => userId === 'dave')).toEqual([])
  })

  test('mode 00: sound as MP3, of the included only, and no picture is even asked for', async ({ world }) => {
    await world.publish('student_1', { video: true, audio: true })
    await world.publish('teacher', { video: true, audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '00', subscribe: { include: ['student_.*$'] } } })
    await recorder.logged({ msg: 'File opened', userId: 'student_1' })
    await seconds(5)
    expect(await world.received()).toEqual({ student_1: ['audio'] })
    recorder.kill('SIGINT')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    expect(whose(result)).toEqual(['student_1 main'])
    expect(fileOf(result, 'student_1').path).toMatch(/\.mp3$/)
    expect(await world.findings(fileOf(result, 'student_1'), { mode: '00' })).toEqual([])
  })

  test('mode 01: pictures without sound, camera and screen in two files', async ({ world }) => {
    await world.publish('alice', { video: true, audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '01' } })
    await recorder.logged({ msg: 'File opened', userId: 'alice', stream: 'main' })
    await world.publish('alice', { video: true, audio: true, aux: true })
    await recorder.logged({ msg: 'File opened', userId: 'alice', stream: 'aux' })
    await seconds(5)
    expect(await world.received()).toEqual({ alice: ['aux', 'video'] })
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(whose(result)).toEqual(['alice aux', 'alice main'])
    expect(await world.findings(fileOf(result, 'alice'), { mode: '01' })).toEqual([])
    expect(await world.findings(fileOf(result, 'alice', 'aux'), { mode: '01', stream: 'aux' })).toEqual([])
  })

  test('a string room is another room than the number room of the same name', async ({ world }) => {
    await world.publish('somebody-else', { audio: true })
    world.stringRoom = true
    await world.publish('alice', { audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '00' } })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(whose(result)).toEqual(['alice main'])
    expect(await world.findings(fileOf(result, 'alice'), { mode: '00' })).toEqual([])
  })

  test('muting stays in the file, leaving and coming back begins the next one', async ({ world }) => {
    await world.publish('bob', { video: true, audio: true })
    const recorder = await world.recordFromNow()
    const { file: first } = await recorder.logged({ msg: 'File opened', userId: 'bob' })
    await seconds(3)
    await world.mute('bob', 'video', true)
    await seconds(3)
    await world.mute('bob', 'video', false)
    await seconds(4)
    await world.leave('bob')
    await recorder.logged({ msg: 'File stored and verified', file: first })
    await world.publish('bob', { video: true, audio: true })
    while (recorder.logs.filter(({ msg }) => msg === 'File opened').length < 2) await seconds(0.1)
    await seconds(4)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    expect(whose(result)).toEqual(['bob main', 'bob main'])
    const [before, after] = result!.files
    expect(before!.durationSeconds).toBeGreaterThan(9)
    expect(before!.startTime < after!.startTime).toBe(true)
    const videoGaps = await world.videoGaps(before!)
    expect(videoGaps).toHaveLength(1)
    expect(await world.findings(before!, { mode: '02', videoGaps })).toEqual([])
    expect(await world.findings(after!, { mode: '02' })).toEqual([])
    const events = (await world.manifest()).events.map(({ event }) => event)
    expect(events.filter((event) => event === 'videoOff').length).toBeGreaterThan(0)
    expect(events.filter((event) => event === 'leave')).toHaveLength(1)
  })

  test('coming back within limits.reconnectWindowSeconds goes on in the same file, with a gap', async ({ world }) => {
    await world.publish('bob', { video: true, audio: true })
    const recorder = await world.recordFromNow({ spec: { limits: { reconnectWindowSeconds: 20 } } })
    await recorder.logged({ msg: 'File opened', userId: 'bob' })
    await seconds(3)
    await world.leave('bob')
    await recorder.logged({ msg: 'Anchor left', userId: 'bob' })
    await seconds(2)
    await world.publish('bob', { video: true, audio: true })
    await seconds(4)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(whose(result)).toEqual(['bob main'])
    expect(await world.videoGaps(result!.files[0]!)).toHaveLength(1)
  })

  test('a receiver that the SDK hands on to the next user does not mix their files', async ({ world }) => {
    await world.publish('alice', { video: true, audio: true })
    const recorder = await world.recordFromNow()
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(3)
    await world.leave('alice')
    await world.publish('bob', { video: true, audio: true })
    await recorder.logged({ msg: 'File opened', userId: 'bob' })
    await seconds(4)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(whose(result)).toEqual(['alice main', 'bob main'])
    for (const userId of ['alice', 'bob']) expect(await world.findings(fileOf(result, userId), { mode: '02' })).toEqual([])
  })
})

describe.concurrent('whom the room does not send', () => {
  test('they are asked for again until they come, and who never does is missing in status and ledger', async ({ world }) => {
    // Of his sound and of his picture.
    await world.ignoreSubscriptions('bob', 2)
    await world.ignoreSubscriptions('carol', 1000)
    for (const userId of ['alice', 'carol']) await world.publish(userId, { audio: true })
    await world.publish('bob', { audio: true, video: true })
    const recorder = await world.recordFromNow()
    for (const kind of ['audio', 'video']) await recorder.logged({ msg: 'Media arrived', userId: 'bob', kind })
    await recorder.logged({ msg: 'What was subscribed does not come; subscribed again', userId: 'carol' })
    const missing = async () =>
      (await recorder.status()).participants.flatMap(({ userId, missing }) => (missing.length > 0 ? [{ userId, missing }] : []))
    await expect.poll(missing, { timeout: 30_000 }).toEqual([{ userId: 'carol', missing: ['audio'] }])
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed' })
    expect(whose(result)).toEqual(['alice main', 'bob main'])
    const { losses } = await world.manifest()
    expect(losses.map(({ userId, medium, reason }) => ({ userId, medium, reason }))).toEqual([
      { userId: 'carol', medium: 'audio', reason: 'NeverArrived' },
    ])
    const published = { video: false, audio: true }
    expect(await world.findings(fileOf(result, 'alice'), { mode: '02', published })).toEqual([])
  })

  test('no UDP passes: MediaUnreachable, although it was only asked to stop', async ({ world }) => {
    await world.blockMedia(true)
    await world.publish('alice', { audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '00' } })
    await seconds(8)
    recorder.kill('SIGTERM')
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'MediaUnreachable', stopReason: 'Terminated', files: [] })
    expect(exitCode).toBe(21)
    expect((await world.manifest()).losses).toMatchObject([{ userId: 'alice', reason: 'NeverArrived' }])
  })
})

describe.concurrent('why it stops', () => {
  test('nobody publishes: Idle', async ({ world }) => {
    const recorder = await world.record({ spec: { limits: { idleTimeoutSeconds: 5 } } })
    expect(await recorder.ended).toMatchObject({ exitCode: 0, result: { outcome: 'Completed', stopReason: 'Idle', files: [] } })
  })

  test('the time is up: MaxDuration', async ({ world }) => {
    await world.publish('alice', { audio: true })
    const recorder = await world.record({ spec: { mode: '00', limits: { maxDurationSeconds: 5 } } })
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', stopReason: 'MaxDuration', files: [{ userId: 'alice', status: 1 }] })
  })

  test.for([
    ['removed by the API', 'RemovedByApi', (world: World) => world.removeRecorder()],
    ['room dissolved', 'RoomDismissed', (world: World) => world.dismissRoom()],
  ] as const)('%s: %s, and what it has is stored', async ([_, stopReason, end], { world }) => {
    await world.publish('alice', { audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '00' } })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    await end(world)
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', stopReason, files: [{ userId: 'alice', status: 1 }] })
    expect(exitCode).toBe(0)
  })

  test('somebody else enters with its userId: DuplicateUser', async ({ world }) => {
    const first = await world.recordFromNow({ name: 'first' })
    const second = await world.recordFromNow({ name: 'second' })
    expect((await first.ended).result).toMatchObject({ outcome: 'Completed', stopReason: 'DuplicateUser' })
    second.kill('SIGTERM')
    expect((await second.ended).result).toMatchObject({ stopReason: 'Terminated' })
  })

  test('a second SIGTERM loses nothing', async ({ world }) => {
    await world.publish('alice', { audio: true })
    const recorder = await world.recordFromNow({ spec: { mode: '00' } })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    recorder.kill('SIGTERM')
    await recorder.logged({ msg: 'Asked to stop' })
    recorder.kill('SIGTERM')
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
    expect(exitCode).toBe(0)
  })
})

describe.concurrent('what cannot begin', () => {
  test.for([
    ['made with another key', { secretKey: 'f'.repeat(64) }, 70003],
    ['expired', { issuedAtSeconds: 1_700_000_000, expireSeconds: 60 }, 70001],
    ['for another user', { userId: 'somebody' }, 70013],
  ] as const)('a UserSig %s: refused, with TRTC’s code and what it means', async ([_, facts, trtcCode], { world }) => {
    const recorder = await world.record({ userSig: world.userSig(facts) })
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'RoomRefused', trtcCode, stopReason: 'NeverStarted', files: [] })
    expect(result!.message).toMatch(/UserSig/)
    expect(exitCode).toBe(14)
  })

  test('a Secret that is not there: named', async ({ world }) => {
    const recorder = await world.record({ spec: { userSigSecretRef: { name: 'missing' } } })
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({
      outcome: 'SecretNotFound',
      message: expect.stringContaining('Secret missing has no key userSig'),
    })
    expect(exitCode).toBe(11)
  })
})

describe.concurrent('what does not end well', () => {
  test('a bucket that is not there: recorded all the same, and the files stay on the volume', async ({ world }) => {
    await world.publish('alice', { audio: true })
    const recorder = await world.record({ bucket: 'nowhere-1250000000' })
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    expect((await recorder.status()).storage).toMatchObject({ state: 'refused' })
    recorder.kill('SIGTERM')
    const { exitCode, result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'UploadRefused', files: [{ userId: 'alice', status: 0 }] })
    expect(result!.message).toContain('nowhere-1250000000')
    expect(exitCode).toBe(19)
  })

  test('a recorder that is killed: the next attempt has what it recorded, and records the rest', async ({ world }) => {
    await world.publish('alice', { video: true, audio: true })
    const first = await world.recordFromNow()
    await first.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(5)
    first.kill('SIGKILL')
    await first.ended
    const second = await world.recordFromNow()
    await second.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(3)
    second.kill('SIGTERM')
    const { exitCode, result } = await second.ended
    expect(result).toMatchObject({ attempt: 2, outcome: 'Completed' })
    expect(result!.files.map(({ attempt, userId }) => `${attempt} ${userId}`)).toEqual(['1 alice', '2 alice'])
    for (const file of result!.files) expect(await world.findings(file, { mode: '02' })).toEqual([])
    expect(result!.files[0]!.durationSeconds).toBeGreaterThan(3.5)
    const { files, losses } = await world.manifest()
    expect(files).toHaveLength(2)
    const entered = result!.startedAt
    // Each medium is missing from where it ends in the file; the file ends with the one of which there is more.
    const absences = losses.filter(({ reason }) => reason === 'RecorderKilled')
    const missing = ['audio', 'video'].map((medium) => ({ userId: 'alice', medium, to: entered }))
    expect(absences.toSorted((a, b) => a.medium.localeCompare(b.medium))).toMatchObject(missing)
    const end = Date.parse(files[0]!.endTime!)
    const begins = absences.map(({ from }) => Date.parse(from))
    expect(Math.max(...begins)).toBe(end)
    expect(Math.min(...begins)).toBeGreaterThanOrEqual(end - 1000)
    expect(exitCode).toBe(0)
  })

  test('COS that is out: the file waits on the volume, and the next attempt stores it', async ({ world }) => {
    await world.publish('alice', { audio: true })
    const first = await world.recordFromNow({ spec: { mode: '00' }, environment: { TRTC_RECORDER_UPLOAD_SECONDS: '3' } })
    await first.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    await world.cos.outage(true)
    first.kill('SIGTERM')
    const { exitCode, result } = await first.ended
    expect(result).toMatchObject({ outcome: 'UploadIncomplete', files: [{ userId: 'alice', status: 0 }] })
    expect(exitCode).toBe(17)
    await world.cos.outage(false)
    await world.leave('alice')
    const second = await world.recordFromNow({ spec: { mode: '00' } })
    second.kill('SIGTERM')
    const finished = (await second.ended).result
    expect(finished).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', attempt: 1, status: 1 }] })
    expect(await world.findings(fileOf(finished, 'alice'), { mode: '00' })).toEqual([])
  })
})

test.concurrent.for([
  ['of Secrets with a UserSig and keys for COS', false],
  ['of the application’s key and the role of a node', true],
] as const)('no secret %s is in any output, command line, environment, or file on the volume', async ([_, byRole], { world }) => {
  await world.publish('alice', { audio: true })
  const recorder = await world.recordFromNow({ spec: { mode: '00' }, byRole })
  await recorder.logged({ msg: 'File opened' })
  const processes = await processTree(recorder.pid)
  expect(processes.some(({ commandLine }) => commandLine.includes('--user-data-dir'))).toBe(true)
  const status = await recorder.status()
  expect(Boolean(status.userSigExpiresAt)).toBe(!byRole)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
  expect(result?.userSigExpiresAt).toBe(status.userSigExpiresAt)
  for (const secret of world.secrets) {
    expect(recorder.output).not.toContain(secret)
    for (const { commandLine, environment } of processes) expect(`${commandLine} ${environment}`).not.toContain(secret)
    expect(await world.workFilesWith(secret)).toEqual([])
  }
})

describe('a browser that fails', () => {
  test.for([
    ['Chromium that crashes', 'SIGKILL', '--user-data-dir'],
    ['page that hangs', 'SIGSTOP', '--type=renderer'],
  ] as const)(
    '%s: another one is in the room within 5 s, and files go on as the next ones',
    async ([_, signal, mark], { world }) => {
      await world.publish('alice', { video: true, audio: true })
      const recorder = await world.recordFromNow()
      await recorder.logged({ msg: 'Media arrived', userId: 'alice', kind: 'video' })
      await seconds(2)
      const victim = (await processTree(recorder.pid)).find(({ commandLine }) => commandLine.includes(mark))
      const since = performance.now()
      process.kill(victim!.pid, signal)
      while (recorder.logs.filter(({ msg }) => msg === 'Room entered').length < 2) await seconds(0.05)
      expect(performance.now() - since).toBeLessThan(5000)
      while (recorder.logs.filter(({ msg }) => msg === 'File opened').length < 2) await seconds(0.05)
      await seconds(3)
      expect((await recorder.get('/readyz')).status).toBe(200)
      recorder.kill('SIGTERM')
      const { exitCode, result } = await recorder.ended
      expect(result).toMatchObject({ attempt: 1, outcome: 'Completed' })
      expect(whose(result)).toEqual(['alice main', 'alice main'])
      for (const file of result!.files) expect(await world.findings(file, { mode: '02' })).toEqual([])
      const { losses, events } = await world.manifest()
      const away = losses.filter(({ reason }) => reason === 'RoomAway')
      expect(away.map(({ userId, medium }) => `${userId} ${medium}`).sort()).toEqual(['alice audio', 'alice video'])
      for (const { from, to } of away) expect(Date.parse(to) - Date.parse(from)).toBeLessThan(7000)
      expect(events.filter(({ event }) => event === 'enter')).toHaveLength(1)
      expect(events.filter(({ event }) => event === 'resumed')).toHaveLength(1)
      expect(exitCode).toBe(0)
    },
  )

  test('while it enters: the next one enters, and is not ended by the first one’s end', async ({ world }) => {
    await world.publish('alice', { audio: true })
    const recorder = await world.record({ spec: { mode: '00' } })
    const browser = async () =>
      (await processTree(recorder.pid)).find(({ commandLine }) => commandLine.includes('--user-data-dir'))
    let first = await browser()
    for (; first === undefined; first = await browser()) await seconds(0.02)
    process.kill(first.pid, 'SIGKILL')
    await recorder.logged({ msg: 'File opened', userId: 'alice' })
    await seconds(2)
    recorder.kill('SIGTERM')
    expect((await recorder.ended).result).toMatchObject({
      attempt: 1,
      outcome: 'Completed',
      files: [{ userId: 'alice', status: 1 }],
    })
  })
})

test('the media path: noticed in 2 s and built anew, and the file goes on with a gap', async ({ world }) => {
  const recorder = await recordAlice(world)
  const arrivals = () => recorder.logs.filter(({ msg, kind }) => msg === 'Media arrived' && kind === 'video').length
  const since = performance.now()
  await world.killMediaPath()
  await recorder.logged({ msg: 'No media comes from the room; its connection is built anew' })
  expect(performance.now() - since).toBeLessThan(3000)
  while (arrivals() < 2) await seconds(0.05)
  expect(performance.now() - since).toBeLessThan(5000)
  await seconds(3)
  await oneFile(recorder)
  const { losses } = await world.manifest()
  const away = losses.filter(({ reason }) => reason === 'RoomAway')
  expect(away.map(({ userId, medium }) => `${userId} ${medium}`).sort()).toEqual(['alice audio', 'alice video'])
})

test('thirty in the same second, and one who stops and begins again within 100 ms', async ({ world }) => {
  const everybody = Array.from({ length: 30 }, (_, n) => `user${String(n).padStart(2, '0')}`)
  // As a real encoder does.
  const small = { width: 320, height: 180, fps: 5, loopSeconds: 4, keyFrames: 'onRequest' as const }
  // Once to have the clips made, which takes longer than a second.
  for (const userId of everybody) await world.publish(userId, { video: true }, small)
  for (const userId of everybody) await world.leave(userId)
  const recorder = await world.recordFromNow({ spec: { mode: '01' } })
  await Promise.all(everybody.map((userId) => world.publish(userId, { video: true }, small)))
  const opened = () => recorder.logs.filter(({ msg }) => msg === 'File opened').length
  while (opened() < 30) await seconds(0.1)
  await seconds(2)
  await world.leave('user07')
  await world.publish('user07', { video: true }, small)
  while (opened() < 31) await seconds(0.1)
  await seconds(3)
  expect((await recorder.status()).participants.flatMap(({ missing }) => missing)).toEqual([])
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed' })
  expect(whose(result)).toEqual([...everybody, 'user07'].map((userId) => `${userId} main`).sort())
  // A first key frame may come before Chromium is ready for it: what comes until it has asked for another one does not decode, of a real publisher neither, and is named.
  const { losses } = await world.manifest()
  const isBeforeItsFile = ({ reason, file, to, frames }: Loss) => {
    const startMillis = Date.parse(result!.files.find(({ path }) => path.endsWith(file!))!.startTime)
    return reason === 'NoKeyFrame' && frames! < small.fps && Date.parse(to) < startMillis
  }
  expect(losses.filter((loss) => !isBeforeItsFile(loss))).toEqual([])
  for (const userId of ['user00', 'user07', 'user29']) {
    expect(await world.findings(fileOf(result, userId), { mode: '01' }, small)).toEqual([])
  }
})
