import type { TimelineEvent } from '@trtc-recorder/api'
import type { Presentation, PresentationGap } from '../timeline/presentation.ts'
import type { MediaFileIdentity } from './media-file.ts'
import type { MediaIndex } from './media-index.ts'
import type { VideoConfig } from './video-codec.ts'

/** A track that begins later than the other by no more than this is not worth an entry. */
const beginningMinMicros = 100_000

/** Gaps, at the beginning too, and changes of size. */
export function eventsOf({ userId, stream }: MediaFileIdentity, presentation: Presentation, index: MediaIndex): TimelineEvent[] {
  const of = { userId, stream }
  const gaps: TimelineEvent[] = [...beginningsOf(presentation), ...presentation.gaps].map(({ kind, startMicros, seconds }) => ({
    ...{ time: time(startMicros), ...of, event: 'gap' as const, kind, seconds: Math.round(seconds * 1000) / 1000 },
  }))
  return [...gaps, ...sizesOf(presentation, index).map((size) => ({ ...of, ...size }))].sort((a, b) =>
    a.time.localeCompare(b.time),
  )
}

/** Pictures or sound that came later than the other: the first picture is shown, or silence heard, from the start of the file on. */
function beginningsOf({ startMicros, video, audio }: Presentation): PresentationGap[] {
  const late = (kind: 'audio' | 'video', micros = startMicros) => ({
    kind,
    startMicros,
    seconds: (micros - startMicros) / 1_000_000,
  })
  return [late('video', video?.startMicros), late('audio', audio?.startMicros)].filter(
    ({ seconds }) => seconds * 1_000_000 > beginningMinMicros,
  )
}

/** Each change of the pictures' size. */
function sizesOf({ video }: Presentation, index: MediaIndex) {
  const changes: { time: string; event: 'resolution'; width: number; height: number }[] = []
  // Looking at each picture takes time that grows with them.
  if (index.configs.length < 2) return changes
  let last: VideoConfig | undefined
  for (let at = 0; at < (video?.samples.length ?? 0); at++) {
    const config = index.configs[index.video.configs.at(video!.samples[at]!)]!
    if (last !== undefined && (last.width !== config.width || last.height !== config.height)) {
      const { width, height } = config
      changes.push({ time: time(video!.startMicros + video!.ticks[at]! / 0.09), event: 'resolution', width, height })
    }
    last = config
  }
  return changes
}

const time = (micros: number) => new Date(Math.round(micros / 1000)).toISOString()
