import { hlsSchema, type Recording, type RecordingEvent } from '@trtc-recorder/api'
import type { KubeClient, Pod } from '@trtc-recorder/kube'
import { beforeEach, describe, expect, test } from 'vitest'
import { aRecording } from '../recording/testing.ts'
import { createLog } from '../telemetry/log.ts'
import type { Delivery, DeliveryResult } from './delivery.ts'
import { eventsReconciler } from './events-teller.ts'

const callback = { url: 'https://school.example/events', format: 'Result' as const, events: true }
const context = { log: createLog('error'), signal: new AbortController().signal } as never
const pod = {
  metadata: { name: 'a', namespace: 'lessons', uid: 'p' },
  status: { phase: 'Running', podIP: '10.0.0.7' },
} as unknown as Pod

const inRoom = {
  startTime: '2026-03-01T10:01:00.000Z',
  attempts: [{ number: 1, pod: 'a', podUid: 'p', startTime: '2026-03-01T10:01:00.000Z' }],
}

let recording: Recording
let happened: RecordingEvent[]
let isAway: boolean
let asked: string[]
let sent: Delivery[]
let answers: DeliveryResult[]
let notes: string[]
/** Once, of what is written. */
let fails: Error | undefined
let onSend: () => void

/** One Recording, whose status is patched as the API server would, and its recorder. */
function reconciler() {
  const client = {
    get: async () => structuredClone(recording),
    patch: async (_: unknown, __: unknown, { body }: { body: { status: { notices: Record<string, string> } } }) => {
      const why = fails
      fails = undefined
      if (why !== undefined) throw why
      const status = recording.status ?? {}
      recording = { ...recording, status: { ...status, notices: { ...status.notices, ...body.status.notices } } }
      return recording
    },
  } as unknown as KubeClient
  return eventsReconciler({
    client,
    recordings: { get: () => recording, wrote() {} } as never,
    pods: { byIndex: () => [pod] },
    events: { record: (_: unknown, { note }: { note: string }) => void notes.push(note) } as never,
    log: createLog('error'),
    metrics: { callbackDelivery() {} },
    policy: { allow: [], deny: [], apiServer: [], allowPrivate: true },
    get: async (url) => {
      asked.push(url)
      if (isAway) throw new Error('it cannot be reached')
      const after = Number(new URL(url).searchParams.get('after'))
      return { volume: 2, events: happened.filter(({ id }) => id > after).slice(0, 3), last: happened.length }
    },
    send: async (delivery) => {
      sent.push(delivery)
      onSend()
      return answers.shift() ?? { outcome: 'delivered', statusCode: 200 }
    },
  })
}

const happens = (type: RecordingEvent['type'], object?: RecordingEvent['object']) =>
  happened.push({ id: happened.length + 1, type, time: '2026-03-01T10:02:00.000Z', ...(object && { object }) })
const ids = () => sent.map(({ body }) => (body as { Events: { EventId: string }[] }).Events.map(({ EventId }) => EventId))

beforeEach(() => {
  recording = { ...aRecording({ callback }), status: inRoom }
  happened = []
  isAway = false
  asked = []
  sent = []
  answers = []
  notes = []
  fails = undefined
  onSend = () => {}
})

