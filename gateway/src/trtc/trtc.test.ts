import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { beforeEach, describe, expect, test } from 'vitest'
import { apiError } from '../testing/fake-cluster.ts'
import { school, sdkAppId, secretsIn } from '../testing/harness.ts'
import {
  call,
  cosKeys,
  eachWithAGateway,
  gateway,
  port,
  refusal,
  sdk,
  spec,
  start,
  task,
  withField,
} from '../testing/trtc-caller.ts'

eachWithAGateway()

describe('CreateCloudRecording', () => {
  test('makes a Recording, and answers with its task', async () => {
    const { TaskId, RequestId } = await call('CreateCloudRecording', task)
    expect(RequestId).toMatch(/^[0-9a-f-]{36}$/)
    const [recording] = gateway.cluster.recordings
    expect(recording?.metadata).toMatchObject({ name: `request-${TaskId}`, namespace: 'lessons' })
    expect(recording?.spec).toMatchObject({
      ...{ sdkAppId, roomId: 43474, userId: 'robot', mode: '02', fileNaming: 'TRTC', limits: { idleTimeoutSeconds: 30 } },
      cos: { region: 'ap-shanghai', bucket: 'lessons-1250000000', path: `/a/b/${TaskId}` },
    })
    const data = Object.entries(gateway.cluster.secrets[0]?.data ?? {})
    expect(Object.fromEntries(data.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))).toEqual({
      ...{ userSig: task.UserSig, secretId: cosKeys.AccessKey, secretKey: cosKeys.SecretKey },
    })
  })

  test('tells TRTC’s events to whom the grant says, and nobody where it says nothing', async () => {
    await call('CreateCloudRecording', task)
    expect(spec()).not.toHaveProperty('callback')
    const callback = { url: 'https://school.example/trtc', signingKeySecretRef: { name: 'callback-key' } }
    await start([{ ...school, grants: [{ ...school.grants[0], recording: { callback } }] }])
    const { TaskId } = await call('CreateCloudRecording', task)
    expect(spec().callback).toMatchObject({ ...callback, format: 'TRTC' })
    expect(gateway.cluster.recordings[0]?.metadata.annotations).toMatchObject({ 'trtc-recorder.dev/task-id': TaskId })
  })

  test('asked again for the same room and user answers with the task that there is; asked otherwise says so', async () => {
    const first = await call('CreateCloudRecording', task)
    const [again, anew] = await Promise.all([
      call('CreateCloudRecording', task),
      call('CreateCloudRecording', { ...task, UserSig: 'anew' }),
    ])
    expect([again.TaskId, anew.TaskId]).toEqual([first.TaskId, first.TaskId])
    expect(gateway.cluster.recordings).toHaveLength(1)
    const other = withField(task, 'RecordParams.MaxIdleTime', 60)
    expect(await refusal('CreateCloudRecording', other)).toMatchObject({ code: 'FailedOperation.TaskExist' })
    const { TaskId } = await call('CreateCloudRecording', { ...task, UserId: 'robot2' })
    expect(TaskId).not.toBe(first.TaskId)
  })

  test('at the same moment makes one', async () => {
    const tasks = await Promise.all(Array.from({ length: 5 }, () => call('CreateCloudRecording', task)))
    expect(new Set(tasks.map(({ TaskId }) => TaskId)).size).toBe(1)
    expect(gateway.cluster.recordings).toHaveLength(1)
  })

  test.each<[string, (of: { SdkAppId: number; TaskId: string }) => unknown]>([
    ['is over', ({ TaskId }) => gateway.cluster.setStatus(`request-${TaskId}`, { completionTime: new Date().toISOString() })],
    ['was asked to end', (of) => call('DeleteCloudRecording', of)],
  ])('makes a new one when the former %s', async (_, end) => {
    const first = await call('CreateCloudRecording', task)
    await end({ SdkAppId: sdkAppId, TaskId: first.TaskId })
    const second = await call('CreateCloudRecording', task)
    expect(second.TaskId).not.toBe(first.TaskId)
    expect((await call('CreateCloudRecording', task)).TaskId).toBe(second.TaskId)
  })
})

