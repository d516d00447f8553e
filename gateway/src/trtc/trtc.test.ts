import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { apiError } from '../testing/fake-cluster.ts'
import { gatewayFor, school, sdkAppId, secretsIn, studio } from '../testing/harness.ts'
import { type Action, trtcFields } from './fields.ts'

/** Tencent’s own SDK, with nothing changed but the endpoint. */
function sdk(port: number, version = '2019-07-22', credential = { secretId: 'AKIDschool', secretKey: 'school-secret-key-0001' }) {
  const httpProfile = { endpoint: `127.0.0.1:${port}`, protocol: 'http://' }
  return new CommonClient('trtc.tencentcloudapi.com', version, { credential, region: 'ap-guangzhou', profile: { httpProfile } })
}

const cosKeys = { AccessKey: 'AKIDcos-secret-id', SecretKey: 'cos-secret-key' }

/** A task as small as it can be without a substitute. */
const task = {
  SdkAppId: sdkAppId,
  RoomId: '43474',
  UserId: 'robot',
  UserSig: 'eJwtzM0KgkAUhuF7mXW-the-signature',
  RecordParams: { RecordMode: 1, OutputFormat: 3, AvMerge: 1 },
  StorageParams: {
    CloudStorage: { Vendor: 0, Region: 'ap-shanghai', Bucket: 'lessons-1250000000', ...cosKeys, FileNamePrefix: ['a', 'b'] },
  },
}

let gateway: ReturnType<typeof gatewayFor>
let port: number
async function start(callers: object[] = [school, studio]) {
  await gateway?.server.close()
  gateway = gatewayFor(callers)
  gateway.clock.now = new Date()
  await gateway.server.listen({ host: '127.0.0.1', port: 0 })
  port = (gateway.server.server.address() as { port: number }).port
}
beforeEach(() => start())
afterEach(() => gateway.server.close())

type Answer = Record<string, unknown> & { RequestId: string; TaskId: string }
const call = (action: string, body: object) => sdk(port).request(action, body) as Promise<Answer>
const refusal = (action: string, body: object) =>
  call(action, body).then(
    () => ({ code: 'none', message: '', requestId: '' }),
    ({ code, message, requestId }) => ({ code, message, requestId }),
  )
const spec = () => gateway.cluster.recordings[0]!.spec

/** `a.b` set in a copy. */
function withField(object: object, field: string, value: unknown): object {
  const [name = '', ...rest] = field.split('.')
  const inner = (object as Record<string, unknown>)[name]
  const next = rest.length === 0 ? value : withField((inner as object) ?? {}, rest.join('.'), value)
  return { ...object, [name]: next }
}

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

