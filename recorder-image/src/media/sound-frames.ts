import type { Stretch } from '../timeline/cuts.ts'
import type { AudioPresentation } from '../timeline/presentation.ts'
import type { SoundKind } from './audio-format.ts'
import type { AudioColumns } from './media-columns.ts'

/** Where on the axis what a decoder gives of a frame begins; of the one after the last, where that ends. */
export function axisOfFrame({ axisStarts, axisEnd }: AudioColumns, { format, primingSamples }: SoundKind, frame: number): number {
  if (format === undefined) return frame < axisStarts.length ? axisStarts.at(frame) : axisEnd
  // Frame n of AAC holds the axis from n · 1024 − 1024 on; the first one of all is priming, which the edit leaves out.
  return frame * format.samplesPerFrame - primingSamples
}

/** The cuts as far as they are whole frames of sound, which then are left out: so sound and pictures are cut alike. */
export function alignedToFrames(
  cuts: readonly Stretch[],
  { startMicros, place }: AudioPresentation,
  frames: AudioColumns,
  sound: SoundKind,
): Stretch[] {
  const count = frames.sizes.length
  const wall = (frame: number) => startMicros + place(axisOfFrame(frames, sound, frame)) / 0.048
  const endMicros = wall(count)
  let frame = 0
  return cuts.flatMap(({ fromMicros, toMicros }) => {
    // There is no sound yet, or none any more.
    if (toMicros <= startMicros || fromMicros >= endMicros) return [{ fromMicros, toMicros }]
    while (frame < count && wall(frame) < fromMicros) frame++
    const first = wall(frame)
    while (frame < count && wall(frame + 1) <= toMicros) frame++
    const last = wall(frame)
    return last > first ? [{ fromMicros: first, toMicros: last }] : []
  })
}

/** Where each frame begins, in samples of the wall clock since the start of the sound, and where the last one ends. */
export function placesOfFrames({ place }: AudioPresentation, frames: AudioColumns, sound: SoundKind): Float64Array {
  const places = new Float64Array(frames.sizes.length + 1)
  for (let frame = 0; frame < places.length; frame++) places[frame] = place(axisOfFrame(frames, sound, frame))
  return places
}

/** Numbers of the frames that take any time, and are there. */
export function framesKept(places: Float64Array, { sizes }: AudioColumns): Uint32Array {
  const kept = new Uint32Array(sizes.length)
  let count = 0
  for (let frame = 0; frame < sizes.length; frame++) {
    if (places[frame + 1]! - places[frame]! >= 1 && sizes.at(frame) > 0) kept[count++] = frame
  }
  return kept.subarray(0, count)
}
