import { z } from 'zod'
import { type ConditionReason, type ConditionType, conditionReasons, conditionTypes } from './conditions.ts'
import { recordedFileSchema } from './files.ts'
import { stopReasonSchema } from './outcome.ts'

const time = z.iso.datetime()

export const attemptSchema = z.object({
  number: z.int().min(1).describe('Number of the attempt, from 1.'),
  pod: z.string().max(253).describe('Its Pod.'),
  podUid: z.string().max(64).describe('UID of its Pod, so that no Pod is counted twice.'),
  node: z.string().max(253).optional().describe('Node it ran on.'),
  uploadOnly: z
    .boolean()
    .optional()
    .describe('Recording was over: it only uploaded what earlier attempts had left on the volume, without entering the room.'),
  startTime: time.optional().describe('When it entered the room. Missing if it never did.'),
  leftTime: time
    .optional()
    .describe('When it was seen to have left the room while it still finishes its files; its userId is free from then on.'),
  endTime: time.optional().describe('When it ended. Missing while it runs.'),
  reason: z
    .string()
    .max(64)
    .optional()
    .describe('How it ended: an outcome of the recorder, or Evicted, OOMKilled, NodeLost, PodDeleted, …'),
  exitCode: z.int().optional().describe('Exit code of the recorder.'),
  message: z.string().max(1024).optional().describe('The same for a person.'),
})
export type Attempt = z.infer<typeof attemptSchema>

export const conditionSchema = z.object({
  type: z.enum(Object.keys(conditionTypes) as [ConditionType, ...ConditionType[]]).describe('What it is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z.enum(Object.keys(conditionReasons) as [ConditionReason, ...ConditionReason[]]).describe('Why, in one word.'),
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

export const recordingStatusSchema = z.object({
  observedGeneration: z
    .int()
    .optional()
    .describe('Generation of the spec that this status was made from; -1 before the first time.'),
  conditions: z.array(conditionSchema).max(8).optional().describe('What is true of the Recording.'),
  startTime: time.optional().describe('When the room was first entered.'),
  completionTime: time.optional().describe('When the recording was over and its files dealt with.'),
  stopReason: stopReasonSchema.optional().describe('Why it ended.'),
  attempts: z.array(attemptSchema).max(20).optional().describe('The last 20 attempts, oldest first.'),
  files: z.array(recordedFileSchema).max(500).optional().describe('Files, in the order of their start.'),
  fileCount: z.int().optional().describe('Number of files, also of those beyond the first 500.'),
  manifestUrl: z.string().max(2048).optional().describe('COS URL of the manifest.'),
  participants: z.int().min(0).optional().describe('Anchors in the room when last asked.'),
  recordedBytes: z.int().min(0).optional().describe('Bytes recorded, when last asked.'),
  uploadedBytes: z.int().min(0).optional().describe('Bytes stored in COS, when last asked.'),
  callback: callbackStatusSchema.optional().describe('Delivery of the callback.'),
})
export type RecordingStatus = z.infer<typeof recordingStatusSchema>
