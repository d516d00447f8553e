import { z } from 'zod'
import { clipAnswerSchema } from './clip-requests.ts'
import { recordedFileSchema } from './files.ts'
import { lossSchema, lossTotalsSchema, noLosses } from './ledger.ts'
import { liveCountsSchema } from './live.ts'
import { recorderOutcomeSchema, type StopReason } from './outcome.ts'
import { makingOutputSchema, recordedOutputSchema } from './outputs.ts'
import { word } from './word.ts'

/** What a recorder process says when it ends: its last log line, stdout of the CLI, and, where it fits, its termination message. */
export const recorderResultSchema = z.object({
  version: z.int().min(1).optional().describe('Version of this format, from 1. What a later one adds may be ignored.'),
  attempt: z.int().min(1).describe('The attempt this is the result of.'),
  outcome: recorderOutcomeSchema.describe('How the process ended; decides its exit code.'),
  message: z.string().max(1024).describe('For a person: what happened, on what, and what to do.'),
  stopReason: word<StopReason>().describe('Why recording stopped.'),
  trtcCode: z.int().optional().describe('TRTC’s own error code, where it gave one.'),
  startedAt: z.iso.datetime().optional().describe('When the room was entered. Missing if it never was.'),
  stoppedAt: z.iso.datetime().optional().describe('When recording stopped. Missing if it never began.'),
  storedAt: z.iso.datetime().optional().describe('When the last file was verified in COS.'),
  userSigExpiresAt: z.iso
    .datetime()
    .optional()
    .describe('When the UserSig in the Secret runs out. Missing where the recorder signs its own.'),
  manifestUrl: z.string().optional().describe('COS URL of the manifest.'),
  files: z.array(recordedFileSchema).describe('Every file that the volume knows of: of this attempt, and of earlier ones.'),
  outputs: z.array(recordedOutputSchema).default([]).describe('What was made of the recording beside its files.'),
  live: z.array(liveCountsSchema).default([]).describe('What became of each part of spec.live.'),
  losses: lossTotalsSchema
    .default(noLosses)
    .describe('What is not in the recording, over all attempts; the manifest has each stretch of it.'),
})
export type RecorderResult = z.infer<typeof recorderResultSchema>

/**
 * The termination message. A result that does not fit leaves its files out and says how many there were; the whole result is
 * then the last line of the container's log (`{"msg":"result","result":{…}}`).
 */
export const terminationMessageSchema = recorderResultSchema.extend({
  filesOmitted: z.int().min(1).optional().describe('Number of files left out because the message would exceed 4096 bytes.'),
})
export type TerminationMessage = z.infer<typeof terminationMessageSchema>

/** `GET /status` of a running recorder. */
export const recorderProgressSchema = z.object({
  state: z.enum(['starting', 'recording', 'paused', 'finishing', 'done']).describe('What the recorder is doing.'),
  participants: z
    .array(
      z.object({
        userId: z.string(),
        audio: z.boolean().describe('Sends audio now.'),
        video: z.boolean().describe('Sends camera video now.'),
        aux: z.boolean().describe('Sends a sub stream now.'),
        recorded: z.boolean().describe('Is subscribed to; false for an excluded user.'),
        missing: z
          .array(z.enum(['audio', 'video', 'aux']))
          .default([])
          .describe('What is subscribed to and ought to come, and has not for some seconds. It is asked for again and again.'),
      }),
    )
    .describe('Anchors in the room.'),
  recordedBytes: z.int().min(0).describe('Bytes written to the volume, over all files.'),
  uploadedBytes: z.int().min(0).describe('Bytes that COS has acknowledged, over all files.'),
  files: z
    .array(
      z.object({
        userId: z.string(),
        stream: z.enum(['main', 'aux']),
        path: z.string(),
        state: z.enum(['recording', 'finishing', 'stored', 'failed']),
        recordedBytes: z.int(),
        uploadedBytes: z.int(),
      }),
    )
    .describe('Files so far.'),
  live: z.array(liveCountsSchema).default([]).describe('What has become of each part of spec.live so far.'),
  losses: lossTotalsSchema
    .extend({ latest: z.array(lossSchema).max(10).describe('The latest stretches, oldest first.') })
    .default({ ...noLosses, latest: [] })
    .describe('What is not in the recording, over all attempts.'),
  storage: z
    .discriminatedUnion('state', [
      z.object({ state: z.literal('untried') }),
      z.object({ state: z.literal('proven') }),
      z.object({ state: z.enum(['refused', 'unavailable']), message: z.string().max(512) }),
    ])
    .default({ state: 'untried' })
    .describe('Whether COS takes what is recorded. While it does not, the recording goes on, on the volume.'),
  making: makingOutputSchema
    .nullable()
    .default(null)
    .describe('What of spec.outputs is being made of the recording, which is over; null when nothing is.'),
  // An answer of a later release must not make all the rest unreadable.
  clips: z.array(clipAnswerSchema).catch([]).describe('What has become of each clip that it is asked for.'),
  controlProblem: z
    .string()
    .max(512)
    .nullable()
    .default(null)
    .describe('Why what the Recording was last changed to is not heeded; null when it is.'),
  userSigExpiresAt: z.iso
    .datetime()
    .optional()
    .describe('When the UserSig in the Secret runs out. Missing where the recorder signs its own.'),
  volume: z
    .object({
      totalBytes: z.int().min(0).describe('Size of the volume.'),
      freeBytes: z.int().min(0).describe('What is left of it.'),
      releasableBytes: z
        .int()
        .min(0)
        .default(0)
        .describe('What COS has confirmed of the rest, and can be given back to the volume when it is needed.'),
      minutesLeft: z
        .int()
        .nullable()
        .describe(
          'Until it is full at the pace of the last two minutes, with all given back that can be; null while nothing is used up.',
        ),
      isLow: z.boolean().describe('Less than a tenth, or than 15 minutes, is left, with all given back that can be.'),
      givesBack: z
        .enum(['Holes', 'WholeFiles'])
        .default('Holes')
        .describe(
          'How it takes back what COS has: as holes in files that go on, or, where its file system knows none, only whole files, which are ended for that.',
        ),
    })
    .nullable()
    .default(null)
    .describe('Room on the volume; null until it has been looked at.'),
})
export type RecorderProgress = z.infer<typeof recorderProgressSchema>
