import {
  type CallbackStatus,
  type ClipCondition,
  type ClipReason,
  type ClipResult,
  clipConditionTypes,
  maxClipFiles,
  type RecordingClip,
  type RecordingClipStatus,
} from '@trtc-recorder/api'

const longestMessage = 1024

/** How a clip stands, in one word. */
export interface Verdict {
  reason: VerdictReason
  message: string
}

type Progress = 'Reconciling' | 'Stalled' | 'over'
type VerdictReason = Exclude<ClipReason, 'Waiting' | 'Delivered' | 'GivenUp'>

/** Which of the conditions beside `Succeeded` each reason has, and what `Succeeded` is then. */
const meaning: Record<VerdictReason, { succeeded: ClipCondition['status']; progress: Progress }> = {
  RecordingNotFound: { succeeded: 'Unknown', progress: 'Stalled' },
  RecordingDeleted: { succeeded: 'False', progress: 'Stalled' },
  RecordingUnderWay: { succeeded: 'Unknown', progress: 'Reconciling' },
  RecordingUnusable: { succeeded: 'False', progress: 'Stalled' },
  Cutting: { succeeded: 'Unknown', progress: 'Reconciling' },
  QuotaExceeded: { succeeded: 'Unknown', progress: 'Reconciling' },
  Unschedulable: { succeeded: 'Unknown', progress: 'Reconciling' },
  ImagePullFailed: { succeeded: 'Unknown', progress: 'Reconciling' },
  ContainerNotStarted: { succeeded: 'Unknown', progress: 'Reconciling' },
  PodRejected: { succeeded: 'Unknown', progress: 'Stalled' },
  Retrying: { succeeded: 'Unknown', progress: 'Reconciling' },
  Completed: { succeeded: 'True', progress: 'over' },
  NotExact: { succeeded: 'True', progress: 'over' },
  NothingThere: { succeeded: 'False', progress: 'Stalled' },
  FilesFailed: { succeeded: 'False', progress: 'Stalled' },
  StorageRefused: { succeeded: 'False', progress: 'Stalled' },
  AttemptsExhausted: { succeeded: 'False', progress: 'Stalled' },
}

/** The status with what is the matter now. `lastTransitionTime` moves only where a condition's status does. */
export function withVerdict(
  clip: RecordingClip,
  change: Partial<RecordingClipStatus>,
  verdict: Verdict,
  now: Date,
): RecordingClipStatus {
  const { generation } = clip.metadata
  const former = clip.status?.conditions ?? []
  const condition = (
    type: ClipCondition['type'],
    status: ClipCondition['status'],
    { reason, message }: Pick<ClipCondition, 'reason' | 'message'>,
  ): ClipCondition => {
    const before = former.find((one) => one.type === type)
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now.toISOString()
    return { type, status, reason, message: message.slice(0, longestMessage), observedGeneration: generation, lastTransitionTime }
  }
  const { succeeded, progress } = meaning[verdict.reason]
  return {
    ...clip.status,
    ...change,
    observedGeneration: generation,
    conditions: [
      condition('Succeeded', succeeded, verdict),
      ...(clip.spec.callback === undefined ? [] : [condition('CallbackDelivered', 'Unknown', untold)]),
      ...(progress === 'over' ? [] : [condition(progress, 'True', verdict)]),
      // Of another release, which knows what they say.
      ...former.filter(({ type }) => !Object.hasOwn(clipConditionTypes, type)),
    ],
  }
}

const untold = { reason: 'Waiting', message: 'The result is not there yet, or about to be sent' } as const

/** Nothing is waited for before the next try any more. */
export function goingOn({
  nextAttemptTime: _,
  refusedTimes: __,
  refusedTime: ___,
  ...status
}: RecordingClipStatus): RecordingClipStatus {
  return status
}

/** The end of a clip, and the beginning of its callback, which then is the callback controller's. */
export function concluded(
  clip: RecordingClip,
  change: Partial<RecordingClipStatus>,
  verdict: Verdict,
  now: Date,
): RecordingClipStatus {
  const completionTime = now.toISOString()
  // What it came to when it was begun anew is a result of its own.
  const id = [clip.metadata.uid, 'clip', ...(clip.status?.attemptsBefore === undefined ? [] : [completionTime])].join('/')
  const callback: CallbackStatus = { id, state: 'Pending', attempts: 0, dueSince: completionTime }
  const over = { ...change, completionTime, ...(clip.spec.callback === undefined ? {} : { callback }) }
  return goingOn(withVerdict(clip, over, verdict, now))
}

/** What a result says, with as many files as a status lists. */
export const filesOf = ({ files, filesOmitted = 0 }: ClipResult): Pick<RecordingClipStatus, 'files' | 'fileCount'> => ({
  fileCount: files.length + filesOmitted,
  files: files.slice(0, maxClipFiles),
})
