import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recording, RecordingPolicy } from '@trtc-recorder/api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { createKubeClient, isAlreadyExists, isForbidden, isNotFound, isTooManyRequests, resources } from '../../kube/src/index.ts'
import { findCondition } from '../../operator/src/recording/conditions.ts'
import { podConfig } from '../../operator/src/recording/controller.ts'
import { recorderPod } from '../../operator/src/recording/pod.ts'
import { volumeClaim } from '../../operator/src/recording/pvc.ts'
import { aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { chart, everythingOn, Helm, ofKind, rulesOf, settingsOf, templateOf } from './chart.ts'
import { type Schema, samplesIn, withAnySamples, withSamples } from './chart-samples.ts'
import { newRecording } from './recordings.ts'
import { ToyKubelet } from './toy-kubelet.ts'
import { runOperator } from './toy-operator.ts'

let api: ApiServer
let helmIn: Helm
beforeAll(async () => {
  api = await startApiServer()
  helmIn = await Helm.open(api.kubeconfigPath)
})
afterAll(async () => {
  await api?.stop()
  await helmIn?.close()
})

const helm = (...args: string[]) => helmIn.run(...args)
const render = (...set: string[]) => helmIn.render(...set)
const renderValues = (values: object, namespace?: string) => helmIn.renderValues(values, namespace)

describe('the chart', () => {
  test('renders to what the API server takes, whatever of each kind its schema admits', async () => {
    const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema
    const rounds = Math.max(...samplesIn(schema, schema).map((samples) => samples.length))
    expect(rounds).toBeGreaterThan(3)
    const random = fc.sample(fc.infiniteStream(fc.nat(9999)), { seed, numRuns: 1 })[0]!
    const pick = (from: readonly unknown[]) => from[random.next().value % from.length]
    const tries = [
      ...Array.from({ length: rounds }, (_, round) => withSamples(schema, schema, round)),
      ...Array.from({ length: 12 }, () => withAnySamples(schema, schema, pick)),
    ]
    for (const [round, any] of tries.entries()) {
      const values = possible(any as Values)
      const namespace = await api.namespace()
      const manifests = await renderValues({ ...values, checkNamespaces: false, ...everythingOn(values) }, namespace)
      const config = settingsOf(templateOf(manifests).spec)
      expect(JSON.stringify(manifests).match(/[^,{]{0,60}[0-9]e[+][0-9]+/g)).toBeNull()
      // Whoever gives two accounts one name has one account.
      for (const manifest of new Map(manifests.map((one) => [`${one.kind} ${one.metadata.name}`, one])).values()) {
        const resource = applied[manifest.kind]
        if (resource === undefined || manifest.metadata.namespace !== namespace) continue
        const made = api.client.create(resource, manifest as New<KubeObject>)
        const said = await made.then(
          () => 'taken',
          (error: Error) => error.message,
        )
        expect(said, `${manifest.kind} of round ${round}, seed ${seed}, ${JSON.stringify(values)}`).toBe('taken')
      }
      // What it tells the operator of recorders makes Pods and volumes that are taken as well.
      const recording = aRecording()
      Object.assign(recording.metadata, { namespace })
      const order = { attempt: 1, uploadOnly: false, volume: 'math-v1' }
      const pod = recorderPod(recording, order, podConfig(config, { allow: [], deny: [], apiServer: [], allowPrivate: true }))
      const claim = volumeClaim(recording, 'math-v1', config.recorderPod)
      const { priorityClassName, runtimeClassName } = pod.spec ?? {}
      await makeClass('scheduling.k8s.io', 'PriorityClass', 'priorityclasses', priorityClassName, { value: 7 })
      await makeClass('node.k8s.io', 'RuntimeClass', 'runtimeclasses', runtimeClassName, { handler: 'runc' })
      const where = `a recorder of round ${round}, seed ${seed}, ${JSON.stringify(values.recorder)}`
      await expect(api.client.create(resources.pods, pod), where).resolves.toBeDefined()
      await expect(api.client.create(resources.persistentVolumeClaims, claim), where).resolves.toBeDefined()
    }
  })

  test.each([
    [
      'a request above its limit',
      { resources: { requests: { cpu: '600m' }, limits: { cpu: 0.5 } } },
      'resources: requests.cpu is 600m',
    ],
    [
      'a request of recorders above its limit',
      { recorder: { resources: { requests: { memory: '3Gi' }, limits: { memory: '2G' } } } },
      'recorder.resources: requests.memory is 3Gi, which is more than limits.memory, 2G',
    ],
    ['no name servers', { recorder: { dnsPolicy: 'None' } }, 'needs recorder.dnsConfig.nameservers'],
  ])('that has %s is refused before anything is made, with the value named', async (_, values, says) => {
    await expect(renderValues(values)).rejects.toThrow(says)
  })

  test.each<[string, object]>([
    ['podDisruptionBudget.maxUnavailable', { podDisruptionBudget: { maxUnavailable: 'true' } }],
    ['metrics.podMonitor.interval', { metrics: { podMonitor: { interval: 'often' } } }],
    ['a quantity', { resources: { limits: { memory: '2 GB' } } }],
    ['a resource', { recorder: { resources: { limits: { memmory: '2Gi' } } } }],
    ['a label of the chart’s own', { podLabels: { 'app.kubernetes.io/name': 'x' } }],
    ['a network without its prefix', { networkPolicy: { exceptCidrs: ['10.0.0.1'] } }],
    ['every address', { networkPolicy: { exceptCidrs: ['0.0.0.0/0'] } }],
    ['a name', { recorder: { priorityClassName: 'High Priority' } }],
    ['a quotation mark in what becomes an expression', { policy: { priorityClassNames: ["a' || true || '"] } }],
    ['a key that is two things in YAML', { caBundle: { key: 'a: b' } }],
    ['a proxy without its scheme', { proxy: { httpsProxy: 'proxy:3128' } }],
    ['a proxy that is no address', { proxy: { httpProxy: 'http://]proxy' } }],
    ['a size in parts of a byte', { recorder: { storageSize: 67108864.1 } }],
    ['a key that is no name of a file', { gateway: { callersKey: '..data' } }],
  ])('refuses %s that cannot be', async (_, values) => {
    await expect(renderValues(values)).rejects.toThrow(/values don't meet the specifications of the schema/)
  })

  test('makes an operator Pod that the restricted profile admits', async () => {
    const namespace = await api.namespace()
    const all: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
    await api.client.patch(all, { name: namespace }, { type: 'merge', body: { metadata: { labels } } })
    const { metadata, spec } = templateOf(await render())
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, namespace, name: 'operator' }, spec }
    await api.client.create(resources.pods, pod as never)
  })
})

const seed = Number(process.env.SEED)

async function makeClass(group: string, kind: string, plural: string, name: string | undefined, more: object): Promise<void> {
  if (name === undefined) return
  const made = { apiVersion: `${group}/v1`, kind, metadata: { name }, ...more } as unknown as New<KubeObject>
  await api.client.create({ group, version: 'v1', plural, kind, namespaced: false }, made).catch((error) => {
    if (!isAlreadyExists(error)) throw error
  })
}

type Values = Record<string, Record<string, unknown>>
/** What a schema cannot say of two values, and the chart says itself. */
function possible(values: Values): Record<string, object> {
  const one = (resources: unknown) => ({ ...(resources as object), requests: null })
  const { gateway, recorder } = values
  return {
    ...values,
    resources: one(values.resources),
    gateway: { ...gateway, resources: one(gateway?.resources) },
    recorder: {
      ...recorder,
      resources: one(recorder?.resources),
      ...(String(recorder?.dnsPolicy) === 'None' ? { dnsConfig: { nameservers: ['10.0.0.10'] } } : {}),
    },
  }
}

/** What of a chart is made in one namespace. */
const applied: Record<string, Resource> = Object.fromEntries(
  [
    ['', 'v1', 'ConfigMap', 'configmaps'],
    ['', 'v1', 'Service', 'services'],
    ['', 'v1', 'ServiceAccount', 'serviceaccounts'],
    ['apps', 'v1', 'Deployment', 'deployments'],
    ['policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'],
    ['networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies'],
    ['networking.k8s.io', 'v1', 'Ingress', 'ingresses'],
    ['rbac.authorization.k8s.io', 'v1', 'Role', 'roles'],
    ['rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings'],
  ].map(([group, version, kind, plural]) => [
    kind,
    { group: group!, version: version!, kind: kind!, plural: plural!, namespaced: true },
  ]),
)

test('what a Recording may ask for is limited at admission, and the field is named', async () => {
  const namespace = await api.namespace()
  const listed = await api.namespace()
  const policy = {
    ...{ networkProxyHosts: ['proxy.example', '*.lessons.example'], cosEndpoints: [], priorityClassNames: ['low'] },
    ...{ serviceAccountNames: [], tolerationKeys: ['media'], secrets: 'Listed' },
  }
  const admission = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false }
  for (const manifest of await renderValues({ policy })) {
    if (!manifest.kind.startsWith('ValidatingAdmissionPolicy')) continue
    const plural =
      manifest.kind === 'ValidatingAdmissionPolicy' ? 'validatingadmissionpolicies' : 'validatingadmissionpolicybindings'
    await api.client.create({ ...admission, plural, kind: manifest.kind }, manifest as New<KubeObject>)
  }
  const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
  const annotations = { 'trtc-recorder.dev/allowed-secrets': 'recorder, cos' }
  await api.client.patch(namespaces, { name: listed }, { type: 'merge', body: { metadata: { annotations } } })
  const create = (spec: object, where = listed) =>
    api.client.create(resources.recordings, newRecording(where, `r${Math.random().toString(36).slice(2)}`, spec)).then(
      () => 'accepted',
      (error: Error) => error.message,
    )
  // The policy counts a moment after it was made.
  await until('the policy counts', async () => (await create({ priorityClassName: 'high' })) !== 'accepted')

  const turnServer = { url: 'turn.evil.example:3478', username: 'u', credentialSecretRef: { name: 'cos' } }
  for (const [spec, field] of [
    [{ priorityClassName: 'high' }, 'spec.priorityClassName: may only be low'],
    [{ serviceAccountName: 'admin' }, 'spec.serviceAccountName: may only be left out'],
    [{ tolerations: [{ operator: 'Exists' }] }, 'spec.tolerations: keys may only be media'],
    [{ tolerations: [{ key: 'gpu', operator: 'Exists' }] }, 'spec.tolerations: '],
    [{ networkProxy: { unifiedProxy: 'evil.example:443' } }, 'spec.networkProxy: '],
    [{ networkProxy: { websocketProxy: 'wss://proxy.example.evil.example/ws' } }, 'spec.networkProxy: '],
    [{ networkProxy: { unifiedProxy: '[fd00::1]:443' } }, 'spec.networkProxy: '],
    [{ networkProxy: { turnServer } }, 'spec.networkProxy: '],
    [{ userSigSecretRef: { name: 'database' } }, 'spec.userSigSecretRef.name: '],
    [{ cos: { region: 'r', bucket: 'b-1', credentialsSecretRef: { name: 'database' } } }, 'spec.cos.credentialsSecretRef.name: '],
    [
      { cos: { region: 'r', bucket: 'b-1', credentialsSecretRef: { name: 'cos' }, endpoint: 'https://cos.evil.example' } },
      'spec.cos.endpoint: ',
    ],
    [
      { callback: { url: 'https://a.example', signingKeySecretRef: { name: 'database' } } },
      'spec.callback.signingKeySecretRef.name: ',
    ],
    [
      { live: { pcm: { url: 'wss://asr.example/', authorizationSecretRef: { name: 'database' } } } },
      'spec.live.pcm.authorizationSecretRef.name: ',
    ],
  ] as [object, string][]) {
    expect(await create(spec)).toContain(field)
  }
  expect(await create({}, namespace)).toContain('spec.userSigSecretRef.name: must be one that the namespace lists')
  expect(
    await create({
      ...{ priorityClassName: 'low', tolerations: [{ key: 'media', operator: 'Exists' }] },
      networkProxy: { unifiedProxy: 'proxy.example:443', websocketProxy: 'wss://a.lessons.example:8443/ws' },
    }),
  ).toBe('accepted')
  const template = { appSecretKeyRef: { name: 'cos' }, cos: newRecording(listed, 'x').spec.cos }
  const createPolicy = (over: object) =>
    api.client
      .create(resources.recordingPolicies, {
        ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingPolicy' },
        metadata: { namespace: listed, name: `p${Math.random().toString(36).slice(2)}` },
        spec: { sdkAppId: 1400000001, recorderUserId: 'recorder', template: { ...template, ...over } },
      } as unknown as New<RecordingPolicy>)
      .catch((error: Error) => error.message)
  await until(
    'the policy counts for templates',
    async () => typeof (await createPolicy({ priorityClassName: 'high' })) === 'string',
  )
  expect(await createPolicy({ priorityClassName: 'high' })).toContain('spec.template.priorityClassName: may only be low')
  expect(await createPolicy({ appSecretKeyRef: { name: 'database' } })).toContain('spec.template.appSecretKeyRef.name: must be')
  const made = await createPolicy({})
  expect(made).toMatchObject({ kind: 'RecordingPolicy' })
  const worse = { type: 'merge' as const, body: { spec: { template: { serviceAccountName: 'admin' } } } }
  const { metadata } = made as RecordingPolicy
  const changed = await api.client.patch(resources.recordingPolicies, metadata, worse).catch((error: Error) => error.message)
  expect(changed).toContain('spec.template.serviceAccountName: may only be left out')
  for (const name of ['demo-trtc-recorder-recordings', 'demo-trtc-recorder-recordingpolicies']) {
    for (const plural of ['validatingadmissionpolicybindings', 'validatingadmissionpolicies']) {
      await api.client.delete({ ...admission, plural, kind: '' }, { name })
    }
  }
  await until('the policy counts no more', async () => (await create({}, namespace)) === 'accepted')
  // Or the operator of the next test would take them on.
  for (const { metadata } of (await api.client.list(resources.recordings)).items)
    await api.client.delete(resources.recordings, metadata)
})