describe('a task', () => {
  let of: { SdkAppId: number; TaskId: string }
  beforeEach(async () => {
    const { TaskId } = await call('CreateCloudRecording', task)
    of = { SdkAppId: sdkAppId, TaskId }
  })
  const set = (status: object) => gateway.cluster.setStatus(`request-${of.TaskId}`, status)
  const succeeded = (reason: string) => ({ conditions: [{ type: 'Succeeded', status: 'Unknown', reason, message: '' }] })

  test.each([
    ['Idle', {}],
    ['Idle', succeeded('Starting')],
    ['InProgress', { ...succeeded('Recording'), participants: 2 }],
    ['Idle', { ...succeeded('Recording'), participants: 0 }],
    ['Exited', succeeded('Finishing')],
  ])('is described as %s', async (Status, status) => {
    set(status)
    expect(await call('DescribeCloudRecording', of)).toMatchObject({ TaskId: of.TaskId, Status, StorageFileList: [] })
  })

  test('is described with its files', async () => {
    const startTime = '2026-03-01T10:00:00.000Z'
    const sound = { codec: 'mp4a.40.2', sampleRate: 48_000, channels: 1 }
    set({
      ...succeeded('Recording'),
      files: [
        { userId: 'alice', path: 'a/b/t/alice.mp4', startTime, audio: sound, video: { codec: 'avc1', width: 1, height: 1 } },
      ],
    })
    expect((await call('DescribeCloudRecording', of)).StorageFileList).toEqual([
      { UserId: 'alice', FileName: 'alice.mp4', TrackType: 'audio_video', BeginTimeStamp: Date.parse(startTime) },
    ])
  })

  test('is changed: lists replace what was before, and what is not said is everyone', async () => {
    const change = (SubscribeStreamUserIds?: object) => call('ModifyCloudRecording', { ...of, SubscribeStreamUserIds })
    await change({ SubscribeAudioUserIds: ['alice'], UnSubscribeVideoUserIds: ['bob'] })
    expect(spec().subscribe).toEqual({
      include: [],
      exclude: [],
      audio: { include: ['alice'], exclude: [] },
      video: { include: [], exclude: ['bob'] },
    })
    await change()
    expect(spec().subscribe.audio).toEqual({ include: [], exclude: [] })
    expect(await refusal('ModifyCloudRecording', { ...of, MixLayoutParams: {} })).toMatchObject({ code: 'UnsupportedOperation' })
    const wrong = { ...of, SubscribeStreamUserIds: { SubscribeAudioUserIds: ['a*'] } }
    expect((await refusal('ModifyCloudRecording', wrong)).message).toContain('SubscribeStreamUserIds.SubscribeAudioUserIds[0]: ')
  })

  test('of sound alone stays one when its lists are changed', async () => {
    const { TaskId } = await call('CreateCloudRecording', withField({ ...task, UserId: 'ears' }, 'RecordParams.StreamType', 1))
    await call('ModifyCloudRecording', { ...of, TaskId })
    const ears = gateway.cluster.recordings.find(({ metadata }) => metadata.name === `request-${TaskId}`)
    expect(ears?.spec.subscribe.video).toEqual({ include: [], exclude: ['.*$'] })
  })

  test('is ended by DeleteCloudRecording, and not found when it is over', async () => {
    expect(await call('DeleteCloudRecording', of)).toMatchObject({ TaskId: of.TaskId })
    expect(spec().desiredState).toBe('Stopped')
    expect(await call('DeleteCloudRecording', of)).toMatchObject({ TaskId: of.TaskId })
    expect(await call('DescribeCloudRecording', of)).toMatchObject({ TaskId: of.TaskId })
    // What is changed then has no effect any more.
    expect(await refusal('ModifyCloudRecording', of)).toMatchObject({ code: 'ResourceNotFound' })
    set({ completionTime: new Date().toISOString() })
    for (const action of ['DescribeCloudRecording', 'ModifyCloudRecording', 'DeleteCloudRecording']) {
      expect(await refusal(action, of)).toMatchObject({ code: 'ResourceNotFound' })
    }
  })

  test('is not found with another application, by another key, or after ResourceExpiredHour', async () => {
    expect(await refusal('DescribeCloudRecording', { ...of, SdkAppId: 1 })).toMatchObject({ code: 'ResourceNotFound' })
    expect(await refusal('DescribeCloudRecording', { ...of, TaskId: '../secrets/x' })).toMatchObject({ code: 'ResourceNotFound' })
    expect(await refusal('DescribeCloudRecording', { SdkAppId: sdkAppId })).toMatchObject({ code: 'MissingParameter.TaskId' })
    const annotations = gateway.cluster.recordings[0]!.metadata.annotations!
    annotations['trtc-recorder.dev/task-expires'] = new Date(Date.now() - 1000).toISOString()
    expect(await refusal('DescribeCloudRecording', of)).toMatchObject({ code: 'ResourceNotFound' })
  })

  test('that has expired is known anew when it is asked for again', async () => {
    const annotations = gateway.cluster.recordings[0]!.metadata.annotations!
    annotations['trtc-recorder.dev/task-expires'] = new Date(Date.now() - 1000).toISOString()
    expect((await call('CreateCloudRecording', task)).TaskId).toBe(of.TaskId)
    expect(await call('DescribeCloudRecording', of)).toMatchObject({ TaskId: of.TaskId })
  })
})

