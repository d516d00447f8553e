import { z } from 'zod'
import type { CelRule } from './rules.ts'
import { sameSet } from './same.ts'
import { userIdPattern } from './user-patterns.ts'

/** What can be made of a recording when it is over, beside its files. */
export const outputKinds = {
  replay: 'A page that plays everybody on one clock, put beside the files.',
  audio16k:
    'A WAV or FLAC file of each user over the whole recording: 16 kHz, mono, silent where they were away, all of one length and one zero.',
  pair: 'One stereo WAV file of two sides, such as agent and customer, over the whole recording.',
  speech: 'Who spoke when, as WebVTT and as RTTM, by the loudness of each user’s own sound.',
  vcon: 'The conversation as a vCon of the IETF: parties, times, addresses and hashes of the files.',
  mix: 'One file with everybody over the whole recording: MP3, or MP4 with the pictures side by side.',
  paella:
    'A folder that Paella Player 7 opens as it is: data.json, the pictures of each stream without sound over the whole recording, and the sound of everybody.',
} as const
export type OutputKind = keyof typeof outputKinds

const side = (which: string, more = '') =>
  z
    .array(userIdPattern)
    .min(1)
    .max(32)
    .meta({ same: sameSet })
    .describe(`Users on the ${which} channel, mixed if there are several.${more}`)

export const pairSchema = z.object({
  left: side('left'),
  right: side('right', ' Whoever is meant by both sides is on the left one only.'),
  sampleRate: z
    .union([z.literal(8000), z.literal(16_000)])
    .default(8000)
    .describe('In Hz. Recognisers of two-channel telephone calls take 8000.'),
})

export const soundFormats = {
  Wav: '16-bit PCM, 115 MB an hour.',
  Flac: 'The same samples in a third to a half of that, and next to nothing where there is silence.',
} as const
export type SoundFormat = keyof typeof soundFormats

export const mixFormats = {
  Mp3: 'sound alone, 96 kbit/s.',
  Mp4: 'sound, and 1280x720 at 15 pictures a second: up to 16 cameras as a grid, a shared screen large beside them. Of all outputs this one alone encodes pictures.',
} as const
export type MixFormat = keyof typeof mixFormats

export const outputsSchema = z.object({
  replay: z.boolean().default(false).describe(outputKinds.replay),
  audio16k: z.boolean().default(false).describe(outputKinds.audio16k),
  audio16kFormat: z
    .enum(Object.keys(soundFormats) as [SoundFormat, ...SoundFormat[]])
    .default('Wav')
    .describe(`What audio16k is written as. Wav: ${soundFormats.Wav} Flac: ${soundFormats.Flac}`),
  pair: pairSchema.optional().describe(outputKinds.pair),
  speech: z.boolean().default(false).describe(outputKinds.speech),
  vcon: z.boolean().default(false).describe(outputKinds.vcon),
  mix: z.boolean().default(false).describe(outputKinds.mix),
  mixFormat: z
    .enum(Object.keys(mixFormats) as [MixFormat, ...MixFormat[]])
    .default('Mp3')
    .describe(`What mix is written as. Mp3: ${mixFormats.Mp3} Mp4: ${mixFormats.Mp4}`),
  paella: z.boolean().default(false).describe(outputKinds.paella),
})
export type Outputs = z.infer<typeof outputsSchema>

/** Whether one of them is made of the files themselves, which the volume has to keep until then. */
export const needFiles = (outputs: Outputs) => outputs.vcon || outputs.paella || needSound(outputs)

/** Whether one of them is made of sound. */
export const needSound = ({ audio16k, pair, speech, mix }: Outputs) => audio16k || speech || mix || pair !== undefined

/** A rule of the spec as a whole; the API server checks it, too. */
export const soundRule = {
  rule: "!has(self.mode) || self.mode != '01' || !has(self.outputs) || !(has(self.outputs.pair) || (has(self.outputs.audio16k) && self.outputs.audio16k) || (has(self.outputs.speech) && self.outputs.speech) || (has(self.outputs.mix) && self.outputs.mix))",
  message: 'audio16k, pair, speech and mix are made of sound, and mode 01 has none',
  fieldPath: '.outputs',
} satisfies CelRule

/** Whether one of them is made of pictures, without which it is none. */
export const needPictures = ({ mixFormat }: Outputs) => mixFormat === 'Mp4'

/** A rule of the spec as a whole; the API server checks it, too. */
export const picturesRule = {
  rule: "!has(self.outputs) || !has(self.outputs.mixFormat) || self.outputs.mixFormat != 'Mp4' || (has(self.mode) && self.mode != '00')",
  message: 'mixFormat Mp4 is made of pictures, and mode 00 has none',
  fieldPath: '.outputs',
} satisfies CelRule

/** What of spec.outputs is being made. */
export const makingOutputSchema = z.object({
  kind: (z.string().min(1).max(32) as unknown as z.ZodType<OutputKind, OutputKind>).describe('Which of spec.outputs it is.'),
  number: z.int().min(1).describe('The how many-th of all that are made of the recording.'),
  of: z.int().min(1).describe('How many are made of it.'),
  doneShare: z.number().min(0).max(1).nullable().describe('How much of this one is done; null where that is not known.'),
})
export type MakingOutput = z.infer<typeof makingOutputSchema>

/** So many files are named as missing in one output. */
export const maxNamedMissing = 32

/** What became of one of them. */
export const recordedOutputSchema = z.object({
  // Any word is taken: the CRD and the recorder may be a release apart.
  kind: (z.string().min(1).max(32) as unknown as z.ZodType<OutputKind, OutputKind>).describe('Which of spec.outputs it is.'),
  userId: z.string().max(64).optional().describe('Whose it is, where each user has one.'),
  path: z.string().max(1024).describe('Its object key.'),
  url: z.string().max(2048).describe('Its address in COS; empty if it is not there.'),
  status: z
    .int()
    .min(0)
    .max(1)
    .describe(
      '1: it is in COS, made of all files or, where `missing` names some, of the others. 0: it is not, and the message says why.',
    ),
  message: z.string().max(512).describe('`ok`, or what went wrong, or what is missing in it and why.'),
  missing: z
    .array(z.string().max(1024))
    .max(maxNamedMissing)
    .optional()
    .describe(
      'Files of which it lacks all or some, by their object keys, and a side of a pair that means nobody, as `spec.outputs.pair.left`; up to 32. The message says why.',
    ),
  bytes: z.int().min(0).describe('Size of the object.'),
  startTime: z.iso.datetime().optional().describe('Wall-clock time of its first instant, where it is sound or pictures.'),
  durationSeconds: z.number().min(0).optional().describe('Its length in seconds, where it is sound or pictures.'),
})
export type RecordedOutput = z.infer<typeof recordedOutputSchema>

/** As many as a status lists; the manifest has them all. */
export const maxListedOutputs = 256
