import type { Control, Recording, RecordingStatus } from '@trtc-recorder/api'

import type { PersistentVolumeClaim, Pod } from '@trtc-recorder/kube'
import type { Answers } from './answers.ts'
import type { Place } from './line.ts'

import type { PodOrder } from './pod.ts'
import type { PodState } from './pod-state.ts'
import type { Progress } from './progress.ts'
import type { RefusalWord } from './refusal.ts'

/** Everything a decision rests on. */
export interface Observed {
  recording: Recording
  /** All Pods of this Recording, by UID. */
  pods: readonly ObservedPod[]
  /** All volumes that are this Recording's own. One that is not here is not there. */
  claims: readonly PersistentVolumeClaim[]
  /** Who holds the identity instead, as a reader in this namespace may be told: `Recording math`, `A Recording of another namespace`. */
  identityHeldBy: string | undefined
  /** Another Recording waits for the identity that this one holds. */
  identityIsWanted: boolean
  /** Other Recordings that are not over write files of its room to the same folder. */
  isBesideOthers: boolean
  /** Whether one more may record, where that is limited. */
  place: Place
  /** What is known of how the recorder in the room is doing. */
  progress: Progress
  /** Image a new Pod would have. */
  image: string
  /** Something has happened after which what the API server refused before may be granted. */
  mayBeGrantedNow: boolean
  /**
   * What the API server would not let the operator make just now: a volume, or a Pod that is to work on it. `isFirstAsk`: nobody has asked for that Pod before, so that it
   * cannot have been there.
   */
  refusal: { word: RefusalWord; message: string; volume: string; isFirstAsk: boolean } | undefined
}

export interface ObservedPod {
  pod: Pod
  state: PodState
  /** It is no longer there; this is the last that was seen of it. */
  isGone: boolean
}

/** What there is to do once the status is written, in this order. Each can be repeated without harm. */
export type Action =
  | { do: 'ensureVolume'; name: string }
  | { do: 'createPod'; order: PodOrder }
  /** Tells the recorder what has changed; it takes a moment to get there. */
  | { do: 'steerPod'; pod: Pod; control: Control; at: Date }
  /** Has the kubelet look at the Secrets of a Pod now, and not within the next minute. */
  | { do: 'nudgePod'; pod: Pod; at: Date }
  /** Asks the recorder to finish; or clears away a Pod that has ended. */
  | { do: 'deletePod'; pod: Pod; gracePeriodSeconds?: number }
  /** Takes the finalizer off a Pod whose result stands in the status; only an earlier release's has one. */
  | { do: 'releasePod'; pod: Pod }
  /** Makes a volume this Recording's that a namesake left. */
  | { do: 'takeOverVolume'; name: string }
  | { do: 'deleteVolume'; claim: PersistentVolumeClaim }
  /** Takes the Recording's ownership off a volume that an earlier release made, so that the garbage collector lets it be. */
  | { do: 'disownVolume'; claim: PersistentVolumeClaim }
  /** Takes the finalizer off the Recording. */
  | { do: 'letGo' }
  /** It has been over for as long as it was to stay. */
  | { do: 'deleteRecording' }

export interface Plan {
  /** Before anything else is made, so that nothing is left behind. */
  addFinalizer: boolean
  status: RecordingStatus
  actions: Action[]
  /** To the annotations that `status.handled` says are heeded by this. */
  answers?: Answers
  /** Look again after this long at the latest. */
  requeueAfterMillis?: number
}
