import { z } from 'zod'
import { type ConditionReason, type ConditionType, conditionTypes } from './conditions.ts'
import { recordedFileSchema } from './files.ts'
import { liveCountsSchema } from './live.ts'
import type { StopReason } from './outcome.ts'
import { maxListedOutputs, recordedOutputSchema } from './outputs.ts'
import { word } from './word.ts'

const time = z.iso.datetime()

/** Where an attempt is in its life. */
export const attemptStates = {
  Planned: 'Its Pod is about to be made, or waits for a node.',
  Running: 'Its Pod is on a node.',
  LeftBehind:
    'No longer waited for, because its node is silent or its volume cannot follow; its result is read when there is one.',
  Ended: 'It has ended, and reason says how.',
} as const
export type AttemptStateWord = keyof typeof attemptStates

/** What a volume holds. */
export const volumeStates = {
  Planned: 'It is about to be made.',
  Empty: 'It holds nothing that is not in COS.',
  Holding: 'It holds, or may hold, what is not in COS.',
  Lost: 'It is gone, or is another one of the same name, although it held what was not in COS.',
} as const
export type VolumeStateWord = keyof typeof volumeStates

const oneOf = (words: Record<string, string>) =>
  Object.entries(words)
    .map(([name, meaning]) => `${name}: ${meaning}`)
    .join(' ')

export const attemptSchema = z.object({
  number: z.int().min(1).describe('Number of the attempt, from 1.'),
  pod: z.string().max(253).describe('Its Pod.'),
  podUid: z.string().max(64).optional().describe('UID of its Pod once it is on a node, so that no Pod is counted twice.'),
  state: word<AttemptStateWord>().optional().describe(oneOf(attemptStates)),
  volume: z.string().max(253).optional().describe('Its PersistentVolumeClaim.'),
  node: z.string().max(253).optional().describe('Node it ran on.'),
  uploadOnly: z
    .boolean()
    .optional()
    .describe(
      'It only uploaded what earlier attempts had left on the volume, without entering the room: once recording was over, or beside a recorder on another volume.',
    ),
  startTime: time.optional().describe('When it entered the room. Missing if it never did.'),
  leftTime: time
    .optional()
    .describe('When it was seen to have left the room while it still finishes its files; its userId is free from then on.'),
  endTime: time.optional().describe('When it ended. Missing while it runs.'),
  reason: z.string().max(64).optional().describe('How it ended, or what holds it up: see “What can stop or hold a recording”.'),
  exitCode: z.int().optional().describe('Exit code of the recorder.'),
  message: z.string().max(1024).optional().describe('The same for a person.'),
  refusedTimes: z.int().min(1).optional().describe('How often the API server refused its Pod or volume.'),
  refusedTime: time.optional().describe('When it did so last.'),
})
export type Attempt = z.infer<typeof attemptSchema>

export const recordingVolumeSchema = z.object({
  name: z.string().max(253).describe('Name of the PersistentVolumeClaim.'),
  uid: z.string().max(64).optional().describe('Its UID, once it is known to be there. Another one of the same name is not it.'),
  state: word<VolumeStateWord>().describe(oneOf(volumeStates)),
  holds: z.string().max(512).optional().describe('What it holds, or held, that is not known to be in COS.'),
  retired: z
    .boolean()
    .optional()
    .describe('Nothing is recorded on it any more, because it cannot be reached or written; what it holds is still uploaded.'),
  triedFrom: z.int().min(1).optional().describe('Number of the attempt from which on failed uploads count.'),
  givenUp: z.boolean().optional().describe('Nobody tries to upload what it holds any more. It is left to you.'),
})
export type RecordingVolume = z.infer<typeof recordingVolumeSchema>

export const conditionSchema = z.object({
  type: word<ConditionType>().describe(`What it is about: ${Object.keys(conditionTypes).join(', ')}.`),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: word<ConditionReason>().describe('Why, in one word; they are listed under “Conditions”.'),
  message: z.string().max(1024).describe('Why, for a person.'),
  observedGeneration: z.int().describe('Generation of the spec it was decided from.'),
  lastTransitionTime: time.describe('When status last changed.'),
})

