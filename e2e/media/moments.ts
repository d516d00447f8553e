/**
 * What a user sent, moment by moment, and whether each is in their files: it has to be there, may be, or must not. After LiveKit's content checks,
 * with a verdict on every picture instead of one a second. Pure.
 */
import type { SentSpan } from '../../sandbox/src/room/index.ts'
import type { Span } from './hear.ts'
import { pattern } from './pattern.ts'
import type { Media, VideoFrame } from './read-media.ts'

/** A stretch of wall time, in milliseconds since 1970. */
export interface Stretch {
  from: number
  to: number
}

/** A picture or a beep that was sent. What was not sent is forbidden. */
export interface Moment {
  verdict: 'required' | 'optional'
  wallMillis: number
  /** Number in the picture; 0 for beeps. */
  number: number
  /** Counts the spans: within one the sender's clock ran on. */
  span: number
}

export interface Terms {
  /** What of a span is required: what was sent within this. */
  windowOf: (span: SentSpan) => Stretch
  /** How many frames at either end of a span may be there or not: with B frames it is not said which were sent. */
  edgeFrames: number
}

export const millisOf = ({ epochMillis, intervalMillis }: SentSpan, number: number) => epochMillis + number * intervalMillis

export function pictureMoments(spans: readonly SentSpan[], { windowOf, edgeFrames }: Terms): Moment[] {
  return spans.flatMap((span, at) => {
    const window = windowOf(span)
    const moments: Moment[] = []
    for (let number = span.first - edgeFrames; number <= span.last + edgeFrames; number++) {
      const wallMillis = millisOf(span, number)
      const isEdge = number < span.first + edgeFrames || number > span.last - edgeFrames
      const isRequired = !isEdge && wallMillis >= window.from && wallMillis <= window.to
      moments.push({ verdict: isRequired ? 'required' : 'optional', wallMillis, number: number % span.clipFrames, span: at })
    }
    return moments
  })
}

/** One each full second, from when it was sent: required if all of it was, optional if some of it was. */
export function beepMoments(spans: readonly SentSpan[], { windowOf }: Pick<Terms, 'windowOf'>): Moment[] {
  const beepMillis = pattern.beepSeconds * 1000
  return spans.flatMap((span, at) => {
    const window = windowOf(span)
    const [from, to] = [millisOf(span, span.first), millisOf(span, span.last + 1)]
    const moments: Moment[] = []
    for (let wallMillis = Math.floor(from / 1000) * 1000; wallMillis < to; wallMillis += 1000) {
      if (wallMillis + beepMillis <= from) continue
      const isWhole = wallMillis >= from && wallMillis + beepMillis <= to
      const isRequired = isWhole && wallMillis >= window.from && wallMillis + beepMillis <= window.to
      moments.push({ verdict: isRequired ? 'required' : 'optional', wallMillis: Math.max(wallMillis, from), number: 0, span: at })
    }
    return moments
  })
}

/** Something seen or heard in a file, and when that was by what the manifest says of the file. */
export interface Seen {
  wallMillis: number
  ptsMillis: number
  number: number
}

export interface Matched {
  seen: Seen
  moment: Moment
}

export interface Comparison {
  matched: Matched[]
  missing: Moment[]
  /** What was never sent, or comes again. */
  forbidden: Seen[]
}

/** Further away than this it is something else with the same number. */
const farthestMillis = 900

/** Each thing seen is the moment of its number that lies nearest by the wall clock. */
export function compare(moments: readonly Moment[], seen: readonly Seen[]): Comparison {
  const byNumber = Map.groupBy(moments, ({ number }) => number)
  const taken = new Set<Moment>()
  const matched: Matched[] = []
  const forbidden: Seen[] = []
  for (const one of seen) {
    const distance = (moment: Moment) => Math.abs(moment.wallMillis - one.wallMillis)
    const nearest = (byNumber.get(one.number) ?? []).reduce<Moment | undefined>(
      (best, moment) => (best === undefined || distance(moment) < distance(best) ? moment : best),
      undefined,
    )
    if (nearest === undefined || distance(nearest) > farthestMillis || taken.has(nearest)) forbidden.push(one)
    else {
      taken.add(nearest)
      matched.push({ seen: one, moment: nearest })
    }
  }
  return { matched, missing: moments.filter((moment) => moment.verdict === 'required' && !taken.has(moment)), forbidden }
}

