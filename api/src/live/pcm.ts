import { z } from 'zod'
import { pcmUrlSchema } from '../addresses.ts'
import { secretKeyRef } from '../placement.ts'
import { userLists } from '../user-patterns.ts'

/** How sound is handed on, each with what it means. 16 bit, little endian. */
export const pcmForms = {
  Mono16k: '16 kHz, one channel: what recognisers of speech take.',
  Stereo48k: '48 kHz, two channels: as LiveKit’s egress sends it.',
} as const
export type PcmFormName = keyof typeof pcmForms

export const pcmSchema = z.object({
  url: pcmUrlSchema.describe(
    'ws or wss address that takes the sound. `{userId}`, `{room}`, `{stream}` and `{recording}` in its path or query are filled in. It is judged as that of a callback is.',
  ),
  users: z
    .object(userLists('whose sound is sent'))
    .prefault({})
    .describe('Whose. Everybody who is recorded, where it is left out.'),
  form: z
    .enum(Object.keys(pcmForms) as [PcmFormName, ...PcmFormName[]])
    .default('Mono16k')
    .describe(
      Object.entries(pcmForms)
        .map(([name, what]) => `\`${name}\`: ${what}`)
        .join(' '),
    ),
  backlogSeconds: z
    .int()
    .min(5)
    .max(600)
    .default(60)
    .describe(
      'So much of a user’s sound waits for a receiver that is away. What is more is dropped, oldest first, and is in the losses.',
    ),
  authorizationSecretRef: secretKeyRef(
    'authorization',
    'what is sent as the header Authorization, such as `Bearer …`',
  ).optional(),
})
export type Pcm = z.infer<typeof pcmSchema>
