import {
  clipKind,
  clipPlural,
  group,
  kind,
  plural,
  policyKind,
  policyPlural,
  type Recording,
  type RecordingClip,
  type RecordingPolicy,
  version,
} from '@trtc-recorder/api'
import type { KubeObject, Lease, PersistentVolumeClaim, Pod, PriorityClass, Resource, ResourceQuota, Secret } from './types.ts'

const define = <T extends KubeObject>(group: string, version: string, plural: string, kind: string): Resource<T> => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
})

/** Every kind the operator touches. */
export const resources = {
  recordings: define<Recording>(group, version, plural, kind),
  recordingPolicies: define<RecordingPolicy>(group, version, policyPlural, policyKind),
  recordingClips: define<RecordingClip>(group, version, clipPlural, clipKind),
  pods: define<Pod>('', 'v1', 'pods', 'Pod'),
  persistentVolumeClaims: define<PersistentVolumeClaim>('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim'),
  resourceQuotas: define<ResourceQuota>('', 'v1', 'resourcequotas', 'ResourceQuota'),
  secrets: define<Secret>('', 'v1', 'secrets', 'Secret'),
  leases: define<Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  priorityClasses: {
    ...define<PriorityClass>('scheduling.k8s.io', 'v1', 'priorityclasses', 'PriorityClass'),
    namespaced: false,
  },
  events: define<KubeObject>('events.k8s.io', 'v1', 'events', 'Event'),
} as const

/** Path of a collection, or with a name of one object, or with a subresource of that. */
export function resourcePath(resource: Resource, namespace?: string, name?: string, subresource?: string): string {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`
  return `${base}${scope}/${resource.plural}${object}${subresource === undefined ? '' : `/${subresource}`}`
}
