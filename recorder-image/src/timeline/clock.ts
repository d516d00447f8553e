/**
 * Places a sender's RTP clock on the recorder's wall clock by arrival times.
 *
 * `delay` below is `arrival − rtp`, both in microseconds: the unknown start of the RTP clock plus what the network took. The
 * network can only add, so the smallest delays are the truest. A key frame leaves the sender in a burst that takes up to some
 * hundred milliseconds and must not count: hence the smallest delay of each window, and of those the median.
 */
export interface ClockWindow {
  /** RTP time at the start of the window, in microseconds since the start of the RTP clock. */
  rtpMicros: number
  /** Smallest `arrival − rtp` of the window, in microseconds. */
  minDelayMicros: number
}

/** wall = rtp + offsetMicros + drift · (rtp − originMicros), in microseconds. */
export interface ClockFit {
  offsetMicros: number
  originMicros: number
  /** How much faster the wall clock runs than the sender's; 1e-6 is one part per million. */
  drift: number
}

export const windowMicros = 2_000_000
/** The live estimate looks back this many windows, so that a drifting clock is not taken for a late one. */
const liveWindows = 15
/** Before this length a drift cannot be told from jitter, and does no harm. */
const driftMinMicros = 300_000_000
const driftMaxPoints = 120

/** Collects delays as packets arrive; keeps one small entry for two seconds. */
export class ClockWindows {
  readonly windows: ClockWindow[] = []

  add(rtpMicros: number, arrivalMicros: number): void {
    const delay = arrivalMicros - rtpMicros
    const last = this.windows.at(-1)
    if (last !== undefined && rtpMicros < last.rtpMicros + windowMicros) {
      if (delay < last.minDelayMicros) last.minDelayMicros = delay
    } else {
      this.windows.push({ rtpMicros, minDelayMicros: delay })
    }
  }

  /** Smallest delay of the last half minute, in microseconds. */
  recentDelayMicros(): number {
    return this.#smallest(Math.max(0, this.windows.length - liveWindows), this.windows.length)
  }

  /** Smallest delay of the first half minute, in microseconds. */
  earlyDelayMicros(): number {
    return this.#smallest(0, Math.min(liveWindows, this.windows.length))
  }

  #smallest(from: number, to: number): number {
    let smallest = Number.POSITIVE_INFINITY
    for (let index = from; index < to; index++) smallest = Math.min(smallest, this.windows[index]!.minDelayMicros)
    return smallest
  }
}

export function wallMicros(fit: ClockFit, rtpMicros: number): number {
  return rtpMicros + fit.offsetMicros + fit.drift * (rtpMicros - fit.originMicros)
}

/** Fits a whole stretch of one clock. A drift is only believed where it stands out clearly from the jitter. */
export function fitClock(windows: readonly ClockWindow[]): ClockFit {
  const first = windows[0]
  const last = windows.at(-1)
  if (first === undefined || last === undefined) return { offsetMicros: 0, originMicros: 0, drift: 0 }
  const constant = { offsetMicros: median(windows.map((w) => w.minDelayMicros)), originMicros: first.rtpMicros, drift: 0 }
  const spanMicros = last.rtpMicros - first.rtpMicros
  if (spanMicros < driftMinMicros) return constant

  const points = thin(windows)
  const drift = theilSen(points)
  const intercept = median(points.map((p) => p.minDelayMicros - drift * (p.rtpMicros - first.rtpMicros)))
  const residual = median(points.map((p) => Math.abs(p.minDelayMicros - intercept - drift * (p.rtpMicros - first.rtpMicros))))
  if (Math.abs(drift) * spanMicros < Math.max(3_000, 4 * residual)) return constant
  return { offsetMicros: intercept, originMicros: first.rtpMicros, drift }
}

/** At most `driftMaxPoints` points, each the median of its neighbours. */
function thin(windows: readonly ClockWindow[]): ClockWindow[] {
  const perPoint = Math.ceil(windows.length / driftMaxPoints)
  const points: ClockWindow[] = []
  for (let start = 0; start < windows.length; start += perPoint) {
    const group = windows.slice(start, start + perPoint)
    points.push({
      rtpMicros: median(group.map((w) => w.rtpMicros)),
      minDelayMicros: median(group.map((w) => w.minDelayMicros)),
    })
  }
  return points
}

/** Median of the slopes between all pairs: a quarter of the points may be anything. */
function theilSen(points: readonly ClockWindow[]): number {
  const slopes: number[] = []
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const from = points[i]!
      const to = points[j]!
      slopes.push((to.minDelayMicros - from.minDelayMicros) / (to.rtpMicros - from.rtpMicros))
    }
  }
  return median(slopes)
}

/** Of an even number of values, the lower of the two in the middle: always a value that occurred. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = Float64Array.from(values).sort()
  return sorted[(sorted.length - 1) >> 1]!
}
