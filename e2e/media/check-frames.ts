import { expectedStreams } from './check-format.ts'
import { type Expectation, type Finding, type Measures, type SentFrame, tolerance } from './expectation.ts'
import type { Media, VideoFrame } from './read-media.ts'

type FrameMeasures = Pick<Measures, 'framesSent' | 'framesRecorded' | 'completeness' | 'worstFrameTimeSeconds'>

/** A recorded picture and the frame it was sent as. `index` counts the frames sent. */
interface Match {
  frame: VideoFrame
  index: number
  sentMillis: number
}

/** The frames sent between the first and the last recorded one are there, each once, in order, at the time they were sent. */
export function checkFrames(media: Media, expected: Expectation): { findings: Finding[]; measures: FrameMeasures } {
  const nothing = { framesSent: 0, framesRecorded: 0, completeness: 1, worstFrameTimeSeconds: 0 }
  if (expectedStreams(expected).video === undefined) return { findings: [], measures: nothing }
  const { matches, unknown } =
    expected.sent === undefined ? matchEvenly(media.frames, expected) : matchSent(media.frames, expected.sent, expected.startTime)
  const findings: Finding[] = []
  if (unknown.length > 0) {
    const numbers = unknown.slice(0, 5).map((frame) => frame.frameNumber)
    findings.push({
      check: 'completeness',
      message: `${unknown.length} pictures show frames that were not sent: ${numbers.join(', ')} …`,
    })
  }
  if (matches.length === 0) {
    findings.push({ check: 'completeness', message: 'none of the frames sent is in the file' })
    return { findings, measures: { ...nothing, completeness: 0 } }
  }
  const timing = checkTiming(matches, expected)
  const count = checkCompleteness(matches, expected)
  return {
    findings: [...findings, ...count.findings, ...checkOrder(matches), ...timing.findings],
    measures: { ...count.measures, worstFrameTimeSeconds: timing.worst },
  }
}

/**
 * Frame numbers wrap, so each picture is the frame of its number that lies nearest to where the one before left off; the first one, to
 * where the file says it begins, or else the first of its number.
 */
function matchSent(frames: readonly VideoFrame[], sent: readonly SentFrame[], startTime: Date | undefined) {
  const indexes = new Map<number, number[]>()
  for (const [index, { frameNumber }] of sent.entries()) indexes.set(frameNumber, [...(indexes.get(frameNumber) ?? []), index])
  const matches: Match[] = []
  const unknown: VideoFrame[] = []
  for (const frame of frames) {
    if (frame.frameNumber === undefined) continue
    const previous = matches.at(-1)
    const candidates = indexes.get(frame.frameNumber) ?? []
    const expectedMillis =
      previous === undefined
        ? (startTime?.getTime() ?? Number.NEGATIVE_INFINITY) + frame.ptsSeconds * 1000
        : previous.sentMillis + (frame.ptsSeconds - previous.frame.ptsSeconds) * 1000
    const distance = (index: number) => Math.abs(sent[index]!.timeMillis - expectedMillis)
    const [first, ...rest] = candidates
    if (first === undefined) unknown.push(frame)
    else {
      const index = rest.reduce((best, next) => (distance(next) < distance(best) ? next : best), first)
      matches.push({ frame, index, sentMillis: sent[index]!.timeMillis })
    }
  }
  return { matches, unknown }
}

function matchEvenly(frames: readonly VideoFrame[], { framesPerSecond, framesInLoop }: Expectation) {
  const matches: Match[] = []
  for (const frame of frames) {
    if (frame.frameNumber === undefined) continue
    const near = matches.at(-1)?.index ?? frame.frameNumber
    const index = frame.frameNumber + Math.round((near - frame.frameNumber) / framesInLoop) * framesInLoop
    matches.push({ frame, index, sentMillis: (index * 1000) / framesPerSecond })
  }
  return { matches, unknown: [] as VideoFrame[] }
}