test('an install that cannot work says so before it leaves anything', async () => {
  const namespace = await api.namespace()
  const failed = await helm(
    'install',
    'lost',
    chart,
    '--namespace',
    namespace,
    '--set',
    'watchNamespaces={nowhere},crds.enabled=false',
  ).catch((error: Error) => error.message)
  expect(failed).toContain('Namespace nowhere of watchNamespaces does not exist')
  expect(await helm('list', '--namespace', namespace, '--short')).toBe('')
})

test('an operator with exactly the chart’s permissions gets through the whole life of a Recording', async () => {
  const namespace = await api.namespace()
  const rules = rulesOf(ofKind(await render(), 'ClusterRole').filter(({ metadata }) => metadata.name === 'demo-trtc-recorder'))
  const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: false }
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'as-the-chart-says' }, rules }
  await api.client.create({ ...rbac, plural: 'clusterroles', kind: 'ClusterRole' }, role as New<KubeObject>)
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'as-the-chart-says' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'as-the-chart-says' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'operator' }],
  }
  await api.client.create({ ...rbac, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' }, binding as New<KubeObject>)

  const refused: string[] = []
  const client = createKubeClient(api.userConfig('operator'), {
    observer: ({ method, code }) => {
      if (code === '403') refused.push(method)
    },
  })
  await until('the role counts', async () =>
    client.list(resources.recordings).then(
      () => true,
      (error) => {
        if (!isForbidden(error)) throw error
        return false
      },
    ),
  )
  refused.length = 0
  const kubelet = new ToyKubelet(api.client, namespace, () => aResult({ stopReason: 'Terminated' }))
  const operator = await runOperator(client)
  try {
    const { apiVersion, kind, spec } = aRecording()
    await api.client.create(resources.recordings, {
      apiVersion,
      kind,
      metadata: { namespace, name: 'math' },
      spec,
    } as New<Recording>)
    const succeeded = async (wanted: string) => {
      const { status } = await api.client.get(resources.recordings, { namespace, name: 'math' })
      return findCondition(status?.conditions, 'Succeeded')?.reason === wanted
    }
    await until('it records', () => succeeded('Recording'))
    await api.client.delete(resources.recordings, { namespace, name: 'math' })
    await until('it was let go', async () =>
      api.client.get(resources.recordings, { namespace, name: 'math' }).then(() => false, isNotFound),
    )
    // What only a result that is too long needs.
    const log = `/api/v1/namespaces/${namespace}/pods/gone/log`
    expect(await client.text('GET', log).catch(isNotFound)).toBe(true)
    expect(refused).toEqual([])
  } finally {
    await operator.stop()
    await kubelet.stop()
    await client.close()
  }
})