interface Row {
  value: unknown
  /** What the Recording has of it. */
  spec?: object
  /** What else has to be said so that it can stand. */
  with?: [field: string, value: unknown][]
  /** Not in the spec: where it shows. */
  shows?: () => unknown
}
const lists = (medium: 'Audio' | 'Video', prefix: string) => {
  const key = medium.toLowerCase()
  const field = (list: string) => `${prefix}SubscribeStreamUserIds.${list}${medium}UserIds`
  return {
    [field('Subscribe')]: { value: ['alice', 'pupil_.*$'], spec: { subscribe: { [key]: { include: ['alice', 'pupil_.*$'] } } } },
    [field('UnSubscribe')]: { value: ['bob'], spec: { subscribe: { [key]: { exclude: ['bob'] } } } },
  }
}
/** For each field that is honoured or limited, a value that is taken and what comes of it. */
const taken: Record<string, Row> = {
  SdkAppId: { value: sdkAppId, spec: { sdkAppId } },
  RoomId: { value: '99', spec: { roomId: 99 } },
  RoomIdType: { value: 0, spec: { strRoomId: '43474' } },
  UserId: { value: 'other', spec: { userId: 'other' } },
  UserSig: {
    value: 'sig2',
    shows: () => Buffer.from(gateway.cluster.secrets[0]?.data?.userSig ?? '', 'base64').toString() === 'sig2',
  },
  RecordParams: { value: task.RecordParams, spec: { mode: '02' } },
  'RecordParams.RecordMode': { value: 1, spec: { mode: '02' } },
  'RecordParams.MaxIdleTime': { value: 86_400, spec: { limits: { idleTimeoutSeconds: 86_400 } } },
  'RecordParams.StreamType': { value: 2, spec: { mode: '01' } },
  'RecordParams.SubscribeStreamUserIds': { value: {}, spec: { subscribe: { include: [], audio: { include: [] } } } },
  ...lists('Audio', 'RecordParams.'),
  ...lists('Video', 'RecordParams.'),
  'RecordParams.OutputFormat': { value: 3, spec: { mode: '02' } },
  'RecordParams.AvMerge': {
    value: 0,
    spec: { mode: '02' },
    shows: () => gateway.cluster.recordings[0]?.metadata.annotations?.['trtc-recorder.dev/substituted'] === 'OneFileForTwo',
  },
  'RecordParams.MaxMediaFileDuration': { value: 1440, spec: {} },
  'RecordParams.MediaId': { value: 0, spec: {} },
  'RecordParams.FillType': { value: 0, spec: {} },
  'RecordParams.SubscribeAbility': { value: 0, spec: {} },
  StorageParams: { value: task.StorageParams, spec: {} },
  'StorageParams.CloudStorage': { value: task.StorageParams.CloudStorage, spec: {} },
  'StorageParams.CloudStorage.Vendor': { value: 0, spec: {} },
  'StorageParams.CloudStorage.Region': { value: 'ap-beijing', spec: { cos: { region: 'ap-beijing' } } },
  'StorageParams.CloudStorage.Bucket': { value: 'b-1', spec: { cos: { bucket: 'b-1' } } },
  'StorageParams.CloudStorage.AccessKey': {
    value: 'AKID2',
    shows: () => Buffer.from(gateway.cluster.secrets[0]?.data?.secretId ?? '', 'base64').toString() === 'AKID2',
  },
  'StorageParams.CloudStorage.SecretKey': {
    value: 'key2',
    shows: () => Buffer.from(gateway.cluster.secrets[0]?.data?.secretKey ?? '', 'base64').toString() === 'key2',
  },
  'StorageParams.CloudStorage.FileNamePrefix': {
    value: ['x', 'y_-Z'],
    spec: { cos: { path: expect.stringMatching(/^\/x\/y_-Z\/[0-9a-f-]{36}$/) } },
  },
  ResourceExpiredHour: {
    value: 6,
    shows: () =>
      Date.parse(gateway.cluster.recordings[0]?.metadata.annotations?.['trtc-recorder.dev/task-expires'] ?? '') -
        gateway.clock.now.getTime() ===
      6 * 3_600_000,
  },
}
/** For each field that is limited, a value that is documented and not taken. */
const otherwise: Record<string, number> = {
  'RecordParams.RecordMode': 2,
  'RecordParams.OutputFormat': 2,
  'RecordParams.MaxMediaFileDuration': 60,
  'RecordParams.MediaId': 1,
  'RecordParams.FillType': 1,
  'RecordParams.SubscribeAbility': 1,
  'StorageParams.CloudStorage.Vendor': 1,
}

