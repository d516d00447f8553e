import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeObject, New, PersistentVolumeClaim, Resource } from '../../kube/src/index.ts'
import {
  createKubeClient,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isInvalid,
  isNotFound,
  resources,
} from '../../kube/src/index.ts'
import { createEventRecorder } from '../../operator/src/kube/events.ts'
import { listWatch } from '../../operator/src/kube/list-watch.ts'
import { Reflector } from '../../operator/src/runtime/reflector.ts'
import { Store } from '../../operator/src/runtime/store.ts'
import { createLog } from '../../operator/src/telemetry/log.ts'
import { type ApiServer, startApiServer } from './api-server.ts'

interface ConfigMap extends KubeObject {
  data?: Record<string, string>
}
const configMaps: Resource<ConfigMap> = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true }

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
})
afterAll(() => api?.stop())

const configMap = (namespace: string, name: string, data: Record<string, string> = {}): New<ConfigMap> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  data,
})

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error,
  )

describe('the client against a real API server', () => {
  it('creates, reads, replaces, and refuses what is stale or there already', async () => {
    const namespace = await api.namespace()
    const created = await api.client.create(configMaps, configMap(namespace, 'a', { k: '1' }))
    expect(created.metadata.uid).toMatch(/-/)
    expect(isAlreadyExists(await rejection(api.client.create(configMaps, configMap(namespace, 'a'))))).toBe(true)
    const replaced = await api.client.replace(configMaps, { ...created, data: { k: '2' } })
    expect((await api.client.get(configMaps, { namespace, name: 'a' })).data).toEqual({ k: '2' })
    expect(isConflict(await rejection(api.client.replace(configMaps, { ...created, data: { k: '3' } })))).toBe(true)
    expect(replaced.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion)
    expect(isNotFound(await rejection(api.client.get(configMaps, { namespace, name: 'none' })))).toBe(true)
  })

  it('has each answer say what time it is by the clock that stamps objects', async () => {
    const dates: (string | undefined)[] = []
    const client = createKubeClient(api.kubeConfig, { observer: ({ date }) => void dates.push(date) })
    try {
      const namespace = await api.namespace()
      const { metadata } = await client.create(configMaps, configMap(namespace, 'a'))
      await client.text('GET', '/readyz')
      await rejection(client.get(configMaps, { namespace, name: 'none' }))
      const late = dates.map((date) => Date.parse(date ?? '') - Date.parse(metadata.creationTimestamp))
      expect(late).toHaveLength(3)
      for (const millis of late) expect(millis).toBeOneOf([0, 1000, 2000])
    } finally {
      await client.close()
    }
  })

  it('patches in three ways, each with its own refusal', async () => {
    const namespace = await api.namespace()
    const ref = { namespace, name: 'a' }
    const { metadata } = await api.client.create(configMaps, configMap(namespace, 'a', { k: '1', gone: 'x' }))
    const merged = await api.client.patch(configMaps, ref, { type: 'merge', body: { data: { gone: null, more: 'y' } } })
    expect(merged.data).toEqual({ k: '1', more: 'y' })
    const stale = { type: 'merge' as const, body: { metadata: { resourceVersion: metadata.resourceVersion }, data: { k: '9' } } }
    expect(isConflict(await rejection(api.client.patch(configMaps, ref, stale)))).toBe(true)

    const jsonPatch = (expected: string) => ({
      type: 'json' as const,
      operations: [
        { op: 'test' as const, path: '/data/k', value: expected },
        { op: 'replace' as const, path: '/data/k', value: '2' },
      ],
    })
    expect((await api.client.patch(configMaps, ref, jsonPatch('1'))).data?.k).toBe('2')
    expect(isInvalid(await rejection(api.client.patch(configMaps, ref, jsonPatch('1'))))).toBe(true)

    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { applied: 'z' } }
    const applied = await api.client.patch(configMaps, ref, { type: 'apply', body, fieldManager: 'test', force: true })
    expect(applied.data).toEqual({ k: '2', more: 'y', applied: 'z' })
  })

  it('deletes one incarnation only, if told so', async () => {
    const namespace = await api.namespace()
    const ref = { namespace, name: 'a' }
    const { metadata } = await api.client.create(configMaps, configMap(namespace, 'a'))
    expect(isConflict(await rejection(api.client.delete(configMaps, ref, { uid: 'another' })))).toBe(true)
    await api.client.delete(configMaps, ref, { uid: metadata.uid })
    expect(isNotFound(await rejection(api.client.delete(configMaps, ref)))).toBe(true)
  })

  it('keeps fields that it does not know', async () => {
    const namespace = await api.namespace()
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { namespace, name: 'a' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        volumeAttributesClassName: 'fast',
      },
    } as New<PersistentVolumeClaim>
    const created = await api.client.create(resources.persistentVolumeClaims, claim)
    expect(created.spec).toMatchObject({ volumeAttributesClassName: 'fast' })
    expect(typeof created.metadata.creationTimestamp).toBe('string')
  })

  it('names the call and the object when RBAC refuses it', async () => {
    const namespace = await api.namespace()
    const tenant = createKubeClient(api.userConfig('tenant'))
    const error = await rejection(tenant.get(resources.secrets, { namespace, name: 'key' }))
    expect(isForbidden(error)).toBe(true)
    expect(String(error)).toContain(`get secrets ${namespace}/key`)
    await tenant.close()
  })
})

