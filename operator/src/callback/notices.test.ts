import { dueTrtcNotice, type Recording } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import { beforeEach, describe, expect, test } from 'vitest'
import { aRecording } from '../recording/testing.ts'
import { createLog } from '../telemetry/log.ts'
import type { Delivery, DeliveryResult } from './delivery.ts'
import { noticeReconciler } from './notices.ts'

const callback = { url: 'https://school.example/events', format: 'TRTC' as const }
const inRoom = {
  startTime: '2026-03-01T10:01:00.000Z',
  attempts: [{ number: 1, pod: 'a', startTime: '2026-03-01T10:01:00.000Z' }],
}

let recording: Recording
let now: Date
let sent: Delivery[]
let answers: DeliveryResult[]
let notes: string[]
/** Once, of what is written. */
let fails: Error | undefined
const context = { log: createLog('error'), signal: new AbortController().signal } as never

/** One Recording, whose status is patched as the API server would. */
function reconciler() {
  const client = {
    get: async () => structuredClone(recording),
    patch: async (
      _: unknown,
      __: unknown,
      { body }: { body: { metadata: { uid: string }; status: { notices: Record<string, string> } } },
    ) => {
      expect(body.metadata.uid).toBe(recording.metadata.uid)
      const why = fails
      fails = undefined
      if (why !== undefined) throw why
      const status = recording.status ?? {}
      recording = { ...recording, status: { ...status, notices: { ...status.notices, ...body.status.notices } } }
      return recording
    },
  } as unknown as KubeClient
  return noticeReconciler({
    client,
    recordings: { get: () => recording, wrote() {} } as never,
    events: { record: (_: unknown, { note }: { note: string }) => void notes.push(note) } as never,
    log: createLog('error'),
    metrics: { callbackDelivery() {} },
    policy: { allow: [], deny: [], apiServer: [], allowPrivate: true },
    now: () => now,
    send: async (delivery) => {
      sent.push(delivery)
      return answers.shift() ?? { outcome: 'delivered', statusCode: 200 }
    },
  })
}

beforeEach(() => {
  recording = { ...aRecording({ callback }), status: inRoom }
  now = new Date('2026-03-01T10:02:00.000Z')
  sent = []
  answers = []
  notes = []
  fails = undefined
})

const down: DeliveryResult = { outcome: 'refused', statusCode: 503, message: 'answered 503' }
const types = () => sent.map(({ body }) => ('EventType' in body ? body.EventType : undefined))

describe('events of TRTC', () => {
  test('are told one after the other, each once, with the application in a header', async () => {
    const { reconcile } = reconciler()
    recording = { ...recording, status: { ...inRoom, uploadedBytes: 1 } }
    expect(await reconcile('key', context)).toEqual({ requeueAfterMillis: 0 })
    expect(await reconcile('key', context)).toBeUndefined()
    expect(await reconcile('key', context)).toBeUndefined()
    expect(types()).toEqual([301, 303])
    expect(recording.status?.notices).toEqual({ 301: '0', 303: '0' })
    expect(sent[0]).toMatchObject({ url: callback.url, sdkAppId: recording.spec.sdkAppId, id: `${recording.metadata.uid}/301-0` })
  })

  test('are not told where the result alone is wanted', () => {
    expect(dueTrtcNotice({ ...aRecording({ callback: { ...callback, format: 'Result' } }), status: inRoom })).toBeUndefined()
    expect(dueTrtcNotice({ ...aRecording({}), status: inRoom })).toBeUndefined()
  })

  test('that do not arrive are tried again at once, then every ten seconds, for a minute; then the status says so', async () => {
    const { reconcile } = reconciler()
    answers = Array.from({ length: 20 }, () => down)
    const waits: (number | undefined)[] = []
    while (dueTrtcNotice(recording) !== undefined) {
      const wait = (await reconcile('key', context))?.requeueAfterMillis
      waits.push(wait)
      now = new Date(now.getTime() + (wait ?? 0))
    }
    expect(waits).toEqual([0, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, undefined])
    expect(recording.status?.notices).toEqual({ 301: '0 GivenUp' })
    expect(notes).toEqual([expect.stringContaining('Event 301 could not be told within a minute: answered 503')])
  })

  test('that arrive late count as told, and the next one has a minute of its own', async () => {
    const { reconcile } = reconciler()
    answers = [down, down]
    for (let round = 0; round < 3; round += 1) await reconcile('key', context)
    expect(recording.status?.notices).toEqual({ 301: '0' })
    expect(types()).toEqual([301, 301, 301])
  })

  test('that arrive and cannot be noted are not told again, but noted by the next run', async () => {
    const { reconcile } = reconciler()
    fails = new Error('cut off')
    await expect(reconcile('key', context)).rejects.toThrow('cut off')
    expect(recording.status?.notices).toBeUndefined()
    await reconcile('key', context)
    expect(types()).toEqual([301])
    expect(recording.status?.notices).toEqual({ 301: '0' })
  })

  test('of a second attempt, and of files that come late, are told anew', async () => {
    const { reconcile } = reconciler()
    await reconcile('key', context)
    const second = { number: 2, pod: 'b', startTime: '2026-03-01T10:03:00.000Z' }
    recording = { ...recording, status: { ...recording.status, attempts: [...inRoom.attempts, second] } }
    await reconcile('key', context)
    expect(types()).toEqual([301, 306])
    expect(recording.status?.notices).toEqual({ 301: '0', 306: '2' })
  })
})
