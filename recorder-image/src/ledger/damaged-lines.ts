import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { DamagedFile } from '../disk/durable-lines.ts'
import type { Ledger } from './ledger.ts'

/** Tells the ledger of lines that the disk has changed, once, however many attempts find them: what they said is missing wherever it is told. */
export const tellDamagedLines =
  ({ spec }: Pick<RecorderJob, 'spec'>, ledger: Ledger, log: Logger) =>
  ({ file, lines, fromMicros, toMicros }: DamagedFile): void => {
    const detail = `${lines} lines of ${file}, which the recorder keeps beside the media`
    log.error({ file, lines }, 'Lines on the volume cannot be read any more')
    if (ledger.losses.some((loss) => loss.reason === 'DiskDamaged' && loss.detail === detail)) return
    const medium = spec.mode === '00' ? ('audio' as const) : ('video' as const)
    const unknown = { userId: null, stream: null, frames: null, bytes: null, file: null }
    ledger.add({ ...unknown, medium, fromMicros, toMicros, reason: 'DiskDamaged', detail })
  }
