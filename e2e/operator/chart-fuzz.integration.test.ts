import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { isCidr } from '../../api/src/receivers.ts'
import type { KubeObject, New, Resource } from '../../kube/src/index.ts'
import type { Config } from '../../operator/src/config.ts'
import { podConfig } from '../../operator/src/recording/controller.ts'
import { recorderPod } from '../../operator/src/recording/pod.ts'
import { volumeClaim } from '../../operator/src/recording/pvc.ts'
import { aRecording } from '../../operator/src/recording/testing.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { chart, everythingOn, Helm, type Manifest, ofKind, settingsOf } from './chart.ts'
import { everySample, oddTexts, resolved, type Schema } from './chart-samples.ts'

/** `RUNS=500 SEED=random vitest run --project integration e2e/operator/chart-fuzz.integration.test.ts` looks for longer, and elsewhere. */
const { RUNS = '25', SEED = '1' } = process.env
const runs = Number(RUNS)
const seed = SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(SEED)

let api: ApiServer
let helm: Helm
beforeAll(async () => {
  api = await startApiServer()
  helm = await Helm.open()
})
afterAll(async () => {
  await api?.stop()
  await helm?.close()
})

/** Anything that a part of the schema admits. `isBare`: of what the chart has no values for, so that all that is required has to be given. */
function admittedBy(given: Schema, root: Schema, isBare = false): fc.Arbitrary<unknown> {
  const node = resolved(given, root)
  const { type = [], enum: words, oneOf, properties, additionalProperties, propertyNames, required = [], ...limits } = node
  const isBareInside = isBare || given.$ref !== undefined
  if (words !== undefined) return fc.constantFrom(...words)
  if (oneOf !== undefined) return fc.oneof(...oneOf.map((one) => admittedBy(one, root, isBareInside)))
  const { pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY, minimum = -1e12, maximum = 1e12 } = limits
  const { items, minItems = 0, maxItems = 3, minProperties = 0 } = limits
  const of: Record<string, () => fc.Arbitrary<unknown>> = {
    boolean: () => fc.boolean(),
    null: () => fc.constant(null),
    number: () => fc.oneof(fc.double({ min: minimum, max: maximum, noNaN: true }), of.integer!()),
    integer() {
      const [min, max] = [Math.ceil(minimum), Math.floor(maximum)]
      return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max: Math.min(max, Math.max(min, 1e9)) }))
    },
    string() {
      const admitted = (text: string) =>
        (pattern === undefined || new RegExp(pattern).test(text)) && text.length >= minLength && text.length <= maxLength
      const any =
        pattern === undefined ? fc.string({ unit: 'grapheme' }) : fc.stringMatching(new RegExp(pattern), { size: 'small' })
      const odd = oddTexts.filter(admitted)
      return fc.oneof(any.filter(admitted), ...(odd.length > 0 ? [fc.constantFrom(...odd)] : []))
    },
    array: () =>
      fc.uniqueArray(admittedBy(items ?? {}, root, true), {
        ...{ minLength: minItems, maxLength: Math.min(3, maxItems), selector: (item) => JSON.stringify(item) },
      }),
    object: () => {
      if (properties !== undefined && node.maxProperties !== undefined) {
        // Of what is one thing or another.
        const made = (names: string[]) =>
          fc.record(Object.fromEntries(names.map((name) => [name, admittedBy(properties[name]!, root, true)])))
        const others = Object.keys(properties).filter((name) => !required.includes(name))
        return fc.oneof(...others.map((other) => made([...required, other])))
      }
      if (properties !== undefined) {
        const parts = Object.entries(properties).map(([name, part]) => [name, admittedBy(part, root, isBareInside)])
        // Elsewhere the chart has a value for what is not given; its optional parts are to be seen often.
        const always = isBareInside ? required : Object.keys(properties).filter((name) => name === 'enabled')
        return fc
          .record(Object.fromEntries(parts), { requiredKeys: always as never[] })
          .filter((made) => Object.keys(made).length >= minProperties)
      }
      if (typeof additionalProperties !== 'object') throw new Error('the schema admits an object of which it knows nothing')
      const { pattern = '^[a-z]{1,9}$', enum: names, not } = propertyNames ?? {}
      const name = names
        ? fc.constantFrom(...(names as string[]))
        : fc
            .oneof(
              fc.stringMatching(new RegExp(pattern), { size: 'small' }),
              fc.constantFrom('cpu', 'memory', 'team', '1', 'true', 'app.kubernetes.io/name'),
            )
            .filter((name) => new RegExp(pattern).test(name) && !not?.enum?.includes(name))
            .filter((name) => (name.split('/').at(-2) ?? '').length <= 253)
      return fc.dictionary(name, admittedBy(additionalProperties, root, true), { maxKeys: 3 })
    },
  }
  return fc.oneof(...[type].flat().map((name) => of[name]!()))
}

