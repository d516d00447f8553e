import { expectedStreams } from './check-format.ts'
import { type Expectation, type Finding, tolerance } from './expectation.ts'
import { markOf, pitchHzOf } from './pattern.ts'
import type { Media } from './read-media.ts'

/** Everything that can be seen and heard in the file is this user's. */
export function checkIdentity(media: Media, expected: Expectation): Finding[] {
  const streams = expectedStreams(expected)
  return [
    ...(streams.video === undefined ? [] : checkPictures(media, expected)),
    ...(streams.audio === undefined ? [] : checkTones(media, expected.userId)),
  ]
}

function checkPictures({ frames }: Media, { userId, stream = 'main' }: Expectation): Finding[] {
  const own = markOf(userId, stream)
  const findings: Finding[] = []
  const complain = (message: string) => findings.push({ check: 'identity', message })
  if (frames.length === 0) complain('has no picture')
  const unreadable = frames.filter((frame) => frame.frameNumber === undefined)
  if (unreadable.length > 0) {
    complain(
      `${unreadable.length} of ${frames.length} pictures have no readable bar code, the first at ${at(unreadable[0]!.ptsSeconds)}`,
    )
  }
  const strangers = frames.filter((frame) => frame.userMark !== undefined && frame.userMark !== own)
  if (strangers.length > 0) {
    const { userMark: mark, ptsSeconds } = strangers[0]!
    complain(
      `${strangers.length} of ${frames.length} pictures are not ${userId}'s, the first at ${at(ptsSeconds)} (mark ${mark}, not ${own})`,
    )
  }
  return findings
}

function checkTones({ sound }: Media, userId: string): Finding[] {
  const findings: Finding[] = []
  const complain = (message: string) => findings.push({ check: 'identity', message })
  const own = pitchHzOf(userId)
  const pitches = sound?.pitches ?? []
  if (pitches.length === 0) complain('has no tone of anybody')
  for (const pitch of pitches) {
    const where = `from ${at(pitch.startSeconds)} to ${at(pitch.endSeconds)}`
    if (Math.abs(pitch.hertz - own) > tolerance.pitchHertz) {
      complain(`sounds at ${pitch.hertz.toFixed(0)} Hz ${where}; ${userId}'s tone is ${own} Hz`)
    } else if (pitch.othersDecibels > tolerance.otherPitchDecibels) {
      complain(
        `has a second tone of ${pitch.othersHertz.toFixed(0)} Hz, ${pitch.othersDecibels.toFixed(0)} dB against ${userId}'s, ${where}`,
      )
    }
  }
  return findings
}

const at = (seconds: number) => `${seconds.toFixed(3)} s`
