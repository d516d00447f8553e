import { z } from 'zod'
import { manifestSchema } from './manifest.ts'

/** Somebody speaks; times in milliseconds since 1970. */
export const speechSchema = z.object({ userId: z.string(), start: z.number(), end: z.number() })
export type Speech = z.infer<typeof speechSchema>

/** What the replay page is given: embedded, as a page opened from disk may read no other file. */
export const replaySchema = z.object({
  version: z.literal(1),
  manifest: manifestSchema,
  /** Folder of the page as a key prefix (`lessons/`, empty at the top): files are looked for relative to it. */
  folder: z.string(),
  /** Who spoke when; null where nobody listened. */
  speech: z.array(speechSchema).nullable(),
})
export type Replay = z.infer<typeof replaySchema>

const mark = '"the recording"'

/** The replay page of one recording. `template`: what replay/ builds. Throws if it has no place for a recording. */
export function embedRecording(template: string, replay: Replay): string {
  if (!template.includes(mark)) throw new Error(`The replay page has no place for a recording; build it anew`)
  // As text of a script element: nothing in it may look like its end.
  return template.replace(mark, () => JSON.stringify(replay).replaceAll('<', '\\u003c'))
}
