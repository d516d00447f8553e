import { z } from 'zod'

/** What can be made of a recording when it is over, beside its files. */
export const outputKinds = {
  replay: 'A page that plays everybody on one clock, put beside the files.',
} as const
export type OutputKind = keyof typeof outputKinds

export const outputsSchema = z.object({
  replay: z.boolean().default(false).describe(outputKinds.replay),
})
export type Outputs = z.infer<typeof outputsSchema>

/** What became of one of them. */
export const recordedOutputSchema = z.object({
  // Any word is taken: the CRD and the recorder may be a release apart.
  kind: (z.string().min(1).max(32) as unknown as z.ZodType<OutputKind, OutputKind>).describe('Which of spec.outputs it is.'),
  path: z.string().max(1024).describe('Its object key.'),
  url: z.string().max(2048).describe('Its address in COS; empty if it is not there.'),
  status: z.int().min(0).max(1).describe('1: it is in COS, whole. 0: it is not, and the message says why.'),
  message: z.string().max(512).describe('`ok`, or what went wrong.'),
  bytes: z.int().min(0).describe('Size of the object.'),
})
export type RecordedOutput = z.infer<typeof recordedOutputSchema>
