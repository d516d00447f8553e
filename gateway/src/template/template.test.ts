import type { Recording } from '@trtc-recorder/api'
import { describe, expect, test } from 'vitest'
import { apiError } from '../testing/fake-cluster.ts'
import { asSchool, asStudio, gatewayFor, school, sdkAppId, secretsIn, templateBody } from '../testing/harness.ts'
import { templateFields } from './fields.ts'

const without = (name: string) => Object.fromEntries(Object.entries(templateBody).filter(([key]) => key !== name))
const inCos = (over: object) => ({ ...templateBody, CosConfig: { ...templateBody.CosConfig, ...over } })

describe('a request of the serverless template', () => {
  test('is answered as the function answers, and becomes a Recording with a Secret of its own', async () => {
    const { post, cluster } = gatewayFor()
    const answer = await post(templateBody)
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toBe('Async run task submitted')
    const requestId = answer.headers['x-scf-reqid']
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.headers['x-scf-request-id']).toBe(requestId)

    const [recording] = cluster.recordings
    const name = `request-${requestId}`
    expect(recording?.metadata).toMatchObject({
      name,
      namespace: 'lessons',
      labels: { 'trtc-recorder.dev/caller': 'school', 'trtc-recorder.dev/contract': 'Template' },
    })
    expect(recording?.spec).toMatchObject({
      ...{ sdkAppId: 1400000001, roomId: 43474, userId: 'user_55952145', mode: '02', ttlSecondsAfterFinished: 259_200 },
      userSigSecretRef: { name, key: 'userSig' },
      cos: { region: 'ap-shanghai', bucket: 'lessons-1250000000', path: '/test', credentialsSecretRef: { name } },
    })
    const [secret] = cluster.secrets
    expect(secret?.metadata.ownerReferences).toEqual([
      { apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'Recording', name, uid: recording?.metadata.uid },
    ])
    const data = Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()])
    expect(Object.fromEntries(data)).toEqual({
      userSig: templateBody.UserSig,
      secretId: templateBody.CosConfig.SecretId,
      secretKey: templateBody.CosConfig.SecretKey,
    })
  })

  test.each(['/', '/release/single-stream', '/prepub/x', '/recorder', '/v1/requests'])('may be sent to %s', async (url) => {
    const { post } = gatewayFor()
    expect((await post(templateBody, asSchool, url)).body).toBe('Async run task submitted')
  })

  test('may come as API Gateway hands it to a function', async () => {
    const { post, cluster } = gatewayFor()
    const event = { requestContext: { stage: 'release' }, headers: {}, httpMethod: 'POST', body: JSON.stringify(templateBody) }
    expect((await post(event)).statusCode).toBe(200)
    expect(cluster.recordings).toHaveLength(1)
  })

  test('is read in such an event as strictly as by itself', async () => {
    const { post, cluster } = gatewayFor()
    const text = JSON.stringify(templateBody)
    const twice = text.replace(/\}$/, ',"UserId":"other"}')
    const half = text.replace('cos-secret-key', '\\ud800')
    for (const [body, field] of [
      [twice, 'UserId'],
      [half, 'CosConfig.SecretKey'],
      ['{', 'body'],
    ] as const) {
      const answer = await post({ requestContext: {}, body })
      expect([answer.statusCode, answer.json().fields[0].field]).toEqual([400, field])
    }
    expect(cluster.recordings).toEqual([])
  })

  test('may write the members of CosConfig with a small letter, and leave out what is optional or send it empty', async () => {
    const { post, cluster } = gatewayFor()
    const CosConfig = { region: 'ap-guangzhou', bucket: 'lessons-1250000000', path: '/' }
    const body = { ...without('Mode'), RoomId: undefined, StrRoomId: 'math', CosConfig, Callback: '' }
    expect((await post(body)).body).toBe('Async run task submitted')
    expect(cluster.recordings[0]?.spec).toMatchObject({ mode: '00', strRoomId: 'math', cos: { path: '/' } })
    expect(cluster.recordings[0]?.spec).not.toHaveProperty('callback')
    expect(cluster.recordings[0]?.spec.cos).not.toHaveProperty('credentialsSecretRef')
    expect(Object.keys(cluster.secrets[0]?.data ?? {})).toEqual(['userSig'])
  })

  test('means the room with the number where both rooms are given', async () => {
    const { post, cluster } = gatewayFor()
    await post({ ...templateBody, StrRoomId: 'math' })
    expect(cluster.recordings[0]?.spec).toMatchObject({ roomId: 43474 })
    expect(cluster.recordings[0]?.spec).not.toHaveProperty('strRoomId')
  })

  test('gets what its grant says beside it, and wins where both speak', async () => {
    const recording = {
      ...{ mode: '01', resources: { limits: { memory: '3Gi' } }, cos: { endpoint: 'https://cos.example', path: '/grant' } },
      callback: { signingKeySecretRef: { name: 'signing' }, format: 'TRTC' },
    }
    const { post, cluster } = gatewayFor([{ ...school, grants: [{ ...school.grants[0], recording }] }])
    await post(templateBody)
    await post({ ...templateBody, Callback: 'https://school.example/done' })
    const [silent, told] = cluster.recordings.map(({ spec }) => spec)
    expect(silent).toMatchObject({ mode: '02', resources: { limits: { memory: '3Gi' } } })
    expect(silent?.cos).toMatchObject({ endpoint: 'https://cos.example', path: '/test', bucket: 'lessons-1250000000' })
    expect(silent).not.toHaveProperty('callback')
    expect(told?.callback).toEqual({
      format: 'Result',
      url: 'https://school.example/done',
      signingKeySecretRef: { name: 'signing', key: 'signingKey' },
    })
  })

  test.each([
    ['SdkAppId', without('SdkAppId'), 'must be given'],
    ['SdkAppId', { ...templateBody, SdkAppId: '1400000001' }, 'must be an integer'],
    ['RoomId', without('RoomId'), 'one of RoomId and StrRoomId must be given'],
    ['RoomId', { ...templateBody, RoomId: '43474' }, 'must be an integer; a room with a name goes into StrRoomId'],
    ['RoomId', { ...templateBody, RoomId: 0 }, '>=1'],
    ['StrRoomId', { ...templateBody, RoomId: undefined, StrRoomId: 'ma\nth' }, ''],
    ['UserId', without('UserId'), 'must be given'],
    ['UserId', { ...templateBody, UserId: 'the recorder' }, ''],
    ['UserSig', without('UserSig'), 'must be given'],
    ['UserSig', { ...templateBody, UserSig: '' }, 'must not be empty'],
    ['CosConfig', without('CosConfig'), 'must be given'],
    ['CosConfig.Region', inCos({ Region: undefined }), 'must be given'],
    ['CosConfig.Bucket', inCos({ Bucket: 'lessons' }), ''],
    ['CosConfig.Path', inCos({ Path: '/a/../b' }), 'must be a folder'],
    ['CosConfig.SecretKey', inCos({ SecretKey: undefined }), 'go together'],
    ['CosConfig.SecretId', inCos({ SecretId: '' }), 'go together'],
    ['CosConfig.Token', inCos({ Token: 'x' }), 'is no field of this request'],
    ['CosConfig.region', inCos({ region: 'ap-guangzhou' }), 'given twice'],
    ['Callback', { ...templateBody, Callback: 'ftp://school.example' }, 'must be http'],
    ['Mode', { ...templateBody, Mode: '03' }, ''],
    ['Mode', { ...templateBody, Mode: '12' }, 'mixing template'],
    ['IsReserve', { ...templateBody, IsReserve: 1 }, 'is no field of this request'],
    ['body', '{"SdkAppId": 1,', 'must be a JSON object'],
    ['body', '[1]', 'must be a JSON object'],
    ['body', '', 'must be a JSON object'],
  ])('is refused with %s named, and leaves nothing', async (field, body, words) => {
    const { post, cluster } = gatewayFor()
    const answer = await post(body)
    expect(answer.statusCode).toBe(400)
    const { code, fields, requestId } = answer.json()
    expect(code).toBe('InvalidRequest')
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(fields.map((problem: { field: string }) => problem.field)).toEqual([field])
    expect(fields[0].message).toContain(words)
    expect([...cluster.recordings, ...cluster.secrets]).toEqual([])
  })

  test('has each of its fields in the table that is the source of names and docs', () => {
    const names = [...Object.keys(templateBody), ...Object.keys(templateBody.CosConfig).map((name) => `CosConfig.${name}`)]
    expect(templateFields.map(({ field }) => field)).toEqual(expect.arrayContaining(names))
  })

  test('is not taken when it is larger than an asynchronous event may be', async () => {
    const { post } = gatewayFor()
    expect((await post({ ...templateBody, UserSig: 'x'.repeat(140_000) })).json()).toMatchObject({ code: 'TooLarge' })
  })

  test('names the field of a refusal that came from the cluster, and passes on no other words of it', async () => {
    const { post, cluster } = gatewayFor()
    const denied = "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: spec.cos.bucket: may only be ours"
    cluster.fail('create', 'recordings', apiError(422, 'Invalid', denied))
    expect((await post(templateBody)).json().fields).toEqual([{ field: 'CosConfig.Bucket', message: 'may only be ours' }])
    cluster.fail(
      'create',
      'recordings',
      apiError(403, 'Forbidden', 'user "gateway" cannot create resource in namespace "lessons"'),
    )
    const answer = await post(templateBody)
    expect(answer.statusCode).toBe(500)
    expect(answer.body).not.toContain('lessons')
  })
})

