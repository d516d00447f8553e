import type { ConditionReason } from './conditions.ts'
import type { Waker } from './wakers.ts'

/**
 * Everything that can end, stop or hold an attempt, each with what is done about it. The operator acts by this table and the documentation is
 * made from it; a word is what stands in `attempts[].reason`, or, for what only holds a Recording up, in its conditions.
 */
export interface Trouble {
  /**
   * Where it is seen. `result`: the recorder said so. `end`: its Pod ended without a result that says more. `pod`: the Pod waits or cannot
   * start. `refusal`: the API server would not let the operator make a Pod or a volume. `node`, `volume`, `room`: what the recorder needs.
   */
  seen: 'result' | 'end' | 'pod' | 'refusal' | 'node' | 'volume' | 'room'
  /**
   * `over`: recording has come to its end, or can never. `again`: a new attempt. `wait`: the same without end, because something outside has
   * to change first. `elsewhere`: a new attempt on a volume of its own. `stay`: nothing is done; the Pod, or what is planned, goes on when it can.
   */
  next: 'over' | 'again' | 'wait' | 'elsewhere' | 'stay'
  /** How long until the next try, or the next look: the first time, and at most; it doubles each time in a row. */
  after: { firstSeconds: number; longestSeconds: number }
  /** What brings it on at once, before that time. Empty: nothing that the operator watches, or there is nothing to wait for. */
  wokenBy: readonly Waker[]
  /** Whether it is one of the five attempts that may fail in a row without getting into the room. */
  counts: boolean
  /**
   * What the volume holds afterwards. `clean`: everything recorded so far is in COS. `holds`: something may be on it that is not, unless the
   * recorder ended with exit code 0. `same`: as before.
   */
  volume: 'clean' | 'holds' | 'same'
  /** The reason in the conditions meanwhile, or, for `over`, in the end. */
  condition: ConditionReason
  /** What it means, in a sentence. */
  meaning: string
  /** What the reader can do. */
  remedy: string
}

const soon = { firstSeconds: 5, longestSeconds: 300 }
const atOnce = { firstSeconds: 0, longestSeconds: 0 }
const byNothing = [] as const
const nothing = 'Nothing; it goes on by itself.'

