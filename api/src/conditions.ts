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

/** What the reader can do about each condition. */
export const conditionRemedies: Record<ConditionType, string> = {
  Succeeded:
    'While it is Unknown the reason says how far it is. False is final but for the annotations: see the reason, then Stored for what is in COS and what is on a volume.',
  Started:
    'False or Unknown: the reason says what it waits for. An attempt that fails afterwards does not take it back; status.attempts has each.',
  Stored:
    'False: nothing is lost yet unless the reason is VolumeLost, FileFailed or GivenUp. What is not in COS is on the volume that status.volumes names; the annotation retry-upload tries again.',
  CallbackDelivered:
    'False: status.callback says what the receiver answered, how often it was tried and when it is tried next. The files are stored all the same.',
  Reconciling: 'Nothing; the reason and its message say what it waits for.',
  Stalled: 'Somebody has to do something: what, stands under the reason.',
}

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

/** What the reader can do about each reason, whatever brought it about. The paragraphs of docs/operations.md are made of it. */
export const reasonRemedies: Record<ConditionReason, string> = {
  Pending:
    'Nothing, if it lasts seconds. If it lasts, no operator works (see TrtcRecorderDown), the scheduler does not run, or a volume that is to be uploaded from is being deleted; the message says which object is waited for.',
  Starting:
    'Nothing, if it lasts seconds. The first Pod on a node waits for its image. If it lasts, look at the Pod’s Events and at the recorder’s log; the attempt ends by itself after limits.startTimeoutSeconds.',
  Entered: 'Nothing.',
  UserSigExpiring:
    'Put a fresh UserSig into the Secret that the message names; it is read when the room is entered again. With appSecretKeyRef the recorder signs for itself.',
  SecretNotFound:
    'Make the Secret, or the key in it, that the message names. It is looked for by and by, and at once with the annotation force-new-attempt.',
  IdentityInUse:
    'End the Recording that the message names, or give this one another userId. It begins by itself when the other has left the room.',
  Queued:
    'Wait, end another Recording, give this one a priorityClassName of a higher value, or raise limits.recordingsPerNamespace or limits.recordingsPerCluster of the chart.',
  ImagePullFailed:
    'Mend recorder.image or recorder.imagePullSecrets of the chart; pull secrets have to exist in the Recording’s namespace. The Pod is made anew with the new image.',
  Unschedulable:
    'Add a node, or ask for less in spec.resources; see nodeSelector and tolerations, of the Recording and of the chart’s recorder.',
  ContainerNotStarted:
    'Look at the Pod’s Events: mostly a volume that cannot be mounted, a network that is not ready, or a runtime class that a node does not know. Mend it there or in the chart’s recorder values.',
  NodeLost:
    'Bring the node back, so that what is on its volume can be stored. If it never comes back, delete the Node object; where even the volume is gone, the annotation give-up lets go of it.',
  VolumeUnreachable:
    'Nothing for the recording, which goes on elsewhere. To store what is on the earlier volume, bring back its node or zone; the annotation give-up lets go of it.',
  VolumeLost:
    'Look for a snapshot, or for the PersistentVolume behind the claim if its reclaim policy is Retain; status.volumes says what it held. Nothing can be uploaded any more.',
  QuotaExceeded: 'Wait for other Recordings to end, or raise the ResourceQuota. It begins as soon as there is room.',
  PodRejected:
    'Mend what the answer in the message names: a LimitRange, a policy, an admission webhook that does not answer, a StorageClass. It is asked for again by and by, and at once with the annotation force-new-attempt.',
  VolumeNotOwned:
    'Delete that claim, or use another name. If a deleted Recording of this name left it, take it over with the annotation take-over-volume: what is on it is uploaded.',
  RetryScheduled: 'Nothing; the message says what the last attempt failed of, and when the next one begins.',
  Recording: 'Nothing. Where the message says that it is not known how the recorder is doing, see TrtcRecorderProgressUnknown.',
  Paused: 'Set spec.desiredState to Running to go on, to Stopped to end it.',
  Finishing:
    'Nothing; hours of a mix take their time, and the message says how far it is. If it does not end, see Stored and the recorder’s log.',
  Completed: 'Nothing.',
  NothingRecorded:
    'Nothing, if nobody was there. Else compare roomId and strRoomId (123 and "123" are different rooms), sdkAppId, and whom spec.subscribe includes.',
  RoomRefused:
    'Mend what the code of TRTC says. If it had been in the room before, renew the UserSig in its Secret, and it goes on; else make a new Recording.',
  StartTimeout:
    'See that TRTC can be reached from the recorder’s node (HTTPS and WebSocket), by spec.networkProxy if need be; raise limits.startTimeoutSeconds where nodes are slow.',
  MediaUnreachable: 'Let UDP from the recorder’s node to TRTC through, or name a TURN server in spec.networkProxy.',
  StorageFull:
    'See that COS can be reached from the recorder’s node, and give longer or larger recordings a larger spec.storage.size. What was written is kept, and still uploaded.',
  StorageRefused:
    'Mend the credentials in their Secret, their rights or the bucket. A recorder that is at work goes on recording and tries again; afterwards it is tried by and by, and at once with the annotation retry-upload.',
  StorageUnavailable:
    'See that COS can be reached from the recorder’s node (a NetworkPolicy, a proxy, DNS). Recording goes on; the message says for how many minutes the volume has room.',
  VolumeLow:
    'See that COS takes what is recorded, and how fast; give such recordings a larger spec.storage.size. A full volume ends the attempt (StorageFull).',
  ResultUnknown:
    'Use an operator and a recorder of one release. The manifest that the message names has the list of files; the annotation retry-upload has a recorder say again what is on the volume.',
  GivenUp:
    'Of a callback: mend the receiver, then the annotation redeliver-callback. Of a volume: what it holds is left to you on the claim that status.volumes names; delete the claim when you have it.',
  UploadIncomplete:
    'See that COS can be reached from the recorder’s node. It is tried by and by, and at once with the annotation retry-upload; the claim is kept until all is stored.',
  FileFailed:
    'Look at the message of the file in status.files. What there is of it is in COS; the manifest says what is missing.',
  VolumeUnusable:
    'Look at the volume and its StorageClass: read-only, of another owner than the recorder’s fsGroup, or broken. The next attempt has a volume of its own.',
  RecorderFailed: 'The message names the field. Make a new Recording without it; if it was admitted, report that it was.',
  AttemptsExhausted:
    'Mend what the last attempt failed of, which the message says, and make a new Recording, or have this one tried again with the annotation retry-upload if something is on its volume.',
  StoppedBeforeStart:
    'Nothing, if that was wanted; status.attempts says what held it up until then. It does not begin later, whatever spec.desiredState says then: make a new Recording.',
  Delivered: 'Nothing.',
  Waiting: 'Nothing.',
  Retrying:
    'Look at status.callback.lastError. The receiver has callback.giveUpSeconds of the chart to get well; an address that may not be called has to be allowed in callback.allow.',
}

export interface Condition {
  type: ConditionType
  status: 'True' | 'False' | 'Unknown'
  reason: ConditionReason
  message: string
  observedGeneration: number
  lastTransitionTime: string
}
