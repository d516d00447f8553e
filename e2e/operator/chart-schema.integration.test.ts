import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiServer, startApiServer } from './api-server.ts'
import { chart } from './chart.ts'
import { resolved, type Schema } from './chart-samples.ts'

/** As much of OpenAPI as the API server uses. */
interface OpenApi {
  $ref?: string
  allOf?: OpenApi[]
  properties?: Record<string, OpenApi>
  items?: OpenApi
  additionalProperties?: unknown
}

let api: ApiServer
const schemas: Record<string, OpenApi> = {}
beforeAll(async () => {
  api = await startApiServer()
  for (const path of ['api/v1', 'apis/networking.k8s.io/v1']) {
    const { components } = JSON.parse(await api.client.text('GET', `/openapi/v3/${path}`))
    Object.assign(schemas, components.schemas)
  }
})
afterAll(() => api?.stop())

/** Parts of Pods and policies in the chart's values, by the definition in its schema, and what they are to Kubernetes. */
const parts: Record<string, string> = {
  tolerations: 'io.k8s.api.core.v1.Toleration',
  affinity: 'io.k8s.api.core.v1.Affinity',
  topologySpread: 'io.k8s.api.core.v1.TopologySpreadConstraint',
  podSecurityContext: 'io.k8s.api.core.v1.PodSecurityContext',
  securityContext: 'io.k8s.api.core.v1.SecurityContext',
  env: 'io.k8s.api.core.v1.EnvVar',
  volumes: 'io.k8s.api.core.v1.Volume',
  volumeMounts: 'io.k8s.api.core.v1.VolumeMount',
  hostAliases: 'io.k8s.api.core.v1.HostAlias',
  dnsConfig: 'io.k8s.api.core.v1.PodDNSConfig',
  peers: 'io.k8s.api.networking.v1.NetworkPolicyPeer',
}

const noKubelet = 'no kubelet of a release that this chart is for mounts it any more'
const ofWindows = 'the images are of Linux'
const gated = 'behind a feature gate that is off by default'
/** What Kubernetes has and the chart refuses, with why; what is below it goes with it. */
const refused: Record<string, string> = {
  'podSecurityContext.windowsOptions': ofWindows,
  'securityContext.windowsOptions': ofWindows,
  'securityContext.procMount': 'needs a user namespace, which the Pods have none of',
  'env.valueFrom.fileKeyRef': 'reads a file of an init container, which the Pods have none of',
  'volumes.ephemeral.volumeClaimTemplate.spec.dataSourceRef': 'dataSource says the same of a claim and a snapshot',
  'volumes.ephemeral.volumeClaimTemplate.spec.resources.limits': 'nothing heeds a limit of a claim',
  'volumes.ephemeral.volumeClaimTemplate.spec.volumeName': 'two Pods would ask for one volume; a claim of its own names it',
  'volumes.projected.sources.clusterTrustBundle': gated,
  'volumes.projected.sources.podCertificate': gated,
  'volumes.cephfs': noKubelet,
  'volumes.flocker': noKubelet,
  'volumes.gitRepo': noKubelet,
  'volumes.glusterfs': noKubelet,
  'volumes.photonPersistentDisk': noKubelet,
  'volumes.quobyte': noKubelet,
  'volumes.rbd': noKubelet,
  'volumes.scaleIO': noKubelet,
  'volumes.storageos': noKubelet,
}

/** The API server refuses all else in a template: it is for an object that there is. */
const ofTemplates = ['labels', 'annotations'].map((field) => `volumes.ephemeral.volumeClaimTemplate.metadata.${field}`)
const isOfAnObject = (field: string) =>
  field.startsWith('volumes.ephemeral.volumeClaimTemplate.metadata.') && !ofTemplates.includes(field)

/** Keys of a map. */
const anyKey = '*'

/** Paths of all fields, as far as none repeats itself. */
function fieldsOf(node: OpenApi, path: string, above: readonly string[] = []): string[] {
  const ref = node.$ref ?? node.allOf?.[0]?.$ref
  const name = ref?.split('/').at(-1)
  if (name !== undefined) return above.includes(name) ? [] : fieldsOf(schemas[name]!, path, [...above, name])
  const { properties = {}, items, additionalProperties } = node
  if (additionalProperties !== undefined) return [`${path}.${anyKey}`]
  const inner = items === undefined ? [] : fieldsOf(items, path, above)
  return [
    ...inner,
    ...Object.entries(properties).flatMap(([field, part]) => [`${path}.${field}`, ...fieldsOf(part, `${path}.${field}`, above)]),
  ]
}

function admitted(given: Schema, root: Schema, path: string): string[] {
  const { properties = {}, items, oneOf = [] } = resolved(given, root)
  return [
    ...oneOf.flatMap((one) => admitted(one, root, path)),
    ...(items === undefined ? [] : admitted(items, root, path)),
    ...Object.entries(properties).flatMap(([field, part]) => [`${path}.${field}`, ...admitted(part, root, `${path}.${field}`)]),
  ]
}

describe('of what the API server knows', () => {
  test.each(Object.entries(parts))('the chart admits each field of %s, or says why not', async (part, name) => {
    const root = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema
    const all = fieldsOf({ $ref: name }, part)
    const isOfAMap = (field: string) => all.includes(`${field.slice(0, field.lastIndexOf('.'))}.${anyKey}`)
    const known = all.filter((field) => !field.endsWith(anyKey))
    expect(known.length).toBeGreaterThan(1)
    const inChart = new Set(admitted({ $ref: `#/definitions/${part}` }, root, part))
    const isRefused = (field: string) =>
      isOfAnObject(field) || Object.keys(refused).some((one) => field === one || field.startsWith(`${one}.`))
    expect(known.filter((field) => !inChart.has(field) && !isRefused(field))).toEqual([])
    // Nothing that the API server would drop without a word.
    expect([...inChart].filter((field) => !known.includes(field) && !isOfAMap(field))).toEqual([])
  })

  test('what is refused is there to be refused', () => {
    const known = Object.entries(parts).flatMap(([part, name]) => fieldsOf({ $ref: name }, part))
    expect(Object.keys(refused).filter((field) => !known.includes(field) && field !== 'env.valueFrom.fileKeyRef')).toEqual([])
  })
})
