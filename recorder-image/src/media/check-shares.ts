import { aac } from './audio-format.ts'
import type { Mp4Track } from './mp4-head.ts'

/** Share of a track's time in which one picture was held for more than a second. */
export function frozenShare({ starts, end, timescale }: Mp4Track): number {
  let held = 0
  for (let at = 0; at < starts.length; at++) {
    const step = (starts[at + 1] ?? end) - starts[at]!
    if (step > timescale) held += step
  }
  return rounded(end === 0 ? 0 : held / end)
}

/** Share of AAC that is digital silence: the encoder has one frame for it, and none is shorter. */
export function silentShare({ sizes }: Mp4Track): number {
  const silent = sizes.reduce((sum, bytes) => sum + (bytes <= aac.silentFrame.length ? 1 : 0), 0)
  return rounded(sizes.length === 0 ? 0 : silent / sizes.length)
}

export const rounded = (share: number) => Math.round(share * 1000) / 1000
