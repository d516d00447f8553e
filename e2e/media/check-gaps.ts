import { expectedStreams } from './check-format.ts'
import { type Expectation, type Finding, tolerance } from './expectation.ts'
import type { Span } from './hear.ts'
import type { Media } from './read-media.ts'

/** While the user sent no picture the last one is held, while they sent no sound there is silence; and only then. */
export function checkGaps(media: Media, expected: Expectation): Finding[] {
  const streams = expectedStreams(expected)
  return [
    ...(streams.video === undefined ? [] : compare('picture', 'held', heldPictures(media), toHold(expected.videoGaps ?? []))),
    ...(streams.audio === undefined || media.sound === undefined
      ? []
      : compare('sound', 'silent', media.sound.silences, expected.audioGaps ?? [])),
  ]
}

/** Before the first picture there is none to hold. */
const toHold = (gaps: readonly Span[]) => gaps.filter((gap) => gap.startSeconds > 0)

/** Spans in which the picture did not change, longer than a missing frame or two would make. The last one is held to the file's end. */
function heldPictures({ frames, durationSeconds }: Media): Span[] {
  const held: Span[] = []
  let since = frames[0]
  for (const frame of frames) {
    if (since !== undefined && frame.frameNumber !== since.frameNumber) {
      if (frame.ptsSeconds - since.ptsSeconds > tolerance.unexpectedGapSeconds) {
        held.push({ startSeconds: since.ptsSeconds, endSeconds: frame.ptsSeconds })
      }
      since = frame
    }
  }
  if (since !== undefined && durationSeconds - since.ptsSeconds > tolerance.unexpectedGapSeconds) {
    held.push({ startSeconds: since.ptsSeconds, endSeconds: durationSeconds })
  }
  return held
}

function compare(what: 'picture' | 'sound', how: 'held' | 'silent', found: readonly Span[], gaps: readonly Span[]): Finding[] {
  const edge = tolerance.gapEdgeSeconds
  const findings: Finding[] = []
  const complain = (message: string) => findings.push({ check: 'gaps', message })
  for (const gap of gaps) {
    const kept = found.some((span) => span.startSeconds <= gap.startSeconds + edge && span.endSeconds >= gap.endSeconds - edge)
    if (!kept)
      complain(
        `${what} is not ${how} from ${show(gap)}: ${what} ${how} ${found.length === 0 ? 'nowhere' : `from ${found.map(show).join(', ')}`}`,
      )
  }
  for (const span of found) {
    const asked = gaps.some((gap) => span.startSeconds >= gap.startSeconds - edge && span.endSeconds <= gap.endSeconds + edge)
    if (!asked && span.endSeconds - span.startSeconds > tolerance.unexpectedGapSeconds) {
      complain(`${what} is ${how} from ${show(span)}, although the user was sending`)
    }
  }
  return findings
}

const show = ({ startSeconds, endSeconds }: Span) => `${startSeconds.toFixed(2)} to ${endSeconds.toFixed(2)} s`
