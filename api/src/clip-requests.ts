import { z } from 'zod'
import { group } from './recording.ts'
import { clipJobSchema, clipResultSchema } from './recording-clip.ts'

/**
 * Clips that a recorder is asked for while it records reach it as one more annotation of its Pod, as `controlSchema` does: without network and token. The file
 * is `recorderEnv.clips`. What became of each stands in `GET /status` for as long as it is asked for.
 */
export const clipsAnnotation = `${group}/clips`

export const mostClipRequests = 16

export const clipRequestSchema = clipJobSchema.omit({ manifests: true, cos: true })
export type ClipRequest = z.infer<typeof clipRequestSchema>

export const clipRequestsSchema = z.object({
  version: z.literal(1),
  clips: z.array(clipRequestSchema).max(mostClipRequests).describe('Every clip that is wanted now, the oldest first.'),
})
export type ClipRequests = z.infer<typeof clipRequestsSchema>

/** What a recorder says of a clip that it was asked for. */
export const clipAnswerSchema = z.discriminatedUnion('is', [
  z.object({ is: z.literal('waiting'), uid: z.string(), message: z.string().max(512) }),
  z.object({ is: z.literal('over'), uid: z.string(), result: clipResultSchema }),
  // It can be cut only from what COS has when the recording is over.
  z.object({ is: z.literal('later'), uid: z.string(), message: z.string().max(512) }),
])
export type ClipAnswer = z.infer<typeof clipAnswerSchema>