describe('who asks again', () => {
  const once = { ...asSchool, 'idempotency-key': 'lesson-17' }

  test('with the same Idempotency-Key gets the same request', async () => {
    const { post, cluster } = gatewayFor()
    const first = await post(templateBody, once)
    const again = await post({ ...templateBody, UserSig: 'signed anew' }, once)
    expect(again.headers['x-scf-reqid']).toBe(first.headers['x-scf-reqid'])
    expect(cluster.recordings).toHaveLength(1)
    expect(cluster.secrets).toHaveLength(1)
  })

  test('with the key of another request is told so', async () => {
    const { post } = gatewayFor()
    await post(templateBody, once)
    const answer = await post({ ...templateBody, RoomId: 43475 }, once)
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'IdempotencyKeyReused' })
  })

  test('with the key of a request in another of the caller’s namespaces is told so: an id is one request', async () => {
    const grants = [
      { namespace: 'music', applications: [1400000002] },
      { namespace: 'lessons', applications: [sdkAppId] },
    ]
    const { post, cluster } = gatewayFor([{ ...school, grants }])
    expect((await post(templateBody, once)).statusCode).toBe(200)
    const answer = await post({ ...templateBody, SdkAppId: 1400000002 }, once)
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'IdempotencyKeyReused'])
    expect(cluster.recordings).toHaveLength(1)
  })

  test('with a key that another caller has used has a request of their own', async () => {
    const { post, cluster } = gatewayFor()
    await post(templateBody, once)
    await post(templateBody, { ...asStudio, 'idempotency-key': 'lesson-17' })
    expect(cluster.recordings).toHaveLength(2)
  })

  test('without a key has a Recording for each call, as there', async () => {
    const { post, cluster } = gatewayFor()
    await post(templateBody)
    await post(templateBody)
    expect(cluster.recordings).toHaveLength(2)
  })

  test('at the same moment has one Recording', async () => {
    const { post, cluster } = gatewayFor()
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(templateBody, once)))
    expect(new Set(answers.map(({ headers }) => headers['x-scf-reqid'])).size).toBe(1)
    expect(cluster.recordings).toHaveLength(1)
    expect(cluster.secrets).toHaveLength(1)
  })
})