export const callbackStatusSchema = z.object({
  id: z.string().max(128).describe('Idempotency key: the same for every delivery of this result.'),
  state: z.enum(['Pending', 'Delivered', 'GivenUp']).describe('Whether it has arrived.'),
  attempts: z.int().min(0).describe('Deliveries tried so far.'),
  dueSince: time.describe('When the result was ready to be delivered; what giving up is counted from.'),
  lastAttemptTime: time.optional().describe('When the last delivery was tried.'),
  lastStatusCode: z.int().optional().describe('HTTP status of the last answer.'),
  lastError: z.string().max(512).optional().describe('Why the last delivery failed.'),
  nextAttemptTime: time.optional().describe('When the next delivery is due.'),
  deliveredTime: time.optional().describe('When it was answered with 2xx.'),
})
export type CallbackStatus = z.infer<typeof callbackStatusSchema>

export const handledSchema = z
  .record(z.string().max(63), z.string().max(256))
  .optional()
  .describe('The annotations of trtc-recorder.dev that were heeded, each with its value; a new value is heeded anew.')

export const recordingStatusSchema = z.object({
  observedGeneration: z
    .int()
    .optional()
    .describe('Generation of the spec that this status was made from; -1 before the first time.'),
  conditions: z.array(conditionSchema).max(16).optional().describe('What is true of the Recording.'),
  startTime: time.optional().describe('When the room was first entered.'),
  completionTime: time.optional().describe('When the recording was over and its files dealt with.'),
  stopRequestedTime: time
    .optional()
    .describe('When spec.desiredState was first seen to be Stopped. It ends the recording, whatever desiredState says later.'),
  stopReason: word<StopReason>().optional().describe('Why it ended; the words are listed under “Why it stopped”.'),
  attempts: z.array(attemptSchema).max(20).optional().describe('The last 20 attempts, oldest first.'),
  nextAttemptTime: time.optional().describe('When the next attempt begins, where that was asked for.'),
  volumes: z.array(recordingVolumeSchema).max(16).optional().describe('Volumes that hold or held something of this Recording.'),
  handled: handledSchema,
  files: z.array(recordedFileSchema).max(500).optional().describe('Files, in the order of their start.'),
  moreFiles: z
    .string()
    .max(655_360)
    .optional()
    .describe(
      'Files beyond those listed, packed (JSON, gzip, base64), until the callback has told them all. The manifest has them for good.',
    ),
  fileCount: z.int().optional().describe('Number of files, also of those beyond the first 500.'),
  outputs: z
    .array(recordedOutputSchema)
    .max(maxListedOutputs)
    .optional()
    .describe('What was made of the recording beside its files. The manifest has what is beyond 256.'),
  live: z
    .array(liveCountsSchema)
    .max(8)
    .optional()
    .describe('What became of each part of spec.live, when last asked, of the volume that is recorded on.'),
  manifestUrl: z.string().max(2048).optional().describe('COS URL of the manifest.'),
  moreManifestUrls: z
    .array(z.string().max(2048))
    .max(15)
    .optional()
    .describe('COS URLs of the manifests of further volumes, where there was more than one. Each lists the files of its volume.'),
  participants: z.int().min(0).optional().describe('Anchors in the room when last asked.'),
  recordedBytes: z.int().min(0).optional().describe('Bytes recorded, when last asked.'),
  uploadedBytes: z.int().min(0).optional().describe('Bytes stored in COS, when last asked.'),
  minutesLeft: z
    .int()
    .min(0)
    .optional()
    .describe('Minutes until the volume is full, when last asked. Missing while nothing of it is used up.'),
  userSigExpireTime: time
    .optional()
    .describe('When the UserSig of userSigSecretRef runs out, as read last. Missing where the recorder signs its own.'),
  callback: callbackStatusSchema.optional().describe('Delivery of the callback.'),
  notices: z
    .record(z.string().max(8), z.string().max(64))
    .optional()
    .describe(
      'With callback.format TRTC: of each type of event the last one that was told, or, with GivenUp behind it, could not be. With callback.events, and of TRTC’s of HLS (304, 307): of each volume (`v1`) the last event that was told.',
    ),
})
/**
 * Fields of a status that the operator decides by. Without any other a CRD of an earlier release only lets it tell less; without one of these it would lose what is
 * on a volume, record where it is only to upload, or do the same thing for ever, so it leaves all alone while the CRD has not got them. The first release that was packed has them all.
 */
export const neededStatusFields = [
  'attempts.refusedTime',
  'attempts.refusedTimes',
  'attempts.state',
  'attempts.uploadOnly',
  'attempts.volume',
  'handled',
  'volumes',
] as const

export type RecordingStatus = z.infer<typeof recordingStatusSchema>
