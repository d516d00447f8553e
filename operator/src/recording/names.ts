import { apiVersion, group, kind, type ObjectMeta, type Recording } from '@trtc-recorder/api'
import type { KubeObject, OwnerReference } from '@trtc-recorder/kube'

/** Labels of what the operator makes. `recordingUid` says whose it is; names can come back, UIDs do not. */
export const labels = {
  recordingUid: `${group}/recording-uid`,
  attempt: `${group}/attempt`,
  recording: `${group}/recording`,
  clip: `${group}/clip`,
} as const

export const managedBy = 'trtc-recorder-operator'
/** Selects the Pods and volumes the operator made. */
export const managedSelector = `app.kubernetes.io/managed-by=${managedBy}`

/** Volume of a recorder Pod that shows it the control annotation. */
export const controlVolume = 'control'

/**
 * No name ends in a dash and a number: a StatefulSet of the same name would take such a Pod or volume for its own. A Recording has at most 52
 * characters (CEL rule of the CRD), so a Pod's name stays within the 63 of a label.
 */
export const podName = (recording: string, attempt: number) => `${recording}-a${attempt}`
export const volumeName = (recording: string, number: number) => `${recording}-v${number}`
/** 1 also for a volume of any other name, such as one of an earlier release. */
export const volumeNumber = (volume: string) => Number(/-v([1-9]\d{0,3})$/.exec(volume)?.[1] ?? 1)
/** As it was called when a Recording had one volume only. */
export const formerVolumeName = (recording: string) => recording

/** None of them is one that Argo CD tracks by: an Application of a Recording's name would take what the operator makes for its own, and prune it. */
export function commonLabels({ name, uid }: ObjectMeta): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'trtc-recorder',
    'app.kubernetes.io/component': 'recorder',
    'app.kubernetes.io/part-of': 'trtc-recorder',
    'app.kubernetes.io/managed-by': managedBy,
    [labels.recording]: name,
    [labels.recordingUid]: uid,
  }
}

export function ownerReference({ metadata }: Pick<Recording, 'metadata'>): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }
}

/** The Recording an object was made for: the one that controls it, or, where it has no owner, the one that its labels name. */
export function recordingOf(object: KubeObject): { name: string; uid: string } | undefined {
  if (object.metadata.ownerReferences?.some((owner) => owner.controller === true)) return controllingRecording(object)
  const name = object.metadata.labels?.[labels.recording] ?? object.metadata.labels?.['app.kubernetes.io/instance']
  const uid = object.metadata.labels?.[labels.recordingUid]
  return name === undefined || uid === undefined ? undefined : { name, uid }
}

/** On a volume that was made for a Recording of the same name, the UID of the one that has taken it over. */
export const takenOverAnnotation = `${group}/taken-over`

export const isLeftByNamesake = ({ metadata }: KubeObject, recording: Pick<Recording, 'metadata'>) =>
  metadata.labels?.['app.kubernetes.io/managed-by'] === managedBy &&
  metadata.labels[labels.recording] === recording.metadata.name &&
  metadata.labels[labels.recordingUid] !== recording.metadata.uid &&
  !metadata.ownerReferences?.length

/** Number of the attempt a Pod was made for. */
export function attemptOf({ metadata }: KubeObject): number | undefined {
  const number = Number(metadata.labels?.[labels.attempt])
  return Number.isInteger(number) && number > 0 ? number : undefined
}

/** The Recording that controls an object, if one does. */
export function controllingRecording(object: KubeObject): { name: string; uid: string } | undefined {
  return object.metadata.ownerReferences?.find(
    (owner) => owner.controller === true && owner.kind === kind && owner.apiVersion.startsWith(`${group}/`),
  )
}

/** A volume has no owner, or it would go with its Recording; its label says whose it is. */
export function belongsTo(object: KubeObject, uid: string): boolean {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true)
  return owner === undefined ? object.metadata.labels?.[labels.recordingUid] === uid : owner.uid === uid
}