type Values = Record<string, Record<string, unknown>>

/** What the chart refuses with a sentence of its own (templates/checks.yaml), or what no schema can say: how limits and requests go together. */
function possible(values: Values): Values {
  const { gateway, caBundle, recorder, crds, metrics, networkPolicy, callback } = values
  const native = (quantities: object | null | undefined) =>
    quantities && Object.fromEntries(Object.entries(quantities).filter(([name]) => /^(cpu|memory|ephemeral-storage)$/.test(name)))
  const withoutLimits = (part: Record<string, unknown>) => {
    const { requests } = (part.resources ?? {}) as { requests?: object }
    return { ...part, ...(part.resources ? { resources: { requests: native(requests) ?? null, limits: null } } : {}) }
  }
  const isHeard = (gateway?.policies as { enabled?: boolean } | undefined)?.enabled
  const isFound = (metrics?.serviceMonitor as { enabled?: boolean } | undefined)?.enabled
  return {
    ...withoutLimits(withoutDoubles(values)),
    ...(networkPolicy?.metricsFrom
      ? { networkPolicy: { ...networkPolicy, metricsFrom: within(networkPolicy.metricsFrom) } }
      : {}),
    ...(caBundle && { caBundle: { ...caBundle, ...(caBundle.configMapName ? { secretName: '' } : {}) } }),
    ...(recorder && {
      recorder: {
        ...withoutLimits(withoutDoubles(recorder)),
        ...(recorder.dnsPolicy === 'None' ? { dnsConfig: { nameservers: ['10.0.0.10'] } } : {}),
      },
    }),
    ...(metrics &&
      isFound && {
        metrics: {
          ...metrics,
          service: { ...(metrics.service as object), enabled: true },
          podMonitor: { ...(metrics.podMonitor as object), enabled: false },
        },
      }),
    ...(gateway && {
      gateway: {
        ...withoutLimits(withoutDoubles(gateway)),
        ...(gateway.networkPolicyFrom ? { networkPolicyFrom: within(gateway.networkPolicyFrom) } : {}),
        trustedProxies: taken(gateway.trustedProxies),
        ...(gateway.callersSecret ? {} : { callersSecret: 'callers' }),
        ...(isHeard ? { policies: { ...(gateway.policies as object), applicationsSecret: 'applications' } } : {}),
        namespaces: (gateway.namespaces as string[] | undefined)?.length ? gateway.namespaces : ['lessons'],
      },
    }),
    ...(callback && { callback: { ...callback, allow: taken(callback.allow), deny: taken(callback.deny) } }),
    crds: { ...crds, enabled: false },
    checkNamespaces: false as never,
  } as Values
}

/** The API server makes labels of the Pod's own of these keys, so that none may stand in the selector beside them, nor twice. */
function withoutKeysTwice(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withoutKeysTwice)
  if (typeof part !== 'object' || part === null) return part
  const hasKeys = 'matchLabelKeys' in part || 'mismatchLabelKeys' in part
  return Object.fromEntries(
    Object.entries(part).map(([name, inner]) => {
      if (hasKeys && name === 'labelSelector') return [name, {}]
      return [name, /^(mis)?matchLabelKeys$/i.test(name) ? [...new Set(inner)] : withoutKeysTwice(inner)]
    }),
  )
}

/** Some IPv4-mapped networks are larger than IPv4. */
const taken = (cidrs: unknown) => (Array.isArray(cidrs) ? cidrs.filter(isCidr) : cidrs)

/** What is taken out of a network is a part of it. */
const within = (peers: unknown) =>
  (peers as { ipBlock?: { cidr: string; except?: string[] } }[]).map((peer) => {
    if (peer.ipBlock?.except === undefined) return peer
    const { cidr, except } = peer.ipBlock
    const [address = '', bits] = cidr.split('/')
    const isWhole = Number(bits) === (address.includes(':') ? 128 : 32)
    return { ipBlock: { cidr, except: isWhole ? [] : except.map(() => `${address}/${Number(bits) + 1}`) } }
  })

