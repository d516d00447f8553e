import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventsBody, Recording } from '@trtc-recorder/api'
import type { KubeClient, Pod } from '@trtc-recorder/kube'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventsReconciler } from '../../operator/src/callback/events-teller.ts'
import { aRecording } from '../../operator/src/recording/testing.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { Clock } from '../../recorder-image/src/clock/clock.ts'
import { noLog } from '../../recorder-image/src/recorder/testing.ts'
import { EventLog } from '../../recorder-image/src/report/event-log.ts'
import { startHttp } from '../../recorder-image/src/report/http.ts'

/** From a recorder's volume over its HTTP server and the operator to a receiver, which checks the signature as TRTC's documents say. */
const key = 'a key'
let root: string
let received: { body: EventsBody; isSigned: boolean; id: string }[]
let isAway: boolean
const close: (() => unknown)[] = []

const receiver = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const raw = Buffer.concat(chunks)
  if (isAway) return void response.writeHead(503).end()
  const isSigned = request.headers.sign === createHmac('sha256', key).update(raw).digest('base64')
  received.push({ body: JSON.parse(raw.toString()), isSigned, id: String(request.headers['idempotency-key']) })
  response.end('{"code":0}')
})

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'events-'))
  received = []
  isAway = false
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
})
afterEach(async () => {
  for (const one of close.splice(0)) await one()
  receiver.closeAllConnections()
  await new Promise((resolve) => receiver.close(resolve))
  await rm(root, { recursive: true })
})

async function aRecorder() {
  const log = await EventLog.open(join(root, 'events'), {
    ...{ volume: 1, isWanted: true, onDamagedLines: () => {}, clock: new Clock(), log: noLog },
  })
  const source = { events: (after: number) => log.after(after), progress: () => ({}) as never, notReady: async () => undefined }
  const { port, close: end } = await startHttp(source, 0, '127.0.0.1')
  close.push(end)
  return { log, port, end }
}

test('what happens in a recorder is told once, in order and signed, over a receiver that is away, another operator and another attempt', async () => {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  let recording: Recording = aRecording({
    callback: { url, format: 'Result', events: true, signingKeySecretRef: { name: 'callback', key: 'signingKey' } },
  })
  recording = { ...recording, status: { attempts: [{ number: 1, pod: 'a' }] } }
  const pod = {
    metadata: { name: 'a', namespace: 'lessons', uid: 'p' },
    status: { phase: 'Running', podIP: '10.0.0.7' },
  } as unknown as Pod
  let recorder = await aRecorder()
  const anOperator = () =>
    eventsReconciler({
      client: {
        get: async ({ kind }: { kind: string }) =>
          kind === 'Secret' ? { data: { signingKey: Buffer.from(key).toString('base64') } } : recording,
        patch: async (_: unknown, __: unknown, { body }: { body: { status: Recording['status'] } }) => {
          recording = { ...recording, status: { ...recording.status, ...body.status } }
          return recording
        },
      } as unknown as KubeClient,
      recordings: { get: () => recording, wrote() {} } as never,
      pods: { byIndex: () => [pod] },
      events: { record: () => {} } as never,
      log: createLog('error'),
      metrics: { callbackDelivery() {} },
      policy: { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true },
      get: async (asked) => (await fetch(asked.replace(/^http:\/\/10\.0\.0\.7:\d+/, `http://127.0.0.1:${recorder.port}`))).json(),
    })
  const context = { log: createLog('error'), signal: new AbortController().signal } as never

  recorder.log.add('recordingStarted')
  await recorder.log.settled()
  await anOperator().reconcile('school/maths', context)
  recorder.log.add('recordingPaused')
  await recorder.log.settled()
  isAway = true
  await anOperator().reconcile('school/maths', context)
  await recorder.log.told(1)
  await recorder.end()
  recorder = await aRecorder()
  recorder.log.add('recordingResumed')
  await recorder.log.settled()
  isAway = false
  await anOperator().reconcile('school/maths', context)
  await anOperator().reconcile('school/maths', context)

  expect(received.map(({ body }) => body.Events.map(({ EventId, EventType }) => `${EventId} ${EventType}`))).toEqual([
    ['1-1 recordingStarted'],
    ['1-2 recordingPaused', '1-3 recordingResumed'],
  ])
  expect(received.every(({ isSigned }) => isSigned)).toBe(true)
  expect(new Set(received.map(({ id }) => id)).size).toBe(2)
})
