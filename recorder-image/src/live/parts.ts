import type { RecorderJob } from '@trtc-recorder/api'
import type { LiveObjects } from './live-objects.ts'
import type { LivePart, LiveRoom } from './part.ts'
import { SlicesPart } from './slices/slices-part.ts'

export interface LivePartContext {
  job: RecorderJob
  objects: LiveObjects
  room: LiveRoom
}

/** The parts that a job asks for. */
export function liveParts({ job, objects }: LivePartContext): LivePart[] {
  const { audioSlices } = job.spec.live
  return [...(audioSlices === undefined ? [] : [new SlicesPart(audioSlices, objects)])]
}
