import type { ClipReason } from './recording-clip.ts'
import type { Waker } from './wakers.ts'

/**
 * Everything that can end, stop or hold a clip, each with what is done about it. The operator acts by this table and the documentation is made from
 * it. What becomes of the callback of a clip is not here: that is as it is for a Recording.
 */
export interface ClipTrouble {
  /**
   * Where it is seen. `recording`, `recorder`: what it is cut from, and who could cut it meanwhile. `refusal`: the API server would not have the Pod.
   * `pod`: the Pod waits or is at work. `end`: it ended and said nothing. `result`: the recorder, or the Pod, said so.
   */
  seen: 'recording' | 'recorder' | 'refusal' | 'pod' | 'end' | 'result'
  /**
   * `over`: the clip has come to its end. `again`: another Pod, five in all. `wait`: the same is tried without end. `stay`: nothing is done; it goes on
   * when it can.
   */
  next: 'over' | 'again' | 'wait' | 'stay'
  /** How long until the next try, or the next look: at first, and at most; it grows in between. Undefined: only what wakes it does. */
  after: { firstSeconds: number; longestSeconds: number } | undefined
  /** What brings it on at once, before that time. Empty: nothing that the operator watches, or there is nothing to wait for. */
  wokenBy: readonly Waker[]
  /** The reason in the conditions. */
  condition: ClipReason
  /** What it means, in a sentence. */
  meaning: string
  /** What the reader can do. */
  remedy: string
}

/** Pods that are made for a clip, at most. */
export const mostClipAttempts = 5

const byNothing = [] as const
const nothing = 'Nothing; it goes on by itself.'
const pauses = { firstSeconds: 5, longestSeconds: 60 }
const refused = { firstSeconds: 5, longestSeconds: 300 }
const putOff = { firstSeconds: 60, longestSeconds: 600 }
const standing = { firstSeconds: 30, longestSeconds: 600 }

