/** What wall time a time in a file is, in microseconds since 1970. */
export interface TimePoint {
  mediaSeconds: number
  wallMicros: number
}

/** As a manifest tells it. */
export const timesTold = (points: readonly TimePoint[]): { mediaSeconds: number; time: string }[] =>
  points.map(({ mediaSeconds, wallMicros }) => ({
    mediaSeconds: Math.round(mediaSeconds * 1000) / 1000,
    time: new Date(Math.round(wallMicros / 1000)).toISOString(),
  }))

const toleranceMicros = 1_000

/**
 * So few of the points that straight lines between them pass all others within a millisecond. Times rise; two points of one time in the file
 * are a cut, and both stay.
 */
export function thinned(points: readonly TimePoint[]): TimePoint[] {
  const [first] = points
  if (first === undefined) return []
  const kept = [first]
  let anchor = first
  let before = first
  // Slopes from the anchor that pass all points since.
  let [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const point of points.slice(1)) {
    if (point.mediaSeconds <= before.mediaSeconds) {
      if (point.wallMicros - before.wallMicros <= toleranceMicros) continue
      if (before !== anchor) kept.push(before)
      kept.push(point)
      anchor = before = point
      ;[least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
      continue
    }
    const slope = slopeOf(anchor, point, 0)
    if (slope < least || slope > most) {
      kept.push(before)
      anchor = before
      least = slopeOf(anchor, point, -toleranceMicros)
      most = slopeOf(anchor, point, toleranceMicros)
    } else {
      least = Math.max(least, slopeOf(anchor, point, -toleranceMicros))
      most = Math.min(most, slopeOf(anchor, point, toleranceMicros))
    }
    before = point
  }
  return before === kept.at(-1) ? kept : [...kept, before]
}

const slopeOf = (from: TimePoint, to: TimePoint, moreMicros: number) =>
  (to.wallMicros + moreMicros - from.wallMicros) / (to.mediaSeconds - from.mediaSeconds)
