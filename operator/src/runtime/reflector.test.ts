import type { KubeObject, Pod } from '@trtc-recorder/kube'
import { createKubeClient, type KubeClient, resources } from '@trtc-recorder/kube'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failure, hang, json, page, reset, type ScriptedApi, scriptedApi, watch } from '../../../kube/src/testing/scripted-api.ts'
import { listWatch } from '../kube/list-watch.ts'
import { createLog } from '../telemetry/log.ts'
import { Reflector, type ReflectorOptions, type RestartCause } from './reflector.ts'
import { Store } from './store.ts'

let api: ScriptedApi
let client: KubeClient
let stop: AbortController
let running: Promise<void> | undefined

beforeEach(async () => {
  api = await scriptedApi()
  client = createKubeClient(api.kubeConfig)
  stop = new AbortController()
  running = undefined
})
afterEach(async () => {
  stop.abort()
  await running
  await client.close()
  await api.close()
})

function pod(name: string, resourceVersion: string, uid = `uid-${name}`): KubeObject {
  return { metadata: { name, namespace: 'lessons', uid, resourceVersion, generation: 1, creationTimestamp: '' } }
}
const added = (object: KubeObject) => ({ type: 'ADDED', object })
const modified = (object: KubeObject) => ({ type: 'MODIFIED', object })
const deleted = (object: KubeObject) => ({ type: 'DELETED', object })
const bookmark = (resourceVersion: string) => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } })
const expired = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' } }

