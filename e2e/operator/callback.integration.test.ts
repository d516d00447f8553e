import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Resource, Secret } from '../../kube/src/index.ts'
import { ApiError, ConnectionError, createKubeClient, type KubeClient, resources } from '../../kube/src/index.ts'
import { createCaches } from '../../operator/src/caches.ts'
import { type CallbackDependencies, callbackController, toldRecordings } from '../../operator/src/callback/controller.ts'
import { noticeController } from '../../operator/src/callback/notices.ts'
import { Claims, claimName } from '../../operator/src/kube/claims.ts'
import { createEventRecorder } from '../../operator/src/kube/events.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { createMetrics } from '../../operator/src/telemetry/metrics.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { condition, finishedRecording } from './recordings.ts'
import { ok, type Sink, startSink, unavailable } from './scripted-sink.ts'

let api: ApiServer
let namespace: string
let sink: Sink
const started: (() => Promise<void>)[] = []

beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())
beforeEach(async () => {
  namespace = await api.namespace()
  sink = await startSink()
})
afterEach(async () => {
  for (const stop of started.splice(0)) await stop()
  await sink.stop()
})

/** Caches and callback controller, as main.ts puts them together; the claims of a release only where they matter. */
async function startOperator(
  client: KubeClient = api.client,
  more: Partial<CallbackDependencies> = {},
  namespaces: readonly string[] = [namespace],
  isClaimed = false,
) {
  const lines: Record<string, unknown>[] = []
  const log = createLog('debug', { write: (line) => void lines.push(JSON.parse(line)) })
  const metrics = createMetrics()
  const stop = new AbortController()
  const caches = createCaches({ client, namespaces, resyncMillis: 600_000, log, metrics })
  const running = caches.run(stop.signal)
  await caches.synced
  const events = createEventRecorder({
    client,
    log,
    reportingController: 'trtc-recorder.dev/operator',
    reportingInstance: 'test',
  })
  const controller = callbackController(toldRecordings(caches.recordings), {
    client,
    events,
    log,
    metrics,
    workers: 4,
    timeoutMillis: 1000,
    // The receivers of these tests are on this machine.
    policy: { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true },
    limits: { giveUpMillis: 86_400_000, giveUpDeletedMillis: 600_000 },
    ...more,
  })
  const notices = noticeController({
    ...{ client, recordings: caches.recordings, events, log, metrics, workers: 4 },
    policy: { allow: ['127.0.0.0/8'], deny: [], apiServer: [], allowPrivate: true },
  })
  const claims = new Claims({
    ...{ client, events, log, metrics, namespaces, release: 'test/recorder' },
    ...{ patienceMillis: 120_000, resyncMillis: 600_000 },
  })
  let claiming: Promise<unknown> | undefined
  if (isClaimed) {
    for (const one of [controller, notices]) one.worksIn(claims)
    claiming = claims.run(stop.signal)
    claims.controller.start()
  }
  controller.start()
  notices.start()
  const end = async () => {
    await Promise.all([controller.stop(5000), notices.stop(5000), claims.controller.stop(5000)])
    stop.abort()
    await Promise.all([running, claiming])
    await events.flush()
  }
  started.push(end)
  return { lines, events, caches, claims, end }
}

const read = (name: string) => api.client.get(resources.recordings, { namespace, name })
const callbackOf = async (name: string) => (await read(name)).status?.callback
const reaches = (name: string, state: string) =>
  expect.poll(async () => (await callbackOf(name))?.state, { timeout: 20_000, interval: 50 }).toBe(state)
const conditionOf = async (name: string) =>
  (await read(name)).status?.conditions?.find(({ type }) => type === 'CallbackDelivered')

async function eventsOf(name: string): Promise<string[]> {
  const { items } = await api.client.list(resources.events, { namespace })
  return (items as unknown as { type: string; reason: string; regarding: { name: string } }[])
    .filter(({ regarding }) => regarding.name === name)
    .map(({ type, reason }) => `${type} ${reason}`)
}

/** The client, but for what one method does. */
const withPatch = (patch: (call: number, real: () => Promise<unknown>) => Promise<unknown>): KubeClient => {
  let calls = 0
  return {
    ...api.client,
    patch: ((...args: Parameters<KubeClient['patch']>) => {
      calls += 1
      return patch(calls, () => api.client.patch(...args))
    }) as KubeClient['patch'],
  }
}

