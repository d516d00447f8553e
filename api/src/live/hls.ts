import { z } from 'zod'
import { streamSchema } from '../files.ts'
import { sameSet } from '../same.ts'
import { userLists } from '../user-patterns.ts'

export const hlsSchema = z.object({
  users: z.object(userLists('to make HLS of')).prefault({}).describe('Whom. Everybody who is recorded, where it is left out.'),
  streams: z
    .array(streamSchema)
    .min(1)
    .max(2)
    .meta({ same: sameSet })
    .default(['main', 'aux'])
    .describe('Of which streams: camera and microphone (`main`), shared screen (`aux`).'),
  seconds: z
    .int()
    .min(2)
    .max(10)
    .default(4)
    .describe(
      'How long a segment is meant to be. It ends at the first key frame from then on; if none came, the sender is asked for one. Twice as long is the most.',
    ),
  playlist: z
    .enum(['Event', 'Live'])
    .default('Event')
    .describe(
      '`Event`: playlists keep everything from the beginning. `Live`: what is recent, six segments of the most length; older ones stay in the bucket.',
    ),
})
export type Hls = z.infer<typeof hlsSchema>
