import {
  type FileCheck,
  keyPrefix,
  type Loss,
  type ManifestFile,
  type RecorderJob,
  type RecorderProgress,
  type Stream,
} from '@trtc-recorder/api'
import { framesMissing, isMissing, type Ledger, secondsOf, totalsOf } from '../ledger/ledger.ts'
import type { FinishedMedia, SalvagedMediaFile } from '../media/media-file.ts'
import { objectUrl } from '../store/object-url.ts'
import type { Upload } from '../store/upload.ts'
import { timesTold } from '../timeline/time-table.ts'
import type { Fate } from './outcome.ts'

/** What became of a file, with what the manifest says of it. */
export interface KeptFile {
  fate: Fate
  file: ManifestFile
}

/** Whose a file is, and since when. */
export interface FileOrigin {
  name: string
  userId: string
  stream: Stream
  attempt: number
  /** From 1 on: which of the files that one stream became. */
  part: number
  openedMicros: number
}

/** A file from its first frame, or from when it was found on the volume, until it is dealt with. */
export interface Keeping {
  origin: FileOrigin
  state: RecorderProgress['files'][number]['state']
  /** Media and its upload; undefined of what an earlier attempt left and nobody has looked at yet. */
  content: { media: SalvagedMediaFile; upload: Upload } | undefined
  finished: FinishedMedia | undefined
  /** Settles when the file is dealt with; with undefined where there was nothing in it. Never rejects. */
  dealtWith: Promise<KeptFile | undefined>
}

/** What is said of a file that is not in COS, or not yet. */
export function describe({ origin, content, finished }: Keeping, { spec }: RecorderJob, ledger: Ledger): ManifestFile {
  const { name, userId, stream, attempt, part, openedMicros } = origin
  const path = keyPrefix(spec.cos.path) + name
  const told = ledger.lossesOf(name)
  const losses = told.filter(isMissing)
  const { frames: lostFrames, framesAre: lostFramesAre } = totalsOf(losses)
  const startTime = (finished?.startTime ?? new Date(openedMicros / 1000)).toISOString()
  return {
    userId,
    stream,
    path,
    url: objectUrl(spec.cos, path),
    status: 0,
    message: limited(finished?.problem ?? messageOf(told, finished?.check)),
    bytes: finished ? finished.head.bytes + finished.bodyBytes : (content?.media.bodyBytes ?? 0),
    durationSeconds: Math.round((finished?.durationSeconds ?? 0) * 1000) / 1000,
    startTime,
    endTime: finished?.endTime.toISOString() ?? startTime,
    attempt,
    part,
    lostFrames,
    ...(lostFramesAre === undefined ? {} : { lostFramesAre }),
    lostSeconds: secondsOf(losses),
    clockSource: 'arrival',
    clockErrorMs: finished?.clockErrorMs ?? null,
    times: timesTold(finished?.times ?? []),
    check: finished?.check ?? null,
    crc64: '',
    ...(finished?.video ? { video: finished.video } : {}),
    ...(finished?.audio ? { audio: finished.audio } : {}),
  }
}

/** What a whole file says of itself. */
function messageOf(told: readonly Loss[], check: FileCheck | null | undefined): string {
  const unproven = told.filter(({ reason }) => reason === 'Unproven').reduce((sum, { frames }) => sum + (frames ?? 0), 0)
  const disturbed = unproven === 0 ? '' : `; ${unproven} pictures may show disturbed`
  const unchecked = `${disturbed}${check?.result === 'Unchecked' ? `; not all of it was checked: ${check.detail}` : ''}`
  const losses = told.filter(isMissing)
  if (losses.length === 0) return `ok${unchecked}`
  const reasons = [...new Set(losses.map(({ reason }) => reason))].join(', ')
  return `ok, but ${framesMissing(totalsOf(losses))} in ${secondsOf(losses)} s: ${reasons}${unchecked}`
}

export const limited = (message: string) => (message.length <= 512 ? message : `${message.slice(0, 511)}…`)
