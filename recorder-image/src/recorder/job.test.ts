import { readdir, readFile } from 'node:fs/promises'
import { jsonVariables, recorderJobSchema } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { jobFromEnvironment, jobFromRecordingFile } from './job.ts'
import { aJob } from './testing.ts'

const fromEnvironment = (job: unknown) => () =>
  jobFromEnvironment({ TRTC_RECORDER_JOB: typeof job === 'string' ? job : JSON.stringify(job) })

const withCos = (over: object) => ({ ...aJob(), spec: { ...aJob().spec, cos: { ...aJob().spec.cos, ...over } } })

describe('a job from the environment', () => {
  test('is taken as it is', () => {
    expect(fromEnvironment(aJob({}, { attempt: 3 }))()).toEqual(aJob({}, { attempt: 3 }))
  })

  test('is taken from as many variables as it was put into, and with characters of any plane', () => {
    const include = Array.from({ length: 32 }, (_, n) => '😀'.repeat(63) + String.fromCodePoint(0x1f400 + n))
    const users = { include, exclude: [] }
    const spec = {
      ...aJob().spec,
      subscribe: { ...users, audio: users, video: users },
      live: { hls: { users }, stills: { users } },
    }
    const job = recorderJobSchema.parse({
      ...aJob(),
      spec: { ...spec, mode: '02', outputs: { pair: { left: include, right: include } } },
    })
    const big = { ...job, recording: { ...job.recording, namespace: 'x'.repeat(300_000) } }
    const variables = jsonVariables('TRTC_RECORDER_JOB', big)
    expect(Object.keys(variables).length).toBeGreaterThan(2)
    expect(jobFromEnvironment(variables)).toEqual(big)
  })

  test.each([
    ['no job at all', undefined, 'TRTC_RECORDER_JOB is not set'],
    ['something that is not JSON', '{', 'TRTC_RECORDER_JOB is not JSON'],
    ['a mode that does not exist', { ...aJob(), spec: { ...aJob().spec, mode: '03' } }, 'spec.mode'],
    [
      'a missing bucket',
      { ...aJob(), spec: { ...aJob().spec, cos: { ...aJob().spec.cos, bucket: undefined } } },
      'spec.cos.bucket',
    ],
    ['both kinds of room', aJob({ strRoomId: 'x' }), 'spec.roomId: exactly one'],
    ['no room', aJob({ roomId: undefined }), 'spec.roomId: exactly one'],
    ['half a character in a path', withCos({ path: '/\ud800' }), 'spec.cos.path: has half a character'],
    [
      'half a character in the name of a tag',
      withCos({ tags: { '\ud800': 'x' } }),
      'spec.cos.tags: has a name with half a character',
    ],
    [
      'half a character in its name',
      aJob({}, { recording: { ...aJob().recording, name: 'a\udc00' } }),
      'recording.name: has half',
    ],
    ['Opus without the mode for it', aJob({ mode: '01', audioCodec: 'Opus' }), 'spec.audioCodec: Opus is for mode 02'],
  ])('is refused for %s, and the message names it', (_, job, message) => {
    const parse = job === undefined ? () => jobFromEnvironment({}) : fromEnvironment(job)
    expect(parse).toThrow(message)
    expect(parse).toThrow(expect.objectContaining({ outcome: 'InvalidJob' }))
  })
})

const recording = (spec: string) => `
apiVersion: v1
kind: Secret
metadata: {name: trtc}
---
apiVersion: trtc-recorder.dev/v1alpha1
kind: Recording
metadata:
  name: maths
spec:
  sdkAppId: 1400000001
  userId: recorder
  userSigSecretRef: {name: trtc}
  cos: {region: ap-guangzhou, bucket: lessons-1250000000, credentialsSecretRef: {name: cos}}
${spec}`

describe('a job from a Recording in a file', () => {
  test('is made of every example that there is', async () => {
    const examples = new URL('../../../examples/', import.meta.url)
    const files = (await readdir(examples)).filter((name) => /^recording(?!-clip|-policy).*\.yaml$/.test(name))
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      const job = jobFromRecordingFile(await readFile(new URL(file, examples), 'utf8'), file)
      expect(job.spec.userId).toBe('recorder')
    }
  })

  test('is made from the first Recording, with the defaults of the kind', () => {
    const job = jobFromRecordingFile(recording('  roomId: 7'), 'r.yaml')
    expect(job).toMatchObject({
      recording: { namespace: 'default', name: 'maths', uid: '' },
      attempt: 1,
      spec: {
        roomId: 7,
        mode: '00',
        limits: { idleTimeoutSeconds: 300, startTimeoutSeconds: 60 },
        userSigSecretRef: { key: 'userSig' },
      },
    })
  })

  test.each([
    ['no room', recording(''), 'spec.roomId: exactly one of roomId and strRoomId'],
    ['a field that is wrong', recording('  roomId: seven'), 'spec.roomId'],
    [
      'a field that there is not',
      recording('  roomId: 7\n  live: {hls: {length: 4}}'),
      'r.yaml: spec.live.hls.length: there is no',
    ],
    [
      'a field that is misspelt',
      recording('  roomId: 7\n  output: {replay: true}'),
      'r.yaml: spec.output: there is no such field',
    ],
    ['no Recording in it', 'kind: Pod', 'r.yaml holds no Recording'],
    ['text that is not YAML', 'a: [', 'r.yaml is not YAML'],
  ])('is refused for %s', (_, yaml, message) => {
    expect(() => jobFromRecordingFile(yaml, 'r.yaml')).toThrow(message)
    expect(() => jobFromRecordingFile(yaml, 'r.yaml')).toThrow(expect.objectContaining({ outcome: 'InvalidJob' }))
  })
})