const saveSecret = (name: string, value: string) =>
  api.client.create(resources.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name },
    data: { signingKey: Buffer.from(value).toString('base64') },
  } as Parameters<typeof api.client.create<Secret>>[1])

/** A key, and a certificate that nobody has signed but itself. */
function selfSigned(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'self-signed-'))
  const made = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-keyout', 'key', '-out', 'cert']
  execFileSync('openssl', ['req', '-x509', ...made], { cwd: folder, stdio: 'ignore' })
  const [key, cert] = ['key', 'cert'].map((name) => readFileSync(join(folder, name)))
  rmSync(folder, { recursive: true })
  return { key: key!, cert: cert! }
}

describe('a result', () => {
  it('arrives once, to the letter, and stands in status, condition and Event', async () => {
    const recording = await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    const operator = await startOperator()
    await reaches('math', 'Delivered')
    expect(sink.received.map(({ body }) => body)).toEqual([
      '{"SdkAppId":"1400000001","RoomId":"43474","UserId":"recorder_math","StrRoomId":"",' +
        '"Files":[{"UserId":"alice","RecordFile":"https://recordings-1250000000.cos.ap-guangzhou.myqcloud.com/lessons/alice.mp4",' +
        '"Status":1,"Message":"ok"}]}',
    ])
    expect(sink.received[0]?.headers['idempotency-key']).toBe(`${recording.metadata.uid}/result`)
    expect(await callbackOf('math')).toMatchObject({ attempts: 1, lastStatusCode: 200, deliveredTime: expect.any(String) })
    expect(await conditionOf('math')).toMatchObject({ status: 'True', reason: 'Delivered' })
    const { conditions } = (await read('math')).status ?? {}
    expect(conditions?.map(({ type }) => type)).toEqual(['Succeeded', 'Stored', 'CallbackDelivered'])
    await operator.events.flush()
    expect(await eventsOf('math')).toEqual(['Normal CallbackDelivered'])
  })

  it('is told as TRTC’s own service does where that is wanted, with what went before it, signed', async () => {
    await saveSecret('signing', 'the key')
    const callback = { url: sink.url, format: 'TRTC' as const, signingKeySecretRef: { name: 'signing' } }
    const recording = await finishedRecording(api.client, namespace, 'events', { callback })
    const startTime = new Date().toISOString()
    const status = { startTime, attempts: [{ number: 1, pod: 'events-a1', startTime }] }
    await api.client.patch(
      resources.recordings,
      recording.metadata,
      { type: 'merge', body: { status } },
      { subresource: 'status' },
    )
    await startOperator()
    await reaches('events', 'Delivered')
    const told = async () => (await read('events')).status?.notices
    await expect.poll(told, { timeout: 20_000, interval: 50 }).toEqual({ 301: '0', 302: '0', 303: '0', 305: '0' })
    const types = sink.received.map(({ body }) => JSON.parse(body).EventType as number)
    expect(types.filter((type) => type !== 310)).toEqual([301, 303, 302, 305])
    expect(types).toContain(310)
    for (const { headers, body } of sink.received) {
      expect(headers.sdkappid).toBe('1400000001')
      expect(headers.sign).toBe(createHmac('sha256', 'the key').update(body).digest('base64'))
      expect(JSON.parse(body)).toMatchObject({ EventGroupId: 3, EventInfo: { RoomId: 43474, TaskId: recording.metadata.uid } })
    }
  })

  it('is not sent before it is due, nor without a callback, nor twice', async () => {
    await finishedRecording(
      api.client,
      namespace,
      'later',
      { callback: { url: sink.url } },
      {
        nextAttemptTime: new Date(Date.now() + 1500).toISOString(),
      },
    )
    await finishedRecording(api.client, namespace, 'done', { callback: { url: sink.url } }, { state: 'Delivered', attempts: 1 })
    await startOperator()
    expect(sink.received).toEqual([])
    const waited = performance.now()
    await reaches('later', 'Delivered')
    expect(performance.now() - waited).toBeGreaterThan(500)
    expect(sink.received).toHaveLength(1)
  })

  it('gets a condition where there was none', async () => {
    const recording = await finishedRecording(
      api.client,
      namespace,
      'bare',
      { callback: { url: sink.url } },
      {
        nextAttemptTime: new Date(Date.now() + 60_000).toISOString(),
      },
    )
    const { conditions: _, ...status } = recording.status ?? {}
    const callback = { ...status.callback, nextAttemptTime: new Date().toISOString() } as typeof status.callback & object
    await api.client.replace(resources.recordings, { ...recording, status: { ...status, callback } }, { subresource: 'status' })
    await startOperator()
    await reaches('bare', 'Delivered')
    expect((await read('bare')).status?.conditions).toMatchObject([{ type: 'CallbackDelivered', status: 'True' }])
  })
})

