import type { Control, RecorderProgress, Recording, RecordingStatus } from '@trtc-recorder/api'
import type { PersistentVolumeClaim, Pod } from '../kube/types.ts'
import type { PodOrder } from './pod.ts'
import type { PodState } from './pod-state.ts'

/** Everything a decision rests on. */
export interface Observed {
  recording: Recording
  /** All Pods of this Recording, by UID. */
  pods: readonly ObservedPod[]
  /** The volume of the Recording, if there is one and it is its own. */
  volume: PersistentVolumeClaim | undefined
  /** `namespace/name` of the other Recording that holds the identity, if one does. */
  identityHeldBy: string | undefined
  /** What the recorder said of itself, if it was asked and did answer. */
  progress: RecorderProgress | undefined
  /** Image a new Pod would have. */
  image: string
}

export interface ObservedPod {
  pod: Pod
  state: PodState
}

/** What there is to do once the status is written, in this order. Each can be repeated without harm. */
export type Action =
  | { do: 'ensureVolume' }
  | { do: 'createPod'; order: PodOrder }
  /** Tells the recorder what has changed; it takes a moment to get there. */
  | { do: 'steerPod'; pod: Pod; control: Control; at: Date }
  /** Asks the recorder to finish; or clears away a Pod that has ended. */
  | { do: 'deletePod'; pod: Pod; gracePeriodSeconds?: number }
  /** Takes the finalizer off a Pod whose result stands in the status. */
  | { do: 'releasePod'; pod: Pod }
  | { do: 'deleteVolume'; volume: PersistentVolumeClaim }
  /** Takes the Recording's ownership off a volume, so that it outlives the Recording. */
  | { do: 'leaveVolume'; volume: PersistentVolumeClaim }
  /** Takes the finalizer off the Recording. */
  | { do: 'letGo' }

export interface Plan {
  /** Before anything else is made, so that nothing is left behind. */
  addFinalizer: boolean
  status: RecordingStatus
  actions: Action[]
  /** Look again after this long at the latest. */
  requeueAfterMillis?: number
}
