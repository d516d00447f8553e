import { apiVersion, clipKind, group, type ObjectMeta, type RecordingClip } from '@trtc-recorder/api'
import type { KubeObject, OwnerReference } from '@trtc-recorder/kube'
import { labels, managedBy } from '../recording/names.ts'

/** A Recording of the same name has Pods of other names: `…-a1`. */
export const clipPodName = (clip: string, attempt: number) => `${clip}-c${attempt}`

/** Those of a recorder's Pod, so that the same network policies hold, but for the name of a Recording. */
export const clipLabels = ({ name }: ObjectMeta, attempt: number): Record<string, string> => ({
  'app.kubernetes.io/name': 'trtc-recorder',
  'app.kubernetes.io/component': 'clip',
  'app.kubernetes.io/part-of': 'trtc-recorder',
  'app.kubernetes.io/managed-by': managedBy,
  [labels.clip]: name,
  [labels.attempt]: String(attempt),
})

export function clipOwnerReference({ metadata }: Pick<RecordingClip, 'metadata'>): OwnerReference {
  return { apiVersion, kind: clipKind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }
}

/** The RecordingClip that controls an object, if one does. */
export const clipOf = ({ metadata }: KubeObject): { name: string; uid: string } | undefined =>
  metadata.ownerReferences?.find(
    (owner) => owner.controller === true && owner.kind === clipKind && owner.apiVersion.startsWith(`${group}/`),
  )
