import type { LossTotals, RecordedFile, RecorderOutcome } from '@trtc-recorder/api'
import { framesMissing } from '../ledger/ledger.ts'
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

export interface Verdict {
  outcome: RecorderOutcome
  message: string
}

/** How the process ends, from how recording ended and what became of the files. The worst that can still be cured comes first. */
export function verdictOf(
  stop: Stop | undefined,
  failure: RecorderFailure | undefined,
  fates: FileFate[],
  lost: LossTotals,
): Verdict {
  if (failure !== undefined) return { outcome: failure.outcome, message: shortened(failure.message) }
  const first = (fate: Fate) => fates.find((one) => one.fate === fate)
  const count = (fate: Fate) => fates.filter((one) => one.fate === fate).length
  const roomLost = stop !== undefined && ['RoomLost', 'BrowserFailed', 'MediaUnreachable'].includes(stop.reason)
  const why = stop?.message ?? 'Recording is over'
  const verdict = (outcome: RecorderOutcome, more: string) => ({ outcome, message: shortened(`${why}. ${more}`) })

  if (stop?.reason === 'StorageFull') return verdict('StorageFull', storedMessage(fates, lost))
  const incomplete = first('incomplete')
  if (incomplete) {
    return verdict('UploadIncomplete', `${count('incomplete')} of ${fates.length} files wait on the volume; ${told(incomplete)}`)
  }
  const refused = first('refused')
  // A lost room wants another attempt, which tries to store what is left beside what it records.
  if (refused && !roomLost)
    return verdict('UploadRefused', `${count('refused')} of ${fates.length} files wait on the volume; ${told(refused)}`)
  if (roomLost) return verdict('Interrupted', storedMessage(fates, lost))
  const broken = first('broken')
  if (broken) return verdict('FileFailed', `${count('broken')} of ${fates.length} files are not whole; ${told(broken)}`)
  return verdict('Completed', storedMessage(fates, lost))
}

const told = ({ file }: FileFate) => `${file.path}: ${file.message}`

function storedMessage(fates: FileFate[], lost: LossTotals): string {
  const stored = fates.filter((one) => one.fate === 'stored').length
  const { stretches } = lost
  const missing =
    stretches === 0
      ? ''
      : `; ${framesMissing(lost)} in ${stretches === 1 ? '1 stretch' : `${stretches} stretches`} of time, see the manifest`
  if (fates.length === 0) return stretches === 0 ? 'There is no file: nobody sent anything' : `There is no file${missing}`
  if (stored < fates.length) return `${stored} of ${fates.length} files are stored${missing}`
  return (stored === 1 ? '1 file is stored' : `${stored} files are stored`) + missing
}

const shortened = (message: string) => (message.length <= 1024 ? message : `${message.slice(0, 1023)}…`)
