import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { DamagedFile } from '../disk/durable-lines.ts'
import type { Ledger } from './ledger.ts'

/** A record that the recorder keeps beside the media, and the volume did not take. */
export interface NotKept {
  /** The file and its folder. */
  file: string
  /** What of it is not there. */
  what: string
  error: Error
}

/** Tells the ledger of what a later attempt, or whoever reads the volume, will not find. What it says is in the manifest of this one all the same. */
export function tellNotKept({ spec }: Pick<RecorderJob, 'spec'>, ledger: Ledger, { file, what, error }: NotKept): void {
  const [now, medium] = [Date.now() * 1000, spec.mode === '00' ? ('audio' as const) : ('video' as const)]
  const unknown = { userId: null, stream: null, frames: null, bytes: null, file: null }
  const detail = `${what} of ${file}: ${error.message}`
  ledger.add({ ...unknown, medium, fromMicros: now, toMicros: now, reason: 'NotKept', detail })
}

/** Tells the ledger of lines that the disk has changed, once, however many attempts find them: what they said is missing wherever it is told. */
export const tellDamagedLines =
  ({ spec }: Pick<RecorderJob, 'spec'>, ledger: Ledger, log: Logger) =>
  ({ file, lines, fromMicros, toMicros }: DamagedFile): void => {
    const detail = `${lines === 1 ? '1 line' : `${lines} lines`} of ${file}, which the recorder keeps beside the media`
    log.error({ file, lines }, 'Lines on the volume cannot be read any more')
    if (ledger.losses.some((loss) => loss.reason === 'DiskDamaged' && loss.detail === detail)) return
    const medium = spec.mode === '00' ? ('audio' as const) : ('video' as const)
    const unknown = { userId: null, stream: null, frames: null, bytes: null, file: null }
    ledger.add({ ...unknown, medium, fromMicros, toMicros, reason: 'DiskDamaged', detail })
  }
