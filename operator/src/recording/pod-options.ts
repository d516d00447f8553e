import { atLeast } from '@trtc-recorder/api'
import type { New, Pod } from '@trtc-recorder/kube'
import { z } from 'zod'

const anything = z.looseObject({})
const list = z.array(anything)
const strings = z.record(z.string(), z.string())

/**
 * What the cluster's administrator wants of every recorder Pod, as the chart gives it (`recorder.*`). What is empty says nothing. The API server
 * knows best what may stand in these, and its refusal becomes the Recording's condition.
 */
export const podOptionsSchema = z.strictObject({
  labels: strings.default({}),
  annotations: strings.default({}),
  /** These two are for Recordings that say nothing of them. */
  nodeSelector: strings.default({}),
  tolerations: list.default([]),
  affinity: anything.default({}),
  topologySpreadConstraints: list.default([]),
  priorityClassName: z.string().optional(),
  runtimeClassName: z.string().optional(),
  /** StorageClass of volumes whose Recording names none. */
  storageClassName: z.string().optional(),
  /** Size of volumes whose Recording names none. */
  storageSize: atLeast('64Mi').default('10Gi'),
  terminationGracePeriodSeconds: z.int().min(1).optional(),
  hostAliases: list.default([]),
  dnsPolicy: z.string().optional(),
  dnsConfig: anything.default({}),
  podSecurityContext: anything.default({}),
  containerSecurityContext: anything.default({}),
  env: list.default([]),
  volumes: list.default([]),
  volumeMounts: list.default([]),
})
export type PodOptions = z.output<typeof podOptionsSchema>

/** What the restricted Pod Security profile demands; an administrator can take it away where the cluster itself says who runs as whom. */
export const restricted = {
  podSecurityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    fsGroup: 1000,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  },
  containerSecurityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
}

/**
 * A recorder's Pod with an administrator's options. What the Recording says of its placement, and what the operator itself needs (its labels,
 * its environment, its mounts), is not changed by them.
 */
export function withOptions(pod: New<Pod>, options: PodOptions): New<Pod> {
  const { metadata, spec } = pod
  const [recorder, ...others] = spec!.containers
  const named = new Set(recorder!.env?.map(({ name }) => name))
  const container = {
    ...recorder!,
    env: [...(recorder!.env ?? []), ...options.env.filter(({ name }) => !named.has(name as string))],
    volumeMounts: [...(recorder!.volumeMounts ?? []), ...options.volumeMounts],
    ...filled('securityContext', options.containerSecurityContext),
  }
  return {
    ...pod,
    metadata: {
      ...metadata,
      labels: { ...options.labels, ...metadata.labels },
      annotations: { ...options.annotations, ...metadata.annotations },
    },
    spec: {
      ...filled('nodeSelector', options.nodeSelector),
      ...(options.tolerations.length === 0 ? {} : { tolerations: options.tolerations }),
      ...filled('affinity', options.affinity),
      ...(options.topologySpreadConstraints.length === 0 ? {} : { topologySpreadConstraints: options.topologySpreadConstraints }),
      ...(options.priorityClassName === undefined ? {} : { priorityClassName: options.priorityClassName }),
      ...(options.runtimeClassName === undefined ? {} : { runtimeClassName: options.runtimeClassName }),
      ...(options.hostAliases.length === 0 ? {} : { hostAliases: options.hostAliases }),
      ...(options.dnsPolicy === undefined ? {} : { dnsPolicy: options.dnsPolicy }),
      ...filled('dnsConfig', options.dnsConfig),
      ...spec,
      ...(options.terminationGracePeriodSeconds === undefined
        ? {}
        : { terminationGracePeriodSeconds: options.terminationGracePeriodSeconds }),
      ...filled('securityContext', options.podSecurityContext),
      containers: [container, ...others],
      volumes: [...(spec!.volumes ?? []), ...options.volumes],
    },
  } as New<Pod>
}

const filled = (name: string, map: object) => (Object.keys(map).length === 0 ? {} : { [name]: map })