describe('a namespace that is deleted', () => {
  const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }

  it('with the claim to it while the receiver thinks, has its result told once, and that is noted', async () => {
    const recording = await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    const operator = await startOperator(api.client, { timeoutMillis: 20_000 }, [namespace], true)
    const lease = { namespace, name: claimName }
    let wasLost = false
    sink.answer = async (response) => {
      sink.answer = ok
      // What the controllers of a cluster do, of which there are none here: the Lease goes before what has a finalizer.
      await api.client.delete(namespaces, { name: namespace } as never)
      operator.claims.onChange(() => {
        wasLost ||= !operator.claims.has(namespace)
      })
      await api.client.delete(resources.leases, lease)
      await expect.poll(() => wasLost && operator.claims.has(namespace), { timeout: 10_000, interval: 10 }).toBe(true)
      ok(response)
    }
    await reaches('math', 'Delivered')
    expect(wasLost).toBe(true)
    expect(sink.received.map(({ headers }) => headers['idempotency-key'])).toEqual([`${recording.metadata.uid}/result`])
    expect(await callbackOf('math')).toMatchObject({ attempts: 1, lastStatusCode: 200 })
  })
})

describe('a receiver in trouble', () => {
  it('is tried again with the same id; the status says so each time, Events only when the story changes', async () => {
    sink.answer = unavailable
    const recording = await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    const operator = await startOperator()
    await expect.poll(() => sink.received.length, { timeout: 10_000 }).toBe(2)
    await expect.poll(async () => (await callbackOf('math'))?.attempts).toBe(2)
    expect(await callbackOf('math')).toMatchObject({ state: 'Pending', lastStatusCode: 503, nextAttemptTime: expect.any(String) })
    expect(await conditionOf('math')).toMatchObject({ status: 'False', reason: 'Retrying' })
    sink.answer = ok
    await reaches('math', 'Delivered')
    expect(sink.received.map(({ headers }) => headers['idempotency-key'])).toEqual(
      Array(3).fill(`${recording.metadata.uid}/result`),
    )
    await operator.events.flush()
    expect((await eventsOf('math')).toSorted()).toEqual(['Normal CallbackDelivered', 'Warning CallbackFailed'])
  })

  it('is tried again, each try counted, where the receiver has a certificate that is not accepted, and says what to do', async () => {
    const receiver = createHttpsServer(selfSigned(), (_, response) => response.end()).listen(0, '127.0.0.1')
    started.push(async () => void receiver.close())
    await expect.poll(() => receiver.listening).toBe(true)
    const url = `https://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook?token=top`
    await finishedRecording(api.client, namespace, 'math', { callback: { url } })
    await startOperator()
    await expect.poll(async () => (await callbackOf('math'))?.attempts, { timeout: 20_000 }).toBe(2)
    const told = await conditionOf('math')
    expect(told).toMatchObject({ status: 'False', reason: 'Retrying', message: expect.stringContaining('caBundle') })
    expect(told?.message).not.toContain('top')
    await expect.poll(() => eventsOf('math')).toEqual(['Warning CallbackFailed'])
  })

  it('is served by the next operator, from the status alone', async () => {
    sink.answer = unavailable
    const recording = await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    const first = await startOperator()
    await expect.poll(async () => (await callbackOf('math'))?.attempts, { timeout: 10_000 }).toBe(1)
    await first.end()
    sink.answer = ok
    await startOperator()
    await reaches('math', 'Delivered')
    expect(await callbackOf('math')).toMatchObject({ attempts: 2, dueSince: recording.status?.callback?.dueSince })
    expect(new Set(sink.received.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })

  it('does not hold up others', async () => {
    const slow = await startSink()
    slow.answer = () => {}
    await finishedRecording(api.client, namespace, 'slow', { callback: { url: slow.url } })
    await finishedRecording(api.client, namespace, 'quick', { callback: { url: sink.url } })
    await startOperator()
    await reaches('quick', 'Delivered')
    await expect.poll(async () => (await callbackOf('slow'))?.lastError, { timeout: 5000 }).toContain('did not answer within 1 s')
    await slow.stop()
  })

  it('does not hold up another namespace, however much one has for it', async () => {
    const silent = await startSink()
    silent.answer = () => {}
    const busy = await api.namespace()
    for (let n = 0; n < 40; n += 1) await finishedRecording(api.client, busy, `r${n}`, { callback: { url: silent.url } })
    // All that are free would wait for this long.
    await startOperator(api.client, { timeoutMillis: 20_000 }, [busy, namespace])
    await expect.poll(() => silent.received.length, { timeout: 10_000 }).toBe(2)
    const before = performance.now()
    await finishedRecording(api.client, namespace, 'quick', { callback: { url: sink.url } })
    await expect.poll(() => sink.received.length, { timeout: 30_000, interval: 10 }).toBe(1)
    expect(performance.now() - before).toBeLessThan(3000)
    expect(silent.received).toHaveLength(2)
    await reaches('quick', 'Delivered')
    await silent.stop()
  })

  it('is given up after its time, with a Warning', async () => {
    sink.answer = unavailable
    const dueSince = new Date(Date.now() - 86_400_000).toISOString()
    await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } }, { dueSince, attempts: 7 })
    const operator = await startOperator()
    await reaches('math', 'GivenUp')
    expect(await conditionOf('math')).toMatchObject({ status: 'False', reason: 'GivenUp' })
    await operator.events.flush()
    expect(await eventsOf('math')).toEqual(['Warning CallbackFailed'])
    expect(sink.received).toHaveLength(1)
  })

  it('keeps a deleted Recording for a limited time only', async () => {
    sink.answer = unavailable
    const recording = await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    const finalizers = { metadata: { finalizers: ['trtc-recorder.dev/recording'] } }
    await api.client.patch(resources.recordings, { namespace, name: 'math' }, { type: 'merge', body: finalizers })
    await api.client.delete(resources.recordings, { namespace, name: 'math' }, { uid: recording.metadata.uid })
    await startOperator(api.client, { limits: { giveUpMillis: 86_400_000, giveUpDeletedMillis: 1500 } })
    await reaches('math', 'GivenUp')
    await api.client.patch(
      resources.recordings,
      { namespace, name: 'math' },
      { type: 'merge', body: { metadata: { finalizers: null } } },
    )
  })
})

