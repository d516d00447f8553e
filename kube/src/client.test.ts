import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createKubeClient, type KubeClient } from './client.ts'
import { ApiError, ConnectionError } from './errors.ts'
import { resources } from './resources.ts'
import { failure, hang, json, reset, type ScriptedApi, scriptedApi, watch } from './testing/scripted-api.ts'

let api: ScriptedApi
let client: KubeClient
const asked: string[] = []

beforeEach(async () => {
  api = await scriptedApi()
  asked.length = 0
  client = createKubeClient(api.kubeConfig, { observer: ({ method, code }) => asked.push(`${method} ${code}`) })
})
afterEach(async () => {
  await client.close()
  await api.close()
})

const ref = { namespace: 'lessons', name: 'math' }
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it succeeded'),
    (error: Error) => error,
  )

describe('requests', () => {
  it('are authenticated and go where the object lives', async () => {
    api.answer(json({ metadata: {} }), json({ metadata: {} }), json({ metadata: {} }))
    await client.get(resources.recordings, ref)
    await client.patch(resources.recordings, ref, { type: 'merge', body: { status: {} } }, { subresource: 'status' })
    await client.delete(resources.pods, ref, { uid: 'u', gracePeriodSeconds: 0 })
    expect(api.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /apis/trtc-recorder.dev/v1alpha1/namespaces/lessons/recordings/math',
      'PATCH /apis/trtc-recorder.dev/v1alpha1/namespaces/lessons/recordings/math/status',
      'DELETE /api/v1/namespaces/lessons/pods/math',
    ])
    expect(api.requests[0]?.headers.authorization).toBe('Bearer not-a-secret')
    expect(api.requests[1]?.headers['content-type']).toBe('application/merge-patch+json')
    expect(api.requests[2]?.body).toMatchObject({ preconditions: { uid: 'u' }, gracePeriodSeconds: 0 })
    expect(asked).toEqual(['GET 200', 'PATCH 200', 'DELETE 200'])
  })

  it('to delete are answered with what is going, or that it is gone', async () => {
    const going = { metadata: { ...ref, uid: 'u', deletionTimestamp: '2026-03-01T10:00:00Z' } }
    api.answer(json(going), json({ kind: 'Status', metadata: {}, status: 'Success', details: { uid: 'u' } }))
    expect(await client.delete(resources.pods, ref)).toEqual(going)
    expect(await client.delete(resources.pods, ref)).toBeUndefined()
  })

  it('reuse connections', async () => {
    api.fallback = json({ metadata: {} })
    const ports = new Set<number | undefined>()
    for (let n = 0; n < 10; n += 1) {
      api.answer((response, request) => {
        ports.add(response.socket?.remotePort)
        json({ metadata: {} })(response, request)
      })
      await client.get(resources.pods, ref)
    }
    // Not one: the next request may begin before the pool has noticed the end of the last.
    expect(ports.size).toBeLessThanOrEqual(3)
  })
})

describe('a refusal', () => {
  it('says what was asked of what, and why it was refused', async () => {
    api.answer(failure(404, 'NotFound'))
    const error = await failed(client.get(resources.pods, ref))
    expect(error).toMatchObject({ code: 404, reason: 'NotFound' })
    expect(error.message).toBe('get pods lessons/math: API server answered 404 NotFound: scripted NotFound')
  })

  it('carries how long to wait, from the header or from the status', async () => {
    api.answer(
      failure(429, 'TooManyRequests', { 'retry-after': '7' }),
      json({ kind: 'Status', details: { retryAfterSeconds: 3 } }, 503),
    )
    expect(await failed(client.list(resources.pods))).toMatchObject({ code: 429, retryAfterMillis: 7000 })
    expect(await failed(client.list(resources.pods))).toMatchObject({ code: 503, retryAfterMillis: 3000 })
  })

  it('may come from something that is no API server', async () => {
    api.answer((response) => response.writeHead(502).end('<html>Bad gateway</html>'))
    const error = await failed(client.list(resources.pods, { namespace: 'lessons' }))
    expect(error).toBeInstanceOf(ApiError)
    expect(error.message).toContain('list pods lessons: API server answered 502: <html>Bad gateway')
  })
})

describe('no answer', () => {
  it.each([
    ['a reset', reset],
    ['half an object', json('{"metadata":')],
  ])('after %s says so and names the call', async (_, answer) => {
    api.answer(answer === reset ? reset : (response) => response.end('{"metadata":'))
    const error = await failed(client.get(resources.pods, ref))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain('get pods lessons/math: no whole answer from the API server')
  })

  it('within the time is an error, not a wait for ever', async () => {
    api.answer(hang)
    expect(await failed(client.get(resources.pods, ref, { timeoutMillis: 30 }))).toBeInstanceOf(ConnectionError)
    expect(asked).toEqual(['GET error'])
  })

  it('because the caller gave up is the caller’s own reason', async () => {
    api.answer(hang)
    const why = new Error('shutting down')
    const stop = new AbortController()
    const asking = failed(client.get(resources.pods, ref, { signal: stop.signal }))
    await api.request(1)
    stop.abort(why)
    expect(await asking).toBe(why)
  })
})

describe('a client that is closed', () => {
  it('ends what is under way, and begins nothing any more', async () => {
    const asking = failed(client.get(resources.pods, ref))
    await api.request(1)
    await client.close()
    expect(await asking).toMatchObject({ name: 'ConnectionError' })
    expect(await failed(client.get(resources.pods, ref))).toMatchObject({
      name: 'ConnectionError',
      message: 'The client of the API server is closed',
    })
  })
})

describe('a watch', () => {
  const options = { resourceVersion: '1', timeoutSeconds: 300 }

  it('gives each event, and throws what the server says inside the stream', async () => {
    const object = { metadata: { name: 'ä', resourceVersion: '2' } }
    api.answer(
      watch([
        { type: 'ADDED', object },
        { type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } },
      ]),
    )
    const seen: unknown[] = []
    const error = await failed(
      (async () => {
        for await (const event of client.watch(resources.pods, options)) seen.push(event)
      })(),
    )
    expect(seen).toEqual([{ type: 'ADDED', object }])
    expect(error).toMatchObject({ code: 410, reason: 'Expired' })
  })

  it('lets go of its connection when the reader has had enough', async () => {
    const closed = Promise.withResolvers<void>()
    api.answer((response, request) => {
      response.on('close', () => closed.resolve())
      watch([{ type: 'ADDED', object: {} }])(response, request)
    })
    for await (const _ of client.watch(resources.pods, options)) break
    await closed.promise
  })
})
