import { z } from 'zod'

export const streamSchema = z.enum(['main', 'aux'])
/** `main`: camera and microphone. `aux`: the sub stream, a shared screen. */
export type Stream = z.infer<typeof streamSchema>

export const recordedFileSchema = z.object({
  userId: z.string().describe('Whose stream it is.'),
  stream: streamSchema.describe('`main`: camera and microphone; `aux`: the sub stream (screen).'),
  path: z.string().describe('Key of the object in the bucket, without a leading slash.'),
  url: z.string().describe('COS URL of the file.'),
  status: z.union([z.literal(0), z.literal(1)]).describe('1: in COS, with the right size and checksum, and it decodes. 0: not.'),
  message: z
    .string()
    .max(512)
    .describe('`ok`, what is missing of a file that is whole otherwise, or the step that failed and why.'),
  bytes: z.int().min(0).describe('Size in bytes.'),
  durationSeconds: z.number().min(0).describe('Length in seconds, to the millisecond.'),
  startTime: z.iso.datetime().describe('Wall-clock time of the first instant of the file.'),
  attempt: z.int().min(1).describe('Attempt that recorded it.'),
  lostFrames: z
    .int()
    .min(0)
    .default(0)
    .describe('Pictures and sound packets that should be in it and are not, as far as they could be counted.'),
  lostFramesAre: z.literal('AtMost').optional().describe('Given where `lostFrames` is the most it can be.'),
  lostSeconds: z.number().min(0).default(0).describe('Length of the stretches in which something is missing, in seconds.'),
  video: z
    .object({ codec: z.string(), width: z.int(), height: z.int() })
    .optional()
    .describe('Codec string (RFC 6381) and size of the first picture, in pixels.'),
  audio: z
    .object({ codec: z.string(), sampleRate: z.int(), channels: z.int() })
    .optional()
    .describe('Codec string, sampling rate in Hz, and number of channels.'),
})
export type RecordedFile = z.infer<typeof recordedFileSchema>
