import type { Recording } from '@trtc-recorder/api'
import type { New, PersistentVolumeClaim } from '../kube/types.ts'
import { commonLabels, ownerReference, volumeName } from './names.ts'

/** The volume of a Recording. All its attempts share it; with `Retain` it has no owner, so it outlives the Recording. */
export function volumeClaim(recording: Recording): New<PersistentVolumeClaim> {
  const { metadata, spec } = recording
  const retained = spec.storage.retention === 'Retain'
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: volumeName(metadata.name),
      namespace: metadata.namespace,
      labels: commonLabels(metadata),
      ...(retained ? {} : { ownerReferences: [ownerReference(recording)] }),
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: spec.storage.size } },
      ...(spec.storage.storageClassName === undefined ? {} : { storageClassName: spec.storage.storageClassName }),
    },
  }
}