describe('a signature', () => {
  it('is made with the named key, without the line feed that files end in', async () => {
    await saveSecret('hook', 'sesame\n')
    const callback = { url: sink.url, signingKeySecretRef: { name: 'hook' } }
    await finishedRecording(api.client, namespace, 'math', { callback })
    const operator = await startOperator()
    await reaches('math', 'Delivered')
    const [request] = sink.received
    expect(request?.headers.sign).toBe(
      createHmac('sha256', 'sesame')
        .update(request?.body ?? '')
        .digest('base64'),
    )
    expect(JSON.stringify(operator.lines)).not.toContain('sesame')
  })

  it('is waited for: nothing goes out unsigned, the status names the Secret, and it goes on when that appears', async () => {
    const callback = { url: sink.url, signingKeySecretRef: { name: 'hook' } }
    await finishedRecording(api.client, namespace, 'math', { callback })
    await startOperator()
    await expect
      .poll(async () => (await callbackOf('math'))?.lastError, { timeout: 10_000 })
      .toBe(`Secret ${namespace}/hook, named by callback.signingKeySecretRef, does not exist`)
    expect(sink.received).toEqual([])
    await saveSecret('hook', 'sesame')
    await reaches('math', 'Delivered')
    expect(sink.received).toHaveLength(1)
    expect(sink.received[0]?.headers.sign).toBeDefined()
  })

  it('needs a key of the right name', async () => {
    await saveSecret('hook', 'sesame')
    const callback = { url: sink.url, signingKeySecretRef: { name: 'hook', key: 'other' } }
    await finishedRecording(api.client, namespace, 'math', { callback })
    await startOperator()
    await expect.poll(async () => (await callbackOf('math'))?.lastError, { timeout: 10_000 }).toContain('has no key other')
  })
})

