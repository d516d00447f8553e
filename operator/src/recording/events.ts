import type { Condition, RecordingStatus } from '@trtc-recorder/api'
import type { EventNote } from '../kube/events.ts'
import { findCondition } from './conditions.ts'
import { policyOf } from './failure-policy.ts'

/** What a change of status is told as: one Event for each attempt that ended, and one for each turn of the story. */
export function eventsOf(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  return [...attemptEvents(before, after), ...storyEvents(before, after)]
}

function attemptEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  const endedBefore = new Set(
    before?.attempts?.filter((attempt) => attempt.endTime !== undefined).map((attempt) => attempt.number),
  )
  return (after.attempts ?? [])
    .filter((attempt) => attempt.endTime !== undefined && !endedBefore.has(attempt.number))
    .map((attempt) => ({
      type: attempt.exitCode === 0 ? 'Normal' : 'Warning',
      reason: attempt.reason ?? 'AttemptEnded',
      action: 'Record',
      note: `Attempt ${attempt.number} (Pod ${attempt.pod}) ended: ${attempt.message ?? policyOf(attempt.reason).condition}`,
    }))
}

function storyEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  const [was, is] = [headline(before), headline(after)]
  if (is === undefined || (was?.status === is.status && was.reason === is.reason)) return []
  return [{ type: isTrouble(is) ? 'Warning' : 'Normal', reason: is.reason, action: 'Record', note: is.message }]
}

const headline = (status: RecordingStatus | undefined) => findCondition(status?.conditions, 'Succeeded')

const quiet: readonly Condition['reason'][] = ['Pending', 'Starting', 'Recording', 'Finishing', 'RetryScheduled', 'IdentityInUse']

const isTrouble = ({ status, reason }: Condition) => status === 'False' || (status === 'Unknown' && !quiet.includes(reason))
