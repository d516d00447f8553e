import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { numericTolerationsRule } from '../../api/src/index.ts'
import { parseConfig as gatewayConfig } from '../../gateway/src/config.ts'
import type { KubeObject } from '../../kube/src/index.ts'
import { parseConfig } from '../../operator/src/config.ts'
import { podConfig } from '../../operator/src/recording/controller.ts'
import { recorderPod } from '../../operator/src/recording/pod.ts'
import { aRecording } from '../../operator/src/recording/testing.ts'
import {
  chart,
  everythingOn,
  gatewayOf,
  Helm,
  type Manifest,
  ofKind,
  type Rule,
  rulesOf,
  settingsOf,
  templateOf,
  variablesIn,
} from './chart.ts'
import { resolved, type Schema } from './chart-samples.ts'

const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema
const seed = Number(process.env.SEED)

let helmIn: Helm
beforeAll(async () => {
  helmIn = await Helm.open()
})
afterAll(() => helmIn?.close())

const helm = (...args: string[]) => helmIn.run(...args)
const render = (...set: string[]) => helmIn.render(...set)
const renderValues = (values: object, namespace?: string) => helmIn.renderValues(values, namespace)

interface Peers {
  ports?: object[]
  to?: { ipBlock?: { cidr: string } }[]
  from?: { podSelector?: { matchLabels: Record<string, string> } }[]
}
const isWithin = (labels: Record<string, string>, others: Record<string, string>) =>
  Object.entries(labels).every(([name, value]) => others[name] === value)