/** Where it lies farthest from where it was sent, in milliseconds; 0 where there is nothing. */
export const farthest = (matched: readonly Matched[]): number =>
  matched.reduce((most, { seen, moment }) => Math.max(most, Math.abs(seen.wallMillis - moment.wallMillis)), 0)

/** Of beeps, those whose beginning is in the file: what a file begins in the middle of is heard from there on. */
export const begunInFile = (matched: readonly Matched[]): Matched[] =>
  matched.filter(({ seen }) => seen.ptsMillis >= pattern.beepSeconds * 1000)

/**
 * How far anything lies from the straight line of its sender's clock, in milliseconds, at worst. A recorder may follow the drift of a clock, so the
 * line may rise a little; it may not bend or step while the clock ran on.
 */
export function unevenness(matched: readonly Matched[]): number {
  let worst = 0
  for (const one of Map.groupBy(matched, ({ moment }) => moment.span).values()) {
    const points = one.map(({ seen, moment }) => ({ x: moment.wallMillis, y: seen.ptsMillis - moment.wallMillis }))
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value / values.length, 0)
    const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))]
    const across = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0)
    const slope = across === 0 ? 0 : points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / across
    for (const point of points) worst = Math.max(worst, Math.abs(point.y - y - slope * (point.x - x)))
  }
  return worst
}

/** What the manifest says of a file's place on the wall clock. */
export interface PlacedFile {
  startTime: string
  times: readonly { mediaSeconds: number; time: string }[]
}

/** Wall time of a time in a file: straight lines between the points of its table, which go on beyond its ends as time does. */
export function wallMillisIn({ startTime, times }: PlacedFile, mediaSeconds: number): number {
  const points = times.map(({ mediaSeconds, time }) => ({ at: mediaSeconds, millis: Date.parse(time) }))
  const after = points.findIndex(({ at }) => at >= mediaSeconds)
  const [first] = points
  if (first === undefined) return Date.parse(startTime) + mediaSeconds * 1000
  if (after === -1 || after === 0) {
    const end = after === 0 ? first : points.at(-1)!
    return end.millis + (mediaSeconds - end.at) * 1000
  }
  const [left, right] = [points[after - 1]!, points[after]!]
  return left.millis + ((mediaSeconds - left.at) / (right.at - left.at)) * (right.millis - left.millis)
}

export const seenPictures = (file: PlacedFile, frames: readonly VideoFrame[]): Seen[] =>
  frames.map(({ ptsSeconds, frameNumber }) => ({
    wallMillis: wallMillisIn(file, ptsSeconds),
    ptsMillis: ptsSeconds * 1000,
    number: frameNumber ?? Number.NaN,
  }))

export const heardBeeps = (file: PlacedFile, { sound }: Pick<Media, 'sound'>): Seen[] =>
  (sound?.beeps ?? []).map((beep) => ({ wallMillis: wallMillisIn(file, beep), ptsMillis: beep * 1000, number: 0 }))

/** Encoders smear the edges of sound over a frame of theirs. */
const smearMillis = 25

/** The tone after a beep begins in what the encoder had no bits for, whether all of the beep is there or not. */
function isBesideBeep({ from, to }: Stretch): boolean {
  const beepEnd = Math.floor(from / 1000) * 1000 + pattern.beepSeconds * 1000
  return from > beepEnd - smearMillis && to < beepEnd + smearMillis
}

/** Holes in the sound of a file where its user was sending, as stretches of wall time. */
export function holesInSound(
  file: PlacedFile,
  dips: readonly Span[],
  spans: readonly SentSpan[],
  { windowOf }: Pick<Terms, 'windowOf'>,
): Stretch[] {
  const stretches = spans.map((span) => {
    const { from, to } = windowOf(span)
    return {
      from: Math.max(from, millisOf(span, span.first) + smearMillis),
      to: Math.min(to, millisOf(span, span.last + 1) - smearMillis),
    }
  })
  return dips
    .map(({ startSeconds, endSeconds }) => ({ from: wallMillisIn(file, startSeconds), to: wallMillisIn(file, endSeconds) }))
    .filter((hole) => !isBesideBeep(hole) && stretches.some(({ from, to }) => hole.from >= from && hole.to <= to))
}