interface PodParts {
  extraVolumes?: Volume[] | null
  extraVolumeMounts?: { name: string; mountPath: string }[] | null
  topologySpreadConstraints?: { topologyKey: string; whenUnsatisfiable: string }[] | null
  podSecurityContext?: { sysctls?: { name: string }[] } | null
  tolerations?: { operator?: string }[] | null
  affinity?: object | null
  extraEnv?: { name: string }[] | null
}

interface Volume {
  name: string
  projected?: { sources: { serviceAccountToken?: { path: string } }[] }
  image?: object
  iscsi?: { targetPortal: string; initiatorName?: string }
}

/** Each volume and each path once, mounted where there is such a volume, as templates/checks.yaml wants it. */
function withoutDoubles<T extends object>(part: T): T {
  const { extraEnv, extraVolumes, extraVolumeMounts, topologySpreadConstraints, podSecurityContext, tolerations, affinity } =
    part as PodParts
  const oneOf = <U>(all: U[], key: (one: U) => string) => [...new Map(all.map((one) => [key(one), one])).values()]
  const isTaken = (name: string) => /^(ca-bundle|work|tmp|control|cos|secret-[0-9]+)$/.test(name)
  const volumes = oneOf(extraVolumes ?? [], ({ name }) => name)
    .filter(({ name }) => !isTaken(name))
    // An image is a volume by default only in releases later than that of this API server.
    .filter(({ name, image, iscsi }) => image === undefined && `${name}:${iscsi?.targetPortal}`.length <= 64)
    .map((volume) =>
      volume.projected === undefined
        ? volume
        : { ...volume, projected: { ...volume.projected, sources: oneOf(volume.projected.sources, kindAndPath) } },
    )
  const mounts = oneOf(extraVolumeMounts ?? [], ({ mountPath }) => mountPath)
    .filter(({ mountPath }) => !/^\/(work|tmp|etc\/trtc-recorder\/ca|var\/run\/trtc-recorder\/.*)$/.test(mountPath))
    .flatMap((mount, index) => (volumes.length === 0 ? [] : { ...mount, name: volumes[index % volumes.length]!.name }))
  return {
    ...part,
    ...(extraEnv && { extraEnv: oneOf(extraEnv, ({ name }) => name) }),
    ...(extraVolumes && { extraVolumes: volumes }),
    ...(extraVolumeMounts && { extraVolumeMounts: mounts }),
    ...(affinity && { affinity: withoutKeysTwice(affinity) as object }),
    ...(podSecurityContext?.sysctls && {
      podSecurityContext: { ...podSecurityContext, sysctls: oneOf(podSecurityContext.sysctls, ({ name }) => name) },
    }),
    // Comparisons are of releases later than that of this API server.
    ...(tolerations && { tolerations: tolerations.filter(({ operator }) => operator !== 'Gt' && operator !== 'Lt') }),
    ...(topologySpreadConstraints && {
      topologySpreadConstraints: oneOf(
        topologySpreadConstraints.map(withoutKeysTwice) as typeof topologySpreadConstraints,
        (one) => `${one.topologyKey} ${one.whenUnsatisfiable}`,
      ),
    }),
  }
}

const kindAndPath = ({ serviceAccountToken, ...other }: { serviceAccountToken?: { path: string } }) =>
  serviceAccountToken?.path ?? JSON.stringify(other)

