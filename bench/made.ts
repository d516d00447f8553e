import type { LiveCounts, LivePartName } from '@trtc-recorder/api'

/** Of which parts of spec.live a recording of so many has less than one object each: what costs nothing because it made nothing is no measurement. Pure. */
export const notMade = (parts: readonly LivePartName[], counts: readonly LiveCounts[], anchors: number): LivePartName[] =>
  parts.filter((part) => (counts.find((one) => one.part === part)?.stored ?? 0) < anchors)
