import type { LossTotals, RecordedFile, RecorderOutcome } from '@trtc-recorder/api'
import type { RecorderFailure } from './failure.ts'
import type { Stop } from './stop-policy.ts'

/**
 * What became of a file. `stored`: in COS, verified, whole. `broken`: there is something wrong with the media; what there is of it is in COS.
 * `incomplete`: not in COS yet. `refused`: COS will not take it. The last two wait on the volume.
 */
export type Fate = 'stored' | 'broken' | 'incomplete' | 'refused'

export interface FileFate {
  file: RecordedFile
  fate: Fate
}

export interface Ending {
  outcome: RecorderOutcome
  message: string
}

/** How the process ends, from how recording ended and what became of the files. The worst that can still be cured comes first. */
export function endingOf(
  stop: Stop | undefined,
  failure: RecorderFailure | undefined,
  fates: FileFate[],
  lost: LossTotals,
): Ending {
  if (failure !== undefined) return { outcome: failure.outcome, message: shortened(failure.message) }
  const first = (fate: Fate) => fates.find((one) => one.fate === fate)
  const count = (fate: Fate) => fates.filter((one) => one.fate === fate).length
  const roomLost = stop !== undefined && ['RoomLost', 'BrowserFailed', 'MediaUnreachable'].includes(stop.reason)
  const why = stop?.message ?? 'Recording is over'
  const ending = (outcome: RecorderOutcome, more: string) => ({ outcome, message: shortened(`${why}. ${more}`) })

  if (stop?.reason === 'StorageFull') return ending('StorageFull', storedMessage(fates, lost))
  const incomplete = first('incomplete')
  if (incomplete) {
    return ending('UploadIncomplete', `${count('incomplete')} of ${fates.length} files wait on the volume; ${told(incomplete)}`)
  }
  const refused = first('refused')
  // A lost room wants another attempt, and that attempt is refused by COS before it enters if nothing has changed there.
  if (refused && !roomLost)
    return ending('UploadRefused', `${count('refused')} of ${fates.length} files wait on the volume; ${told(refused)}`)
  if (roomLost) return ending('Interrupted', storedMessage(fates, lost))
  const broken = first('broken')
  if (broken) return ending('FileFailed', `${count('broken')} of ${fates.length} files are not whole; ${told(broken)}`)
  return ending('Completed', storedMessage(fates, lost))
}

const told = ({ file }: FileFate) => `${file.path}: ${file.message}`

function storedMessage(fates: FileFate[], lost: LossTotals): string {
  const stored = fates.filter((one) => one.fate === 'stored').length
  const missing =
    lost.stretches === 0
      ? ''
      : `; ${lost.frames} frames are missing in ${lost.stretches} ${lost.stretches === 1 ? 'stretch' : 'stretches'} of time, see the manifest`
  if (fates.length === 0) return `There is no file: nobody sent anything${missing}`
  if (stored < fates.length) return `${stored} of ${fates.length} files are stored${missing}`
  return (stored === 1 ? '1 file is stored' : `${stored} files are stored`) + missing
}

const shortened = (message: string) => (message.length <= 1024 ? message : `${message.slice(0, 1023)}…`)
