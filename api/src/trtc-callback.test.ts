import { describe, expect, test } from 'vitest'
import type { Recording } from './recording.ts'
import { trtcEventBodies, trtcEventTypes, trtcNoticeBody, trtcNotices, trtcResultBody } from './trtc-callback.ts'

const at = (minute: number) => `2026-03-01T10:${String(minute).padStart(2, '0')}:00.000Z`
const condition = (type: string, status: string, reason: string, minute = 0) => ({
  ...{ type, status, reason, message: 'said so', observedGeneration: 1, lastTransitionTime: at(minute) },
})
const recording = (status: object, over: object = {}) =>
  ({
    metadata: { name: 'r', uid: 'the-uid', annotations: {} },
    spec: { sdkAppId: 1400000001, roomId: 43474, userId: 'robot', ...over },
    status,
  }) as unknown as Recording
const told = (status: object) => trtcNotices(recording(status)).map(({ type, instance, payload }) => [type, instance, payload])
const inRoom = { startTime: at(1), attempts: [{ number: 1, pod: 'a', startTime: at(1) }] }

describe('what TRTC’s service would tell', () => {
  test('is nothing before there is anything to tell', () => {
    expect(told({})).toEqual([])
    expect(told({ conditions: [condition('Succeeded', 'Unknown', 'Starting')] })).toEqual([])
  })

  test('begins with the start, or with the failure to start', () => {
    expect(told(inRoom)).toEqual([[301, '0', { Status: 0 }]])
    expect(told({ completionTime: at(5), stopReason: 'NeverStarted' })).toEqual([[301, '1', { Status: 1 }]])
  })

  test('has each attempt that enters after the first', () => {
    const second = { number: 2, pod: 'b', startTime: at(3) }
    expect(told({ ...inRoom, attempts: [...inRoom.attempts, second] })).toEqual([
      [301, '0', { Status: 0 }],
      [306, '2', { Status: 0 }],
    ])
    // The first that entered was the second that was tried.
    expect(told({ startTime: at(3), attempts: [{ number: 1, pod: 'a' }, second] })).toEqual([[301, '0', { Status: 0 }]])
  })

  test.each([
    ['StopRequested', 0],
    ['RemovedByApi', 1],
    ['RoomDismissed', 2],
    ['Idle', 99],
    ['RoomLost', 100],
    ['DuplicateUser', 101],
    ['StorageFull', 100],
  ])('says why the recorder left: %s is %i', (stopReason, LeaveCode) => {
    const finishing = { ...inRoom, stopReason, conditions: [condition('Succeeded', 'Unknown', 'Finishing')] }
    expect(told(finishing)).toContainEqual([302, '0', { LeaveCode }])
  })

  test('says nothing of leaving while the next attempt is on its way', () => {
    expect(
      told({ ...inRoom, stopReason: 'BrowserFailed', conditions: [condition('Succeeded', 'Unknown', 'RetryScheduled')] }),
    ).toHaveLength(1)
  })

  test('says how uploads went: all, not all, and what came later', () => {
    const over = (stored: object) =>
      told({ ...inRoom, completionTime: at(5), stopReason: 'Idle', conditions: [stored] }).slice(-1)
    expect(over(condition('Stored', 'True', 'Completed', 5))).toEqual([[305, '0', { Status: 0 }]])
    expect(over(condition('Stored', 'False', 'UploadIncomplete', 5))).toEqual([[305, '1', { Status: 1 }]])
    expect(over(condition('Stored', 'True', 'Completed', 9))).toEqual([[305, '2', { Status: 2 }]])
    const refused = { ...inRoom, uploadedBytes: 1, conditions: [condition('Stored', 'False', 'StorageRefused')] }
    expect(told(refused).slice(1)).toEqual([
      [303, '0', { Status: 0 }],
      [308, '0', { Code: 'StorageRefused', Message: 'said so' }],
    ])
  })
})

test('a notice has the envelope of the service: the room as its type is, times in seconds and milliseconds', () => {
  const [notice] = trtcNotices(recording(inRoom))
  expect(trtcNoticeBody(recording(inRoom), notice!, new Date(at(2)))).toEqual({
    EventGroupId: 3,
    EventType: 301,
    CallbackTs: Date.parse(at(2)),
    EventInfo: {
      ...{ RoomId: 43474, EventTs: Date.parse(at(1)) / 1000, EventMsTs: Date.parse(at(1)), UserId: 'robot', TaskId: 'the-uid' },
      Payload: { Status: 0 },
    },
  })
  const named = recording(inRoom, { roomId: undefined, strRoomId: 'math' })
  named.metadata.annotations = { 'trtc-recorder.dev/task-id': 'task-1' }
  expect(trtcNoticeBody(named, notice!, new Date()).EventInfo).toMatchObject({ RoomId: 'math', TaskId: 'task-1' })
})

