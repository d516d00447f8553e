import type { Recording } from '@trtc-recorder/api'

export const recordingStates = ['pending', 'queued', 'recording', 'finishing', 'succeeded', 'failed'] as const
export type RecordingState = (typeof recordingStates)[number]

/** One word for a Recording, for counting. Its conditions say more. */
export function recordingState(recording: Recording): RecordingState {
  const conditions = recording.status?.conditions ?? []
  const succeeded = conditions.find((condition) => condition.type === 'Succeeded')
  if (succeeded?.status === 'True') return 'succeeded'
  if (succeeded?.status === 'False') return 'failed'
  if (succeeded?.reason === 'Queued') return 'queued'
  if (succeeded?.reason === 'Finishing') return 'finishing'
  return conditions.some((condition) => condition.type === 'Started' && condition.status === 'True') ? 'recording' : 'pending'
}

export function countStates(recordings: Iterable<Recording>): Record<RecordingState, number> {
  const counts = { pending: 0, queued: 0, recording: 0, finishing: 0, succeeded: 0, failed: 0 }
  for (const recording of recordings) counts[recordingState(recording)] += 1
  return counts
}
