import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClipJob, clipJobSchema } from '@trtc-recorder/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runClip } from '../../recorder-image/src/clips/run-clip.ts'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { play } from '../../recorder-image/src/media/testing/playback.ts'
import { finishAndPlay, openFile, silentLog } from '../../recorder-image/src/media/testing/recording.ts'
import { epochMicros, send } from '../../recorder-image/src/media/testing/sender.ts'
import { bucket, type Harness, region, startHarness } from './harness.ts'

const seconds = 12
const manifestKey = 'lessons/math_uid.manifest.json'
const at = (second: number) => new Date(epochMicros / 1000 + second * 1000).toISOString()

let harness: Harness
let directory: string
/** Bytes of the whole file, and of its head. */
let source: { path: string; bytes: number; headBytes: number }
beforeAll(async () => {
  harness = await startHarness()
  directory = await mkdtemp(join(tmpdir(), 'clips-'))
  const clip = await makeClip({ seconds, size: '320x180', toneHertz: 440 })
  const recorded = openFile('02', directory)
  for (const frame of send({ clip, from: 0, to: seconds, atSeconds: 0 })) recorded.write(frame)
  const { path, finished } = await finishAndPlay(recorded)
  const data = await readFile(path)
  source = { path: 'lessons/alice.mp4', bytes: data.length, headBytes: finished.head.bytes }
  const store = harness.store()
  await store.put(source.path, data, 'video/mp4')
  const file = {
    ...{ userId: 'alice', stream: 'main', path: source.path, url: '', status: 1, message: 'ok', bytes: data.length, attempt: 1 },
    ...{ durationSeconds: finished.durationSeconds, startTime: finished.startTime.toISOString(), crc64: '0' },
    endTime: finished.endTime.toISOString(),
    times: finished.times.map(({ mediaSeconds, wallMicros }) => ({
      mediaSeconds,
      time: new Date(wallMicros / 1000).toISOString(),
    })),
  }
  const lost = { ...file, userId: 'bob', path: 'lessons/bob.mp4', status: 0, message: 'its volume is gone' }
  const gone = { ...file, userId: 'carol', path: 'lessons/carol.mp4' }
  const manifest = {
    ...{ version: 1, recording: { namespace: 'school', name: 'math', uid: 'uid' }, sdkAppId: 1, roomId: 1, mode: '02' },
    ...{ stopReason: 'StopRequested', files: [file, lost, gone], events: [], pauses: [], losses: [] },
  }
  await store.put(manifestKey, Buffer.from(JSON.stringify(manifest)), 'application/json')
})
afterAll(async () => {
  await harness?.close()
  await rm(directory, { recursive: true, force: true })
})

const job = (over: Partial<ClipJob> = {}): ClipJob =>
  clipJobSchema.parse({
    clip: { namespace: 'school', name: 'proof', uid: 'b4f1' },
    ...{ manifests: [manifestKey], from: at(4.5), to: at(7.5), users: ['alice'], streams: ['main', 'aux'] },
    cos: { region, bucket, path: '/lessons' },
    ...over,
  })
const enough = { until: performance.now() + 600_000, whenLate: 'hide', onDone() {} } as const
const run = (over: Partial<ClipJob> = {}, encoding: Parameters<typeof runClip>[1]['encoding'] = enough) =>
  runClip(job(over), {
    ...{ store: harness.store(), workDirectory: join(directory, 'work'), log: silentLog },
    deadline: performance.now() + 20_000,
    encoding,
  })

test('a clip is read from COS by ranges, the head and what it needs and nothing else, and stored beside its source', async () => {
  const before = (await harness.control.requests()).at(-1)!.sequence
  const { outcome, files } = await run()
  expect([outcome, files.length]).toEqual(['Completed', 1])
  const path = 'lessons/proof_b4f1.alice.mp4'
  expect(files[0]).toMatchObject({ userId: 'alice', source: source.path, path, url: `${harness.bucketUrl}/${path}`, status: 1 })
  expect([files[0]!.startTime, files[0]!.durationSeconds]).toEqual([at(4.5), 3])

  const stored = await harness.stored(path)
  expect(files[0]!.bytes).toBe(stored.length)
  const clipPath = join(directory, 'clip.mp4')
  await writeFile(clipPath, stored)
  const playback = await play(clipPath)
  // A flash and a beep at each whole second.
  const wanted = [0.5, 1.5, 2.5]
  expect(playback.complaints).toBe('')
  expect(playback.pictures).toHaveLength(91)
  for (const [n, second] of wanted.entries()) {
    expect(playback.flashes[n]).toBeCloseTo(second, 1)
    expect(playback.beeps[n]).toBeCloseTo(second, 1)
  }
  expect([playback.flashes.length, playback.beeps.length]).toEqual([3, 3])

  // Its own body, and the sound that lies between the pictures from the key frame before on.
  const { readBytes } = files[0]!
  expect(readBytes).toBeLessThan(source.headBytes + stored.length * 1.05)
  expect(readBytes).toBeLessThan(source.bytes / 2)
  const requests = await harness.control.requests({ after: before, operation: 'GetObject' })
  expect(requests.map(({ key, status }) => [key, status])).toEqual([
    [manifestKey, 200],
    ...requests.slice(1).map(() => [source.path, 206]),
  ])
  expect(requests.length).toBeLessThan(6)
  expect(await readdir(join(directory, 'work'))).toEqual([])
})

