import type { Recording } from '@trtc-recorder/api'
import type { New, PersistentVolumeClaim } from '@trtc-recorder/kube'
import { commonLabels } from './names.ts'
import type { PodOptions } from './pod-options.ts'

/**
 * A volume of a Recording, for all its attempts. It has no owner: the garbage collector would take it with its Recording, when that is deleted
 * in the foreground even before the recorder has finished, and media with it. The operator deletes it when it holds nothing any more.
 */
export function volumeClaim(
  { metadata, spec }: Recording,
  name: string,
  defaults: Pick<PodOptions, 'storageClassName' | 'storageSize'>,
): New<PersistentVolumeClaim> {
  const storageClassName = spec.storage.storageClassName ?? defaults.storageClassName
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: metadata.namespace, labels: commonLabels(metadata) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: spec.storage.size ?? defaults.storageSize } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  }
}
