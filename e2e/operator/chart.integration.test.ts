import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Recording } from '@trtc-recorder/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseConfig } from '../../operator/src/config.ts'
import { createKubeClient } from '../../operator/src/kube/client.ts'
import { isForbidden, isNotFound, isTooManyRequests } from '../../operator/src/kube/errors.ts'
import { resources } from '../../operator/src/kube/resources.ts'
import type { KubeObject, New, Resource } from '../../operator/src/kube/types.ts'
import { findCondition } from '../../operator/src/recording/conditions.ts'
import { aRecording, aResult } from '../../operator/src/recording/testing.ts'
import { ensureBinaries } from '../../sandbox/src/cluster/binaries.ts'
import { type ApiServer, startApiServer, until } from './api-server.ts'
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
  spec?: { template: { metadata: object; spec: { containers: { env: { name: string; value?: string }[] }[] } } }
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

const ofKind = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind)
const rulesOf = (manifests: Manifest[]) => manifests.flatMap((manifest) => manifest.rules ?? [])
const templateOf = (manifests: Manifest[]) => ofKind(manifests, 'Deployment')[0]!.spec!.template

describe('the chart', () => {
  test('is well made', async () => {
    expect(await helm('lint', '--strict', chart)).toContain('0 chart(s) failed')
  })

  test('carries the CRD as it is in crds/, and keeps it', async () => {
    const [crd] = ofKind(await render(), 'CustomResourceDefinition')
    const source = parse(await readFile(join(chart, '../../crds/trtc-recorder.dev_recordings.yaml'), 'utf8'))
    expect(crd?.spec).toEqual(source.spec)
    expect(crd?.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' })
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
  ])('refuses the value %s', async (value) => {
    await expect(render(value)).rejects.toThrow(/values don't meet the specifications of the schema/)
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
    for (const name of Object.keys(variables)) expect(name).toMatch(/^TRTC_RECORDER_/)
    const known = (await import('../../operator/src/config.ts')).usage()
    for (const name of Object.keys(variables)) expect(known).toContain(`${name}\n`)
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

test('an operator with exactly the chart’s permissions gets through the whole life of a Recording', async () => {
  const namespace = await api.namespace()
  const rules = rulesOf(ofKind(await render(), 'ClusterRole'))
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
  // The CRD of the tests came from nobody; Helm takes over only what is its own.
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
  await helm('upgrade', 'demo', chart, '--namespace', namespace, '--set', 'replicas=2')
  await helm('uninstall', 'demo', '--namespace', namespace)
  expect(await api.client.get(roles, { name: 'demo-trtc-recorder' }).catch(isNotFound)).toBe(true)
  expect(await api.client.get(resources.recordings, { namespace, name: 'math' })).toMatchObject({ kind: 'Recording' })
  await helm('install', 'demo', chart, '--namespace', namespace)
  await helm('uninstall', 'demo', '--namespace', namespace)
})
