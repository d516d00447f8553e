import type { Recording, RecordingClip, RecordingPolicy } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { createKubeClient, isForbidden, isNotFound, isTooManyRequests, resources } from '../../kube/src/index.ts'
import { findCondition } from '../../operator/src/recording/conditions.ts'
import { aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { chart, Helm, ofKind, rulesOf, templateOf } from './chart.ts'
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

const data = { name: 'data', emptyDir: {} }
const atData = { name: 'data', mountPath: '/data' }
const token = { serviceAccountToken: { path: 'token' } }
const sysctl = { name: 'net.core.somaxconn', value: '1024' }
const iscsi = { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2001-04.com.example:storage', lun: 0 }
const more = { key: 'cores', operator: 'Gt', value: '8' }
/** Who may read metrics: the first network, without the others. */
const from = ([cidr, ...except]: string[]) => ({ networkPolicy: { enabled: true, metricsFrom: [{ ipBlock: { cidr, except } }] } })
const spread = { topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }

describe('the chart', () => {
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
    [
      'too little for a browser',
      { recorder: { resources: { requests: { memory: '32Mi' }, limits: { memory: '64Mi' } } } },
      'recorder.resources: limits.memory is 64Mi, and must be at least 256Mi',
    ],
    [
      'what Prometheus would count twice',
      { metrics: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } },
      'metrics.podMonitor and metrics.serviceMonitor are both enabled',
    ],
    [
      'a ServiceMonitor of no Service',
      { metrics: { service: { enabled: false }, serviceMonitor: { enabled: true } } },
      'metrics.serviceMonitor needs metrics.service.enabled',
    ],
    ['two volumes of one name', { extraVolumes: [data, data] }, 'extraVolumes has two of the name data'],
    [
      'a volume that recorders have anyway',
      { recorder: { extraVolumes: [{ name: 'work', emptyDir: {} }] } },
      'recorder.extraVolumes: work is the name of a volume that the Pod has anyway',
    ],
    [
      'a mount of nothing',
      { extraVolumeMounts: [{ name: 'data', mountPath: '/data' }] },
      'there is no volume data in extraVolumes',
    ],
    [
      'two mounts at one path',
      { recorder: { extraVolumes: [data], extraVolumeMounts: [atData, atData] } },
      'recorder.extraVolumeMounts has two of the path /data',
    ],
    [
      'a mount over the recorder’s own files',
      { recorder: { extraVolumes: [data], extraVolumeMounts: [{ name: 'data', mountPath: '/work' }] } },
      "recorder.extraVolumeMounts: /work is a path of the Pod's own",
    ],
    [
      'two tokens of one path',
      { extraVolumes: [{ name: 'tokens', projected: { sources: [token, token] } }] },
      'extraVolumes has two tokens of the path token in one volume',
    ],
    [
      'one spread told twice',
      {
        topologySpreadConstraints: [
          { ...spread, maxSkew: 1 },
          { ...spread, maxSkew: 2 },
        ],
      },
      'topologySpreadConstraints has two of zone, ScheduleAnyway',
    ],
    [
      'one kernel parameter set twice',
      { recorder: { podSecurityContext: { sysctls: [sysctl, { ...sysctl, value: '2' }] } } },
      'recorder.podSecurityContext.sysctls has two of the name net.core.somaxconn',
    ],
    ['what is not of the network it is taken from', from(['10.0.0.0/8', '11.0.0.0/16']), 'has 11.0.0.0/16, which is no part of'],
    ['all of a network taken from it', from(['10.1.0.0/16', '10.1.0.0/16']), 'has 10.1.0.0/16, which is no part of 10.1.0.0/16'],
    ['what ends a bit outside of it', from(['10.128.0.0/10', '10.192.0.0/11']), 'which is no part of 10.128.0.0/10'],
    ['a network of the other family', from(['10.0.0.0/8', 'fd00::/64']), 'has fd00::/64, which is no part of'],
    ['what is not of its IPv6 network', from(['2001:db8:8000::/33', '2001:db8:7fff::/48']), 'has 2001:db8:7fff::/48'],
    [
      'a network larger than IPv4 that begins as it',
      { callback: { deny: ['10.0.0.0/8', '0::FFFF:10.0.0.0/95'] } },
      'callback.deny: 0::FFFF:10.0.0.0/95 is larger than all of IPv4',
    ],
    [
      'such a network of proxies',
      { gateway: { trustedProxies: ['0:0:0:0:0:ffff:a00::/8'] } },
      'gateway.trustedProxies: 0:0:0:0:0:ffff:a00::/8 is',
    ],
    ['one of receivers', { callback: { allow: ['::ffff:0:0/0'] } }, 'callback.allow: ::ffff:0:0/0 is larger'],
    [
      'an iSCSI volume of too long a name',
      { extraVolumes: [{ name: 'x'.repeat(60), iscsi: { ...iscsi, initiatorName: iscsi.iqn } }] },
      'too long beside iscsi.initiatorName',
    ],
    ['no name servers', { recorder: { dnsPolicy: 'None' } }, 'needs recorder.dnsConfig.nameservers'],
  ])('that has %s is refused before anything is made, with the value named', async (_, values, says) => {
    await expect(renderValues(values)).rejects.toThrow(says)
  })

  test.each([
    ['1.32.0', { recorder: { extraVolumes: [{ name: 'models', image: { reference: 'models:1' } }] } }, 'from Kubernetes 1.33 on'],
    ['1.34.4', { gateway: { tolerations: [more] } }, 'gateway.tolerations: operator Gt is there from Kubernetes 1.35 on'],
  ])('refuses what Kubernetes %s does not have, with the value named', async (version, values, says) => {
    const file = await helmIn.valuesFile(values)
    const renderFor = (kubeVersion: string) => helm('template', 'demo', chart, '--values', file, '--kube-version', kubeVersion)
    await expect(renderFor(version)).rejects.toThrow(says)
    await expect(renderFor('1.36.0')).resolves.toContain('kind: Deployment')
  })

  test('takes networks out of those who may call, of either family', async () => {
    for (const [cidr, ...except] of [
      ['0.0.0.0/1', '10.0.0.0/8', '127.255.255.255/32'],
      ['10.128.0.0/9', '10.255.0.0/16', '10.128.0.0/10'],
      ['2001:db8::/32', '2001:db8:ffff::/48', '2001:0DB8::1/128', '2001:db8:0:0:1::/80'],
      ['::/1', '::1/128', '7fff::/16'],
    ])
      await expect(renderValues(from([cidr!, ...except])), cidr).resolves.toBeDefined()
  })

  test.each<[string, object]>([
    ['podDisruptionBudget.maxUnavailable', { podDisruptionBudget: { maxUnavailable: 'true' } }],
    ['metrics.podMonitor.interval', { metrics: { podMonitor: { interval: 'often' } } }],
    ['a quantity', { resources: { limits: { memory: '2 GB' } } }],
    ['a resource', { recorder: { resources: { limits: { memmory: '2Gi' } } } }],
    ['a label of the chart’s own', { podLabels: { 'app.kubernetes.io/name': 'x' } }],
    ['a host that is an address', { gateway: { ingress: { host: '10.0.0.1' } } }],
    ['a network without its prefix', { networkPolicy: { exceptCidrs: ['10.0.0.1'] } }],
    ['every address', { networkPolicy: { exceptCidrs: ['0.0.0.0/0'] } }],
    ['a name', { recorder: { priorityClassName: 'High Priority' } }],
    ['a quotation mark in what becomes an expression', { policy: { priorityClassNames: ["a' || true || '"] } }],
    ['a key that is two things in YAML', { caBundle: { key: 'a: b' } }],
    ['a proxy without its scheme', { proxy: { httpsProxy: 'proxy:3128' } }],
    ['a proxy that is no address', { proxy: { httpProxy: 'http://]proxy' } }],
    ['a size in parts of a byte', { recorder: { storageSize: 67108864.1 } }],
    ['a toleration that says Exists of a value', { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] }],
    ['a toleration with seconds for what evicts nobody', { recorder: { tolerations: [{ key: 'a', tolerationSeconds: 3 }] } }],
    ['a word there is not in an affinity', { affinity: { nodeAffinities: {} } }],
    [
      'an affinity of nothing',
      { gateway: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} } } } },
    ],
    ['a user that is a word', { podSecurityContext: { runAsUser: 'root' } }],
    ['a capability that no operator needs', { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }],
    ['a field of a Pod in a container', { recorder: { securityContext: { fsGroup: 1 } } }],
    ['a variable with a number', { extraEnv: [{ name: 'A', value: 1 }] }],
    ['a variable with a value from two places', { recorder: { extraEnv: [{ name: 'A', value: '1', valueFrom: {} }] } }],
    ['a volume of no kind', { extraVolumes: [{ name: 'a' }] }],
    ['a volume of two kinds', { extraVolumes: [{ name: 'a', emptyDir: {}, configMap: { name: 'a' } }] }],
    ['a comparison with a word', { tolerations: [{ ...more, value: 'many' }] }],
    ['a kernel parameter with a number', { podSecurityContext: { sysctls: [{ name: 'net.core.somaxconn', value: 1024 }] } }],
    ['a mount that is no path', { extraVolumeMounts: [{ name: 'a', mountPath: 'data' }] }],
    ['an alias of no address', { hostAliases: [{ ip: 'localhost', hostnames: ['a'] }] }],
    ['four name servers', { dnsConfig: { nameservers: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'] } }],
    ['a peer that is two', { networkPolicy: { metricsFrom: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] } }],
    ['a selector of no words', { policy: { namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Is' }] } } }],
    ['a spread of nothing', { topologySpreadConstraints: [{ maxSkew: 1 }] }],
    ['more than fits into a policy', { policy: { serviceAccountNames: Array.from({ length: 257 }, (_, at) => `a${at}`) } }],
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

test('what a Recording may ask for is limited at admission, and the field is named', async () => {
  const namespace = await api.namespace()
  const listed = await api.namespace()
  const policy = {
    ...{ networkProxyHosts: ['Proxy.Example.', '*.Lessons.example', '[FD00:0::7]', '10.0.0.7'], priorityClassNames: ['low'] },
    cosEndpoints: ['https://COS.example:443', 'http://cos.example:8080'],
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
    [{ networkProxy: { unifiedProxy: '[::ffff:a00:7]:443' } }, 'spec.networkProxy: '],
    [{ networkProxy: { unifiedProxy: 'lessons.example:443' } }, 'spec.networkProxy: '],
    [{ networkProxy: { turnServer } }, 'spec.networkProxy: '],
    [{ userSigSecretRef: { name: 'database' } }, 'spec.userSigSecretRef.name: '],
    [{ cos: { region: 'r', bucket: 'b-1', credentialsSecretRef: { name: 'database' } } }, 'spec.cos.credentialsSecretRef.name: '],
    ...['https://cos.evil.example', 'https://cos.example:8443', 'http://cos.example', 'https://cos.example:80'].map(
      (endpoint) => [
        { cos: { region: 'r', bucket: 'b-1', credentialsSecretRef: { name: 'cos' }, endpoint } },
        'spec.cos.endpoint: ',
      ],
    ),
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
  // However it is written.
  const cos = { region: 'r', bucket: 'b-1', credentialsSecretRef: { name: 'cos' } }
  for (const spec of [
    { networkProxy: { unifiedProxy: 'PROXY.example.:443', websocketProxy: 'wss://A.lessons.EXAMPLE./ws' } },
    { networkProxy: { unifiedProxy: '[fd00:0:0::7]:443', websocketProxy: 'wss://10.0.0.7/ws' } },
    { cos: { ...cos, endpoint: 'https://cos.Example' } },
    { cos: { ...cos, endpoint: 'https://cos.example:443' } },
    { cos: { ...cos, endpoint: 'http://cos.example:8080' } },
  ]) {
    expect(await create(spec)).toBe('accepted')
  }
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
  const createClip = (signingKey: string) =>
    api.client
      .create(resources.recordingClips, {
        ...{ apiVersion: 'trtc-recorder.dev/v1alpha1', kind: 'RecordingClip' },
        metadata: { namespace: listed, name: `c${Math.random().toString(36).slice(2)}` },
        spec: {
          ...{ recordingRef: { name: 'math' }, from: '1s', to: '2s' },
          callback: { url: 'https://a.example', signingKeySecretRef: { name: signingKey } },
        },
      } as unknown as New<RecordingClip>)
      .then(
        () => 'accepted',
        (error: Error) => error.message,
      )
  await until('the policy counts for clips', async () => (await createClip('database')) !== 'accepted')
  expect(await createClip('database')).toContain('spec.callback.signingKeySecretRef.name: must be one that the namespace lists')
  expect(await createClip('recorder')).toBe('accepted')
  for (const name of ['recordings', 'recordingpolicies', 'recordingclips'].map((of) => `demo-trtc-recorder-${of}`)) {
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
  const operator = await runOperator(client, undefined, {}, { readsPriorityClasses: false })
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
  const crds = ['recordings', 'recordingpolicies', 'recordingclips']
  const name = 'recordings.trtc-recorder.dev'
  // One that came from nobody is left alone, and does not stop an install. Of all that it is said once.
  const foreign = await api.namespace()
  const said = await helm('install', 'second', chart, '--namespace', foreign)
  expect(said.match(/.*installed by somebody else.*\n.*/g)).toEqual([
    'The CRDs of recordings, recordingpolicies, recordingclips were installed by somebody else (not by Helm) and left as found. To bring up to this release:\n' +
      `     kubectl apply --server-side --force-conflicts ${crds.map((crd) => `-f crds/trtc-recorder.dev_${crd}.yaml`).join(' ')}`,
  ])
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
  // Under another name too, which takes the CRD as it is. The others were never Helm's.
  const notesOfOther = await helm('install', 'other', chart, '--namespace', namespace)
  expect(notesOfOther).toContain(`The CRD of recordings was installed by somebody else (release ${namespace}/demo)`)
  expect(notesOfOther).toContain('The CRDs of recordingpolicies, recordingclips were installed by somebody else (not by Helm)')
  await helm('uninstall', 'other', '--namespace', namespace)
  await helm('install', 'demo', chart, '--namespace', namespace)
  await helm('uninstall', 'demo', '--namespace', namespace)
})
