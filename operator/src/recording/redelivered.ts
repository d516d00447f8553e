import type { CallbackStatus } from '@trtc-recorder/api'
import type { Answer } from './answers.ts'

/** What becomes of the callback of something that is over when a user wants it to be sent again. */
export function redelivered(callback: CallbackStatus, now: Date): { callback: CallbackStatus; answer: Answer } {
  const { nextAttemptTime, deliveredTime: _, ...same } = callback
  if (callback.state !== 'Pending') {
    const again = { ...same, state: 'Pending' as const, dueSince: now.toISOString() }
    return { callback: again, answer: { is: 'heeded', what: 'The callback is sent again.' } }
  }
  if (nextAttemptTime === undefined) {
    return { callback, answer: { is: 'ignored', why: 'The callback is being sent for the first time.' } }
  }
  return { callback: same, answer: { is: 'heeded', what: `The callback is sent now, and not at ${nextAttemptTime}.` } }
}
