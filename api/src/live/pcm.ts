import { z } from 'zod'
import { pcmUrlSchema } from '../addresses.ts'
import { streamSchema } from '../files.ts'
import { secretKeyRef } from '../placement.ts'
import { sameAddress } from '../same.ts'
import { userLists } from '../user-patterns.ts'

/** How sound is handed on, each with what it means. 16 bit, little endian. */
export const pcmForms = {
  Mono16k: '16 kHz, one channel: what recognisers of speech take.',
  Stereo48k: '48 kHz, two channels: as LiveKit’s egress sends it.',
} as const
export type PcmFormName = keyof typeof pcmForms

export const pcmSchema = z.object({
  url: pcmUrlSchema
    .meta({ same: sameAddress })
    .describe(
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

/** What became of the live sound of one user's stream in one attempt. */
export const sentSoundSchema = z.object({
  userId: z.string().describe('Whose.'),
  stream: streamSchema,
  attempt: z.int().min(1).describe('Which attempt sent it. One that was killed may have sent up to 10 s more.'),
  from: z.iso.datetime().describe('When the first of it was spoken.'),
  to: z.iso.datetime().describe('When the last of it was that was sent, or lost.'),
  seconds: z.number().min(0).describe('Seconds of sound that the network took, silence among them.'),
  bytes: z.int().min(0).describe('Bytes of PCM in it.'),
  connections: z
    .int()
    .min(0)
    .describe('How often its receiver was reached: once for each file, and again after each loss of it.'),
  lostSeconds: z.number().min(0).describe('Seconds that no receiver got; the losses name the times.'),
})
export type SentSound = z.infer<typeof sentSoundSchema>
