import type { RecorderJob } from './job.ts'

/** Whether a user is to be recorded. A pattern is a user id, or a prefix followed by `.*$`. */
export function isSubscribed(subscribe: RecorderJob['spec']['subscribe'], userId: string): boolean {
  const matches = (pattern: string) => (pattern.endsWith('.*$') ? userId.startsWith(pattern.slice(0, -3)) : userId === pattern)
  if (subscribe.exclude.some(matches)) return false
  return subscribe.include.length === 0 || subscribe.include.some(matches)
}