describe('the chart', () => {
  test('is well made', async () => {
    expect(await helm('lint', '--strict', chart)).toContain('0 chart(s) failed')
  })

  test('carries the CRDs as they are in crds/, and keeps them', async () => {
    const crds = ofKind(await helmIn.renderFor('1.34.4'), 'CustomResourceDefinition')
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
    const { annotations } = parse(await readFile(join(chart, 'Chart.yaml'), 'utf8'))
    const listed = parse(annotations['artifacthub.io/crds']) as { name: string; kind: string }[]
    expect(listed.map(({ name }) => name).sort()).toEqual(crds.map(({ metadata }) => metadata.name).sort())
    const [unkept] = ofKind(await render('crds.keep=false'), 'CustomResourceDefinition')
    expect(unkept?.metadata.annotations).toBeUndefined()
    expect(ofKind(await render('crds.enabled=false'), 'CustomResourceDefinition')).toEqual([])
  })

  test('admits tolerations that compare numbers in Recordings and policies where Kubernetes is late enough, and not before', async () => {
    const rulesIn = async (version: string) =>
      ofKind(await helmIn.renderFor(version), 'CustomResourceDefinition').map(
        (crd) => JSON.stringify(crd).split(numericTolerationsRule.message).length - 1,
      )
    expect((await rulesIn('1.34.4')).toSorted()).toEqual([0, 1, 1])
    expect(await rulesIn('1.35.0')).toEqual([0, 0, 0])
  })

  test.each([
    'recorder.chromiumArg=--x',
    'crd.keep=false',
    'watchNamespaces={Lessons}',
    'logLevel=chatty',
    'callback.signing.enabeld=true',
    'workers=0',
    'workers=null',
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
      ['recordingpolicies', ['get', 'list', 'watch']],
      ['recordingpolicies/status', ['patch']],
    ])
  })

  test('gives the gateway the rights that docs/gateway.md gives a reason for, in its namespaces, and no more', async () => {
    const document = await readFile(join(chart, '../../docs/gateway.md'), 'utf8')
    const documented = [...document.matchAll(/^\| ([a-z/]+) \| ([a-z, ]+) \| \S/gm)].flatMap(([, resource, verbs = '']) =>
      verbs.split(', ').map((verb) => `${resource} ${verb}`),
    )
    const manifests = await render(
      ...['gateway.enabled=true', 'gateway.namespaces={lessons}', 'gateway.callersSecret=callers'],
      ...['gateway.policies.enabled=true', 'gateway.policies.applicationsSecret=applications'],
    )
    const isGateways = ({ metadata }: Manifest) => metadata.name.endsWith('-gateway')
    const roles = ofKind(manifests, 'Role').filter(isGateways)
    expect(roles.map(({ metadata }) => metadata.namespace)).toEqual(['lessons'])
    expect(ofKind(manifests, 'ClusterRole').filter(isGateways)).toEqual([])
    const given = rulesOf(roles).flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${resource} ${verb}`)),
    )
    expect(given.sort()).toEqual(documented.sort())
  })

  test('holds the gateway to its work by a policy, unless whoever installs it has no right on the cluster', async () => {
    const gateway = ['gateway.enabled=true', 'gateway.callersSecret=callers', 'watchNamespaces={lessons}', 'crds.enabled=false']
    const ofCluster = (manifests: Manifest[]) =>
      manifests.flatMap(({ kind, metadata }) => (/^(Cluster|Validating)/.test(kind) ? `${kind} ${metadata.name}` : []))
    expect(ofCluster(await render(...gateway))).toEqual(
      ['Policy', 'PolicyBinding'].flatMap((kind) =>
        ['recordings', 'secrets'].map((of) => `ValidatingAdmission${kind} demo-trtc-recorder-gateway-${of}`),
      ),
    )
    expect(ofCluster(await render(...gateway, 'gateway.rightsPolicy=false'))).toEqual([])
  })

  test('gives the gateway settings that it knows, and believes proxies only where it is told to', async () => {
    const gateway = ['gateway.enabled=true', 'gateway.callersSecret=callers', 'gateway.namespaces={lessons}']
    const config = async (...more: string[]) => {
      const env = gatewayOf(await render(...gateway, ...more)).spec.containers[0]!.env
      return gatewayConfig(Object.fromEntries(env.map(({ name, value }) => [name, value])))
    }
    expect(await config()).toMatchObject({
      callersFile: '/etc/trtc-recorder/callers/callers.yaml',
      keepHours: 72,
      trustedProxies: [],
    })
    expect(await config('gateway.trustedProxies={10.244.0.0/16,fd00::/8}')).toMatchObject({
      trustedProxies: ['10.244.0.0/16', 'fd00::/8'],
    })
    await expect(render(...gateway, 'gateway.trustedProxies={nginx}')).rejects.toThrow(/schema/)
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

  test('lets the operator claim what it serves by a Lease of one name, and touch no other Lease there', async () => {
    const leases = (manifests: Manifest[]) =>
      rulesOf(manifests).filter(({ resources, verbs }) => resources.includes('leases') && !verbs.includes('create'))
    const names = (manifests: Manifest[]) => leases(manifests).map(({ resourceNames, verbs }) => [resourceNames, verbs])
    const verbs = ['get', 'list', 'watch', 'update']
    const leader = [['demo-trtc-recorder'], ['get', 'update']]
    expect(names(await render())).toEqual([[['trtc-recorder.dev', 'all.trtc-recorder.dev'], verbs], leader])
    const claim = [['trtc-recorder.dev'], verbs]
    expect(names(await render('watchNamespaces={lessons,music}'))).toEqual([claim, claim, leader])
    const made = rulesOf(await render()).filter(
      ({ resources, verbs }) => resources.includes('leases') && verbs.includes('create'),
    )
    expect(made.every(({ verbs }) => verbs.length === 1)).toBe(true)
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

  test.each([
    [
      'a slash at its end',
      { global: { imageRegistry: 'registry.example/mirror/' } },
      'registry.example/mirror/trtc-recorder/operator:0.1.0',
    ],
    [
      'a port in the repository',
      { global: { imageRegistry: 'registry.example' }, image: { repository: 'localhost:5000/op' } },
      'localhost:5000/op:0.1.0',
    ],
    ['a tag that is a number', { image: { tag: 1234567.5 } }, 'trtc-recorder/operator:1234567.5'],
    ['no registry', { global: { imageRegistry: null } }, 'trtc-recorder/operator:0.1.0'],
  ])('finds an image with %s', async (_, values, image) => {
    expect(templateOf(await renderValues(values)).spec.containers[0]).toMatchObject({ image })
  })

  test.each([
    { image: { repository: 'Trtc/Operator' } },
    { image: { repository: 'trtc//operator' } },
    { recorder: { image: { repository: 'trtc-recorder/recorder/' } } },
    { global: { imageRegistry: 'https://registry.example' } },
    { global: { imageRegistry: 'registry.example//mirror' } },
  ])('refuses what no container runtime takes for an image: %j', async (values) => {
    await expect(renderValues(values)).rejects.toThrow(/schema/)
  })

  test('names a release with dots, and a long one, so that all of it can be made', async () => {
    for (const release of ['shop.eu-1', `${'a'.repeat(49)}.b-c`]) {
      const values = await helmIn.valuesFile({ replicas: 2, ...everythingOn({}) })
      const text = await helm('template', release, chart, '--namespace', 'trtc', '--values', values)
      const names = parseAllDocuments(text).flatMap((one) => (one.toJS() as Manifest | null) ?? [])
      for (const { kind, metadata } of names) {
        if (kind === 'CustomResourceDefinition') continue
        expect(metadata.name, kind).toMatch(/^[a-z]([-a-z0-9]*[a-z0-9])?$/)
        if (kind === 'Service') expect(metadata.name.length).toBeLessThanOrEqual(63)
      }
    }
  })

  test('has each variable once, and that of extraEnv where there are two', async () => {
    const extraEnv = [
      { name: 'NODE_OPTIONS', value: '--max-old-space-size=300' },
      { name: 'HTTPS_PROXY', valueFrom: { secretKeyRef: { name: 'proxy', key: 'url' } } },
    ]
    const values = { proxy: { httpsProxy: 'http://proxy:3128', noProxy: '.svc' } }
    const { spec } = templateOf(await renderValues({ ...values, extraEnv, recorder: { extraEnv } }))
    const env = spec.containers[0]!.env
    expect(env.filter(({ name }) => name === 'NODE_OPTIONS' || name === 'HTTPS_PROXY')).toEqual(extraEnv)
    expect(settingsOf(spec).recorderPod.env).toEqual([{ name: 'NO_PROXY', value: '.svc' }, ...extraEnv])
    const twice = [extraEnv[0], { name: 'NODE_OPTIONS', value: '' }]
    await expect(renderValues({ extraEnv: twice })).rejects.toThrow('extraEnv has two of the name NODE_OPTIONS')
    const ours = { recorder: { extraEnv: [{ name: 'TRTC_RECORDER_JOB', value: '{}' }] } }
    await expect(renderValues(ours)).rejects.toThrow('recorder.extraEnv: TRTC_RECORDER_JOB is what the operator tells')
  })

  test('lets DNS out wherever it is, recorders be asked, and helm test in', async () => {
    const metricsFrom = [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }]
    const manifests = await renderValues({
      networkPolicy: { enabled: true, metricsFrom },
      ...everythingOn({ networkPolicy: { metricsFrom } }),
    })
    const policies = ofKind(manifests, 'NetworkPolicy') as unknown as (KubeObject & {
      spec: { ingress: Peers[]; egress: Peers[] }
    })[]
    expect(policies.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      ['', '-gateway', '-recorder'].map((part) => `demo-trtc-recorder${part}`),
    )
    for (const { spec } of policies) {
      // A node-local cache has a link-local address, which is else excepted; and a long answer comes by TCP.
      const dns = ['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol }))
      expect(spec.egress).toContainEqual({ ports: dns })
      expect(spec.egress.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock?.cidr ?? []))).toEqual([
        '0.0.0.0/0',
        '::/0',
      ])
    }
    const [operator] = policies.filter(({ metadata }) => metadata.name === 'demo-trtc-recorder')
    const recorder = { matchLabels: { 'app.kubernetes.io/managed-by': 'trtc-recorder-operator' } }
    expect(operator?.spec.egress).toContainEqual({
      ports: [{ port: 8080, protocol: 'TCP' }],
      to: [{ namespaceSelector: {}, podSelector: recorder }],
    })
    const [probe] = ofKind(manifests, 'Pod')
    const [, metrics] = operator!.spec.ingress
    const selected = metrics!.from!.map(({ podSelector }) => podSelector?.matchLabels ?? {})
    expect(selected.some((labels) => Object.keys(labels).length > 0 && isWithin(labels, probe!.metadata.labels ?? {}))).toBe(true)
    expect(metrics!.from).toEqual(expect.arrayContaining(metricsFrom))
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

  test('leaves to recorders what is to be filled in in their variables', async () => {
    const extraEnv = [{ name: 'NAME', value: 'of $(TRTC_RECORDER_IDENTITY), $$(TRTC_RECORDER_IDENTITY) and $$' }]
    const { spec } = templateOf(await renderValues({ recorder: { extraEnv } }))
    const { value } = spec.containers[0]!.env.find(({ name }) => name === 'TRTC_RECORDER_RECORDER_POD')!
    expect(value).not.toContain('$')
    expect(settingsOf(spec).recorderPod.env).toEqual(extraEnv)
  })

  test('hands on as it is written what is nobody else’s to fill in', async () => {
    const [chromiumArgs, noProxy] = ['--a=$(TRTC_RECORDER_IDENTITY) --b=$$ --c=$', '.$(TRTC_RECORDER_IDENTITY),$$.example']
    const { spec } = templateOf(await renderValues({ recorder: { chromiumArgs }, proxy: { noProxy } }))
    expect(variablesIn(spec.containers[0]!.env).NO_PROXY).toBe(noProxy)
    const receivers = { allow: [], deny: [], apiServer: [], allowPrivate: true }
    const order = { attempt: 1, uploadOnly: false, volume: 'math-v1', isBesideOthers: false }
    const { env } = recorderPod(aRecording(), order, podConfig(settingsOf(spec), receivers)).spec!.containers[0]!
    expect(variablesIn(env as { name: string; value: string }[])).toMatchObject({
      TRTC_RECORDER_CHROMIUM_ARGS: chromiumArgs,
      NO_PROXY: noProxy,
    })
    const audiences = ['$(TRTC_RECORDER_GATEWAY_LOG_LEVEL)$$']
    const gateway = {
      enabled: true,
      callersSecret: 'callers',
      namespaces: ['lessons'],
      tokenReview: { enabled: true, audiences },
    }
    expect(gatewayConfig(variablesIn(gatewayOf(await renderValues({ gateway })).spec.containers[0]!.env)).tokenAudiences).toEqual(
      audiences,
    )
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

  test('takes null for every map and list at once', async () => {
    const nulls = (node: Schema): object => {
      const values: Record<string, unknown> = {}
      for (const [name, property] of Object.entries(node.properties ?? {})) {
        const { type = [], properties } = resolved(property, schema)
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

  describe('where maps are null', () => {
    const isMap = (node: Schema) => [node.type].flat().includes('object')
    const mapsIn = (node: Schema, path: string[] = []): string[][] =>
      Object.entries(node.properties ?? {}).flatMap(([name, given]) => {
        const part = resolved(given, schema)
        const inner = mapsIn(part, [...path, name])
        return isMap(part) || part.oneOf?.some(isMap) ? [[...path, name], ...inner] : inner
      })
    const maps = mapsIn(schema)
    /** What the chart knows the inside of; other maps are the user's, or Kubernetes', and empty where they are null. */
    const isGroup = (path: string[]) =>
      path.reduce((node, name) => resolved(node.properties![name]!, schema), schema).type === 'object'

    type Values = Record<string, unknown>
    const everything: Values = { replicas: 2, ...everythingOn({}) }
    const withNull = (values: Values, [name = '', ...rest]: string[]): Values => {
      if (rest.length === 0) return { ...values, [name]: null }
      const inner = name in values ? values[name] : {}
      return inner === null ? values : { ...values, [name]: withNull(inner as Values, rest) }
    }
    const without = (values: Values, [name = '', ...rest]: string[]): Values => {
      const { [name]: inner, ...others } = values
      return rest.length === 0 || inner === undefined ? others : { ...others, [name]: without(inner as Values, rest) }
    }

    async function judge(paths: string[][]): Promise<void> {
      const rendered = await renderValues(paths.reduce(withNull, everything))
      settingsOf(templateOf(rendered).spec)
      if (paths.every(isGroup)) expect(rendered).toEqual(await renderValues(paths.reduce(without, everything)))
    }

    test('there are as many as the schema has, at any depth', () => {
      expect(maps.length).toBeGreaterThan(60)
      for (const path of ['metrics', 'metrics.service', 'affinity.nodeAffinity', 'securityContext.seccompProfile'])
        expect(maps).toContainEqual(path.split('.'))
    })

    test.each(maps.map((path) => [path.join('.'), path] as const))('%s may be', async (_, path) => judge([path]))

    test(`any of them may be (SEED=${seed})`, async () => {
      await fc.assert(fc.asyncProperty(fc.subarray(maps, { minLength: 2 }), judge), { numRuns: 15, seed })
    })
  })

  test('shows Prometheus and Grafana what there is', async () => {
    const metrics = { podMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } }
    const manifests = await renderValues({ metrics })
    const [rule] = ofKind(manifests, 'PrometheusRule') as unknown as {
      spec: { groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[] }
    }[]
    const alerts = rule!.spec.groups[0]!.rules
    expect(alerts.length).toBeGreaterThan(5)
    const operations = await readFile(join(chart, '../../docs/operations.md'), 'utf8')
    for (const { alert, expr, annotations } of alerts) {
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`)
      expect(operations).toContain(`\n### ${alert}\n`)
      expect(expr).not.toContain('$')
    }
    // Other controllers lead, too.
    const { containers } = templateOf(manifests).spec
    const own = `namespace='${ofKind(manifests, 'Deployment')[0]!.metadata.namespace}', container='${containers[0]!.name}'`
    const lease = settingsOf({ containers }).leaseName
    expect(alerts.find(({ alert }) => alert === 'TrtcRecorderDown')!.expr).toContain(`{${own}, name='${lease}'}`)
    const [dashboard] = ofKind(manifests, 'ConfigMap') as unknown as { data: Record<string, string> }[]
    expect(dashboard!.data['trtc-recorder.json']).not.toContain('$operator')
    expect(JSON.parse(dashboard!.data['trtc-recorder.json'] ?? '')).toMatchObject({ title: 'trtc-recorder' })
    expect(ofKind(manifests, 'PodMonitor')).toHaveLength(1)
    expect(ofKind(manifests, 'ServiceMonitor')).toHaveLength(0)
    const [monitor] = ofKind(await render('metrics.serviceMonitor.enabled=true'), 'ServiceMonitor') as unknown as {
      spec: { selector: { matchLabels: object }; endpoints: { port: string }[] }
    }[]
    const [service] = ofKind(manifests, 'Service') as unknown as (KubeObject & { spec: { ports: { name: string }[] } })[]
    expect(service!.metadata.labels).toMatchObject(monitor!.spec.selector.matchLabels)
    expect(service!.spec.ports.map(({ name }) => name)).toContain(monitor!.spec.endpoints[0]!.port)
  })

  test('has Prometheus ask the gateway, too', async () => {
    const manifests = await renderValues(everythingOn({ metrics: { podMonitor: { labels: { team: 'a' } } } }))
    const monitors = ofKind(manifests, 'PodMonitor') as unknown as (KubeObject & {
      spec: { selector: { matchLabels: Record<string, string> }; podMetricsEndpoints: { port: string }[] }
    })[]
    const deployments = ofKind(manifests, 'Deployment') as unknown as {
      spec: { template: { metadata: { labels: Record<string, string> }; spec: { containers: { ports: { name: string }[] }[] } } }
    }[]
    // Each Pod is asked by one monitor, at a port that it has.
    for (const { spec } of deployments) {
      const { metadata, spec: pod } = spec.template
      const asking = monitors.filter((monitor) => isWithin(monitor.spec.selector.matchLabels, metadata.labels))
      expect(asking).toHaveLength(1)
      const ports = pod.containers.flatMap((container) => container.ports.map(({ name }) => name))
      expect(ports).toContain(asking[0]!.spec.podMetricsEndpoints[0]!.port)
    }
    expect(deployments).toHaveLength(2)
  })

  test('gives the account of recorders the role that a cloud knows it by', async () => {
    const annotations = { 'tke.cloud.tencent.com/role-arn': 'qcs::cam::uin/1:roleName/recorder' }
    const accounts = ofKind(await renderValues({ recorder: { serviceAccount: { annotations } } }), 'ServiceAccount')
    expect(accounts.find(({ metadata }) => metadata.name.endsWith('-recorder'))?.metadata.annotations).toEqual(annotations)
  })

  test('tests itself where the operator may run', async () => {
    const placement = { nodeSelector: { pool: 'infra' }, tolerations: [{ key: 'infra', operator: 'Exists' }] }
    const [probe] = ofKind(await renderValues(placement), 'Pod') as unknown as { spec: object }[]
    expect(probe!.spec).toMatchObject(placement)
  })

  test('has a README with every value in it', async () => {
    expect(await readFile(join(chart, 'README.md'), 'utf8')).toContain('| `recorder.image.repository` |')
  })

  test('uses no verb on everything', async () => {
    for (const rule of rulesOf(await render())) expect([...rule.verbs, ...rule.resources, ...rule.apiGroups]).not.toContain('*')
  })
})
