import type { Stream } from './files.ts'
import type { RecorderJob } from './job.ts'
import type { Mode } from './recording.ts'
import { matchesPattern } from './user-patterns.ts'

type Subscribe = RecorderJob['spec']['subscribe']
export type Medium = 'audio' | 'video'

/** What each mode records of a stream. */
export const wantedMedia: Record<Mode, Record<Stream, readonly Medium[]>> = {
  '00': { main: ['audio'], aux: [] },
  '01': { main: ['video'], aux: ['video'] },
  '02': { main: ['audio', 'video'], aux: ['video'] },
}

/** Whether a user is to be recorded, in any of these media. A pattern is a user id, or a prefix followed by `.*$`. */
export function isSubscribed(subscribe: Subscribe, userId: string, media: readonly Medium[] = ['audio', 'video']): boolean {
  return isListed(subscribe, userId) && media.some((medium) => isListed(subscribe[medium], userId))
}

/** Of users and rooms alike. Nothing included is everything; what is excluded is out in any case. */
export function isListed(
  { include, exclude }: { include: readonly string[]; exclude: readonly string[] },
  name: string,
): boolean {
  const matches = (pattern: string) => matchesPattern(pattern, name)
  if (exclude.some(matches)) return false
  return include.length === 0 || include.some(matches)
}
