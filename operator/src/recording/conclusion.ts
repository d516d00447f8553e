import { type Attempt, type RecordedFile, type StopReason, stopReasons } from '@trtc-recorder/api'
import { mostFailuresInARow, volumeHolds } from './attempts.ts'
import type { NewCondition } from './conditions.ts'
import { policyOf } from './failure-policy.ts'

export interface Conclusion {
  succeeded: NewCondition
  stored: NewCondition
}

/** Stop reasons that no recording should end with. */
const abnormal: readonly StopReason[] = ['NeverStarted', 'RoomLost', 'BrowserFailed', 'MediaUnreachable']

/** What a recording that is over comes to, from its history alone. */
export function conclude(
  attempts: readonly Attempt[],
  files: readonly RecordedFile[],
  stopReason: StopReason,
  entered: boolean,
): Conclusion {
  const stored = storedCondition(attempts, files)
  const fatal = attempts.findLast(({ reason }) => isFatal(reason))
  if (fatal !== undefined) return { succeeded: failed(policyOf(fatal.reason).condition, fatal.message ?? ''), stored }
  if (stored.status === 'False') return { succeeded: stored, stored }
  const unreachable = attempts.findLast(({ reason }) => reason === 'MediaUnreachable')
  if (unreachable !== undefined && files.length === 0)
    return { succeeded: failed('MediaUnreachable', unreachable.message ?? ''), stored }
  if (abnormal.includes(stopReason)) {
    const last = attempts.findLast(({ reason }) => reason !== 'Completed')
    const message = `The recorder failed ${mostFailuresInARow} times in a row without getting into the room. Last: ${last?.reason}: ${last?.message}`
    return { succeeded: failed('AttemptsExhausted', message), stored }
  }
  const ended = stopReasons[stopReason]
  if (!entered) {
    const message = `The recording was ended before the recorder entered the room. ${ended}`
    return { succeeded: { status: 'True', reason: 'StoppedBeforeStart', message }, stored }
  }
  if (files.length === 0) {
    return { succeeded: { status: 'True', reason: 'NothingRecorded', message: `${ended} Nobody published anything.` }, stored }
  }
  return { succeeded: { status: 'True', reason: 'Completed', message: `${ended} ${stored.message}` }, stored }
}

/** An attempt that ended the recording for good by itself, and not well. */
const isFatal = (reason: string | undefined) => {
  const policy = policyOf(reason)
  return policy.next === 'over' && !['Completed', 'FileFailed'].includes(policy.condition)
}

function storedCondition(attempts: readonly Attempt[], files: readonly RecordedFile[]): NewCondition {
  const missing = files.filter((file) => file.status === 0)
  const [first] = missing
  if (volumeHolds(attempts)) {
    const last = attempts.at(-1)
    const what = first === undefined ? (last?.message ?? '') : `First: ${first.path}: ${first.message}`
    return {
      status: 'False',
      reason: last?.reason === 'UploadRefused' || last?.reason === 'StorageRefused' ? 'StorageRefused' : 'UploadIncomplete',
      message: `Not all that was recorded is in COS, so the PersistentVolumeClaim of the same name is kept until you delete it. ${what}`,
    }
  }
  if (first !== undefined) {
    const message = `${missing.length} of ${files.length} files could not be made whole. First: ${first.path}: ${first.message}`
    return { status: 'False', reason: 'FileFailed', message }
  }
  if (files.length === 0) return { status: 'True', reason: 'NothingRecorded', message: 'There is nothing to store.' }
  return {
    status: 'True',
    reason: 'Completed',
    message: `${files.length === 1 ? '1 file is' : `${files.length} files are`} stored in COS.`,
  }
}

const failed = (reason: NewCondition['reason'], message: string): NewCondition => ({ status: 'False', reason, message })
