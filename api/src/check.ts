import { z } from 'zod'
import { word } from './word.ts'

/** What was proven of a finished file before it was called done. */
export const fileCheckSchema = z.object({
  result: word<'Passed' | 'Failed' | 'Unchecked'>().describe(
    '`Passed`: every table entry and every group of pictures was compared, and what was decoded decodes. `Failed`: it is not whole, see detail. `Unchecked`: nothing is wrong as far as it was looked at, and time ran out before all was.',
  ),
  detail: z.string().max(512).describe('What is wrong, or what was not looked at; empty where all passed.'),
  groupsOfPictures: z
    .int()
    .min(0)
    .describe('Groups of pictures whose pictures were counted by a demuxer that had no part in making the file.'),
  pictures: z.int().min(0).describe('Pictures in the file.'),
  decodedPictures: z
    .int()
    .min(0)
    .describe('Of them, decoded: all of a file under a minute, else a sample over the whole length.'),
  decodedSoundSeconds: z.number().min(0).describe('Sound that was decoded, in seconds.'),
  frozenShare: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe('Share of the time of the pictures in which one was held for more than a second; null without pictures.'),
  silentShare: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe('Share of the sound that is digital silence, because nothing came or a microphone was muted; null without sound.'),
})
export type FileCheck = z.infer<typeof fileCheckSchema>