describe('a status that cannot be written', () => {
  const after = async (client: KubeClient, more?: Partial<CallbackDependencies>) => {
    await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    const operator = await startOperator(client, more)
    await reaches('math', 'Delivered')
    await operator.end()
    expect(sink.received).toHaveLength(1)
    expect(await callbackOf('math')).toMatchObject({ attempts: 1, state: 'Delivered' })
    expect(await eventsOf('math')).toEqual(['Normal CallbackDelivered'])
  }

  it.each<[string, Error]>([
    ['500', new ApiError('patch', 500, { reason: 'InternalError' })],
    ['429', new ApiError('patch', 429, { reason: 'TooManyRequests' }, 200)],
    ['no answer', new ConnectionError('reset')],
    ['409', new ApiError('patch', 409, { reason: 'Conflict' })],
  ])('because of %s is written again; the result is not sent again', async (_, error) => {
    await after(withPatch(async (call, real) => (call <= 3 ? Promise.reject(error) : real())))
  })

  it('or was written although no answer came is recognised', async () => {
    const client = withPatch(async (call, real) => {
      const written = await real()
      if (call === 1) throw new ConnectionError('reset after the write')
      return written
    })
    await after(client)
  })
})

describe('two writers of one status', () => {
  it('do not undo each other', async () => {
    await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    // While the receiver thinks, the recording controller writes: a condition in front, so that indexes move, and progress.
    sink.answer = async (response) => {
      const live = await read('math')
      const conditions = [condition('Started', 'True', 'Entered'), ...(live.status?.conditions ?? [])]
      const status = { ...live.status, conditions, recordedBytes: 4711 }
      await api.client.replace(resources.recordings, { ...live, status }, { subresource: 'status' })
      ok(response)
    }
    await startOperator()
    await reaches('math', 'Delivered')
    const { status } = await read('math')
    expect(status?.recordedBytes).toBe(4711)
    expect(status?.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'Started Entered',
      'Succeeded Completed',
      'Stored Completed',
      'CallbackDelivered Delivered',
    ])
    expect(sink.received).toHaveLength(1)
  })

  it('an operator whose cache is behind asks the API server before it sends', async () => {
    const recording = await finishedRecording(
      api.client,
      namespace,
      'math',
      { callback: { url: sink.url } },
      {
        nextAttemptTime: new Date(Date.now() + 5000).toISOString(),
      },
    )
    // A watch that brings nothing: what the cache knows is the list.
    const deaf: KubeClient = { ...api.client, watch: (_, { signal }) => silence(signal) }
    const operator = await startOperator(deaf)
    const callback = { ...recording.status?.callback, state: 'Delivered', attempts: 1 }
    const patch = { type: 'merge' as const, body: { status: { callback } } }
    await api.client.patch(resources.recordings, { namespace, name: 'math' }, patch, { subresource: 'status' })
    // Of one that is over and told the cache keeps no callback.
    const known = () => operator.caches.recordings.get(`${namespace}/math`)?.status?.callback?.state ?? 'told'
    expect(known()).toBe('Pending')
    await expect.poll(known, { timeout: 15_000 }).toBe('told')
    expect(sink.received).toEqual([])
  })

  it('drops what it had to record when the Recording is gone', async () => {
    await finishedRecording(api.client, namespace, 'math', { callback: { url: sink.url } })
    sink.answer = async (response) => {
      await api.client.delete(resources.recordings, { namespace, name: 'math' })
      ok(response)
    }
    const operator = await startOperator()
    await expect.poll(() => sink.received.length, { timeout: 5000 }).toBe(1)
    await operator.end()
    expect(operator.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  })
})

it('an operator that may not read the Secret says that', async () => {
  const client = createKubeClient(api.userConfig('operator'))
  const grant = { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'roles', kind: 'Role', namespaced: true }
  const metadata = { namespace, name: 'operator' }
  await api.client.create(grant, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata,
    rules: [
      { apiGroups: ['trtc-recorder.dev'], resources: ['recordings', 'recordingclips'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['trtc-recorder.dev'], resources: ['recordings/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['pods', 'persistentvolumeclaims'], verbs: ['list', 'watch'] },
      { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
    ],
  } as Parameters<typeof api.client.create>[1])
  await api.client.create({ ...grant, plural: 'rolebindings', kind: 'RoleBinding' }, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'operator' },
    subjects: [{ kind: 'User', name: 'operator' }],
  } as Parameters<typeof api.client.create>[1])
  const callback = { url: sink.url, signingKeySecretRef: { name: 'hook' } }
  await finishedRecording(api.client, namespace, 'math', { callback })
  await startOperator(client)
  await expect
    .poll(async () => (await callbackOf('math'))?.lastError, { timeout: 10_000 })
    .toContain('set callback.signing.enabled')
})

async function* silence(signal: AbortSignal | undefined): AsyncGenerator<never, void, void> {
  await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
