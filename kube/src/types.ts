import type { V1Lease, V1PersistentVolumeClaim, V1Pod, V1PriorityClass, V1ResourceQuota, V1Secret } from '@kubernetes/client-node'
import type { ObjectMeta } from '@trtc-recorder/api'

/**
 * A type of client-node as the API server's JSON has it: times are strings. Objects are passed through as they came, so
 * fields that are newer than these types survive.
 */
export type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T

/** What every stored object has. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta & { ownerReferences?: OwnerReference[] }
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

type Stored<T> = Omit<Json<T>, 'metadata'> & KubeObject

export type Pod = Stored<V1Pod>
export type PersistentVolumeClaim = Stored<V1PersistentVolumeClaim>
export type ResourceQuota = Stored<V1ResourceQuota>
export type Secret = Stored<V1Secret>
export type PriorityClass = Stored<V1PriorityClass>
export type Lease = Stored<V1Lease>

/** An object about to be created: the server fills in the rest of its metadata. */
export type New<T extends KubeObject> = Omit<T, 'metadata'> & {
  metadata: Partial<KubeObject['metadata']> & ({ name: string } | { generateName: string })
}

export interface KubeList<T> {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number }
  items: T[]
}

/** A kind of object and where the API server keeps it. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** Never set; ties the object's type to the resource. */
  readonly object?: T
}

export interface ObjectRef {
  namespace?: string
  name: string
}
