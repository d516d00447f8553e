import type { SentSpan } from '../../sandbox/src/room/index.ts'
import { type Expectation, tolerance } from './expectation.ts'
import type { Span } from './hear.ts'

/** What a file must hold, by what the room says it sent: frames and when, and the spans in which nothing was sent. */
export function expectationOfSent(
  spans: readonly SentSpan[],
  file: { startTime: string; durationSeconds: number; stream: 'main' | 'aux' },
): Pick<Expectation, 'sent' | 'framesPerSecond' | 'framesInLoop' | 'videoGaps' | 'audioGaps'> {
  const start = Date.parse(file.startTime)
  const video = spans.filter((span) => span.track === (file.stream === 'main' ? 'video' : 'aux'))
  const [first] = video
  return {
    framesPerSecond: first === undefined ? 1 : Math.round(1000 / first.intervalMillis),
    framesInLoop: first?.clipFrames ?? 1,
    ...(first === undefined ? {} : { sent: framesOf(video) }),
    // Before the first picture there is none to be held.
    videoGaps: gapsOf(video, start, file.durationSeconds).filter(({ startSeconds }) => startSeconds > 0),
    audioGaps: gapsOf(
      spans.filter((span) => span.track === 'audio'),
      start,
      file.durationSeconds,
    ),
  }
}

const framesOf = (spans: readonly SentSpan[]) =>
  spans.flatMap(({ epochMillis, intervalMillis, first, last, clipFrames }) =>
    Array.from({ length: last - first + 1 }, (_, index) => ({
      frameNumber: (first + index) % clipFrames,
      timeMillis: epochMillis + (first + index) * intervalMillis,
    })),
  )

/** Pauses of the sender inside the file, in file time. Short ones are no gap to anybody who watches. */
function gapsOf(spans: readonly SentSpan[], startMillis: number, durationSeconds: number): Span[] {
  const fileTime = (span: SentSpan, number: number) => (span.epochMillis + number * span.intervalMillis - startMillis) / 1000
  const gaps: Span[] = []
  let end = 0
  for (const span of spans) {
    const [from, to] = [fileTime(span, span.first), fileTime(span, span.last + 1)]
    if (to <= 0) continue
    if (from >= durationSeconds) break
    if (from - end > tolerance.unexpectedGapSeconds) gaps.push({ startSeconds: end, endSeconds: from })
    end = Math.max(end, to)
  }
  if (spans.length > 0 && durationSeconds - end > tolerance.unexpectedGapSeconds)
    gaps.push({ startSeconds: end, endSeconds: durationSeconds })
  return gaps
}