describe('when the cluster fails in the middle', () => {
  test('a Recording without its Secret is taken back, and nothing is left', async () => {
    const { post, cluster } = gatewayFor()
    cluster.fail('create', 'secrets', apiError(500, 'InternalError'))
    const answer = await post(templateBody)
    expect(answer.statusCode).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    expect([...cluster.recordings, ...cluster.secrets]).toEqual([])
  })

  test.each([
    ['before it is to be taken back', 'get', false],
    ['while it is', 'delete', true],
  ] as const)('a Recording that is in its room %s got its Secret, and was started', async (_, verb, isRefused) => {
    const { post, cluster } = gatewayFor()
    cluster.fail('create', 'secrets', apiError(504, 'Timeout'), 'after')
    if (isRefused) cluster.fail('delete', 'recordings', apiError(403, 'Forbidden'))
    cluster.before(verb, 'recordings', () => {
      for (const { metadata } of cluster.recordings) cluster.setStatus(metadata.name, { startTime: '2026-03-01T10:00:01Z' })
    })
    const answer = await post(templateBody)
    expect([answer.statusCode, answer.headers['x-scf-reqid']]).toEqual([200, expect.any(String)])
    expect([cluster.recordings.length, cluster.secrets.length]).toEqual([1, 1])
  })

  test('a creation whose answer was lost is found again, and is one', async () => {
    const { post, cluster } = gatewayFor()
    cluster.fail('create', 'recordings', undefined, 'after')
    cluster.fail('create', 'secrets', undefined, 'after')
    expect((await post(templateBody)).statusCode).toBe(200)
    expect(cluster.recordings).toHaveLength(1)
    expect(cluster.secrets).toHaveLength(1)
  })

  test('what was left half done is completed by the same request with the same key', async () => {
    const { post, cluster } = gatewayFor()
    const once = { ...asSchool, 'idempotency-key': 'lesson-17' }
    cluster.fail('create', 'secrets', apiError(500, 'InternalError'))
    cluster.fail('delete', 'recordings')
    expect((await post(templateBody, once)).statusCode).toBe(503)
    expect(cluster.recordings).toHaveLength(1)
    expect((await post(templateBody, once)).statusCode).toBe(200)
    expect(cluster.recordings).toHaveLength(1)
    expect(cluster.secrets).toHaveLength(1)
    expect(cluster.orphans).toEqual([])
  })

  test('what was left half done and is on its way out is started by a later try, and not said to record until then', async () => {
    const { post, cluster } = gatewayFor()
    const once = { ...asSchool, 'idempotency-key': 'lesson-17' }
    cluster.fail('create', 'secrets', apiError(500, 'InternalError'))
    cluster.fail('delete', 'recordings')
    await post(templateBody, once)
    const [{ metadata }] = cluster.recordings as [Recording]
    metadata.deletionTimestamp = new Date().toISOString()
    const answer = await post(templateBody, once)
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
    expect(cluster.secrets).toEqual([])
    cluster.remove('recordings', metadata.namespace, metadata.name!)
    expect((await post(templateBody, once)).statusCode).toBe(200)
    expect(cluster.secrets).toHaveLength(1)
  })

  test('a quota that is used up is said as such', async () => {
    const { post, cluster } = gatewayFor()
    cluster.fail('create', 'recordings', apiError(403, 'Forbidden', 'recordings is forbidden: exceeded quota: count'))
    const answer = await post(templateBody)
    expect(answer.statusCode).toBe(429)
    expect(answer.json()).toMatchObject({ code: 'QuotaExceeded' })
  })
})