export const troubles = {
  // What the recorder said.
  Completed: {
    seen: 'result',
    next: 'over',
    after: atOnce,
    wokenBy: byNothing,
    counts: false,
    volume: 'clean',
    condition: 'Completed',
    meaning: 'Every file is stored and verified.',
    remedy: 'Nothing.',
  },
  FileFailed: {
    seen: 'result',
    next: 'over',
    after: atOnce,
    wokenBy: byNothing,
    counts: false,
    volume: 'clean',
    condition: 'FileFailed',
    meaning: 'At least one file could not be made whole; what there is of it is stored.',
    remedy: 'Look at the file’s message in status.files and at what there is of it in COS.',
  },
  Interrupted: {
    seen: 'result',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'clean',
    condition: 'RetryScheduled',
    meaning: 'The room or Chromium was lost; what was recorded is stored.',
    remedy: nothing,
  },
  UploadIncomplete: {
    seen: 'result',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'UploadIncomplete',
    meaning: 'At least one file is not in COS yet; it waits on the volume.',
    remedy: 'See that COS can be reached from the recorder’s node; the upload is tried without end.',
  },
  UploadRefused: {
    seen: 'result',
    next: 'wait',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'StorageRefused',
    meaning: 'COS refused a file; it waits on the volume.',
    remedy:
      'Mend the credentials, their rights or the bucket. It is tried again by and by, and at once with the annotation retry-upload.',
  },
  StorageFull: {
    seen: 'result',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'StorageFull',
    meaning: 'The volume was full: COS was away for longer than it could hold, or it is too small. What was written is kept.',
    remedy: 'See that COS can be reached from the recorder’s node; give longer or larger recordings a larger spec.storage.size.',
  },
  SecretNotFound: {
    seen: 'result',
    next: 'wait',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'same',
    condition: 'SecretNotFound',
    meaning: 'A Secret or a key of it does not exist; the message names it.',
    remedy: 'Make the Secret. It is looked for by and by, and at once with the annotation force-new-attempt.',
  },
  RoomRefused: {
    seen: 'result',
    next: 'over',
    after: atOnce,
    wokenBy: byNothing,
    counts: false,
    volume: 'same',
    condition: 'RoomRefused',
    meaning: 'TRTC refused the recorder before it ever was in the room: UserSig, application or user not accepted.',
    remedy: 'Mend what TRTC’s code says, and make a new Recording.',
  },
  RoomRefusedAgain: {
    seen: 'result',
    next: 'wait',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'same',
    condition: 'RoomRefused',
    meaning: 'TRTC refused the recorder, although an earlier attempt was in the room: the UserSig has run out.',
    remedy: 'Renew the UserSig in its Secret. It is tried again by and by, and at once with the annotation force-new-attempt.',
  },
  StartTimeout: {
    seen: 'result',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'same',
    condition: 'StartTimeout',
    meaning: 'The room could not be entered within limits.startTimeoutSeconds.',
    remedy: 'See that TRTC can be reached from the recorder’s node, by networkProxy if need be.',
  },
  MediaUnreachable: {
    seen: 'result',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'holds',
    condition: 'MediaUnreachable',
    meaning: 'Users published, and nothing of any of them arrived: UDP from the node to TRTC is blocked, or TRTC sent nothing.',
    remedy: 'Let UDP from the recorder’s node to TRTC through, or set networkProxy.',
  },
  InternalError: {
    seen: 'result',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning: 'A defect of the recorder; its log has the stack.',
    remedy: 'Report it, with the log.',
  },
  InvalidJob: {
    seen: 'result',
    next: 'over',
    after: atOnce,
    wokenBy: byNothing,
    counts: false,
    volume: 'same',
    condition: 'RecorderFailed',
    meaning: 'The job is not valid; the message names the field.',
    remedy: 'Make a new Recording without that; if it was admitted, report that it was.',
  },
  VolumeUnusable: {
    seen: 'result',
    next: 'elsewhere',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'same',
    condition: 'VolumeUnusable',
    meaning: 'The volume cannot be written.',
    remedy: 'Look at the volume and its StorageClass. The next attempt has a volume of its own.',
  },

  // What became of its Pod.
  Terminated: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning: 'The recorder was asked to end by somebody else than the operator.',
    remedy: nothing,
  },
  Evicted: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning: 'The Pod was evicted, preempted, or its node was drained or shut down.',
    remedy: nothing,
  },
  PodDeleted: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning: 'The Pod was deleted by somebody else than the operator.',
    remedy: nothing,
  },
  NodeLost: {
    seen: 'end',
    next: 'elsewhere',
    after: { firstSeconds: 1, longestSeconds: 60 },
    wokenBy: byNothing,
    counts: false,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning:
      'The node was removed from the cluster, and the Pod with it. The next attempt does not wait for the volume, which may be of that node, or attached to it still; what is on it is uploaded as soon as a Pod can reach it.',
    remedy: nothing,
  },
  OOMKilled: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning: 'The recorder needed more memory than it may use.',
    remedy: 'Raise spec.resources.limits.memory or the chart’s recorder.resources.',
  },
  Crashed: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'holds',
    condition: 'RetryScheduled',
    meaning: 'The recorder ended and left no result.',
    remedy: 'Look at its log; the next attempt stores what it left.',
  },
  ResultUnknown: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'holds',
    condition: 'ResultUnknown',
    meaning: 'The recorder said something that this operator does not know, or said more than could be read.',
    remedy: 'Use an operator and a recorder of one release. The next attempt says again what is on the volume.',
  },
  NotStarted: {
    seen: 'end',
    next: 'again',
    after: soon,
    wokenBy: byNothing,
    counts: true,
    volume: 'same',
    condition: 'RetryScheduled',
    meaning: 'The recorder’s container never ran.',
    remedy: 'The message says what was in its way.',
  },

  // What keeps a Pod from running.
  Unschedulable: {
    seen: 'pod',
    next: 'stay',
    after: { firstSeconds: 30, longestSeconds: 600 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'same',
    condition: 'Unschedulable',
    meaning: 'No node has room for the recorder Pod, or a scheduling gate holds it back; the message is the scheduler’s.',
    remedy:
      'Add a node, or ask for less in spec.resources; see nodeSelector and tolerations. Of SchedulingGated, see what puts gates on Pods, such as a queue of jobs.',
  },
  ImagePullFailed: {
    seen: 'pod',
    next: 'stay',
    after: { firstSeconds: 30, longestSeconds: 600 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'same',
    condition: 'ImagePullFailed',
    meaning: 'The image of the recorder, or of a container before it, cannot be pulled.',
    remedy: 'Mend the chart’s recorder.image or its pull secrets; the Pod is made anew with the new image.',
  },
  ContainerNotMade: {
    seen: 'pod',
    next: 'stay',
    after: { firstSeconds: 10, longestSeconds: 300 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'same',
    condition: 'ContainerNotStarted',
    meaning:
      'The kubelet cannot make what the container needs: a volume, a network, a runtime class. The message has its complaint.',
    remedy: 'Look at the Pod’s Events.',
  },
  ContainerNotStarted: {
    seen: 'pod',
    next: 'again',
    after: { firstSeconds: 120, longestSeconds: 120 },
    wokenBy: ['Pod'],
    counts: true,
    volume: 'same',
    condition: 'ContainerNotStarted',
    meaning:
      'The kubelet cannot start the recorder’s container; the message is its answer. The Pod is made anew after two minutes.',
    remedy: 'Mend what the kubelet complains of, mostly in the chart’s values.',
  },

  // What the API server would not do.
  QuotaExceeded: {
    seen: 'refusal',
    next: 'wait',
    after: soon,
    wokenBy: ['Quota'],
    counts: false,
    volume: 'same',
    condition: 'QuotaExceeded',
    meaning: 'A ResourceQuota of the namespace does not allow the Pod or the volume now.',
    remedy: 'Wait for other recordings to end, or raise the quota. It begins as soon as there is room.',
  },
  PodRejected: {
    seen: 'refusal',
    next: 'wait',
    after: soon,
    wokenBy: ['PriorityClass'],
    counts: false,
    volume: 'same',
    condition: 'PodRejected',
    meaning: 'The API server or an admission webhook refused the Pod or the volume; the message is its answer.',
    remedy:
      'Mend what the answer names, such as a LimitRange or a policy. It is asked for again by and by, and at once with the annotation force-new-attempt.',
  },
  VolumeNotOwned: {
    seen: 'refusal',
    next: 'wait',
    after: soon,
    wokenBy: ['Volume'],
    counts: false,
    volume: 'same',
    condition: 'VolumeNotOwned',
    meaning: 'A PersistentVolumeClaim of the name exists already and is not this Recording’s.',
    remedy: 'Delete it, use another name, or, if a namesake left it, take it over with the annotation take-over-volume.',
  },
  NamespaceTerminating: {
    seen: 'refusal',
    next: 'over',
    after: soon,
    wokenBy: byNothing,
    counts: false,
    volume: 'same',
    condition: 'UploadIncomplete',
    meaning: 'The namespace is being deleted, so nothing can be made in it any more; what is on the volume goes with it.',
    remedy: 'End recordings before you delete a namespace.',
  },

  // What the recorder needs.
  NodeSilent: {
    seen: 'node',
    next: 'elsewhere',
    after: { firstSeconds: 15, longestSeconds: 15 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'holds',
    condition: 'NodeLost',
    meaning:
      'The node has not been heard of for about a minute, or does not tell in time that a recorder is in the room, or has ended. The next attempt begins elsewhere, on a volume of its own; TRTC sends the earlier recorder out.',
    remedy: 'Bring the node back, so that what is on its volume can be stored; if it never comes back, delete the Node.',
  },
  NodeAway: {
    seen: 'node',
    next: 'stay',
    after: { firstSeconds: 30, longestSeconds: 600 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'same',
    condition: 'NodeLost',
    meaning:
      'Recording is over, and a volume holds what is not in COS, with the Pod of an attempt that was left behind on a node that is not heard of. It is uploaded when that Pod has ended, or is gone.',
    remedy:
      'Bring the node back; if it never comes back, delete the Node; if the volume is gone with it, use the annotation give-up.',
  },
  SlowStart: {
    seen: 'node',
    next: 'elsewhere',
    after: { firstSeconds: 60, longestSeconds: 60 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'same',
    condition: 'ContainerNotStarted',
    meaning:
      'Nothing has come of the Pod on its node for a minute: its container runtime, its network or its disk fails, or is slow. The next attempt begins elsewhere, on a volume of its own, and the Pod stays until one of the two runs; the other one makes way.',
    remedy: 'Look at the Pod’s Events and at its node. Nothing, if it was only slow.',
  },
  SlowEnd: {
    seen: 'node',
    next: 'elsewhere',
    after: { firstSeconds: 60, longestSeconds: 60 },
    wokenBy: ['Pod'],
    counts: false,
    volume: 'holds',
    condition: 'Finishing',
    meaning:
      'The recorder was asked to end by somebody else than the operator, as by a drain, has left the room, and has not ended within a minute. The next attempt does not wait for its files, and begins on a volume of its own; where the earlier one says that it was removed from the room, or that the room was dismissed and nobody has opened it again, the recording ends.',
    remedy: 'Nothing; what it has is stored by itself, or when its node is back.',
  },
  VolumeUnreachable: {
    seen: 'volume',
    next: 'elsewhere',
    after: { firstSeconds: 60, longestSeconds: 60 },
    wokenBy: ['Pod', 'Volume'],
    counts: false,
    volume: 'same',
    condition: 'VolumeUnreachable',
    meaning:
      'The volume of the earlier attempt cannot follow the Pod: another zone, a local disk, or still attached to another node.',
    remedy: 'Nothing, for the next attempt has a volume of its own. To store what is on the earlier one, bring its node back.',
  },
  TooManyVolumes: {
    seen: 'volume',
    next: 'stay',
    after: { firstSeconds: 60, longestSeconds: 600 },
    wokenBy: ['Pod', 'Volume'],
    counts: false,
    volume: 'same',
    condition: 'VolumeUnreachable',
    meaning:
      'As many volumes of the Recording as it may have hold what is not in COS and cannot be reached, so that the next attempt can have none of its own.',
    remedy: 'Bring their nodes back, or delete the Nodes; status.volumes names the volumes. What can be uploaded makes room.',
  },
  VolumeGoing: {
    seen: 'volume',
    next: 'stay',
    after: { firstSeconds: 30, longestSeconds: 600 },
    wokenBy: ['Volume'],
    counts: false,
    volume: 'same',
    condition: 'Pending',
    meaning:
      'Somebody has deleted a volume that is to be uploaded from, so that no Pod can use it any more, and it is not gone yet.',
    remedy:
      'Copy what is on it, if you can. When it is gone, status.volumes says what it held; if it does not go, look at its finalizers.',
  },
  VolumeLost: {
    seen: 'volume',
    next: 'elsewhere',
    after: atOnce,
    wokenBy: byNothing,
    counts: false,
    volume: 'same',
    condition: 'VolumeLost',
    meaning:
      'A PersistentVolumeClaim is gone, or is another one of the same name, while it held what was not in COS; or it is being deleted, so that no recorder can begin on it. The next one has a volume of its own.',
    remedy: 'Look for a snapshot or for the PersistentVolume behind it; status.volumes says what it held.',
  },
  IdentityInUse: {
    seen: 'room',
    next: 'stay',
    after: { firstSeconds: 60, longestSeconds: 300 },
    wokenBy: ['Rival'],
    counts: false,
    volume: 'same',
    condition: 'IdentityInUse',
    meaning: 'Another Recording is in this room with the same userId; the message names it, unless it is in another namespace.',
    remedy:
      'End the other one, or use another userId. One that has not been in the room makes way when it has had no node or no image for a minute, or no container for five.',
  },
  Queued: {
    seen: 'room',
    next: 'stay',
    after: { firstSeconds: 10, longestSeconds: 300 },
    wokenBy: ['Place'],
    counts: false,
    volume: 'same',
    condition: 'Queued',
    meaning:
      'As many record at once as the chart’s limits allow, in the namespace or in all. It begins within a second of its place being free.',
    remedy: 'Wait, end another one, give it a priorityClassName of a higher value, or raise the chart’s limits.',
  },
} as const satisfies Record<string, Trouble>

export type TroubleWord = keyof typeof troubles

/** Words that an operator of another release may have written are kept, and taken for an end of which nothing is known. */
export const troubleOf = (word: string | undefined): Trouble =>
  word !== undefined && Object.hasOwn(troubles, word) ? troubles[word as TroubleWord] : troubles.ResultUnknown
