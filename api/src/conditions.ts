/**
 * Every condition type and every reason that can stand in a Recording's status, listed once.
 * `Succeeded` is the one to wait for; `Reconciling` and `Stalled` follow kstatus, so they are present only while True.
 */
export const conditionTypes = {
  Succeeded: 'True: every file is stored. False: the recording is over and something is missing. Unknown: still under way.',
  Started: 'True once the recorder has been in the room and able to write. Stays True.',
  Stored: 'True when every file is verified in COS. False: at least one is not, and the message names the first.',
  CallbackDelivered:
    'True when the callback was answered with 2xx. False: still being tried, or given up. Absent without spec.callback.',
  Reconciling:
    'True while a Recording comes nearer to what is wanted of it: on its way into the room, finishing, storing, or waiting for what comes by itself. Absent otherwise.',
  Stalled:
    'True when only a person can help: the recording failed for good, or waits for something to be mended. Absent otherwise.',
} as const
export type ConditionType = keyof typeof conditionTypes

export const conditionReasons = {
  // Started
  Pending: 'The recorder Pod has not been created or scheduled yet.',
  Starting: 'The recorder Pod exists and is on its way into the room.',
  Entered: 'The recorder is, or was, in the room.',
  UserSigExpiring:
    'The recorder is in the room with a UserSig that runs out within the hour; with one that has run out TRTC does not let it come back after a lost connection.',
  SecretNotFound: 'A Secret or one of its keys does not exist; the message names it. Recording begins when it appears.',
  IdentityInUse:
    'Another Recording is in this room with the same userId; the message names it, unless it is in another namespace. This one waits.',
  Queued: 'As many record at once as may; the message says its place in the line. This one begins as soon as a place is free.',
  ImagePullFailed: 'The recorder image cannot be pulled.',
  Unschedulable: 'No node has room for the recorder Pod.',
  ContainerNotStarted: 'The kubelet cannot start the recorder’s container; the message is its answer.',
  NodeLost: 'The node of the recorder Pod went silent. After about a minute the next attempt begins elsewhere.',
  VolumeUnreachable: 'The volume cannot follow the Pod; the next attempt has a volume of its own.',
  VolumeLost: 'A volume is gone that held what was not in COS; status.volumes names it.',
  QuotaExceeded: 'A ResourceQuota of the namespace does not allow the Pod or the volume now.',
  PodRejected: 'The API server refused the Pod or the volume; the message is its answer.',
  VolumeNotOwned: 'A PersistentVolumeClaim of the name already exists and belongs to something else.',
  RetryScheduled: 'The last attempt failed; the next one begins shortly.',
  // Succeeded, Stored
  Recording: 'The recorder is in the room.',
  Paused: 'spec.desiredState is Paused, and the recorder says that it takes and writes nothing.',
  Finishing: 'Recording has stopped; files are being finished and uploaded.',
  Completed: 'Every file is stored.',
  NothingRecorded: 'The recording is over and nobody published anything, so there is no file.',
  RoomRefused: 'TRTC refused the recorder: the message has its code and what it means.',
  StartTimeout: 'The room could not be entered in time.',
  MediaUnreachable: 'Users published, and nothing of them arrived at the recorder.',
  StorageFull:
    'The volume was full: COS was away for longer than it could hold, or it is too small. The next attempt begins shortly.',
  StorageRefused: 'COS refused: no such bucket, or access denied.',
  StorageUnavailable: 'COS did not answer.',
  VolumeLow: 'Less than a tenth of the volume, or than 15 minutes, is left, with all given back to it that COS has.',
  ResultUnknown: 'What the recorder said could not be read; the message says where the list of files is.',
  GivenUp: 'What is on the volume was given up by the annotation give-up, or the callback within its time.',
  UploadIncomplete: 'At least one file is not in COS; it is kept on the volume.',
  FileFailed: 'At least one file could not be made whole.',
  VolumeUnusable: 'The volume cannot be written.',
  RecorderFailed: 'The recorder failed and will not be tried again.',
  AttemptsExhausted: 'The recorder failed too often in a row.',
  StoppedBeforeStart: 'The recording was stopped before the recorder entered the room.',
  // CallbackDelivered
  Delivered: 'The receiver answered with 2xx.',
  Waiting: 'The recording is not over yet.',
  Retrying: 'The last delivery failed; the next one is scheduled.',
} as const
export type ConditionReason = keyof typeof conditionReasons

export interface Condition {
  type: ConditionType
  status: 'True' | 'False' | 'Unknown'
  reason: ConditionReason
  message: string
  observedGeneration: number
  lastTransitionTime: string
}
