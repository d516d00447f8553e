import type { Medium } from '@trtc-recorder/api'
import { type Hole, touchesHole } from '../disk/holes.ts'
import type { Numbers } from '../timeline/numbers.ts'
import { readMediaIndex } from './media-index.ts'

/** Media whose bytes were given back to the volume. Times in microseconds since 1970. */
export interface ReleasedMedia {
  medium: Medium
  fromMicros: number
  toMicros: number
  frames: number
  bytes: number
}

/** What of a file lay in the holes of its body, a stretch for each medium and hole. Sound is placed by its share of the file. Rejects where the index cannot be read. */
export async function releasedMedia(
  indexPath: string,
  holes: readonly Hole[],
  { startTime, endTime }: { startTime: Date; endTime: Date },
): Promise<ReleasedMedia[]> {
  const { video, audio } = await readMediaIndex(indexPath, 'waits')
  const [start, end] = [startTime.getTime() * 1000, endTime.getTime() * 1000]
  const atFrame = (frame: number) => start + ((end - start) * frame) / Math.max(1, audio.sizes.length)
  return holes.flatMap((hole) => [
    ...stretchOf('video', hole, video.offsets.values, video.bytes.values, (at) => video.receiveTimesMicros.at(at)),
    ...stretchOf('audio', hole, audio.offsets.values, audio.sizes.values, atFrame),
  ])
}

function stretchOf(
  medium: Medium,
  hole: Hole,
  offsets: Numbers,
  sizes: Numbers,
  timeOf: (at: number) => number,
): ReleasedMedia[] {
  let stretch: ReleasedMedia | undefined
  for (let at = 0; at < sizes.length; at++) {
    if (!touchesHole([hole], offsets[at]!, offsets[at]! + sizes[at]!)) continue
    const micros = timeOf(at)
    stretch ??= { medium, fromMicros: micros, toMicros: micros, frames: 0, bytes: 0 }
    stretch.fromMicros = Math.min(stretch.fromMicros, micros)
    stretch.toMicros = Math.max(stretch.toMicros, micros)
    stretch.frames++
    stretch.bytes += sizes[at]!
  }
  return stretch === undefined ? [] : [stretch]
}
