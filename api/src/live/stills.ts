import { z } from 'zod'
import { streamSchema } from '../files.ts'
import { sameSet } from '../same.ts'
import { userLists } from '../user-patterns.ts'

export const stillsSchema = z.object({
  users: z
    .object(userLists('to make stills of'))
    .prefault({})
    .describe('Whose. Everybody who is recorded, where it is left out.'),
  streams: z
    .array(streamSchema)
    .min(1)
    .max(2)
    .meta({ same: sameSet })
    .default(['main', 'aux'])
    .describe('Of which streams: camera (`main`), shared screen (`aux`).'),
  seconds: z
    .int()
    .min(1)
    .max(60)
    .default(10)
    .describe(
      'How often. Stills are made of key frames: the first that comes when one is due. If none came within the interval, the sender is asked for one.',
    ),
  naming: z
    .enum(['Timestamp', 'Latest'])
    .default('Timestamp')
    .describe(
      '`Timestamp`: each is kept, as `<yyyymmddhhmmssmmm>.jpeg` of its UTC time. `Latest`: only the latest, as `latest.jpeg`, overwritten each time.',
    ),
})
export type Stills = z.infer<typeof stillsSchema>