describe('events', () => {
  test('are told in order, all that happened since the last time in one POST, and noted, so that each is told once', async () => {
    const { reconcile } = reconciler()
    happens('recordingStarted')
    happens('recordingPaused')
    await reconcile('school/maths', context)
    happens('recordingResumed')
    await reconcile('school/maths', context)
    expect(ids()).toEqual([['2-1', '2-2'], ['2-3']])
    expect(recording.status?.notices).toEqual({ v2: '3' })
    await reconcile('school/maths', context)
    expect(sent).toHaveLength(2)
    expect(new Set(sent.map(({ id }) => id)).size).toBe(2)
  })

  test('say whose an object is, where it is and when it was, in TRTC’s words', async () => {
    const object = { userId: 'alice', stream: 'main' as const, path: 'a/1.ogg', url: 'https://cos/a/1.ogg' }
    const times = { startTime: '2026-03-01T10:01:45.000Z', endTime: '2026-03-01T10:02:00.000Z' }
    happens('sliceStored', { ...object, ...times, status: 1, message: 'ok' })
    await reconciler().reconcile('school/maths', context)
    expect(sent[0]!.body).toEqual({
      ...{ SdkAppId: '1400000001', RoomId: '43474', UserId: 'recorder', StrRoomId: '' },
      Events: [
        {
          ...{ EventId: '2-1', EventType: 'sliceStored', EventMsTs: Date.parse('2026-03-01T10:02:00.000Z') },
          ...{ UserId: 'alice', MediaId: 'main', File: 'https://cos/a/1.ogg', Status: 1, Message: 'ok' },
          ...{ StartTimeStamp: Date.parse(times.startTime), EndTimeStamp: Date.parse(times.endTime) },
        },
      ],
    })
  })

  test('of HLS are TRTC’s own where that is the format, each in a POST of its own; of others nothing is told', async () => {
    const hls = hlsSchema.parse({})
    recording = { ...aRecording({ callback: { ...callback, format: 'TRTC', events: false }, live: { hls } }), status: inRoom }
    const { reconcile } = reconciler()
    const times = { startTime: '2026-03-01T10:01:45.000Z', endTime: '2026-03-01T10:02:00.000Z' }
    const object = { userId: 'alice', stream: 'main' as const, path: 'a/x.hls/1/index.m3u8', url: 'https://cos/x' }
    happens('recordingStarted')
    happens('playlistStored', { ...object, ...times, status: 1, message: 'ok' })
    answers = [
      { outcome: 'delivered', statusCode: 200 },
      { outcome: 'refused', statusCode: 503, message: 'answered 503' },
    ]
    await reconcile('school/maths', context)
    expect(recording.status?.notices).toBeUndefined()
    // Another operator tells what was not taken, with what was told before it, under the same keys.
    await reconciler().reconcile('school/maths', context)
    const { uid } = recording.metadata
    expect(sent.map(({ id, sdkAppId, body }) => [id, sdkAppId, 'EventType' in body && body.EventType])).toEqual([
      [`${uid}/304-2-2`, 1400000001, 304],
      [`${uid}/307-2-2`, 1400000001, 307],
      [`${uid}/304-2-2`, 1400000001, 304],
      [`${uid}/307-2-2`, 1400000001, 307],
    ])
    expect(recording.status?.notices).toEqual({ v2: '2' })
  })

  test('that are taken and cannot be noted are not told again, but noted by the next run', async () => {
    const { reconcile } = reconciler()
    happens('recordingStarted')
    fails = new Error('cut off')
    await expect(reconcile('school/maths', context)).rejects.toThrow('cut off')
    happens('recordingPaused')
    await reconcile('school/maths', context)
    expect(ids()).toEqual([['2-1'], ['2-2']])
    expect(recording.status?.notices).toEqual({ v2: '2' })
  })

  test('of which some are taken are not all told again by the same operator', async () => {
    const hls = hlsSchema.parse({})
    recording = { ...aRecording({ callback: { ...callback, format: 'TRTC', events: false }, live: { hls } }), status: inRoom }
    const { reconcile } = reconciler()
    const times = { startTime: '2026-03-01T10:01:45.000Z', endTime: '2026-03-01T10:02:00.000Z' }
    const object = { userId: 'alice', stream: 'main' as const, path: 'a/x.hls/1/index.m3u8', url: 'https://cos/x' }
    happens('playlistStored', { ...object, ...times, status: 1, message: 'ok' })
    answers = [{ outcome: 'delivered', statusCode: 200 }]
    onSend = () => {
      if (sent.length === 2) throw new Error('cut off')
    }
    await expect(reconcile('school/maths', context)).rejects.toThrow('cut off')
    onSend = () => {}
    await reconcile('school/maths', context)
    expect(sent.map(({ body }) => 'EventType' in body && body.EventType)).toEqual([304, 307, 307])
    expect(recording.status?.notices).toEqual({ v2: '1' })
  })

  test('that are many are told in several, one after the other', async () => {
    for (let n = 0; n < 7; n++) happens('recordingStarted')
    await reconciler().reconcile('school/maths', context)
    expect(ids().map((some) => some.length)).toEqual([3, 3, 1])
  })

  test('that are not taken are told again, before any that come later, and not at once', async () => {
    const { reconcile } = reconciler()
    answers = [{ outcome: 'refused', statusCode: 503, message: 'answered 503' }]
    happens('recordingStarted')
    const { requeueAfterMillis } = (await reconcile('school/maths', context))!
    expect(requeueAfterMillis).toBeGreaterThan(1_000)
    expect(recording.status?.notices).toBeUndefined()
    expect(notes).toEqual(['Events 1 to 1 could not be told, and are tried again: answered 503'])
    await reconcile('school/maths', context)
    expect(sent).toHaveLength(1)
    // Another operator knows nothing of that, and begins with the same one.
    happens('recordingPaused')
    await reconciler().reconcile('school/maths', context)
    expect(ids()).toEqual([['2-1'], ['2-1', '2-2']])
  })

  test('of a Pod that is none of the Recording’s are nobody’s, whatever its labels say', async () => {
    happens('recordingStarted')
    for (const attempt of [
      { ...inRoom.attempts[0]!, pod: 'b' },
      { ...inRoom.attempts[0]!, podUid: 'q' },
    ]) {
      recording = { ...recording, status: { ...inRoom, attempts: [attempt] } }
      await reconciler().reconcile('school/maths', context)
    }
    recording = { ...recording, metadata: { ...recording.metadata, namespace: 'elsewhere' }, status: inRoom }
    await reconciler().reconcile('school/maths', context)
    expect(asked).toEqual([])
  })

  test('of a recorder that does not answer are asked for again', async () => {
    isAway = true
    expect(await reconciler().reconcile('school/maths', context)).toMatchObject({ requeueAfterMillis: expect.any(Number) })
    expect(sent).toEqual([])
  })

  test('are nobody’s where callback.events is not set, or the recording is over', async () => {
    happens('recordingStarted')
    recording = { ...aRecording({ callback: { ...callback, events: false } }) }
    expect(await reconciler().reconcile('school/maths', context)).toBeUndefined()
    recording = { ...aRecording({ callback }), status: { completionTime: '2026-03-01T11:00:00.000Z' } }
    expect(await reconciler().reconcile('school/maths', context)).toBeUndefined()
    expect(asked).toEqual([])
  })
})
