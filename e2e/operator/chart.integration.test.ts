import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Recording, RecordingPolicy } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import { createKubeClient, isForbidden, isNotFound, isTooManyRequests, resources } from '../../kube/src/index.ts'
import { parseConfig } from '../../operator/src/config.ts'
import { findCondition } from '../../operator/src/recording/conditions.ts'
import { aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
import { type Schema, samplesIn, withSamples } from './chart-samples.ts'
import { newRecording } from './recordings.ts'
import { ToyKubelet } from './toy-kubelet.ts'
import { runOperator } from './toy-operator.ts'

const chart = new URL('../../charts/trtc-recorder', import.meta.url).pathname

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}
interface Manifest extends KubeObject {
  kind: string
  rules?: Rule[]
  spec?: {
    template: {
      metadata: object
      spec: { containers: { env: { name: string; value?: string }[] }[]; volumes?: { name: string }[] }
    }
  }
}

let api: ApiServer
let home: string
let helmBinary: string
beforeAll(async () => {
  const [binaries, server] = await Promise.all([ensureBinaries(['helm']), startApiServer()])
  api = server
  helmBinary = binaries.helm
  home = await mkdtemp(join(tmpdir(), 'trtc-recorder-helm-'))
})
afterAll(async () => {
  await api?.stop()
  await rm(home, { recursive: true, force: true })
})

async function helm(...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    HOME: home,
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
    KUBECONFIG: api.kubeconfigPath,
  }
  const { stdout } = await promisify(execFile)(helmBinary, args, { env })
  return stdout
}

async function render(...set: string[]): Promise<Manifest[]> {
  const values = set.flatMap((value) => ['--set', value])
  const text = await helm('template', 'demo', chart, '--namespace', 'trtc', ...values)
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? [])
}

/** The same with values as they stand in a file. */
async function renderValues(values: object, namespace = 'trtc'): Promise<Manifest[]> {
  const file = join(home, `values-${Math.random()}.json`)
  await writeFile(file, JSON.stringify(values))
  const text = await helm('template', 'demo', chart, '--namespace', namespace, '--values', file)
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? [])
}

const ofKind = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind)
const rulesOf = (manifests: Manifest[]) => manifests.flatMap((manifest) => manifest.rules ?? [])
const templateOf = (manifests: Manifest[]) => ofKind(manifests, 'Deployment')[0]!.spec!.template
const gatewayOf = (manifests: Manifest[]) =>
  ofKind(manifests, 'Deployment').find(({ metadata }) => metadata.name.endsWith('-gateway'))!.spec!.template

