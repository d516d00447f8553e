import { z } from 'zod'

/**
 * Why a recording ended, in one word, with what each word means. `Terminated` is what a recorder says of a SIGTERM; it
 * cannot know who sent it. The operator does, and writes `StopRequested` or `Deleted` into the status instead.
 */
export const stopReasons = {
  RoomDismissed: 'The room was dissolved, by the API or because it ended.',
  RemovedByApi: 'The recorder was removed from the room (RemoveUser or RemoveUserByStrRoomId).',
  DuplicateUser: 'Somebody else entered the room with the recorder’s userId, so TRTC removed the recorder.',
  Idle: 'No anchor published anything for limits.idleTimeoutSeconds.',
  MaxDuration: 'limits.maxDurationSeconds was reached.',
  StopRequested: 'spec.desiredState was set to Stopped.',
  Deleted: 'The Recording was deleted while it was recording.',
  Terminated: 'The recorder process was asked to stop (SIGTERM) and finished its files.',
  RoomLost: 'The connection to the room was lost, and neither the SDK nor another page came back.',
  BrowserFailed: 'Chromium or its page crashed or stopped answering, and so did those that replaced it.',
  MediaUnreachable: 'Users publish, and nothing of them arrives: the way for media from the node to TRTC is blocked.',
  GivenUp: 'The annotation give-up asked to let go of it.',
  StorageFull: 'The volume was full. What was written until then is kept, and goes to COS.',
  NeverStarted: 'The recorder never got into the room; the Succeeded condition says why.',
} as const

export type StopReason = keyof typeof stopReasons

/**
 * How a recorder process can end. `exitCode` is part of the contract with the operator and documented for people who run the
 * recorder by hand. What the operator does about each stands in the table of troubles.
 */
export const recorderOutcomes = {
  Completed: { exitCode: 0, meaning: 'Every file is stored and verified.' },
  InternalError: { exitCode: 1, meaning: 'A defect of the recorder; the log has the stack.' },
  InvalidJob: { exitCode: 10, meaning: 'The job is not valid; the message names the field.' },
  SecretNotFound: { exitCode: 11, meaning: 'A Secret or a key of it is not mounted; the message names it.' },
  RoomRefused: { exitCode: 14, meaning: 'TRTC refused the recorder: UserSig, application or user not accepted.' },
  StartTimeout: { exitCode: 15, meaning: 'The room could not be entered within limits.startTimeoutSeconds.' },
  Interrupted: { exitCode: 16, meaning: 'The room or Chromium was lost; what was recorded is stored.' },
  UploadIncomplete: { exitCode: 17, meaning: 'At least one file is not in COS yet; it waits on the volume.' },
  VolumeUnusable: { exitCode: 18, meaning: 'The work directory cannot be written.' },
  UploadRefused: { exitCode: 19, meaning: 'COS refused a file for good while recording; it waits on the volume.' },
  MediaUnreachable: {
    exitCode: 21,
    meaning: 'Users published, and nothing of any of them arrived: UDP from the node to TRTC is blocked, or TRTC sent nothing.',
  },
  StorageFull: {
    exitCode: 22,
    meaning: 'The volume was full while recording; what was written until then is in COS, or waits on the volume.',
  },
  FileFailed: { exitCode: 20, meaning: 'At least one file could not be made whole; what there is of it is stored.' },
} as const satisfies Record<string, { exitCode: number; meaning: string }>

export type RecorderOutcome = keyof typeof recorderOutcomes
export const recorderOutcomeSchema = z.enum(Object.keys(recorderOutcomes) as [RecorderOutcome, ...RecorderOutcome[]])
