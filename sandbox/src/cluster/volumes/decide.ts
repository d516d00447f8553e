/** The default StorageClass: local volumes, made on demand when the first Pod that uses the claim is scheduled, as on most clouds. */
export const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'sandbox', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'trtc-recorder.dev/sandbox',
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Delete',
} as const

export interface Claim {
  metadata: { name: string; namespace: string; uid: string; annotations?: Record<string, string>; deletionTimestamp?: string }
  spec: {
    storageClassName?: string
    volumeName?: string
    accessModes?: string[]
    volumeMode?: string
    resources?: { requests?: { storage?: string } }
  }
}

export interface Volume {
  metadata: { name: string; deletionTimestamp?: string }
  spec: { storageClassName?: string }
  status?: { phase?: string }
}

export interface VolumePlan {
  create: { name: string; volume: object }[]
  /** Names of volumes whose data and object go. */
  remove: string[]
}

/**
 * What to do about the claims and volumes as they are. A `local` volume rather than `hostPath`: only the former gets the Pod's fsGroup, so
 * that a Pod without root can write, and one that forgot fsGroup cannot, as on a real cluster.
 */
export function decideVolumes(claims: readonly Claim[], volumes: readonly Volume[], root: string): VolumePlan {
  const existing = new Set(volumes.map((volume) => volume.metadata.name))
  const ours = (x: Claim | Volume) => x.spec.storageClassName === storageClass.metadata.name && !x.metadata.deletionTimestamp
  return {
    create: claims
      .filter((claim) => ours(claim) && !claim.spec.volumeName && claim.spec.volumeMode !== 'Block')
      .flatMap((claim) => {
        const node = claim.metadata.annotations?.['volume.kubernetes.io/selected-node']
        return node === undefined ? [] : [{ name: volumeName(claim), volume: volumeFor(claim, root, node) }]
      })
      .filter(({ name }) => !existing.has(name)),
    remove: volumes.filter((volume) => ours(volume) && volume.status?.phase === 'Released').map((volume) => volume.metadata.name),
  }
}

const volumeName = (claim: Claim) => `pvc-${claim.metadata.uid}`

function volumeFor(claim: Claim, root: string, node: string): object {
  const { name, namespace, uid } = claim.metadata
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName(claim), annotations: { 'pv.kubernetes.io/provisioned-by': storageClass.provisioner } },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy,
      storageClassName: storageClass.metadata.name,
      local: { path: `${root}/${volumeName(claim)}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
        },
      },
    },
  }
}
