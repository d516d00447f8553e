import { z } from 'zod'
import { userLists } from '../user-patterns.ts'

export const audioSlicesSchema = z.object({
  users: z
    .object(userLists('whose sound is cut into slices'))
    .prefault({})
    .describe('Whose. Everybody who is recorded, where it is left out.'),
  seconds: z
    .int()
    .min(5)
    .max(60)
    .default(15)
    .describe('Length of a slice. They begin at multiples of it since 1970, so that those of all users lie side by side.'),
  format: z
    .enum(['OggOpus', 'Wav16k'])
    .default('OggOpus')
    .describe(
      '`OggOpus`: what the user sent, untouched, as Ogg Opus (RFC 7845). `Wav16k`: the same, decoded: WAV of 16 kHz, one channel, 16 bit.',
    ),
})
export type AudioSlices = z.infer<typeof audioSlicesSchema>