describe('what Tencent’s SDK is told', () => {
  const described = (
    client: CommonClient,
    action = 'DescribeCloudRecording',
    body: object = { SdkAppId: sdkAppId, TaskId: 'x' },
  ) =>
    client.request(action, body).then(
      () => 'answered',
      ({ code, requestId }: { code: string; requestId: string }) => `${code} ${/^[0-9a-f-]{36}$/.test(requestId)}`,
    )

  test('of keys, clocks and versions', async () => {
    const wrong = { secretId: 'AKIDschool', secretKey: 'wrong' }
    expect(await described(sdk(port, undefined, wrong))).toBe('AuthFailure.SignatureFailure true')
    expect(await described(sdk(port, undefined, { ...wrong, secretId: 'AKIDnobody' }))).toBe('AuthFailure.SecretIdNotFound true')
    const temporary = { secretId: 'AKIDschool', secretKey: 'school-secret-key-0001', token: 'temporary' }
    expect(await described(sdk(port, undefined, temporary))).toBe('AuthFailure.TokenFailure true')
    expect(await described(sdk(port, '2019-07-23'))).toBe('NoSuchVersion true')
    expect(await described(sdk(port), 'RemoveUser')).toBe('InvalidAction true')
    gateway.clock.now = new Date(Date.now() + 600_000)
    expect(await described(sdk(port))).toBe('AuthFailure.SignatureExpire true')
  })

  test('of applications, rates and a cluster that does not answer', async () => {
    expect(await refusal('CreateCloudRecording', { ...task, SdkAppId: 7 })).toMatchObject({
      code: 'AuthFailure.UnauthorizedOperation',
    })
    gateway.cluster.fail('create', 'recordings', apiError(500, 'InternalError'))
    expect(await refusal('CreateCloudRecording', task)).toMatchObject({ code: 'InternalError.CRInternalError' })
    gateway.cluster.fail('create', 'recordings', apiError(403, 'Forbidden', 'exceeded quota: x'))
    expect(await refusal('CreateCloudRecording', task)).toMatchObject({ code: 'FailedOperation.RestrictedConcurrency' })
    await start([{ ...school, limits: { requestsPerSecond: 0.1, burst: 1 } }])
    await call('CreateCloudRecording', task)
    expect(await described(sdk(port))).toBe('RequestLimitExceeded true')
  })

  test('of a body that is too large, and of the old way to sign', async () => {
    expect(await refusal('CreateCloudRecording', { ...task, UserSig: 'x'.repeat(140_000) })).toMatchObject({
      code: 'RequestSizeLimitExceeded',
    })
    const profile = { httpProfile: { endpoint: `127.0.0.1:${port}`, protocol: 'http://' } }
    const credential = { secretId: 'AKIDschool', secretKey: 'school-secret-key-0001' }
    for (const over of [
      { signMethod: 'HmacSHA256' as const },
      { httpProfile: { ...profile.httpProfile, reqMethod: 'GET' as const } },
    ]) {
      const client = new CommonClient('trtc.tencentcloudapi.com', '2019-07-22', {
        credential,
        region: '',
        profile: { ...profile, ...over },
      })
      expect(await described(client)).toBe('AuthFailure.InvalidAuthorization true')
    }
  })

  test('always HTTP 200 and application/json to the letter: with a charset, Python’s SDK takes an error for an answer', async () => {
    const headers = { 'content-type': 'application/json', 'x-tc-action': 'CreateCloudRecording', 'x-tc-version': '2019-07-22' }
    const answer = await gateway.server.inject({ method: 'POST', url: '/', headers, payload: '{}' })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json'])
    expect(answer.json().Response.Error.Code).toBe('AuthFailure.InvalidAuthorization')
    // Whatever the path, and also where nobody has looked at the action yet.
    const scope = `AKIDschool/${new Date().toISOString().slice(0, 10)}/trtc/tc3_request`
    const authorization = `TC3-HMAC-SHA256 Credential=${scope}, SignedHeaders=content-type;host, Signature=${'0'.repeat(64)}`
    const large = await gateway.server.inject({
      ...{ method: 'POST', url: '/x', headers: { ...headers, authorization }, payload: 'x'.repeat(140_000) },
    })
    expect([large.statusCode, large.headers['content-type']]).toEqual([200, 'application/json'])
    expect(large.json().Response.Error.Code).toBe('RequestSizeLimitExceeded')
  })

  test('nothing of any secret, and neither is the log', async () => {
    const said = [
      await call('CreateCloudRecording', task),
      await refusal('CreateCloudRecording', withField(task, 'RecordParams.Bogus', 1)),
      await refusal('CreateCloudRecording', withField(task, 'StorageParams.CloudStorage.Bucket', task.UserSig)),
    ]
    for (const secret of secretsIn) {
      expect(JSON.stringify(said)).not.toContain(secret)
      expect(gateway.lines.join('\n')).not.toContain(secret)
    }
  })
})
