import { describe, expect, test } from 'vitest'
import { school, sdkAppId } from '../testing/harness.ts'
import { call, eachWithAGateway, gateway, refusal, spec, start, task, withField } from '../testing/trtc-caller.ts'
import { type Action, trtcFields } from './fields.ts'

eachWithAGateway()

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

describe('each field of what is asked of a task', () => {
  test.each(
    (['DescribeCloudRecording', 'ModifyCloudRecording', 'DeleteCloudRecording'] as Action[]).flatMap((action) =>
      trtcFields[action].map((row) => [action, row.field, row] as const),
    ),
  )('%s: %s is honoured, or refused by name', async (action, field, { handling, need }) => {
    const { TaskId } = await call('CreateCloudRecording', task)
    const of = { SdkAppId: sdkAppId, TaskId }
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
