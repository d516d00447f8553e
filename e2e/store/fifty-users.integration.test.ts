import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { manifestSchema } from '@trtc-recorder/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openMediaFile } from '../../recorder-image/src/media/live-media-file.ts'
import { leftMediaFiles, salvageMediaFile } from '../../recorder-image/src/media/salvage.ts'
import { makeClip } from '../../recorder-image/src/media/testing/clip.ts'
import { epochMicros, send } from '../../recorder-image/src/media/testing/sender.ts'
import { Run } from '../../recorder-image/src/recorder/run.ts'
import type { Stop } from '../../recorder-image/src/recorder/stop-policy.ts'
import { aJob, FakePage, FakeRoom, noLog } from '../../recorder-image/src/recorder/testing.ts'
import { bucket, type Harness, startHarness } from './harness.ts'

const users = Array.from({ length: 50 }, (_, n) => `user${String(n).padStart(2, '0')}`)
const seconds = 4

let harness: Harness
let root: string
beforeAll(async () => {
  harness = await startHarness()
  root = mkdtempSync(join(tmpdir(), 'fifty-'))
  for (const [path, value] of Object.entries({ 'trtc/userSig': 'sig', 'cos/secretId': 'id', 'cos/secretKey': 'key' })) {
    mkdirSync(join(root, 'secrets', path, '..'), { recursive: true })
    writeFileSync(join(root, 'secrets', path), value)
  }
})
afterAll(async () => {
  await harness.close()
  rmSync(root, { recursive: true })
})

test('fifty users who come in the same moment, camera and microphone each: every picture and packet of all of them is in a file of their own', async () => {
  const clip = await makeClip({ seconds })
  const stop = Promise.withResolvers<Stop>()
  const room = new FakeRoom()
  const workDirectory = join(root, 'work')
  mkdirSync(workDirectory)
  const cos = {
    region: 'ap-guangzhou',
    bucket,
    path: '/fifty',
    endpoint: 'http://cos.example:1',
    credentialsSecretRef: { name: 'cos' },
  }
  const run = new Run({
    job: aJob({ cos, audioCodec: 'Opus' }),
    ...{ byHand: false, uploadSeconds: 100, workDirectory, controlPath: undefined, clipsPath: undefined, log: noLog },
    stopRequested: stop.promise,
    secretsDirectory: join(root, 'secrets'),
    replayPage: '',
    chromium: { path: '', args: [] },
    onSecret: () => {},
    components: {
      ...{ leftMediaFiles, salvageMediaFile, openMediaFile, createStore: () => harness.store() },
      beginPage: () => new FakePage(),
      openRoom: (options, handlers) => room.open(options, handlers),
    },
  })
  const result = run.result()
  await expect.poll(() => run.progress().state, { interval: 2 }).toBe('recording')
  const media = ['audio', 'video'] as const
  const slotOf = (user: number, kind: 'audio' | 'video') => user * 2 + media.indexOf(kind) + 1
  for (const userId of users) room.say({ type: 'anchorEntered', userId })
  for (const [n, userId] of users.entries()) {
    for (const kind of media) {
      room.say({ type: 'available', userId, stream: 'main', kind, available: true })
      const slot = slotOf(n, kind)
      room.say({ type: 'bound', slot, ssrc: slot, userId, stream: 'main', kind })
    }
  }
  const frames = send({ clip, from: 0, to: seconds, atSeconds: (Date.now() * 1000 - epochMicros) / 1e6 })
  for (const [at, frame] of frames.entries()) {
    for (const n of users.keys()) room.frame({ ...frame, slot: slotOf(n, frame.kind), ssrc: slotOf(n, frame.kind) })
    if (at % 10 === 0) await turn()
  }
  expect(run.progress().participants).toHaveLength(users.length)
  stop.resolve({ reason: 'RemovedByApi', message: 'The recorder was removed' })
  const { outcome, files } = await result
  expect(outcome).toBe('Completed')
  expect(files.map(({ userId, status }) => [userId, status]).sort()).toEqual(users.map((userId) => [userId, 1]))

  const { losses, files: told } = manifestSchema.parse(JSON.parse(String(await harness.stored('fifty/maths.manifest.json'))))
  expect(losses).toEqual([])
  const pictures = frames.filter(({ kind }) => kind === 'video').length
  for (const { check } of told) {
    expect(check).toMatchObject({ result: 'Passed', pictures, decodedPictures: pictures })
    expect(check!.decodedSoundSeconds).toBeCloseTo(seconds, 0)
  }
})