const kinds = Object.fromEntries(
  [
    ['', 'v1', 'ConfigMap', 'configmaps'],
    ['', 'v1', 'Service', 'services'],
    ['', 'v1', 'ServiceAccount', 'serviceaccounts'],
    ['', 'v1', 'Pod', 'pods'],
    ['', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'],
    ['apps', 'v1', 'Deployment', 'deployments'],
    ['policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'],
    ['networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies'],
    ['networking.k8s.io', 'v1', 'Ingress', 'ingresses'],
    ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].map((kind) => [
      ...['rbac.authorization.k8s.io', 'v1', kind, `${kind.toLowerCase()}s`],
    ]),
    ['admissionregistration.k8s.io', 'v1', 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies'],
    ['admissionregistration.k8s.io', 'v1', 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings'],
  ].map(([group, version, kind, plural]) => [
    kind,
    { group, version, kind, plural: `${plural}?dryRun=All&fieldValidation=Strict`, namespaced: !/^(Cluster|Valid)/.test(kind!) },
  ]),
) as Record<string, Resource>
/** Their definitions are not on this API server. */
const unknownKinds = ['PodMonitor', 'ServiceMonitor', 'PrometheusRule']

test(`every value that the chart's schema admits renders, and is taken by the API server (SEED=${seed})`, async () => {
  const namespace = await api.namespace()
  const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8')) as Schema
  const values = fc
    .tuple(admittedBy(schema, schema), fc.boolean())
    .map(([any, isAllOn]) => possible({ ...(any as Values), ...(isAllOn ? (everythingOn(any as object) as Values) : {}) }))
  const examples = everySample(schema).map((any): [Values] => [
    possible({ ...(any as Values), ...everythingOn(any as object) } as Values),
  ])
  expect(examples.length).toBeGreaterThan(20)
  await fc.assert(
    fc.asyncProperty(values, async (values) => {
      const file = await helm.valuesFile(values)
      const text = await helm.run('template', 'demo', chart, '--namespace', namespace, '--values', file)
      // A number that Helm wrote as a float.
      expect(text.match(/[^,{]{0,60}\b[0-9]e[+][0-9]+/g)).toBeNull()
      const documents = parseAllDocuments(text)
      expect(documents.flatMap(({ errors }) => errors.map(({ message }) => message))).toEqual([])
      const manifests = documents.flatMap((document) => (document.toJS() as Manifest | null) ?? [])
      const settings = settingsOf(ofKind(manifests, 'Deployment').find(isOperator)!.spec!.template.spec)
      manifests.push(...recorderOf(settings, namespace))
      const containers = manifests.flatMap(({ kind, spec }) =>
        kind === 'Pod' ? (spec as unknown as PodSpec).containers : (spec?.template?.spec.containers ?? []),
      ) as { image: string; env?: { name: string }[] }[]
      // Which the API server does not judge, and server-side apply does.
      for (const { image, env = [] } of containers) {
        expect(image).toMatch(imageReference)
        expect(new Set(env.map(({ name }) => name)).size, JSON.stringify(env)).toBe(env.length)
      }
      const taken = await Promise.all(
        manifests.map(async (manifest) => {
          const resource = kinds[manifest.kind]
          if (resource === undefined) return unknownKinds.includes(manifest.kind) ? undefined : `unknown kind ${manifest.kind}`
          // Namespaces of `watchNamespaces` are not there.
          const metadata = { ...manifest.metadata, ...(resource.namespaced ? { namespace } : {}) }
          return api.client.create(resource, { ...manifest, metadata } as New<KubeObject>).then(
            () => undefined,
            (error: Error) => `${manifest.kind}: ${error.message}`,
          )
        }),
      )
      expect(taken.filter((said) => said !== undefined)).toEqual([])
    }),
    {
      numRuns: examples.length + runs,
      examples,
      seed,
      interruptAfterTimeLimit: 400_000,
      markInterruptAsFailure: false,
      endOnFailure: process.env.SHRINK === undefined,
    },
  )
}, 500_000)

/** What the operator makes of its settings for a Recording. The classes that they name are somebody else's to make. */
function recorderOf(settings: Config, namespace: string): Manifest[] {
  const recording = aRecording({}, { namespace })
  const config = podConfig(settings, { allow: [], deny: [], apiServer: [], allowPrivate: true })
  const order = { attempt: 1, firstStartedAt: undefined, uploadOnly: false, volume: 'math-v1', isBesideOthers: false }
  const pod = recorderPod(recording, order, config)
  const { priorityClassName: _, runtimeClassName: __, ...spec } = pod.spec!
  return [{ ...pod, spec }, volumeClaim(recording, 'math-v1', config.options)] as unknown as Manifest[]
}

type PodSpec = NonNullable<Manifest['spec']>['template']['spec']

/** As container runtimes read it: registry, path of small letters, tag, digest. */
const imageReference = (() => {
  const label = '[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?'
  const part = '[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*'
  const registry = `(${label}([.]${label})*|\\[[0-9A-Fa-f:]+\\])(:[0-9]+)?`
  return new RegExp(`^(${registry}/)?${part}(/${part})*:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}(@sha256:[0-9a-f]{64})?$`)
})()

const isOperator = ({ spec }: Manifest) => spec!.template.spec.containers.some(({ name }) => name === 'operator')