test('installed, upgraded, uninstalled and installed again, it leaves the CRD with its Recordings and nothing else', async () => {
  const definitions: Resource = {
    ...{ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
    ...{ kind: 'CustomResourceDefinition', namespaced: false },
  }
  const roles: Resource = {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    plural: 'clusterroles',
    kind: 'ClusterRole',
    namespaced: false,
  }
  const name = 'recordings.trtc-recorder.dev'
  // One that came from nobody is left alone, and does not stop an install.
  const foreign = await api.namespace()
  expect(await helm('install', 'second', chart, '--namespace', foreign)).toContain(
    'The CRD was installed by somebody else (not by Helm)',
  )
  await helm('uninstall', 'second', '--namespace', foreign)
  await api.client.delete(definitions, { name })
  await until('the CRD is gone', async () => api.client.get(definitions, { name }).then(() => false, isNotFound))

  const namespace = await api.namespace()
  const notes = await helm('install', 'demo', chart, '--namespace', namespace)
  for (const command of ['kubectl create secret', 'kubectl apply -f', 'kubectl get rec', 'kubectl delete recordings --all']) {
    expect(notes).toContain(command)
  }
  const { apiVersion, kind, spec } = aRecording()
  const recording = { apiVersion, kind, metadata: { namespace, name: 'math' }, spec } as New<Recording>
  await until('Recordings are served', async () =>
    api.client.create(resources.recordings, recording).then(
      () => true,
      (error) => {
        if (isNotFound(error) || isTooManyRequests(error)) return false
        throw error
      },
    ),
  )
  const everything = await helmIn.valuesFile({
    ...{
      replicas: 2,
      networkPolicy: { enabled: true },
      caBundle: { configMapName: 'ca' },
      metrics: { dashboard: { enabled: true } },
    },
    ...{
      policy: { tolerationKeys: [] },
      watchNamespaces: [namespace],
      podSecurityContext: null,
      recorder: { dnsPolicy: 'Default' },
    },
  })
  await helm('upgrade', 'demo', chart, '--namespace', namespace, '--values', everything)
  await helm('uninstall', 'demo', '--namespace', namespace)
  expect(await api.client.get(roles, { name: 'demo-trtc-recorder' }).catch(isNotFound)).toBe(true)
  expect(await api.client.get(resources.recordings, { namespace, name: 'math' })).toMatchObject({ kind: 'Recording' })
  // Under another name too, which takes the CRD as it is.
  expect(await helm('install', 'other', chart, '--namespace', namespace)).toContain(`somebody else (release ${namespace}/demo)`)
  await helm('uninstall', 'other', '--namespace', namespace)
  await helm('install', 'demo', chart, '--namespace', namespace)
  await helm('uninstall', 'demo', '--namespace', namespace)
})
