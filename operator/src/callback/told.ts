import type { CallbackStatus } from '@trtc-recorder/api'
import type { KubeObject, Resource } from '@trtc-recorder/kube'
import type { Store } from '../runtime/store.ts'
import type { Delivery } from './delivery.ts'

/** What comes to a result that somebody is told: a Recording, or a clip. */
export interface Told extends KubeObject {
  apiVersion: string
  spec: { callback?: { url: string; signingKeySecretRef?: { name: string; key: string } | undefined } | undefined }
  status?: { callback?: CallbackStatus | undefined; conditions?: readonly ToldCondition[] | undefined }
}

interface ToldCondition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  lastTransitionTime: string
}

/** A kind of what is told, and where the API server and the caches have it. */
export interface ToldKind<T extends Told> {
  /** Of the controller, in logs and metrics. */
  name: string
  kind: string
  resource: Resource<T>
  store: Store<T, string>
  /** What is sent, when its status says that it is due. */
  resultOf(told: T): Pick<Delivery, 'body' | 'sdkAppId'>
}
