import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callbackUrlSchema } from './addresses.ts'
import { callbackBody } from './callback.ts'
import { jobFor, recorderJobSchema } from './job.ts'
import { recorderOutcomes } from './outcome.ts'
import { quantityValue } from './quantity.ts'
import { recordingManifestSchema } from './recording.ts'
import { acceptedSpecs, refusedSpecs } from './testing/refusals.ts'

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

test.each(refusedSpecs)('$what is refused and the field is named', ({ over, field }) => {
  const { error } = recordingManifestSchema.safeParse(manifest({ roomId: 43474, ...over }))
  const paths = error?.issues.map(({ path }) =>
    path
      .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
      .join('')
      .slice(1),
  )
  expect(paths).toContain(field)
})

test('both kinds of room are refused, and the field is named', () => {
  const { error } = recordingManifestSchema.safeParse(manifest({ roomId: 1, strRoomId: 'a' }))
  expect(error?.issues.map((issue) => issue.path.join('.'))).toContain('spec.roomId')
})

test.each(acceptedSpecs)('$what is accepted', ({ over }) => {
  expect(recordingManifestSchema.safeParse(manifest({ roomId: 43474, ...over })).error).toBeUndefined()
})

test('an address of a callback that is accepted can be parsed, with its user', () => {
  const part = fc.constantFrom(
    'a',
    'Z',
    '0',
    '9',
    '-',
    '.',
    '_',
    ':',
    '@',
    '%',
    '%41',
    '/',
    '?',
    '#',
    '[',
    ']',
    '::1',
    '10.0.0.1',
    '65535',
    'http://',
    'é',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const url = `http://${parts.join('')}`
      fc.pre(callbackUrlSchema.safeParse(url).success)
      const { username, password } = new URL(url)
      decodeURIComponent(username + password)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['1024Mi', '1Gi'],
  ['1500m', '1.5'],
  ['2000k', '2M'],
])('%s is %s', (a, b) => expect(quantityValue(a)).toBe(quantityValue(b)))

test('what a user leaves out has its documented default', () => {
  const { spec } = recordingManifestSchema.parse(manifest({ roomId: 7 }))
  expect(spec).toMatchObject({
    mode: '00',
    desiredState: 'Running',
    subscribe: { include: [], exclude: [] },
    limits: { idleTimeoutSeconds: 300, startTimeoutSeconds: 60 },
    storage: { retention: 'DeleteWhenStored' },
    userSigSecretRef: { key: 'userSig' },
  })
})

test('a job carries what the recorder needs and nothing of the cluster', () => {
  const job = jobFor(recordingManifestSchema.parse(manifest({ roomId: 7, nodeSelector: { a: 'b' } })), { attempt: 3 })
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

test('outputs are told where the callback asks for them, and only there', () => {
  const outputs = [
    { kind: 'pair', path: 'a.pair.wav', url: 'https://cos.example/a.pair.wav', status: 1, message: 'ok', bytes: 9 } as const,
  ]
  const bodyFor = (callback: object) =>
    callbackBody(
      recordingManifestSchema.parse(
        manifest({
          ...{ roomId: 7, callback: { url: 'https://school.example', ...callback } },
          outputs: { pair: { left: ['agent'], right: ['customer'] } },
        }),
      ).spec,
      [],
      { outputs },
    )
  expect(bodyFor({})).not.toHaveProperty('Outputs')
  expect(bodyFor({ outputs: true }).Outputs).toEqual([
    { Kind: 'pair', UserId: '', OutputFile: 'https://cos.example/a.pair.wav', Status: 1, Message: 'ok' },
  ])
})

test('no two outcomes share an exit code', () => {
  const codes = Object.values(recorderOutcomes).map((outcome) => outcome.exitCode)
  expect(new Set(codes).size).toBe(codes.length)
})