describe('what became of a request', () => {
  const condition = (status: string, reason: string, message = 'said so') => [{ type: 'Succeeded', status, reason, message }]
  const over = (status: string, reason: string, more: object = {}) => ({
    ...{ conditions: condition(status, reason), completionTime: '2026-03-01T11:00:00Z', ...more },
  })
  const file = {
    userId: 'alice',
    url: 'https://lessons/alice.mp4',
    status: 1,
    message: 'ok',
    stream: 'main',
    startTime: '2026-03-01T10:01:00Z',
  }

  async function started() {
    const gateway = gatewayFor()
    const requestId = String((await gateway.post(templateBody)).headers['x-scf-reqid'])
    return { ...gateway, requestId, set: (status: object) => gateway.cluster.setStatus(`request-${requestId}`, status) }
  }

  test.each([
    [{}, 'RUNNING', 0],
    [{ conditions: condition('Unknown', 'Recording') }, 'RUNNING', 0],
    [over('True', 'Completed', { stopReason: 'RoomDismissed' }), 'FINISHED', 200],
    [over('True', 'Completed', { stopReason: 'StopRequested' }), 'ABORTED', 499],
    [over('False', 'StoppedBeforeStart'), 'ABORTED', 499],
    [over('False', 'RoomRefused'), 'FAILED', 430],
    [over('False', 'AttemptsExhausted'), 'FAILED', 433],
  ])('%j is %s', async (status, state, statusCode) => {
    const { get, requestId, set } = await started()
    set(status)
    expect((await get(`/v1/requests/${requestId}`)).json()).toMatchObject({ requestId, state, statusCode, roomId: 43474 })
  })

  test('has the body of the callback as its result, once it is over', async () => {
    const { get, requestId, set } = await started()
    expect((await get(`/v1/requests/${requestId}`)).json()).toMatchObject({ result: null })
    set(over('True', 'Completed', { files: [file], fileCount: 1 }))
    expect((await get(`/v1/requests/${requestId}`)).json().result).toEqual({
      ...{ SdkAppId: '1400000001', RoomId: '43474', UserId: 'user_55952145', StrRoomId: '' },
      Files: [{ UserId: 'alice', RecordFile: 'https://lessons/alice.mp4', Status: 1, Message: 'ok' }],
    })
  })

  test('is told for three days after its end', async () => {
    const { get, requestId, set, clock } = await started()
    set(over('True', 'Completed'))
    clock.now = new Date('2026-03-04T10:59:00Z')
    expect((await get(`/v1/requests/${requestId}`)).statusCode).toBe(200)
    clock.now = new Date('2026-03-04T11:01:00Z')
    expect((await get(`/v1/requests/${requestId}`)).statusCode).toBe(404)
    expect((await get('/v1/requests')).json()).toEqual({ total: 0, requests: [] })
  })

  test('is nobody else’s to see, to end or to read, in the words of what is not there', async () => {
    const { get, post, requestId, cluster } = await started()
    const nothing = await get('/v1/requests/00000000-0000-4000-8000-000000000000', asStudio)
    for (const path of [`/v1/requests/${requestId}`, `/v1/requests/${requestId}/logs`]) {
      const answer = await get(path, asStudio)
      expect(answer.statusCode).toBe(404)
      expect(answer.json().message).toBe(nothing.json().message)
    }
    expect((await post('', asStudio, `/v1/requests/${requestId}/terminate`)).statusCode).toBe(404)
    expect(cluster.recordings[0]?.spec.desiredState).toBe('Running')
    expect((await get('/v1/requests', asStudio)).json()).toMatchObject({ total: 0 })
  })

  test('is listed newest first, by state and by page', async () => {
    const { get, post, requestId, set, clock } = await started()
    set(over('True', 'Completed'))
    clock.now = new Date('2026-03-01T10:00:10Z')
    const newer = (await post(templateBody)).headers['x-scf-reqid']
    const ids = async (query: string) =>
      (await get(`/v1/requests${query}`)).json().requests.map((request: { requestId: string }) => request.requestId)
    expect(await ids('')).toEqual([newer, requestId])
    expect(await ids('?state=FINISHED')).toEqual([requestId])
    expect(await ids('?limit=1&offset=1')).toEqual([requestId])
    expect((await get('/v1/requests?limit=1000')).json().fields).toMatchObject([{ field: 'limit' }])
    expect((await get('/v1/requests?sort=up')).json().fields).toMatchObject([{ field: 'sort' }])
  })

  test('is ended by asking, once', async () => {
    const { post, requestId, cluster, set } = await started()
    const end = () => post('', asSchool, `/v1/requests/${requestId}/terminate`)
    expect((await end()).statusCode).toBe(202)
    expect(cluster.recordings[0]?.spec.desiredState).toBe('Stopped')
    set(over('True', 'Completed'))
    expect((await end()).json()).toMatchObject({ code: 'AlreadyOver' })
  })

  test('has a log: what is known of it, and the recorder’s own while its Pod is there', async () => {
    const { get, requestId, cluster, set } = await started()
    const attempt = { number: 1, pod: 'the-pod', node: 'n1', startTime: '2026-03-01T10:00:05Z' }
    set({ attempts: [attempt], conditions: condition('Unknown', 'Recording'), files: [] })
    cluster.logs.set('the-pod', '{"level":"info","msg":"Entered"}\n')
    const log = (await get(`/v1/requests/${requestId}/logs`)).body
    expect(log).toContain('Request accepted\n2026-03-01T10:00:05Z Attempt 1 entered the room (Pod the-pod on n1)')
    expect(log).toContain('"msg":"Entered"')
  })
})

test('no secret is in an answer or in the log, whatever is asked', async () => {
  const { post, get, lines, cluster } = gatewayFor()
  const answers = [
    await post(templateBody),
    await post({ ...templateBody, Bogus: 1 }),
    await post({ ...templateBody, RoomId: templateBody.UserSig }),
    await post(`${JSON.stringify(templateBody)}}`),
    await post(templateBody, { authorization: 'Bearer school-bearer-token-2' }),
    await get('/v1/requests'),
    await get(`/v1/requests/${templateBody.CosConfig.SecretKey}/logs`),
  ]
  cluster.fail('create', 'secrets', apiError(500, 'InternalError', `cannot store ${templateBody.UserSig}`))
  answers.push(await post(templateBody))
  const said = answers.map(({ body }) => body).join('\n')
  for (const secret of secretsIn) {
    expect(said).not.toContain(secret)
    expect(lines.join('\n')).not.toContain(secret)
  }
})