export const clipTroubles = {
  // What it is cut from.
  RecordingNotFound: {
    seen: 'recording',
    next: 'stay',
    after: undefined,
    wokenBy: ['Recording'],
    condition: 'RecordingNotFound',
    meaning: 'There is no Recording of that name in the namespace.',
    remedy: 'Make it, or a clip of another one.',
  },
  RecordingDeleted: {
    seen: 'recording',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'RecordingDeleted',
    meaning: 'The Recording that it is of was deleted before it was cut. Another one of the same name is not taken for it.',
    remedy: 'Make a new clip, of a Recording that is there.',
  },
  NothingRecorded: {
    seen: 'recording',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'NothingThere',
    meaning: 'The Recording is over, and has recorded nothing.',
    remedy: 'Look at the conditions of the Recording.',
  },
  RecordingUnusable: {
    seen: 'recording',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'RecordingUnusable',
    meaning: 'What the status of the Recording says of its start, its manifests or its bucket cannot be understood.',
    remedy:
      'Use an operator and CRDs of one release; mend a status that was written by hand, and annotate the clip with `retry-upload`.',
  },

  // Who could cut it while the recording goes on.
  TooEarly: {
    seen: 'recorder',
    next: 'stay',
    after: undefined,
    wokenBy: ['Recording'],
    condition: 'RecordingUnderWay',
    meaning:
      'Nobody has been in the room yet, or the end of the clip is more than a minute ahead; it is looked at a minute before that.',
    remedy: nothing,
  },
  NoRecorder: {
    seen: 'recorder',
    next: 'stay',
    after: undefined,
    wokenBy: ['Recording', 'Recorder'],
    condition: 'RecordingUnderWay',
    meaning: 'No recorder is in the room, its node is silent, or an earlier release made it and it cannot be asked.',
    remedy: nothing,
  },
  RecorderBusy: {
    seen: 'recorder',
    next: 'stay',
    after: putOff,
    wokenBy: ['Recording', 'Recorder'],
    condition: 'RecordingUnderWay',
    meaning: 'The recorder is asked for sixteen clips that were made before this one.',
    remedy: nothing,
  },
  OtherVolume: {
    seen: 'recorder',
    next: 'stay',
    after: putOff,
    wokenBy: ['Recording', 'Recorder'],
    condition: 'RecordingUnderWay',
    meaning: 'Some of its time may have been recorded on a volume that the recorder does not have.',
    remedy: nothing,
  },
  RecorderAsked: {
    seen: 'recorder',
    next: 'stay',
    after: { firstSeconds: 0.3, longestSeconds: 30 },
    wokenBy: ['Recording', 'Recorder'],
    condition: 'Cutting',
    meaning: 'The recorder is asked for it.',
    remedy: nothing,
  },
  RecorderSilent: {
    seen: 'recorder',
    next: 'stay',
    after: putOff,
    wokenBy: ['Recording', 'Recorder'],
    condition: 'RecordingUnderWay',
    meaning: 'The recorder could not be told of the clip for a minute, or has said nothing of it for as long.',
    remedy: 'Let the operator reach recorders at port 8080; without that it is cut when the recording is over.',
  },
  RecorderPutOff: {
    seen: 'recorder',
    next: 'stay',
    after: putOff,
    wokenBy: ['Recording', 'Recorder'],
    condition: 'RecordingUnderWay',
    meaning: 'The recorder could not cut it, or had nothing of that time where another volume may have; the message says why.',
    remedy: nothing,
  },

  // What the API server would not do.
  QuotaExceeded: {
    seen: 'refusal',
    next: 'wait',
    after: refused,
    wokenBy: ['Quota'],
    condition: 'QuotaExceeded',
    meaning: 'A ResourceQuota of the namespace does not allow the Pod now.',
    remedy: 'Wait for other Pods to end, or raise the quota. It is asked for again as soon as there is room.',
  },
  PodRejected: {
    seen: 'refusal',
    next: 'wait',
    after: refused,
    wokenBy: ['PriorityClass'],
    condition: 'PodRejected',
    meaning:
      'The API server or an admission webhook refused the Pod, or there is another one of its name; the message is its answer.',
    remedy: 'Mend what the answer names, such as a LimitRange or a policy.',
  },
  NamespaceTerminating: {
    seen: 'refusal',
    next: 'wait',
    after: refused,
    wokenBy: byNothing,
    condition: 'PodRejected',
    meaning: 'The namespace is being deleted, and the clip with it.',
    remedy: 'Make clips before you delete a namespace.',
  },

  // What keeps its Pod, or does not.
  AtWork: {
    seen: 'pod',
    next: 'stay',
    after: standing,
    wokenBy: ['Pod'],
    condition: 'Cutting',
    meaning: 'A Pod cuts it. One that takes longer than an hour is ended, and another one made.',
    remedy: nothing,
  },
  Unschedulable: {
    seen: 'pod',
    next: 'stay',
    after: standing,
    wokenBy: ['Pod'],
    condition: 'Unschedulable',
    meaning: 'No node has room for the Pod.',
    remedy: 'Add a node, or mend nodeSelector and tolerations of the Recording.',
  },
  ImagePullFailed: {
    seen: 'pod',
    next: 'stay',
    after: standing,
    wokenBy: ['Pod'],
    condition: 'ImagePullFailed',
    meaning: 'The image of the recorder cannot be pulled.',
    remedy: 'Mend the chart’s recorder.image or its pull secrets, and delete the Pod: the next one has the new image.',
  },
  ContainerNotStarted: {
    seen: 'pod',
    next: 'stay',
    after: standing,
    wokenBy: ['Pod'],
    condition: 'ContainerNotStarted',
    meaning: 'The kubelet cannot make or start the container; the message is its answer.',
    remedy: 'Mend what the kubelet complains of, mostly in the chart’s values.',
  },

  // How its Pod ended.
  NoResult: {
    seen: 'end',
    next: 'again',
    after: pauses,
    wokenBy: byNothing,
    condition: 'Retrying',
    meaning: 'The Pod ended and said nothing: it was evicted, ran out of memory or of its hour, or crashed.',
    remedy: 'The message says what is known; the Pod’s log is there until the Pod goes.',
  },
  NodeSilent: {
    seen: 'end',
    next: 'again',
    after: pauses,
    wokenBy: byNothing,
    condition: 'Retrying',
    meaning: 'The Pod should have been gone a minute ago, and its node says nothing. Two that cut the same write the same.',
    remedy: 'Bring the node back, or delete the Node.',
  },
  StorageUnavailable: {
    seen: 'result',
    next: 'again',
    after: pauses,
    wokenBy: byNothing,
    condition: 'Retrying',
    meaning: 'COS did not answer in time.',
    remedy: 'See that COS can be reached from the node.',
  },
  AttemptsExhausted: {
    seen: 'end',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'AttemptsExhausted',
    meaning: 'Five Pods were made, and none of them could cut it; the message says how the last one ended.',
    remedy: 'Mend what it says, and annotate the clip with `retry-upload`.',
  },

  // What it came to.
  Completed: {
    seen: 'result',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'Completed',
    meaning: 'Every file of the clip is in COS, and decodes.',
    remedy: 'Nothing.',
  },
  NothingThere: {
    seen: 'result',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'NothingThere',
    meaning: 'Nobody who is asked for was recorded in that time.',
    remedy: 'Look at spec.users, and at the times of the files in the status of the Recording.',
  },
  FilesFailed: {
    seen: 'result',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'FilesFailed',
    meaning: 'At least one file could not be cut or stored.',
    remedy: 'Look at its message in status.files, and annotate the clip with `retry-upload`.',
  },
  NotExact: {
    seen: 'result',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'NotExact',
    meaning: 'The files are stored, and spec.exact was not heeded: the image of the recorder is of an earlier release.',
    remedy: 'Use an operator and a recorder of one release, and make a new clip.',
  },
  StorageRefused: {
    seen: 'result',
    next: 'over',
    after: undefined,
    wokenBy: byNothing,
    condition: 'StorageRefused',
    meaning: 'COS refused: the recording is not there, or access is denied.',
    remedy: 'Give the keys GetObject besides what recording needs, and annotate the clip with `retry-upload`.',
  },
} as const satisfies Record<string, ClipTrouble>

export type ClipTroubleWord = keyof typeof clipTroubles