describe('the chart', () => {
  test('is well made', async () => {
    expect(await helm('lint', '--strict', chart)).toContain('0 chart(s) failed')
  })

  test('carries the CRDs as they are in crds/, and keeps them', async () => {
    const crds = ofKind(await render(), 'CustomResourceDefinition')
    expect(crds.map(({ metadata }) => metadata.name.split('.')[0]).sort()).toEqual([
      'recordingclips',
      'recordingpolicies',
      'recordings',
    ])
    for (const { spec, metadata } of crds) {
      const file = `trtc-recorder.dev_${metadata.name.split('.')[0]}.yaml`
      expect(spec).toEqual(parse(await readFile(join(chart, '../../crds', file), 'utf8')).spec)
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' })
    }
    const [unkept] = ofKind(await render('crds.keep=false'), 'CustomResourceDefinition')
    expect(unkept?.metadata.annotations).toBeUndefined()
    expect(ofKind(await render('crds.enabled=false'), 'CustomResourceDefinition')).toEqual([])
  })

  test.each([
    'recorder.chromiumArg=--x',
    'crd.keep=false',
    'watchNamespaces={Lessons}',
    'logLevel=chatty',
    'callback.signing.enabeld=true',
    'workers=0',
    'recorder=null',
    'policy.secrets=Some',
    'callback.deny={everyone}',
    'image.digest=latest',
  ])('refuses the value %s', async (value) => {
    await expect(render(value)).rejects.toThrow(/values don't meet the specifications of the schema/)
  })

  test('lets the gateway hear events only where it is asked to, and says which Secret is missing', async () => {
    await expect(render('gateway.enabled=true')).rejects.toThrow('gateway.callersSecret must name the Secret')
    const gateway = ['gateway.enabled=true', 'gateway.namespaces={lessons}', 'gateway.callersSecret=callers']
    const enabled = [...gateway, 'gateway.policies.enabled=true']
    const policyRights = (manifests: Manifest[]) =>
      rulesOf(ofKind(manifests, 'Role')).flatMap(({ resources: names, verbs }) =>
        names.filter((name) => name.startsWith('recordingpolicies')).map((name) => [name, verbs]),
      )
    expect(policyRights(await render(...gateway))).toEqual([])
    // Without callers it hears TRTC, and nothing is mounted of them.
    const events = ['gateway.policies.enabled=true', 'gateway.policies.applicationsSecret=applications']
    const deaf = gatewayOf(await render(...gateway.slice(0, 2), ...events)).spec
    expect(deaf.volumes?.map(({ name }) => name)).toEqual(['applications'])
    expect(deaf.containers[0]?.env.map(({ name }) => name)).not.toContain('TRTC_RECORDER_GATEWAY_CALLERS_FILE')
    await expect(render(...enabled)).rejects.toThrow('gateway.policies.applicationsSecret must name the Secret')
    expect(policyRights(await render(...enabled, 'gateway.policies.applicationsSecret=applications'))).toEqual([
      ['recordingpolicies', ['get', 'list']],
      ['recordingpolicies/status', ['patch']],
    ])
  })

  test('gives the operator settings that it knows', async () => {
    const set = [
      'recorder.chromiumArgs=--a --b',
      'watchNamespaces={lessons,music}',
      'imagePullSecrets={pull}',
      'callback.giveUpSeconds=604800',
    ]
    const env = templateOf(await render(...set)).spec.containers[0]!.env
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'demo-0']))
    const config = parseConfig(variables)
    expect(config).toMatchObject({
      watchNamespaces: ['lessons', 'music'],
      recorderImage: 'trtc-recorder/recorder:0.1.0',
      recorderImagePullSecrets: ['pull'],
      recorderChromiumArgs: '--a --b',
      recorderResources: { requests: { cpu: '500m', memory: '768Mi' }, limits: { memory: '2Gi' } },
      recorderServiceAccount: 'demo-trtc-recorder-recorder',
      callbackGiveUpSeconds: 604800,
      leaseNamespace: 'trtc',
      leaseName: 'demo-trtc-recorder',
    })
    // A variable that is misspelt would be ignored: leaving any out must change the configuration.
    for (const name of Object.keys(variables)) expect(name).toMatch(/^(TRTC_RECORDER_|NODE_OPTIONS$)/)
    const known = (await import('../../operator/src/config.ts')).usage()
    for (const name of Object.keys(variables)) if (name !== 'NODE_OPTIONS') expect(known).toContain(`${name}\n`)
  })

  test('lets the operator read no Secret, unless it is to sign callbacks, and then only by name', async () => {
    const secrets = (rules: Rule[]) => rules.filter((rule) => rule.resources.includes('secrets'))
    expect(secrets(rulesOf(await render()))).toEqual([])
    expect(secrets(rulesOf(await render('callback.signing.enabled=true')))).toEqual([
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
    ])
  })

  test('needs nothing of the cluster when it serves some namespaces only', async () => {
    const manifests = await render('watchNamespaces={lessons,music}', 'crds.enabled=false')
    expect(manifests.filter((manifest) => manifest.kind.startsWith('Cluster'))).toEqual([])
    expect(ofKind(manifests, 'Role').map((role) => role.metadata.namespace)).toEqual(
      expect.arrayContaining(['lessons', 'music', 'trtc']),
    )
    expect(
      ofKind(manifests, 'ServiceAccount').map((account) => `${account.metadata.namespace}/${account.metadata.name}`),
    ).toEqual(
      expect.arrayContaining([
        'lessons/demo-trtc-recorder-recorder',
        'music/demo-trtc-recorder-recorder',
        'trtc/demo-trtc-recorder',
      ]),
    )
  })

  test('pulls by digest from a registry, with the secrets that are named for each image', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const { spec } = templateOf(
      await renderValues({
        global: { imageRegistry: 'registry.example', imagePullSecrets: [{ name: 'all' }] },
        image: { digest },
        imagePullSecrets: [{ name: 'ours' }],
        recorder: { image: { registry: 'other.example', tag: 2 }, imagePullSecrets: [{ name: 'theirs' }] },
      }),
    )
    expect(spec.containers[0]).toMatchObject({ image: `registry.example/trtc-recorder/operator:0.1.0@${digest}` })
    expect(spec).toMatchObject({ imagePullSecrets: [{ name: 'ours' }, { name: 'all' }] })
    expect(settingsOf(spec)).toMatchObject({
      recorderImage: 'other.example/trtc-recorder/recorder:2',
      recorderImagePullSecrets: ['theirs', 'all'],
    })
  })

  test('gives operator and recorders the CA bundle and the outbound proxy', async () => {
    const { spec } = templateOf(
      await renderValues({
        caBundle: { configMapName: 'company-ca' },
        proxy: { httpsProxy: 'http://proxy:3128', noProxy: '.svc' },
      }),
    )
    const wanted = [
      { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
      { name: 'NO_PROXY', value: '.svc' },
      { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/trtc-recorder/ca/ca.crt' },
    ]
    expect(spec.containers[0]!.env).toEqual(expect.arrayContaining(wanted))
    const { recorderPod } = settingsOf(spec)
    expect(recorderPod.env).toEqual(wanted)
    expect(recorderPod.volumes).toEqual([{ name: 'ca-bundle', configMap: { name: 'company-ca' } }])
    expect(recorderPod.volumeMounts).toEqual([{ name: 'ca-bundle', mountPath: '/etc/trtc-recorder/ca', readOnly: true }])
  })

  test('lets OpenShift say who runs as whom', async () => {
    const nobody = { podSecurityContext: null, securityContext: null }
    const { spec } = templateOf(await renderValues({ ...nobody, recorder: nobody }))
    expect(spec).not.toHaveProperty('securityContext')
    expect(spec.containers[0]).not.toHaveProperty('securityContext')
    expect(settingsOf(spec).recorderPod).toMatchObject({ podSecurityContext: {}, containerSecurityContext: {} })
  })

  test('keeps the sidecars of service meshes out of recorders, and spreads several operators', async () => {
    const manifests = await renderValues({ replicas: 2 })
    const { spec } = templateOf(manifests)
    expect(settingsOf(spec).recorderPod).toMatchObject({
      labels: { 'sidecar.istio.io/inject': 'false' },
      annotations: { 'linkerd.io/inject': 'disabled' },
    })
    expect(spec).toMatchObject({ topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname' }] })
    expect(ofKind(manifests, 'PodDisruptionBudget')).toHaveLength(1)
    expect(ofKind(await renderValues({}), 'PodDisruptionBudget')).toHaveLength(0)
  })

  test('lets those with the usual roles work with Recordings', async () => {
    const roles = ofKind(await render(), 'ClusterRole').filter(({ metadata }) => /-(view|edit)$/.test(metadata.name))
    expect(
      roles.map(({ metadata, rules }) => [
        Object.keys(metadata.labels ?? {}).filter((l) => l.includes('aggregate')).length,
        rules,
      ]),
    ).toEqual([
      [
        3,
        [
          {
            apiGroups: ['trtc-recorder.dev'],
            resources: [
              ...['recordings', 'recordings/status', 'recordingpolicies', 'recordingpolicies/status'],
              ...['recordingclips', 'recordingclips/status'],
            ],
            verbs: ['get', 'list', 'watch'],
          },
        ],
      ],
      [
        2,
        [
          {
            apiGroups: ['trtc-recorder.dev'],
            resources: ['recordings', 'recordingpolicies', 'recordingclips'],
            verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
          },
        ],
      ],
    ])
    expect(ofKind(await render('rbac.aggregate=false'), 'ClusterRole')).toHaveLength(1)
    expect(rulesOf(await render('rbac.create=false'))).toEqual([])
  })

  test('writes every name and namespace as a string, also where it is all digits', async () => {
    const manifests = await renderValues(
      {
        ...{
          nameOverride: 12,
          fullnameOverride: 34,
          serviceAccount: { name: 56 },
          watchNamespaces: ['78'],
          priorityClassName: 90,
        },
        ...{
          replicas: 2,
          networkPolicy: { enabled: true },
          gateway: {
            enabled: true,
            callersSecret: 11,
            tokenReview: { enabled: true },
            ingress: { enabled: true, tlsSecret: 13 },
          },
          policy: { priorityClassNames: ['1'] },
          recorder: { serviceAccount: { name: 9 } },
        },
      },
      '1234',
    )
    const wrong: string[] = []
    const look = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return
      for (const [name, inner] of Object.entries(value)) {
        if (/^(name|namespace|serviceAccountName|priorityClassName|value)$/.test(name) && typeof inner === 'number')
          wrong.push(`${path}.${name}`)
        if (/labels$/i.test(name))
          for (const label of Object.values(inner ?? {})) if (typeof label !== 'string') wrong.push(`${path}.${name}`)
        look(inner, `${path}.${name}`)
      }
    }
    for (const manifest of manifests) look(manifest, manifest.kind)
    expect(wrong).toEqual([])
  })

  test('renders to what the API server takes, whatever of each kind its schema admits', async () => {
    const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema
    const rounds = Math.max(...samplesIn(schema, schema).map((samples) => samples.length))
    expect(rounds).toBeGreaterThan(3)
    for (let round = 0; round < rounds; round += 1) {
      const namespace = await api.namespace()
      const values = withSamples(schema, schema, round) as Record<string, object>
      const manifests = await renderValues({ ...values, checkNamespaces: false, ...everythingOn(values) }, namespace)
      settingsOf(templateOf(manifests).spec)
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
        expect(said, `${manifest.kind} of round ${round}`).toBe('taken')
      }
    }
  })

  test('takes null for every map and list', async () => {
    const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema
    const nulls = (node: Schema): object => {
      const values: Record<string, unknown> = {}
      for (const [name, property] of Object.entries(node.properties ?? {})) {
        const { type = [], properties } =
          property.$ref === undefined ? property : schema.definitions![property.$ref.split('/').at(-1)!]!
        if (type.includes('null')) values[name] = null
        else if (properties !== undefined) values[name] = nulls({ properties })
      }
      return values
    }
    const values = nulls(schema)
    expect(JSON.stringify(values).match(/null/g)?.length).toBeGreaterThan(30)
    const manifests = await renderValues({ ...values, replicas: 2, ...everythingOn(values) })
    const { spec } = templateOf(manifests)
    expect(settingsOf(spec).recorderPod).toMatchObject({ labels: {}, nodeSelector: {} })
  })

  test('shows Prometheus and Grafana what there is', async () => {
    const metrics = { podMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } }
    const manifests = await renderValues({ metrics })
    const [rule] = ofKind(manifests, 'PrometheusRule') as unknown as {
      spec: { groups: { rules: { alert: string; annotations: Record<string, string> }[] }[] }
    }[]
    const alerts = rule!.spec.groups[0]!.rules
    expect(alerts.length).toBeGreaterThan(5)
    const operations = await readFile(join(chart, '../../docs/operations.md'), 'utf8')
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`)
      expect(operations).toContain(`\n### ${alert}\n`)
    }
    const [dashboard] = ofKind(manifests, 'ConfigMap') as unknown as { data: Record<string, string> }[]
    expect(JSON.parse(dashboard!.data['trtc-recorder.json'] ?? '')).toMatchObject({ title: 'trtc-recorder' })
    expect(ofKind(manifests, 'PodMonitor')).toHaveLength(1)
  })

  test('has a README with every value in it', async () => {
    expect(await readFile(join(chart, 'README.md'), 'utf8')).toContain('| `recorder.image.repository` |')
  })

  test('uses no verb on everything', async () => {
    for (const rule of rulesOf(await render())) expect([...rule.verbs, ...rule.resources, ...rule.apiGroups]).not.toContain('*')
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

/** Every optional part of the chart. */
const everythingOn = (values: object) => {
  const part = (name: string, more: object) => ({ [name]: { ...(values as Record<string, object>)[name], ...more } })
  return {
    ...part('networkPolicy', { enabled: true }),
    ...part('gateway', {
      ...{ enabled: true, callersSecret: 'callers', namespaces: ['lessons'], ingress: { enabled: true } },
      policies: { enabled: true, applicationsSecret: 'applications', applicationsKey: 'applications.yaml' },
    }),
    ...part('caBundle', { secretName: 'ca', configMapName: '' }),
    ...part('metrics', { podMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } }),
  }
}

/** The operator's settings, as it would read them. */
const settingsOf = (spec: { containers: { env: { name: string; value?: string }[] }[] }) =>
  parseConfig(Object.fromEntries(spec.containers[0]!.env.map(({ name, value }) => [name, value ?? 'demo-0'])))

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
  const everything = join(home, 'everything.json')
  await writeFile(
    everything,
    JSON.stringify({
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
    }),
  )
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
