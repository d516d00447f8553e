import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { findFfmpeg } from '../media/ffmpeg.ts'
import { HlsPart } from './hls/hls-part.ts'
import type { LiveObjects } from './live-objects.ts'
import type { LivePart, LiveRoom } from './part.ts'
import { SlicesPart } from './slices/slices-part.ts'
import { StillQueue } from './stills/still-queue.ts'
import { StillsPart } from './stills/stills-part.ts'

export interface LivePartContext {
  job: RecorderJob
  objects: LiveObjects
  room: LiveRoom
  /** Folder on the volume for what a later attempt has to know. */
  directory: string
  log: Logger
}

/** The parts that a job asks for. */
export function liveParts({ job, objects, room, directory, log }: LivePartContext): LivePart[] {
  const { audioSlices, stills, hls } = job.spec.live
  return [
    ...(audioSlices === undefined ? [] : [new SlicesPart(audioSlices, objects)]),
    ...(stills === undefined ? [] : [new StillsPart(stills, objects, room, new StillQueue(findFfmpeg()))]),
    ...(hls === undefined ? [] : [new HlsPart(hls, { job, objects, room, directory, log })]),
  ]
}