test('an exact clip is stored and said to be, and one that cannot be is counted as what it is', async () => {
  const exactly = { exact: true, clip: { namespace: 'school', name: 'exactly', uid: 'b4f2' } }
  const { outcome, files } = await run(exactly)
  expect([outcome, files.map(({ message, exactness }) => `${message} ${exactness}`)]).toEqual(['Completed', ['ok Exact']])
  const clipPath = join(directory, 'exactly.mp4')
  await writeFile(clipPath, await harness.stored('lessons/exactly_b4f2.alice.mp4'))
  const { flashes, pictures, complaints } = await play(clipPath, ['-ignore_editlist', '1'])
  expect([complaints, pictures.length]).toEqual(['', 91])
  for (const [n, second] of [0.5, 1.5, 2.5].entries()) expect(flashes[n]).toBeCloseTo(second, 1)
  expect(files[0]!.readBytes).toBeLessThan(source.bytes / 2)
  expect(await readdir(join(directory, 'work'))).toEqual([])

  const late = { until: 0, whenLate: 'hide', onDone() {} } as const
  expect(await run(exactly, late)).toMatchObject({
    outcome: 'NotExact',
    message: expect.stringMatching(/^1 of 1 files, which are stored, is not exact: lessons\/alice\.mp4: TookTooLong: /),
    files: [{ status: 1, exactness: 'TookTooLong', message: expect.stringContaining('no time left to encode') }],
  })
})

test('what cannot be cut is named, each for itself, and what can is stored', async () => {
  const { outcome, files } = await run({ users: [] })
  expect(outcome).toBe('FilesFailed')
  expect(files.map(({ userId, status, message }) => [userId, status, message])).toEqual([
    ['alice', 1, 'ok'],
    ['bob', 0, 'the file of the recording is not whole in COS: its volume is gone'],
    ['carol', 0, expect.stringContaining('NoSuchKey')],
  ])
})

test('the manifest of a later release is read for what a clip needs of it, whatever else it says', async () => {
  const manifest = JSON.parse((await harness.stored(manifestKey)).toString())
  const [file] = manifest.files
  const later = {
    ...{ ...manifest, stopReason: 'SunSet', clockSteps: 'none', mode: '03' },
    files: [{ ...file, clockSource: 'capture', check: { result: 'Doubted' }, part: { number: 1 } }],
    events: [{ time: at(1), userId: 'alice', stream: 'main', event: 'handRaised' }],
    losses: [{ reason: 'EatenByMice' }],
    outputs: [{ kind: 'hologram' }],
  }
  const key = 'lessons/later.manifest.json'
  await harness.store().put(key, Buffer.from(JSON.stringify(later)), 'application/json')
  expect(await run({ manifests: [key] })).toMatchObject({ outcome: 'Completed', files: [{ userId: 'alice', status: 1 }] })
  await harness.store().put(key, Buffer.from(JSON.stringify({ ...later, version: 2 })), 'application/json')
  expect(await run({ manifests: [key] })).toMatchObject({
    outcome: 'FilesFailed',
    message: `${key} is no manifest that this release can read`,
  })
})

test('of somebody who was not there then it has nothing, and says so', async () => {
  expect(await run({ users: ['dave'] })).toMatchObject({ outcome: 'NothingThere', files: [] })
  expect(await run({ from: at(20), to: at(30) })).toMatchObject({ outcome: 'NothingThere', files: [] })
})

test('where COS refuses, it says what it refused', async () => {
  const { outcome, message } = await run({ manifests: ['lessons/other.manifest.json'] })
  expect(outcome).toBe('StorageRefused')
  expect(message).toContain('lessons/other.manifest.json')
})
