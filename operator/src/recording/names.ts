import { apiVersion, group, kind, type ObjectMeta, type Recording } from '@trtc-recorder/api'
import type { KubeObject, OwnerReference } from '../kube/types.ts'

/** Labels of what the operator makes. `recordingUid` says whose it is; names can come back, UIDs do not. */
export const labels = {
  recordingUid: `${group}/recording-uid`,
  attempt: `${group}/attempt`,
} as const

export const managedBy = 'trtc-recorder-operator'
/** Selects the Pods and volumes the operator made. */
export const managedSelector = `app.kubernetes.io/managed-by=${managedBy}`

/** Volume of a recorder Pod that shows it the control annotation. */
export const controlVolume = 'control'

/** A Recording has at most 52 characters (CEL rule of the CRD), so a Pod's name stays within the 63 of a label. */
export const podName = (recording: string, attempt: number) => `${recording}-${attempt}`
export const volumeName = (recording: string) => recording

export function commonLabels({ name, uid }: ObjectMeta): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'trtc-recorder',
    'app.kubernetes.io/component': 'recorder',
    'app.kubernetes.io/part-of': 'trtc-recorder',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/managed-by': managedBy,
    [labels.recordingUid]: uid,
  }
}

export function ownerReference({ metadata }: Pick<Recording, 'metadata'>): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }
}

/** The Recording that controls an object, if one does. */
export function controllingRecording(object: KubeObject): { name: string; uid: string } | undefined {
  return object.metadata.ownerReferences?.find(
    (owner) => owner.controller === true && owner.kind === kind && owner.apiVersion.startsWith(`${group}/`),
  )
}

/** A retained volume has no owner, or it would go with its Recording; its label says whose it is. */
export function belongsTo(object: KubeObject, uid: string): boolean {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true)
  return owner === undefined ? object.metadata.labels?.[labels.recordingUid] === uid : owner.uid === uid
}
