import { z } from 'zod'
import type { RecordedFile } from './files.ts'
import type { RecordedOutput } from './outputs.ts'
import type { RecordingSpec } from './recording.ts'

/** Header with an id that is the same for every delivery of one result, so that a receiver can drop repeats. */
export const idempotencyHeader = 'Idempotency-Key'
/** Header with base64(HMAC-SHA256(key, raw body)), as TRTC's own callbacks have it. */
export const signatureHeader = 'Sign'

/** The body of the callback. Names and types are the serverless template's; the first four are always present, as strings. */
export const callbackBodySchema = z.object({
  SdkAppId: z.string().describe('TRTC application.'),
  RoomId: z.string().describe('Number of the room, or empty for a string room.'),
  UserId: z.string().describe('The recorder’s own user id.'),
  StrRoomId: z.string().describe('Name of the string room, or empty.'),
  Files: z.array(
    z.object({
      UserId: z.string().describe('Whose stream it is.'),
      RecordFile: z.string().describe('COS URL.'),
      Status: z.union([z.literal(0), z.literal(1)]).describe('1 done, 0 failed.'),
      Message: z.string().describe('`ok`, or the step that failed and why.'),
    }),
  ),
  Outputs: z
    .array(
      z.object({
        Kind: z.string().describe('Which of spec.outputs it is.'),
        UserId: z.string().describe('Whose it is, or empty.'),
        OutputFile: z.string().describe('COS URL.'),
        Status: z.int().min(0).max(1).describe('1 done, 0 failed.'),
        Message: z.string().describe('`ok`, or what went wrong.'),
      }),
    )
    .optional()
    .describe('What was made of the recording beside its files. Only where spec.callback.outputs asks for it.'),
})
export type CallbackBody = z.infer<typeof callbackBodySchema>

/** `fileCount`: how many files there are, of which `files` may not be all; then the manifest, which has them all, stands for the others. */
export function callbackBody(
  spec: RecordingSpec,
  files: readonly RecordedFile[],
  {
    fileCount = files.length,
    manifestUrl = '',
    outputs = [],
  }: { fileCount?: number | undefined; manifestUrl?: string | undefined; outputs?: readonly RecordedOutput[] | undefined } = {},
): CallbackBody {
  const others = fileCount - files.length
  return {
    SdkAppId: String(spec.sdkAppId),
    RoomId: spec.roomId === undefined ? '' : String(spec.roomId),
    UserId: spec.userId,
    StrRoomId: spec.strRoomId ?? '',
    Files: [
      ...files.map((file) => ({
        UserId: file.userId,
        RecordFile: file.url,
        Status: file.status,
        Message: file.message,
      })),
      ...(others <= 0
        ? []
        : [
            {
              UserId: spec.userId,
              RecordFile: manifestUrl,
              Status: 0 as const,
              Message: `${others} more files are listed in this manifest; what became of them could not be read`,
            },
          ]),
    ],
    ...(spec.callback?.outputs ? { Outputs: outputs.map(toldOutput) } : {}),
  }
}

const toldOutput = ({ kind, userId = '', url, status, message }: RecordedOutput) => ({
  ...{ Kind: kind, UserId: userId, OutputFile: url, Status: status, Message: message },
})