function checkCompleteness(matches: readonly Match[], expected: Expectation) {
  const recorded = new Set(matches.map((match) => match.index))
  const first = matches.reduce((least, { index }) => Math.min(least, index), Number.POSITIVE_INFINITY)
  const last = matches.reduce((most, { index }) => Math.max(most, index), Number.NEGATIVE_INFINITY)
  // `sent` has no frames of a gap in it; counting evenly has.
  const gapSeconds =
    expected.sent === undefined ? (expected.videoGaps ?? []).reduce((sum, gap) => sum + gap.endSeconds - gap.startSeconds, 0) : 0
  const framesSent = Math.max(recorded.size, last - first + 1 - Math.ceil(gapSeconds * expected.framesPerSecond))
  const completeness = recorded.size / framesSent
  const measures = { framesSent, framesRecorded: recorded.size, completeness }
  if (completeness >= tolerance.completeness) return { findings: [], measures }
  const missing: number[] = []
  for (let index = first; index <= last; index++) if (!recorded.has(index)) missing.push(index - first)
  const message =
    `${recorded.size} of ${framesSent} frames sent are in the file (${(completeness * 100).toFixed(2)} %, at least ` +
    `${tolerance.completeness * 100} % are needed); missing, counted from the first: ${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ' …' : ''}`
  return { findings: [{ check: 'completeness', message } satisfies Finding], measures }
}

function checkOrder(matches: readonly Match[]): Finding[] {
  const findings: Finding[] = []
  const backward = matches.filter((match, at) => at > 0 && match.index < matches[at - 1]!.index)
  const repeated = matches.filter((match, at) => at > 0 && match.index === matches[at - 1]!.index)
  const first = ([match]: readonly Match[]) =>
    `the first, number ${match!.frame.frameNumber}, at ${match!.frame.ptsSeconds.toFixed(3)} s`
  if (backward.length > 0)
    findings.push({ check: 'order', message: `${backward.length} pictures come after a later one; ${first(backward)}` })
  if (repeated.length > 0)
    findings.push({ check: 'order', message: `${repeated.length} pictures come twice in a row; ${first(repeated)}` })
  const unordered = matches.filter((match, at) => at > 0 && !(match.frame.ptsSeconds > matches[at - 1]!.frame.ptsSeconds))
  if (unordered.length > 0)
    findings.push({
      check: 'order',
      message: `${unordered.length} pictures do not come after the one before; ${first(unordered)}`,
    })
  return findings
}

/** The delay between the two clocks is the median of what is seen; every frame has to keep to it. */
function checkTiming(matches: readonly Match[], { startTime, sent }: Expectation): { findings: Finding[]; worst: number } {
  const delays = matches.map(({ frame, sentMillis }) => frame.ptsSeconds - sentMillis / 1000)
  const median = delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)]!
  const late = delays.map((delay) => Math.abs(delay - median))
  const worst = late.reduce((most, seconds) => Math.max(most, seconds), 0)
  const findings: Finding[] = []
  const off = late.filter((seconds) => seconds > tolerance.frameTimeSeconds).length
  if (off > 0) {
    const { frame } = matches[late.indexOf(worst)]!
    const message =
      `${off} of ${matches.length} frames are more than ${tolerance.frameTimeSeconds * 1000} ms off the sender's clock; at worst ` +
      `${Math.round(worst * 1000)} ms, number ${frame.frameNumber} at ${frame.ptsSeconds.toFixed(3)} s`
    findings.push({ check: 'timing', message })
  }
  if (startTime !== undefined && sent !== undefined) {
    const offset = startTime.getTime() / 1000 + median
    if (Math.abs(offset) > tolerance.startTimeSeconds) {
      const message = `begins at ${startTime.toISOString()} by its startTime, but its frames were sent ${Math.abs(offset).toFixed(3)} s ${offset > 0 ? 'before' : 'after'} that`
      findings.push({ check: 'timing', message })
    }
  }
  return { findings, worst }
}
