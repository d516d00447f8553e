import { checkDecoding, checkDuration, checkFormat } from './check-format.ts'
import { checkFrames } from './check-frames.ts'
import { checkGaps } from './check-gaps.ts'
import { checkIdentity } from './check-identity.ts'
import { checkSync } from './check-sync.ts'
import type { Expectation, Finding, Measures } from './expectation.ts'
import type { Media, VideoFrame } from './read-media.ts'

/** Compares a recorded file with what was sent. No findings: the file is good. */
export function checkFile(recorded: Media, expected: Expectation): { findings: Finding[]; measures: Measures } {
  const media = { ...recorded, frames: framesAsSent(recorded) }
  const frames = checkFrames(media, expected)
  const sync = checkSync(media)
  return {
    findings: [
      ...checkFormat(media, expected),
      ...checkDecoding(recorded),
      ...checkIdentity(media, expected),
      ...frames.findings,
      ...sync.findings,
      ...checkGaps(media, expected),
      ...checkDuration(media, expected),
    ],
    measures: { ...frames.measures, ...sync.measures, durationSeconds: media.durationSeconds },
  }
}

/** Where the sound began before the picture, the first picture stands at the start of the file once more than it was sent. */
export function framesAsSent({ frames, sound }: Pick<Media, 'frames' | 'sound'>): VideoFrame[] {
  const [first, second] = frames
  const isHeld = sound !== undefined && first?.ptsSeconds === 0 && first.frameNumber === second?.frameNumber
  return isHeld ? frames.slice(1) : frames
}

/** One line a file, for logs and tables. */
export function describeMeasures(measures: Measures): string {
  const { framesSent, framesRecorded, completeness, worstFrameTimeSeconds, beepsCompared, worstBeepToFlashSeconds } = measures
  const milliseconds = (seconds: number) => `${Math.round(seconds * 1000)} ms`
  return [
    `${measures.durationSeconds.toFixed(2)} s`,
    ...(framesSent === 0
      ? []
      : [
          `${framesRecorded} of ${framesSent} frames (${(completeness * 100).toFixed(2)} %), at worst ${milliseconds(worstFrameTimeSeconds)} off`,
        ]),
    ...(beepsCompared === 0
      ? []
      : [`${beepsCompared} beeps, at worst ${milliseconds(worstBeepToFlashSeconds)} from their flash`]),
  ].join(', ')
}
