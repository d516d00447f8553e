import {
  type Attempt,
  type RecordingStatus,
  type RecordingVolume,
  type StopReason,
  type TroubleWord,
  troubleOf,
} from '@trtc-recorder/api'
import { mostFailuresInARow } from './attempts.ts'
import type { NewCondition } from './conditions.ts'
import { stopMeaning } from './failure-policy.ts'
import { hasEntered, holding, lost, volumeState } from './stage.ts'

export interface Conclusion {
  succeeded: NewCondition
  stored: NewCondition
}

/** Stop reasons that no recording should end with. */
const abnormal: readonly string[] = [
  'NeverStarted',
  'RoomLost',
  'BrowserFailed',
  'MediaUnreachable',
  'StorageFull',
] satisfies StopReason[]

/** What a recording that is over comes to, from its status alone. */
export function conclude(status: RecordingStatus, stopReason: string): Conclusion {
  const { attempts = [], files = [], fileCount = files.length } = status
  const stored = storedCondition(status)
  const fatal = attempts.findLast(({ reason }) => isFatal(reason))
  if (fatal !== undefined) return { succeeded: failed(troubleOf(fatal.reason).condition, fatal.message ?? ''), stored }
  if (stored.status === 'False') return { succeeded: stored, stored }
  const unreachable = attempts.findLast(({ reason }) => reason === 'MediaUnreachable')
  if (unreachable !== undefined && files.length === 0)
    return { succeeded: failed('MediaUnreachable', unreachable.message ?? ''), stored }
  if (abnormal.includes(stopReason)) {
    const last = attempts.findLast(({ reason }) => reason !== 'Completed')
    const message = `The recorder failed ${mostFailuresInARow} times in a row without getting into the room. Last: ${last?.reason}: ${last?.message}`
    return { succeeded: failed('AttemptsExhausted', message), stored }
  }
  const ended = stopMeaning(stopReason)
  if (!hasEntered(status)) {
    const message = `The recording was ended before the recorder entered the room. ${ended}`
    return { succeeded: { status: 'True', reason: 'StoppedBeforeStart', message }, stored }
  }
  if (fileCount === 0) {
    return { succeeded: { status: 'True', reason: 'NothingRecorded', message: `${ended} Nobody published anything.` }, stored }
  }
  return { succeeded: { status: 'True', reason: 'Completed', message: `${ended} ${stored.message}` }, stored }
}

/** An attempt that ended the recording for good by itself, and not well. */
const isFatal = (reason: string | undefined) => {
  const trouble = troubleOf(reason)
  return trouble.next === 'over' && !['Completed', 'FileFailed', 'UploadIncomplete'].includes(trouble.condition)
}

/** Whether everything is in COS, or what is missing and where it is. The worst comes first. */
function storedCondition({
  attempts = [],
  files = [],
  fileCount = files.length,
  volumes = [],
  manifestUrl,
}: RecordingStatus): NewCondition {
  const missing = files.filter((file) => file.status === 0)
  const first = missing[0] === undefined ? '' : `First: ${missing[0].path}: ${missing[0].message}`
  const [gone] = lost(volumes)
  if (gone !== undefined) {
    const message = `PersistentVolumeClaim ${gone.name} is gone with what was not in COS: ${whatIn(gone)}. ${first}`.trim()
    return { status: 'False', reason: 'VolumeLost', message }
  }
  const [held] = holding(volumes)
  if (held !== undefined) return unstored(held, attempts, manifestUrl, first)
  if (missing.length > 0) {
    const message = `${missing.length} of ${fileCount} files could not be made whole. ${first}`
    return { status: 'False', reason: 'FileFailed', message }
  }
  if (fileCount === 0) return { status: 'True', reason: 'NothingRecorded', message: 'There is nothing to store.' }
  return {
    status: 'True',
    reason: 'Completed',
    message: `${fileCount === 1 ? '1 file is' : `${fileCount} files are`} stored in COS.`,
  }
}

function unstored(
  held: RecordingVolume,
  attempts: readonly Attempt[],
  manifestUrl: string | undefined,
  first: string,
): NewCondition {
  const last = attempts.findLast(({ endTime }) => endTime !== undefined)
  const kept = `PersistentVolumeClaim ${held.name} is kept until you delete it.`
  const state = volumeState(held)
  if (last?.reason === ('NamespaceTerminating' satisfies TroubleWord)) {
    const message = `What is left on PersistentVolumeClaim ${held.name} cannot be uploaded any more. ${last.message}`
    return { status: 'False', reason: 'UploadIncomplete', message }
  }
  if (state.is === 'holding' && state.givenUp) {
    return { status: 'False', reason: 'GivenUp', message: `Given up, as the annotation asked: ${whatIn(held)}. ${kept}` }
  }
  const why = first === '' ? (last?.message ?? '') : first
  switch (troubleOf(last?.reason).condition) {
    case 'ResultUnknown': {
      const where =
        manifestUrl === undefined ? 'A manifest in COS lists the files, if there is one.' : `${manifestUrl} lists the files.`
      return { status: 'False', reason: 'ResultUnknown', message: `What was recorded is not known here. ${where} ${kept} ${why}` }
    }
    case 'StorageRefused':
      return { status: 'False', reason: 'StorageRefused', message: `Not all that was recorded is in COS. ${kept} ${why}` }
    default:
      return { status: 'False', reason: 'UploadIncomplete', message: `Not all that was recorded is in COS. ${kept} ${why}` }
  }
}

const whatIn = ({ holds = 'what was recorded' }: RecordingVolume) => lowerFirst(holds)
const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)

const failed = (reason: NewCondition['reason'], message: string): NewCondition => ({ status: 'False', reason, message })