describe('each field of CreateCloudRecording', () => {
  test.each(trtcFields.CreateCloudRecording.map((row) => [row.field, row] as const))('%s', async (field, row) => {
    const { handling } = row
    if (handling.is === 'refused' || handling.is === 'limited') {
      const value = handling.is === 'refused' ? {} : otherwise[field]
      const { code, message } = await refusal('CreateCloudRecording', withField(task, field, value))
      expect(code).toBe('UnsupportedOperation')
      expect(message).toContain(`${field}: `)
      expect(gateway.cluster.recordings).toEqual([])
    }
    if (handling.is === 'honoured' || handling.is === 'limited') {
      const given = taken[field]
      if (given === undefined) throw new Error('has no test: write down a value and what comes of it')
      await call('CreateCloudRecording', withField(task, field, given.value))
      expect(spec()).toMatchObject(given.spec ?? {})
      if (given.shows !== undefined) expect(given.shows()).toBe(true)
    }
    if (row.need === 'required') {
      const { code, message } = await refusal('CreateCloudRecording', withField(task, field, undefined))
      expect(code).toMatch(/^MissingParameter/)
      expect(message).toContain(`${field}: `)
    }
    if (row.longest !== undefined) {
      const refused = await refusal('CreateCloudRecording', withField(task, field, 'x'.repeat(row.longest + 1)))
      expect(refused).toMatchObject({ code: 'InvalidParameter.OutOfRange', message: expect.stringContaining(`${field}: `) })
    }
    if (row.range !== undefined) {
      const { code, message } = await refusal('CreateCloudRecording', withField(task, field, row.range[1] + 1))
      expect(code).toMatch(/^InvalidParameter\.(OutOfRange|SdkAppId)$|^AuthFailure\.UnauthorizedOperation$/)
      expect(message).toContain(`${field}: `)
    }
  })

  /** Those of the first call stay. */
  const ofTheFirst = ['UserSig', 'StorageParams.CloudStorage.AccessKey', 'StorageParams.CloudStorage.SecretKey']
  test.each(Object.entries(taken))(
    'asked again with another %s, a task is not taken for what it is not',
    async (field, { value, spec: wanted }) => {
      const { TaskId } = await call('CreateCloudRecording', task)
      const same = (() => {
        try {
          expect(spec()).toMatchObject(wanted ?? {})
          return true
        } catch {
          return false
        }
      })()
      const isAnother = ['RoomId', 'RoomIdType', 'UserId'].includes(field)
      const isKept = ofTheFirst.includes(field) || field === 'ResourceExpiredHour' || same
      const { code } = await refusal('CreateCloudRecording', withField(task, field, value))
      expect(code).toBe(isAnother || isKept ? 'none' : 'FailedOperation.TaskExist')
      expect(gateway.cluster.recordings.map(({ metadata }) => metadata.name === `request-${TaskId}`)).toEqual(
        isAnother ? [true, false] : [true],
      )
    },
  )

  test('every text that goes into a Secret has a length that it may have', () => {
    const ofSecrets = trtcFields.CreateCloudRecording.filter(
      ({ handling }) => handling.is === 'honoured' && /Secret/.test(handling.how),
    )
    expect(ofSecrets.map(({ field }) => field)).toHaveLength(3)
    for (const { longest } of ofSecrets) expect(longest).toBeGreaterThan(0)
  })

  test('asked again with a longer ResourceExpiredHour, a task is known for longer; with a shorter one for no less', async () => {
    const hours = () => {
      const { annotations, creationTimestamp } = gateway.cluster.recordings[0]!.metadata
      return Math.round((Date.parse(annotations!['trtc-recorder.dev/task-expires']!) - Date.parse(creationTimestamp)) / 3_600_000)
    }
    for (const [said, known] of [
      [undefined, 72],
      [720, 720],
      [6, 720],
    ]) {
      await call('CreateCloudRecording', { ...task, ...(said === undefined ? {} : { ResourceExpiredHour: said }) })
      expect(hours()).toBe(known)
    }
    expect(gateway.cluster.calls.filter((name) => name.startsWith('patch'))).toHaveLength(1)
  })

  test.each([
    [
      'StreamType 1: sound alone, as MP4',
      [['RecordParams.StreamType', 1]],
      { mode: '02', subscribe: { video: { exclude: ['.*$'] } } },
    ],
  ] as const)('%s', async (_, fields, expected) => {
    await call(
      'CreateCloudRecording',
      fields.reduce<object>((body, [field, value]) => withField(body, field, value), task),
    )
    expect(spec()).toMatchObject(expected)
  })

  const refusedHls = /RecordParams.OutputFormat: .*(CMAFForTS or MP4ForHLS|neither CMAFForTS nor MP4ForHLS)/
  test.each([
    ['made, as CMAF, unless a grant says otherwise', undefined, 'CMAFForTS'],
    ['made, as CMAF, where the grant says so', ['CMAFForTS'], 'CMAFForTS'],
    ['MP4 alone where the grant says that this will do', ['CMAFForTS', 'MP4ForHLS'], 'MP4ForHLS'],
    ['refused by name where the grant says neither', ['OneFileForTwo'], refusedHls],
  ] as const)('HLS (0, 1, or none said) is %s', async (_, substitutes, expected) => {
    await start([{ ...school, grants: [{ ...school.grants[0], ...(substitutes === undefined ? {} : { substitutes }) }] }])
    for (const [index, format] of [0, 1, undefined].entries()) {
      const wanted = withField({ ...task, UserId: `robot${index}` }, 'RecordParams.OutputFormat', format)
      const { code, message } = await refusal('CreateCloudRecording', wanted)
      if (expected instanceof RegExp) {
        expect([code, message]).toEqual(['UnsupportedOperation', expect.stringMatching(expected)])
        continue
      }
      expect([code, message]).toEqual(['none', ''])
      const made = gateway.cluster.recordings.find(({ spec }) => spec.userId === `robot${index}`)
      expect(made?.metadata.annotations).toMatchObject({ 'trtc-recorder.dev/substituted': expected })
      expect(made?.spec.live?.hls?.playlist).toBe(expected === 'CMAFForTS' ? 'Event' : undefined)
    }
    expect(gateway.cluster.recordings).toHaveLength(expected instanceof RegExp ? 0 : 3)
  })

  test('HLS of sound alone, and of pictures alone, is made as well; how it is cut the grant may say', async () => {
    const hls = { seconds: 6, playlist: 'Live' }
    await start([{ ...school, grants: [{ ...school.grants[0], recording: { live: { hls } } }] }])
    for (const StreamType of [1, 2]) {
      await call('CreateCloudRecording', {
        ...withField(task, 'RecordParams', { RecordMode: 1, StreamType }),
        UserId: `of-${StreamType}`,
      })
    }
    expect(gateway.cluster.recordings.map(({ spec }) => [spec.mode, spec.live?.hls])).toEqual([
      ['02', expect.objectContaining(hls)],
      ['01', expect.objectContaining(hls)],
    ])
  })

  test.each([
    ['sound alone', { StreamType: 1 }, 'none'],
    ['sound alone as AAC', { StreamType: 1, OutputFormat: 4 }, 'none'],
    ['pictures', { StreamType: 0 }, 'UnsupportedOperation'],
    ['sound alone as HLS, of which nobody has said that MP4 will do', { StreamType: 1, OutputFormat: 0 }, 'UnsupportedOperation'],
    ['sound alone as HLS, which is the default', { StreamType: 1, OutputFormat: undefined }, 'UnsupportedOperation'],
  ])('mixed, of %s, where the grant says that an MP3 will do: %j is %s', async (_, params, code) => {
    await start([{ ...school, grants: [{ ...school.grants[0], substitutes: ['MP3ForMix', 'CMAFForTS'] }] }])
    const wanted = { ...task, RecordParams: { ...task.RecordParams, RecordMode: 2, ...params } }
    expect((await refusal('CreateCloudRecording', wanted)).code).toBe(code)
    if (code !== 'none') return expect(gateway.cluster.recordings).toEqual([])
    expect(spec()).toMatchObject({
      outputs: { mix: true, mixFormat: 'Mp3' },
      mode: '02',
      subscribe: { video: { exclude: ['.*$'] } },
    })
    expect(gateway.cluster.recordings[0]?.metadata.annotations).toMatchObject({ 'trtc-recorder.dev/substituted': 'MP3ForMix' })
  })

  test.each([
    ['pictures and sound, as MP4', { StreamType: 0, OutputFormat: 3 }, 'none'],
    ['pictures and sound, which is the default', { OutputFormat: 3 }, 'none'],
    ['pictures and sound, as HLS', { StreamType: 0, OutputFormat: 0 }, 'UnsupportedOperation'],
    ['pictures and sound, as AAC', { StreamType: 0, OutputFormat: 4 }, 'UnsupportedOperation'],
    ['pictures alone', { StreamType: 2, OutputFormat: 3 }, 'UnsupportedOperation'],
    ['sound alone', { StreamType: 1, OutputFormat: 3 }, 'UnsupportedOperation'],
  ])('mixed, of %s, where the grant says that an MP4 will do: %j is %s', async (_, params, code) => {
    await start([{ ...school, grants: [{ ...school.grants[0], substitutes: ['MP4ForMix', 'OneFileForTwo'] }] }])
    const wanted = { ...task, RecordParams: { RecordMode: 2, ...params } }
    const refused = await refusal('CreateCloudRecording', wanted)
    expect(refused.code).toBe(code)
    if (code !== 'none') {
      expect(refused.message).toMatch(/RecordParams\.(RecordMode|OutputFormat): /)
      return expect(gateway.cluster.recordings).toEqual([])
    }
    expect(spec()).toMatchObject({ outputs: { mix: true, mixFormat: 'Mp4' }, mode: '02' })
    const { annotations } = gateway.cluster.recordings[0]!.metadata
    expect(annotations!['trtc-recorder.dev/substituted']).toMatch(/MP4ForMix$/)
  })

  test('AAC is not taken of single streams, whatever the grant says', async () => {
    await start([{ ...school, grants: [{ ...school.grants[0], substitutes: ['MP3ForMix', 'MP4ForHLS'] }] }])
    const aac = withField(task, 'RecordParams.OutputFormat', 4)
    expect((await refusal('CreateCloudRecording', aac)).code).toBe('UnsupportedOperation')
  })

  test.each<[code: string, field: string, value: unknown]>([
    ['InvalidParameter.RoomId', 'RoomId', 'math'],
    ['InvalidParameter.RoomId', 'RoomId', '4294967295'],
    ['InvalidParameter', 'RoomId', 43474],
    ['InvalidParameter', 'RecordParams.MaxIdleTime', '30'],
    ['InvalidParameter.OutOfRange', 'RecordParams.MaxIdleTime', 4],
    ['InvalidParameter.UserId', 'UserId', 'a robot'],
    ['InvalidParameter.OutOfRange', 'StorageParams.CloudStorage.Bucket', 'lessons'],
    ['InvalidParameter.OutOfRange', 'StorageParams.CloudStorage.FileNamePrefix', ['a/b']],
    ['InvalidParameter.OutOfRange', 'RecordParams.SubscribeStreamUserIds.SubscribeAudioUserIds', ['a.*b']],
    ['UnknownParameter', 'RecordParams.Bogus', 1],
    ['UnsupportedOperation', 'RecordParams.OutputFormat', 4],
    ['UnsupportedOperation', 'RecordParams.OutputFormat', 9],
    ['UnsupportedOperation', 'RecordParams.OutputFormat', -1],
  ])('%s for %s %j', async (code, field, value) => {
    const refused = await refusal('CreateCloudRecording', withField(task, field, value))
    expect(refused.code).toBe(code)
    expect(refused.message).toContain(field)
    expect([...gateway.cluster.recordings, ...gateway.cluster.secrets]).toEqual([])
  })

  test('allow and deny of one medium exclude each other, and a medium that is not recorded has no list', async () => {
    const ids = (lists: object) => withField(task, 'RecordParams.SubscribeStreamUserIds', lists)
    const both = await refusal('CreateCloudRecording', ids({ SubscribeAudioUserIds: ['a'], UnSubscribeAudioUserIds: ['b'] }))
    expect(both.message).toContain('RecordParams.SubscribeStreamUserIds.UnSubscribeAudioUserIds: ')
    const idle = withField(ids({ SubscribeVideoUserIds: ['a'] }), 'RecordParams.StreamType', 1)
    expect((await refusal('CreateCloudRecording', idle)).message).toContain(
      'SubscribeVideoUserIds: has no effect with StreamType 1',
    )
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

  test.each(
    (['DescribeCloudRecording', 'ModifyCloudRecording', 'DeleteCloudRecording'] as Action[]).flatMap((action) =>
      trtcFields[action].map((row) => [action, row.field, row] as const),
    ),
  )('%s: %s is honoured, or refused by name', async (action, field, { handling, need }) => {
    const value =
      taken[field]?.value ?? (taken[`RecordParams.${field}`]?.value as unknown) ?? (field === 'TaskId' ? of.TaskId : {})
    const { code, message } = await refusal(action, withField(of, field, value))
    if (handling.is === 'refused')
      expect([code, message]).toEqual(['UnsupportedOperation', expect.stringContaining(`${field}: `)])
    else expect(code).toBe('none')
    if (need === 'required')
      expect((await refusal(action, withField(of, field, undefined))).code).toBe(`MissingParameter.${field}`)
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