test('the result is 310, with each file: name, user, stream, what is in it, from when to when', () => {
  const file = { userId: 'alice', stream: 'main', path: 'a/t/alice.mp4', status: 1, startTime: at(1), durationSeconds: 1.5 }
  const files = [
    { ...file, audio: {}, video: {} },
    { ...file, path: 'a/t/screen.mp4', stream: 'aux', video: {}, status: 0 },
  ] as never[]
  const of = recording({ completionTime: at(5), fileCount: 2 })
  expect(trtcResultBody(of, files, new Date(at(6)))).toMatchObject({
    ...{ EventType: 310, CallbackTs: Date.parse(at(6)) },
    EventInfo: {
      EventMsTs: Date.parse(at(5)),
      Payload: {
        Status: 1,
        FileList: ['alice.mp4', 'screen.mp4'],
        FileMessage: [
          {
            ...{ FileName: 'alice.mp4', UserId: 'alice', TrackType: 'audio_video', MediaId: 'main' },
            ...{ StartTimeStamp: Date.parse(at(1)), EndTimeStamp: Date.parse(at(1)) + 1500 },
          },
          { FileName: 'screen.mp4', TrackType: 'video', MediaId: 'aux' },
        ],
      },
    },
  })
  expect(trtcResultBody(of, files.slice(0, 1), new Date()).EventInfo.Payload).toMatchObject({ Status: 1 })
  expect(trtcResultBody(recording({ fileCount: 1 }), files.slice(0, 1), new Date()).EventInfo.Payload).toMatchObject({
    Status: 0,
  })
})

describe('HLS that can be played', () => {
  const object = {
    ...{ userId: 'alice', stream: 'main' as const, path: 'a/t/request-t_uid.YWxpY2U..main.hls/20260301100100000/index.m3u8' },
    ...{ url: 'https://x', startTime: at(1), endTime: at(2), status: 1, message: 'ok' },
  }
  const bodies = (over: object, type: 'playlistStored' | 'fileFinished' = 'playlistStored') =>
    trtcEventBodies(
      recording({}, { mode: '02', cos: { path: '/a/t' }, subscribe: {}, ...over }),
      { id: 4, type, time: at(2), object },
      new Date(at(3)),
    )

  test('is 304, the playlist, and 307, whose it is and when it begins', () => {
    const name = 'request-t_uid.YWxpY2U..main.hls/20260301100100000/index.m3u8'
    expect(bodies({}).map(({ EventType, EventInfo }) => [EventType, EventInfo.EventMsTs, EventInfo.Payload])).toEqual([
      [304, Date.parse(at(2)), { FileList: name }],
      [
        ...[307, Date.parse(at(2))],
        { FileName: name, UserId: 'alice', TrackType: 'audio_video', BeginTimeStamp: Date.parse(at(1)) },
      ],
    ])
    expect(bodies({ cos: { path: '/' } })[0]?.EventInfo.Payload).toEqual({ FileList: object.path })
  })

  test.each([
    ['audio', { subscribe: { video: { include: [], exclude: ['.*$'] } } }],
    ['audio', { mode: '00' }],
    ['video', { mode: '01' }],
    ['audio_video', { subscribe: { video: { include: [], exclude: ['bob'] } } }],
  ])('is of %s where %j', (TrackType, over) => {
    expect(bodies(over)[1]?.EventInfo.Payload).toMatchObject({ TrackType })
  })

  test('is all that events of recorders are told of', () => {
    expect(bodies({}, 'fileFinished')).toEqual([])
  })
})

test('every event from 301 to 312 is sent, or said why it never is', () => {
  const types = Object.keys(trtcEventTypes).map(Number)
  expect(types).toEqual(Array.from({ length: 12 }, (_, index) => 301 + index))
  for (const event of Object.values(trtcEventTypes)) expect(event.is === 'sent' ? event.when : event.why).toMatch(/\w+ \w+/)
  expect(types.filter((type) => trtcEventTypes[type as keyof typeof trtcEventTypes].is === 'never')).toEqual([309, 311, 312])
})

test('the mix of everybody is among the files of the result, as nobody’s', () => {
  const mix = { kind: 'mix', path: 'a/t/all.mix.mp3', url: 'x', status: 1, message: 'ok', bytes: 1 } as const
  const withMix = (over: object) =>
    recording({
      fileCount: 0,
      outputs: [
        { ...mix, ...over },
        { ...mix, kind: 'vcon' },
      ],
    })
  const payload = (over: object) => trtcResultBody(withMix(over), [], new Date()).EventInfo.Payload
  expect(payload({ startTime: at(1), durationSeconds: 4 })).toEqual({
    ...{ Status: 0, FileList: ['all.mix.mp3'] },
    FileMessage: [
      {
        ...{ FileName: 'all.mix.mp3', UserId: '', TrackType: 'audio', MediaId: 'mix' },
        ...{ StartTimeStamp: Date.parse(at(1)), EndTimeStamp: Date.parse(at(1)) + 4000 },
      },
    ],
  })
  expect(payload({ status: 0 })).toMatchObject({ Status: 1, FileMessage: [{ StartTimeStamp: 0, EndTimeStamp: 0 }] })
})
