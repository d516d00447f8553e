import { noLosses, type RecorderEvents, type RecorderProgress } from '@trtc-recorder/api'
import { afterEach, expect, test } from 'vitest'
import { startHttp } from './http.ts'

let kept: RecorderEvents | undefined
const events = () => kept
const progress: RecorderProgress = {
  state: 'recording',
  participants: [],
  recordedBytes: 10,
  uploadedBytes: 5,
  files: [],
  live: [],
  losses: { ...noLosses, latest: [] },
  storage: { state: 'proven' },
  making: null,
  clips: [],
  controlProblem: null,
  volume: null,
}
let server: Awaited<ReturnType<typeof startHttp>>
afterEach(() => server.close())

async function get(path: string, notReady?: string) {
  server = await startHttp({ events, progress: () => progress, notReady: async () => notReady }, 0, '127.0.0.1')
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
  return { status: response.status, body: await response.json() }
}

test('/healthz answers while the process does', async () => {
  expect(await get('/healthz', 'the recorder is starting')).toEqual({ status: 200, body: { status: 'ok' } })
})

test('/readyz says ready in the room', async () => {
  expect(await get('/readyz')).toEqual({ status: 200, body: { status: 'ready' } })
})

test('/readyz says why it is not', async () => {
  expect(await get('/readyz', 'the recorder is starting')).toEqual({
    status: 503,
    body: { status: 'not ready', reason: 'the recorder is starting' },
  })
})

test('/status says what it is doing', async () => {
  expect(await get('/status')).toEqual({ status: 200, body: progress })
})

test('/events gives those after one, once the volume is open', async () => {
  expect(await get('/events?after=3')).toMatchObject({ status: 503 })
  await server.close()
  kept = { volume: 1, events: [], last: 3 }
  expect(await get('/events?after=3')).toEqual({ status: 200, body: kept })
})

test('another address is told which ones there are', async () => {
  expect(await get('/metrics')).toEqual({
    status: 404,
    body: { error: 'There is no /metrics; there are /healthz, /readyz, /status and /events' },
  })
})

test('nothing can be posted', async () => {
  server = await startHttp({ events, progress: () => progress, notReady: async () => undefined }, 0, '127.0.0.1')
  const response = await fetch(`http://127.0.0.1:${server.port}/status`, { method: 'POST' })
  expect(response.status).toBe(405)
})

test('a source that fails is a 500 with its reason, and the server goes on', async () => {
  const source = { events, progress: () => progress, notReady: () => Promise.reject(new Error('the volume is gone')) }
  server = await startHttp(source, 0, '127.0.0.1')
  const response = await fetch(`http://127.0.0.1:${server.port}/readyz`)
  expect({ status: response.status, body: await response.json() }).toEqual({
    status: 500,
    body: { error: 'the volume is gone' },
  })
  expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200)
})
