import type { TimelineEvent } from '@trtc-recorder/api'
import type { Presentation } from '../timeline/presentation.ts'
import { pictureSize } from './annexb.ts'
import type { MediaFileIdentity } from './media-file.ts'
import type { MediaIndex } from './media-index.ts'

/** Gaps and changes of size. */
export function eventsOf({ userId, stream }: MediaFileIdentity, presentation: Presentation, index: MediaIndex): TimelineEvent[] {
  const of = { userId, stream }
  const gaps: TimelineEvent[] = presentation.gaps.map(({ kind, startMicros, seconds }) => ({
    ...{ time: time(startMicros), ...of, event: 'gap' as const, kind, seconds: Math.round(seconds * 1000) / 1000 },
  }))
  const { video } = presentation
  const sizes: TimelineEvent[] = []
  let last = ''
  for (const config of video === undefined ? [] : index.configs) {
    const size = pictureSize(config.sps)
    const at = video!.samples.indexOf(config.firstSample)
    const before = last
    last = `${size.width}x${size.height}`
    if (at === -1 || before === '' || before === last) continue
    sizes.push({ time: time(video!.startMicros + video!.ticks[at]! / 0.09), ...of, event: 'resolution', ...size })
  }
  return [...gaps, ...sizes].sort((a, b) => a.time.localeCompare(b.time))
}

const time = (micros: number) => new Date(Math.round(micros / 1000)).toISOString()
