import { checkDecoding, checkDuration, checkFormat } from './check-format.ts'
import { checkFrames } from './check-frames.ts'
import { checkGaps } from './check-gaps.ts'
import { checkIdentity } from './check-identity.ts'
import { checkSync } from './check-sync.ts'
import type { Expectation, Finding, Measures } from './expectation.ts'
import type { Media } from './read-media.ts'

/** Compares a recorded file with what was sent. No findings: the file is good. */
export function checkFile(media: Media, expected: Expectation): { findings: Finding[]; measures: Measures } {
  const frames = checkFrames(media, expected)
  const sync = checkSync(media)
  return {
    findings: [
      ...checkFormat(media, expected),
      ...checkDecoding(media),
      ...checkIdentity(media, expected),
      ...frames.findings,
      ...sync.findings,
      ...checkGaps(media, expected),
      ...checkDuration(media, expected),
    ],
    measures: { ...frames.measures, ...sync.measures, durationSeconds: media.durationSeconds },
  }
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
