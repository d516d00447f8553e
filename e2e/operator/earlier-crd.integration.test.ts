import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { neededStatusFields, type Recording } from '@trtc-recorder/api'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import type { KubeObject, New, Pod, Resource } from '../../kube/src/index.ts'
import { isNotFound, resources, servedFields } from '../../kube/src/index.ts'
import { aFile, aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { jobIn } from '../../operator/src/recording/testing-world.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { startSink } from './scripted-sink.ts'
import { ToyKubelet } from './toy-kubelet.ts'
import { runOperator } from './toy-operator.ts'

/** The CRD of the chart that the upgrade is tested from, on a real API server. What each field by itself is good for: operator/src/recording/older-crd.test.ts. */
const chart = new URL('../system/testdata/trtc-recorder-0.1.0.tgz', import.meta.url).pathname
const definitions: Resource<KubeObject> = {
  ...{ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
  ...{ kind: 'CustomResourceDefinition', namespaced: false },
}

let api: ApiServer
beforeAll(async () => {
  api = await startApiServer()
  const template = (await promisify(execFile)('tar', ['xzOf', chart, 'trtc-recorder/templates/crds/recordings.yaml'])).stdout
  const earlier = parse(template.replaceAll(/^.*\{\{.*$/gm, ''))
  const { metadata } = await api.client.get(definitions, earlier.metadata)
  await api.client.replace(definitions, { ...earlier, metadata })
  await until('it is served', async () => !(await fieldsOfRecordings()).has('status.minutesLeft'))
})
afterAll(() => api?.stop())

const fieldsOfRecordings = async () =>
  (await servedFields(api.client, [resources.recordings], AbortSignal.timeout(20_000)))!.get(resources.recordings)!

test('keeps all that the operator decides by', async () => {
  const kept = await fieldsOfRecordings()
  for (const field of neededStatusFields) expect(kept).toContain(`status.${field}`)
})

test('a Recording whose upload is refused a Pod at first enters the room no more, is told of once, and leaves nothing', async () => {
  const namespace = await api.namespace()
  const sink = await startSink()
  onTestFinished(() => sink.stop())
  const made = new Map<string, Pod>()
  const alice = aFile('alice')
  const startedAt = new Date().toISOString()
  const [notStored, stored] = [
    aResult({
      outcome: 'UploadIncomplete',
      stopReason: 'Idle',
      startedAt,
      files: [{ ...alice, status: 0, message: 'COS is away' }],
    }),
    aResult({ stopReason: 'NeverStarted', files: [alice] }),
  ]
  const kubelet = new ToyKubelet(api.client, namespace, () => stored)
  onTestFinished(() => kubelet.stop())
  const operator = await runOperator(api.client, namespace)
  onTestFinished(() => operator.stop())
  const ref = { namespace, name: 'math' }
  const { apiVersion, kind, spec } = aRecording({ callback: { url: sink.url, format: 'Result' } })
  await api.client.create(resources.recordings, { apiVersion, kind, metadata: ref, spec } as New<Recording>)
  const read = () => api.client.get(resources.recordings, ref)
  await until('it records', async () => (await read()).status?.startTime !== undefined)

  const quota = { metadata: { namespace, name: 'none' }, spec: { hard: { pods: '0' } } }
  const none = await api.client.create(resources.resourceQuotas, quota as never)
  const status = { hard: { pods: '0' }, used: { pods: '0' } }
  await api.client.replace(resources.resourceQuotas, { ...none, status }, { subresource: 'status' })
  kubelet.onRunning = (pod) => {
    made.set(pod.metadata.name, pod)
    return jobIn(pod).uploadOnly ? stored : notStored
  }
  const isRefused = async () => (await read()).status?.attempts?.some(({ reason }) => reason === 'QuotaExceeded') ?? false
  await until('its upload is refused', isRefused)
  await api.client.delete(resources.resourceQuotas, quota.metadata)
  await until('it is over, and told', async () => (await read()).status?.callback?.state === 'Delivered')
  expect((await read()).status).toMatchObject({ stopReason: 'Idle', files: [{ status: 1 }] })
  expect([...made.values()].map((pod) => jobIn(pod).uploadOnly ?? false)).toEqual([false, true])
  expect(sink.received).toHaveLength(1)

  await api.client.delete(resources.recordings, ref)
  const isGone = (object: Promise<unknown>) => object.then(() => false, isNotFound)
  await until('nothing is left', async () => {
    const left = [resources.pods, resources.persistentVolumeClaims].map((kind) =>
      api.client.list<KubeObject>(kind, { namespace }),
    )
    return (await Promise.all(left)).every(({ items }) => items.length === 0) && (await isGone(read()))
  })
})
