/** Records that the recorder keeps on the volume beside the media (notes, ledger, events, logs): what was not kept of them, or cannot be read any more, is in the ledger. */
import type { Loss, RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { DamagedFile, DurableLines } from '../disk/durable-lines.ts'
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
  ledger.addNow({ ...ofNobody(spec), reason: 'NotKept', detail: `${what} of ${file}: ${error.message}` })
}

/** What is not on the volume of a file to which lines are added; `one` of them is a line, or an event. */
export const linesNotKept = (
  file: string,
  one: 'line' | 'event',
  { waiting, error }: Pick<DurableLines, 'waiting' | 'error'>,
): NotKept[] => (error === undefined || waiting.length === 0 ? [] : [{ file, what: countOf(waiting.length, one), error }])

/** Tells the ledger of lines that the disk has changed, once, however many attempts find them: what they said is missing wherever it is told. */
export const tellDamagedLines =
  ({ spec }: { spec: Pick<RecorderJob['spec'], 'mode'> }, ledger: Ledger, log: Logger) =>
  ({ file, lines, fromMicros, toMicros }: DamagedFile): void => {
    const detail = `${countOf(lines, 'line')} of ${file}, which the recorder keeps beside the media`
    log.error({ file, lines }, 'Lines on the volume cannot be read any more')
    if (ledger.losses.some((loss) => loss.reason === 'DiskDamaged' && loss.detail === detail)) return
    ledger.add({ ...ofNobody(spec), fromMicros, toMicros, reason: 'DiskDamaged', detail })
  }

const countOf = (count: number | 'all', one: string) => (count === 1 ? `1 ${one}` : `${count} ${one}s`)

const ofNobody = ({ mode }: Pick<RecorderJob['spec'], 'mode'>) =>
  ({
    ...{ userId: null, stream: null, medium: mode === '00' ? 'audio' : 'video' },
    ...{ frames: null, bytes: null, file: null },
  }) satisfies Partial<Loss>