describe('Events on a real API server', () => {
  it('are accepted, also with more to say than fits', async () => {
    const namespace = await api.namespace()
    const created = await api.client.create(configMaps, configMap(namespace, 'a'))
    const lines: string[] = []
    const recorder = createEventRecorder({
      client: api.client,
      log: createLog('debug', { write: (line) => void lines.push(line) }),
      reportingController: 'trtc-recorder.dev/operator',
      reportingInstance: 'x'.repeat(200),
    })
    const regarding = { ...created, apiVersion: 'v1', kind: 'ConfigMap' }
    recorder.record(regarding, { type: 'Normal', reason: 'First', action: 'Test', note: 'short' })
    recorder.record(regarding, { type: 'Warning', reason: 'Second', action: 'Test', note: 'ü'.repeat(2000) })
    await recorder.flush()
    expect(lines).toEqual([])
    const { items } = await api.client.list(resources.events, { namespace })
    const events = items as unknown as { reason: string; note: string; regarding: object; type: string }[]
    expect(events.map(({ reason, type }) => `${type} ${reason}`).toSorted()).toEqual(['Normal First', 'Warning Second'])
    expect(events[0]?.regarding).toMatchObject({ kind: 'ConfigMap', name: 'a', namespace, uid: created.metadata.uid })
  })
})

describe('the reflector on a real API server', () => {
  it('follows creates, changes, deletes and same-name successors, over a restart of the server', async () => {
    const namespace = await api.namespace()
    for (let n = 0; n < 5; n += 1) await api.client.create(configMaps, configMap(namespace, `m${n}`))
    const store = new Store<ConfigMap>()
    const seen: string[] = []
    const stop = new AbortController()
    const reflector = new Reflector({
      name: 'configmaps',
      source: listWatch(api.client, configMaps, { namespace }),
      store,
      namespace,
      log: createLog('error'),
      pageSize: 2,
      backoff: { initialMillis: 50, maxMillis: 500 },
    })
    const running = reflector.run(stop.signal)
    await reflector.synced
    const names = () => store.list().map(({ metadata }) => metadata.name)
    await expect.poll(names).toEqual(expect.arrayContaining(['m0', 'm1', 'm2', 'm3', 'm4']))

    store.subscribe(({ type, object }) => seen.push(`${type} ${object.metadata.name}`))
    seen.length = 0
    await api.client.delete(configMaps, { namespace, name: 'm0' })
    await api.client.create(configMaps, configMap(namespace, 'm0', { second: 'life' }))
    await expect.poll(() => seen, { timeout: 5000 }).toEqual(['deleted m0', 'added m0'])

    await api.stopServer()
    await api.startServer()
    await api.client.create(configMaps, configMap(namespace, 'after'))
    await expect.poll(names, { timeout: 20_000 }).toContain('after')
    stop.abort()
    await running
  })
})
