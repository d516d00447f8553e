import { z } from 'zod'
import { streamSchema } from './files.ts'
import { audioSlicesSchema } from './live/audio-slices.ts'
import { hlsSchema } from './live/hls.ts'
import { pcmSchema } from './live/pcm.ts'
import { stillsSchema } from './live/stills.ts'
import type { CelRule } from './rules.ts'

export * from './live/audio-slices.ts'
export * from './live/hls.ts'
export * from './live/pcm.ts'
export * from './live/stills.ts'

/** What can be made of a recording while it goes on, each word with what it means. */
export const liveParts = {
  audioSlices: 'The sound of each user in slices of 5 to 60 s, in COS within 2 s of their end.',
  stills: 'A JPEG of each user’s pictures every 1 to 60 s.',
  hls: 'HLS of each user (CMAF, playlists for pictures and sound), which plays while it goes on and after.',
  pcm: 'The sound of each user as PCM, sent to an address over a WebSocket of their own, as LiveKit’s egress does.',
} as const
export type LivePartName = keyof typeof liveParts

export const liveSchema = z.object({
  audioSlices: audioSlicesSchema.optional().describe(liveParts.audioSlices),
  stills: stillsSchema.optional().describe(liveParts.stills),
  hls: hlsSchema.optional().describe(liveParts.hls),
  pcm: pcmSchema.optional().describe(liveParts.pcm),
})
export type Live = z.infer<typeof liveSchema>

/** Whether what a part stores is sound, and nothing else. */
export function isOfSound(part: LivePartName): boolean {
  switch (part) {
    case 'audioSlices':
    case 'pcm':
      return true
    case 'stills':
    case 'hls':
      return false
  }
}

/** Whether one of them is made of sound. */
export const liveNeedsSound = ({ audioSlices, pcm }: Live) => audioSlices !== undefined || pcm !== undefined

/** A rule of the spec as a whole; the API server checks it, too. */
export const liveSoundRule = {
  rule: "!has(self.mode) || self.mode != '01' || !has(self.live) || !(has(self.live.audioSlices) || has(self.live.pcm))",
  message: 'audioSlices and pcm are made of sound, and mode 01 has none',
  fieldPath: '.live',
} satisfies CelRule

/** The same of pictures. */
export const livePicturesRule = {
  rule: "(has(self.mode) && self.mode != '00') || !has(self.live) || !has(self.live.stills)",
  message: 'stills is made of pictures, and mode 00 has none',
  fieldPath: '.live',
} satisfies CelRule

// Any word is taken: the CRD and the recorder may be a release apart.
const partName = () => z.string().min(1).max(32) as unknown as z.ZodType<LivePartName, LivePartName>

/** How much of one part there is. */
export const liveCountsSchema = z.object({
  part: partName().describe('Which part of spec.live.'),
  stored: z.int().min(0).describe('Objects that are in COS, whole. Of pcm: seconds of sound that receivers were sent.'),
  waiting: z.int().min(0).describe('Objects that are made and not in COS yet. Of pcm: seconds that wait for a receiver.'),
  lost: z
    .int()
    .min(0)
    .describe(
      'Objects that could not be made or stored. Of pcm: seconds that no receiver got. The manifest and its losses name the times.',
    ),
})
export type LiveCounts = z.infer<typeof liveCountsSchema>

/** A list of objects of one user that a part made; a manifest names the lists and not each object. */
export const liveIndexSchema = z.object({
  part: partName().describe('Which part of spec.live.'),
  userId: z.string().describe('Whose.'),
  stream: streamSchema,
  path: z.string().describe('Object key of the list, or empty if it is not there; its format is `liveIndexObjectSchema`.'),
  stored: z.int().min(0).describe('Objects in it that are in COS.'),
  lost: z.int().min(0).describe('Objects in it that are not.'),
  from: z.iso.datetime().describe('When the first of them begins.'),
  to: z.iso.datetime().describe('When the last of them ends.'),
})
export type LiveIndex = z.infer<typeof liveIndexSchema>

/** One object of a list. What is not in COS has an empty `path`, and the message says why. */
export const liveEntrySchema = z.object({
  startTime: z.iso.datetime().describe('Wall-clock time of its first instant.'),
  endTime: z.iso.datetime().describe('Wall-clock time of its end; the same for what has no length.'),
  path: z.string().describe('Its object key, or empty.'),
  bytes: z.int().min(0),
  message: z.string().max(256).describe('`ok`, or why it is not there.'),
  file: z.string().describe('Name of the file of the recording that has the same.'),
})
export type LiveEntry = z.infer<typeof liveEntrySchema>

/** `<recording>_<uid>.<user>.<stream>.<part>/index-<attempt>-<n>.json`: put again every few seconds while it grows, up to 500 entries. */
export const liveIndexObjectSchema = z.object({
  version: z.literal(1),
  part: partName(),
  userId: z.string(),
  stream: streamSchema,
  attempt: z.int().min(1),
  entries: z.array(liveEntrySchema).describe('In the order of their beginning.'),
})
export type LiveIndexObject = z.infer<typeof liveIndexObjectSchema>