function start(options: Partial<ReflectorOptions<Pod>> = {}) {
  const store = new Store<Pod>()
  const restarts: RestartCause[] = []
  const lines: Record<string, unknown>[] = []
  const reflector = new Reflector<Pod>({
    name: 'pods',
    source: listWatch(client, resources.pods, { labelSelector: 'app=recorder' }),
    store,
    log: createLog('info', { write: (line) => void lines.push(JSON.parse(line)) }),
    backoff: { initialMillis: 5, maxMillis: 50 },
    observer: { restarted: (cause) => restarts.push(cause) },
    ...options,
  })
  running = reflector.run(stop.signal)
  const names = () => store.list().map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`)
  /** Resolves when the store holds these, in any order. */
  const holds = (...wanted: string[]) =>
    expect.poll(() => names().toSorted(), { interval: 2, timeout: 5000 }).toEqual(wanted.toSorted())
  return { store, reflector, restarts, lines, names, holds }
}

describe('Reflector', () => {
  it('lists in pages and watches from the version of the list, with bookmarks and a random time-out', async () => {
    api.answer(page([pod('a', '1')], '10', 'next'), page([pod('b', '2')], '10'), watch([added(pod('c', '11'))]))
    const { holds, reflector } = start({ pageSize: 1, watchTimeoutSeconds: 300 })
    await holds('a@1', 'b@2', 'c@11')
    expect(reflector.hasSynced).toBe(true)
    const [first, second, third] = api.requests.map(({ query }) => Object.fromEntries(query))
    expect(first).toEqual({ labelSelector: 'app=recorder', limit: '1' })
    expect(second).toEqual({ labelSelector: 'app=recorder', limit: '1', continue: 'next' })
    expect(third).toMatchObject({
      watch: 'true',
      resourceVersion: '10',
      allowWatchBookmarks: 'true',
      labelSelector: 'app=recorder',
    })
    expect(Number(third?.timeoutSeconds)).toBeGreaterThanOrEqual(300)
    expect(Number(third?.timeoutSeconds)).toBeLessThanOrEqual(600)
  })

  it('applies what a watch brings, and watches on from the last version when the server ends it', async () => {
    api.answer(
      page([pod('a', '1'), pod('b', '2')], '10'),
      watch([modified(pod('a', '11')), deleted(pod('b', '12')), bookmark('40')], 'end'),
      watch([added(pod('c', '41'))]),
    )
    const { holds, restarts } = start()
    await holds('a@11', 'c@41')
    expect(api.requests[2]?.query.get('resourceVersion')).toBe('40')
    expect(restarts).toEqual([])
  })

  it('reports delete and create under one name as two objects', async () => {
    api.answer(page([pod('a', '1', 'first')], '10'), watch([deleted(pod('a', '11', 'first')), added(pod('a', '12', 'second'))]))
    const seen: string[] = []
    const { store, holds } = start()
    store.subscribe((event) => seen.push(`${event.type} ${event.object.metadata.uid}`))
    await holds('a@12')
    expect(seen).toEqual(['added first', 'deleted first', 'added second'])
  })

  it.each<[string, Parameters<ScriptedApi['answer']>[0], RestartCause]>([
    ['410 as an answer', failure(410, 'Expired'), 'expired'],
    ['410 inside the stream', watch([expired]), 'expired'],
  ])('lists again after %s', async (_, trouble, cause) => {
    api.answer(page([pod('a', '1')], '10'), trouble, page([pod('b', '20')], '21'), watch([]))
    const { holds, restarts } = start()
    await holds('b@20')
    expect(restarts).toEqual([cause])
  })

  it.each<[string, Parameters<ScriptedApi['answer']>[0], RestartCause]>([
    ['429', failure(429, 'TooManyRequests'), 'refused'],
    ['500', failure(500, 'InternalError'), 'failed'],
    ['403', failure(403, 'Forbidden'), 'failed'],
    ['a page that is not from the API server', json('<html>', 502), 'failed'],
    ['a connection that is reset before the answer', reset, 'cut'],
    ['a stream that is reset', watch([bookmark('10')], 'reset'), 'cut'],
    ['a stream that ends in the middle of an object', (response) => response.end('{"type":"ADD'), 'cut'],
    ['a stream that is no JSON', (response) => response.end('{]\n'), 'cut'],
  ])('watches on, without a new list, after %s', async (_, trouble, cause) => {
    api.answer(page([pod('a', '1')], '10'), trouble, watch([added(pod('b', '11'))]))
    const { holds, restarts } = start()
    await holds('a@1', 'b@11')
    expect(api.requests.filter(({ query }) => !query.has('watch'))).toHaveLength(1)
    expect(api.requests[2]?.query.get('resourceVersion')).toBe('10')
    expect(restarts).toEqual([cause])
  })

  it('goes on after every failure of a list', async () => {
    api.answer(
      failure(429, 'TooManyRequests'),
      failure(500, 'InternalError'),
      failure(403, 'Forbidden'),
      reset,
      page([pod('a', '1')], '10', 'next'),
      failure(410, 'Expired'),
      page([pod('a', '1')], '12'),
      watch([]),
    )
    const { holds, reflector } = start()
    await holds('a@1')
    await reflector.synced
    expect(api.requests[6]?.query.has('continue')).toBe(false)
  })

  it('takes a watch that brings nothing for half-open, and watches on', async () => {
    api.answer(page([pod('a', '1')], '10'), watch([bookmark('15')], 'silence'), watch([added(pod('b', '16'))]))
    // Longer than a busy machine takes to bring the bookmark.
    const { holds, restarts } = start({ silenceMillis: 500 })
    await holds('a@1', 'b@16')
    expect(restarts[0]).toBe('silent')
    expect(api.requests[2]?.query.get('resourceVersion')).toBe('15')
  })

  it('warns of no watch that is only quiet, and begins it anew less and less often', async () => {
    api.answer(page([pod('a', '1')], '10'))
    api.fallback = watch([], 'silence')
    const began = performance.now()
    const { lines, restarts } = start({ silenceMillis: 20 })
    // After 20, 40 and 80 ms; whoever looks may see it late, and never early.
    for (const [index, least] of [20, 60, 140].entries()) {
      await api.request(index + 3)
      expect(performance.now() - began).toBeGreaterThanOrEqual(least - 5)
    }
    expect(restarts.slice(0, 3)).toEqual(['silent', 'silent', 'silent'])
    expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual(['info Cache synced'])
  })

  it('does not wait for ever for the head of an answer either', async () => {
    api.answer(page([pod('a', '1')], '10'), hang, watch([added(pod('b', '11'))]))
    const { holds } = start({ silenceMillis: 60 })
    await holds('a@1', 'b@11')
  })

  it('lists again once in a while, as a net under the watch', async () => {
    api.answer(page([pod('a', '1')], '10'), watch([bookmark('20')]), page([pod('lost', '15')], '21'), watch([]))
    const { holds, restarts } = start({ resyncMillis: 60 })
    await holds('lost@15')
    expect(restarts[0]).toBe('resync')
  })

  it('believes a server that went back in its history', async () => {
    api.answer(page([pod('a', '900')], '1000'), failure(410, 'Expired'), page([pod('a', '40')], '41'), watch([]))
    const { holds } = start()
    await holds('a@40')
  })

  it('waits at least as long as Retry-After says', async () => {
    api.answer(page([], '10'), failure(429, 'TooManyRequests', { 'retry-after': '0.15' }), watch([]))
    start()
    await api.request(2)
    const asked = performance.now()
    await api.request(3)
    expect(performance.now() - asked).toBeGreaterThanOrEqual(140)
  })

  it('waits longer and longer while the server stays in trouble, and never storms', async () => {
    api.fallback = failure(500, 'InternalError')
    const { lines } = start({ backoff: { initialMillis: 10, maxMillis: 80 } })
    await api.request(6)
    const waits = lines.map((line) => line.waitMillis as number).slice(0, 5)
    expect(waits).toEqual([10, 20, 40, 80, 80])
  })

  it('does not ask in a loop when every watch ends at once', async () => {
    api.answer(page([], '10'))
    api.fallback = watch([], 'end')
    const { lines } = start({ backoff: { initialMillis: 10, maxMillis: 80 } })
    await api.request(5)
    expect(lines.flatMap((line) => line.waitMillis ?? []).slice(0, 3)).toEqual([10, 20, 40])
  })

  it('says once that the server does not know the kind, once that it does again, and keeps what it knew until then', async () => {
    const missing = failure(404, 'NotFound')
    api.answer(page([pod('a', '1')], '10'), ...[missing, missing, missing], failure(410, 'Expired'), page([pod('b', '21')], '22'))
    api.fallback = watch([])
    const { holds, lines, names, restarts } = start()
    await api.request(4)
    expect(names()).toEqual(['a@1'])
    await holds('b@21')
    await expect.poll(() => lines.at(-1)?.msg).toBe('API server serves pods again')
    expect(lines.filter(({ msg }) => /does not serve pods/.test(String(msg)))).toMatchObject([
      { level: 'error', cause: 'missing' },
    ])
    expect(restarts.slice(0, 4)).toEqual(['missing', 'missing', 'missing', 'expired'])
  })

  it('has an answer where there never was such a kind', async () => {
    api.fallback = failure(404, 'NotFound')
    const { reflector } = start()
    await reflector.answered
    expect(reflector.hasSynced).toBe(false)
  })

  it('stops at once when it is told to, in every state', async () => {
    for (const answers of [[hang], [failure(500, 'InternalError', { 'retry-after': '60' })], [page([], '1'), watch([])]]) {
      const before = api.requests.length
      api.answer(...answers)
      start()
      await api.request(before + answers.length)
      await new Promise((resolve) => setTimeout(resolve, 20))
      stop.abort()
      await running
      stop = new AbortController()
    }
  })

  it('stores objects as they came, but for what is trimmed', async () => {
    const strange = { ...pod('a', '1'), spec: { futureField: { deep: 1 } }, status: { startTime: '2026-01-01T00:00:00Z' } }
    api.answer(page([strange], '10'), watch([]))
    const { holds, store } = start({ trim: (object) => ({ ...object, status: {} }) })
    await holds('a@1')
    expect(store.get('lessons/a')).toEqual({ ...strange, status: {} })
  })
})
