import { join } from 'node:path'
import type { RecorderJob } from '@trtc-recorder/api'
import type { ReceiverPolicy } from '@trtc-recorder/api/receivers'
import type { Logger } from 'pino'
import type { OnDamagedFile } from '../disk/durable-lines.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { findFfmpeg } from '../media/ffmpeg.ts'
import { HlsPart } from './hls/hls-part.ts'
import type { LiveObjects } from './live-objects.ts'
import type { LivePart, LiveRoom } from './part.ts'
import { PcmPart } from './pcm/pcm-part.ts'
import { SlicesPart } from './slices/slices-part.ts'
import { StillQueue } from './stills/still-queue.ts'
import { StillsPart } from './stills/stills-part.ts'

export interface LivePartContext {
  job: RecorderJob
  objects: LiveObjects
  room: LiveRoom
  /** Folder on the volume for what a later attempt has to know, or what waits. */
  directory: string
  /** What is sent as the header Authorization with live sound. */
  pcmAuthorization(): Promise<string | undefined>
  /** Whom live sound may be sent to. */
  receivers: ReceiverPolicy
  /** Told of lines on the volume that the disk has changed. */
  onDamagedLines: OnDamagedFile
  ledger: Ledger
  log: Logger
}

/** The parts that a job asks for. */
export function liveParts(context: LivePartContext): LivePart[] {
  const {
    job,
    objects,
    room,
    directory,
    pcmAuthorization: authorization,
    receivers: policy,
    onDamagedLines,
    ledger,
    log,
  } = context
  const { audioSlices, stills, hls, pcm } = job.spec.live
  const pcmDirectory = join(directory, 'pcm')
  return [
    ...(audioSlices === undefined ? [] : [new SlicesPart(audioSlices, objects)]),
    ...(stills === undefined ? [] : [new StillsPart(stills, objects, room, new StillQueue(findFfmpeg()))]),
    ...(hls === undefined ? [] : [new HlsPart(hls, { job, objects, room, directory, onDamagedLines, ledger, log })]),
    ...(pcm === undefined
      ? []
      : [new PcmPart({ job, pcm, directory: pcmDirectory, policy, authorization, onDamagedLines, ledger, log })]),
  ]
}
