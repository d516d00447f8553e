import type { ManifestFile } from '@trtc-recorder/api'

/** Where the two clocks of a file meet: times in the file in seconds, wall-clock times in milliseconds since 1970. */
export interface Point {
  media: number
  wall: number
}

/**
 * The time in a file for a wall-clock time and back, by the table of its manifest: straight lines between its points. Where a span was cut
 * out, two points have one media time, and the file stands still at the cut.
 */
export class Axis {
  readonly #points: readonly Point[]

  constructor({
    times,
    startTime,
    endTime,
    durationSeconds,
  }: Pick<ManifestFile, 'times' | 'startTime' | 'endTime' | 'durationSeconds'>) {
    const points = times.map(({ mediaSeconds, time }) => ({ media: mediaSeconds, wall: Date.parse(time) }))
    const start = { media: 0, wall: Date.parse(startTime) }
    if (points.length === 0 || points[0]!.media > 0) points.unshift(points.length === 0 ? start : before(points[0]!))
    const last = points.at(-1)!
    if (last.media < durationSeconds) {
      const wall = last.wall + (durationSeconds - last.media) * 1000
      points.push({ media: durationSeconds, wall: points.length === 1 ? Math.max(wall, Date.parse(endTime)) : wall })
    }
    this.#points = points
  }

  get start(): number {
    return this.#points[0]!.wall
  }

  get end(): number {
    return this.#points.at(-1)!.wall
  }

  covers(wall: number): boolean {
    return wall >= this.start && wall < this.end
  }

  /** Seconds in the file, kept within it. */
  mediaAt(wall: number): number {
    const [from, to] = this.#around(({ wall: one }) => one, wall)
    return to.wall === from.wall
      ? from.media
      : from.media + (to.media - from.media) * within((wall - from.wall) / (to.wall - from.wall))
  }

  /** Milliseconds since 1970; at a cut, where it begins. */
  wallAt(media: number): number {
    const [from, to] = this.#around(({ media: one }) => one, media)
    return to.media === from.media
      ? from.wall
      : from.wall + (to.wall - from.wall) * within((media - from.media) / (to.media - from.media))
  }

  /** The two neighbouring points that a value lies between, or the two at the end that it lies beyond. */
  #around(of: (point: Point) => number, value: number): [Point, Point] {
    let low = 0
    let high = this.#points.length - 1
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (of(this.#points[middle]!) <= value) low = middle
      else high = middle
    }
    return [this.#points[low]!, this.#points[high]!]
  }
}

/** A table that begins later goes on backwards to the beginning of the file at the pace of its clock. */
const before = ({ media, wall }: Point): Point => ({ media: 0, wall: wall - media * 1000 })
const within = (part: number) => Math.min(1, Math.max(0, part))
