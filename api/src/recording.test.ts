import { expect, test } from 'vitest'
import { callbackBody } from './callback.ts'
import { jobFor, recorderJobSchema } from './job.ts'
import { recorderOutcomes } from './outcome.ts'
import { recordingManifestSchema } from './recording.ts'

const manifest = (spec: object) => ({
  apiVersion: 'trtc-recorder.dev/v1alpha1',
  kind: 'Recording',
  metadata: { name: 'lesson', uid: 'u1' },
  spec: {
    sdkAppId: 1400000001,
    userId: 'recorder',
    userSigSecretRef: { name: 'recorder-sig' },
    cos: { region: 'ap-guangzhou', bucket: 'lessons-1250000000', credentialsSecretRef: { name: 'cos' } },
    ...spec,
  },
})

test.each([
  ['no room', {}, 'spec.roomId'],
  ['both kinds of room', { roomId: 1, strRoomId: 'a' }, 'spec.roomId'],
  ['a mode that does not exist', { roomId: 1, mode: '03' }, 'spec.mode'],
  ['a callback that is not http', { roomId: 1, callback: { url: 'ftp://example.com' } }, 'spec.callback.url'],
  [
    'a bucket without APPID',
    { roomId: 1, cos: { region: 'r', bucket: 'b', credentialsSecretRef: { name: 'c' } } },
    'spec.cos.bucket',
  ],
])('%s is refused and the field is named', (_, spec, path) => {
  const { error } = recordingManifestSchema.safeParse(manifest(spec))
  expect(error?.issues.map((issue) => issue.path.join('.'))).toContain(path)
})

test('what a user leaves out has its documented default', () => {
  const { spec } = recordingManifestSchema.parse(manifest({ roomId: 7 }))
  expect(spec).toMatchObject({
    mode: '00',
    desiredState: 'Running',
    subscribe: { include: [], exclude: [] },
    limits: { idleTimeoutSeconds: 300, startTimeoutSeconds: 60 },
    storage: { size: '10Gi', retention: 'DeleteWhenStored' },
    userSigSecretRef: { key: 'userSig' },
  })
})

test('a job carries what the recorder needs and nothing of the cluster', () => {
  const job = jobFor(recordingManifestSchema.parse(manifest({ roomId: 7, nodeSelector: { a: 'b' } })), 3)
  expect(recorderJobSchema.parse(JSON.parse(JSON.stringify(job)))).toEqual(job)
  expect(job.attempt).toBe(3)
  expect(job.spec).not.toHaveProperty('nodeSelector')
  expect(job.spec).not.toHaveProperty('storage')
})

test('the callback body has the template’s four strings even where they are unused', () => {
  const { spec } = recordingManifestSchema.parse(manifest({ strRoomId: 'class' }))
  expect(callbackBody(spec, [])).toEqual({
    SdkAppId: '1400000001',
    RoomId: '',
    UserId: 'recorder',
    StrRoomId: 'class',
    Files: [],
  })
})

test('no two outcomes share an exit code', () => {
  const codes = Object.values(recorderOutcomes).map((outcome) => outcome.exitCode)
  expect(new Set(codes).size).toBe(codes.length)
})
