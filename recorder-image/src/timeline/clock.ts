/**
 * Places a sender's RTP clock on the recorder's wall clock by arrival times.
 *
 * `delay` below is `arrival − rtp`, both in microseconds: the unknown start of the RTP clock plus what the network took. The network can only
 * add, so the truth lies along the lower edge of the delays, and that edge is a straight line as long as the two clocks run evenly: its slope
 * is the drift. What the network adds for a burst, some seconds or half of the time lies above the line and does not move it (Moon, Skelly,
 * Towsley: Estimation and removal of clock skew from network delay measurements, 1999).
 */
export interface ClockWindow {
  /** RTP time of the packet with the smallest delay, in microseconds since the start of the RTP clock. */
  rtpMicros: number
  /** Smallest `arrival − rtp` of the window, in microseconds. */
  minDelayMicros: number
}

/** A window, and how far its packets came after the fastest of them on the whole. */
export interface CountedWindow extends ClockWindow {
  packets: number
  excessMicros: number
}

/** The lower edge of the delays: delay(rtp) = delayMicros + slope · (rtp − rtpMicros). */
export interface ClockLine {
  rtpMicros: number
  delayMicros: number
  /** How much faster the wall clock runs than the sender's; 1e-6 is one part per million. 0 unless it stands out from the jitter. */
  slope: number
  /** How far the fastest packet of a window usually lies above the line, in microseconds. */
  noiseMicros: number
}

/** Knots of the delay over RTP time; straight lines between them. */
export type ClockFit = readonly { rtpMicros: number; delayMicros: number }[]

export const windowMicros = 1_000_000
/** How far back the live judgement of a packet looks, in windows. */
const recentWindows = 30
/** Clocks of computers are off by 100 ppm at most; more than this is something else. */
const maxSlope = 500e-6
/** A line over fewer windows would follow the jitter. */
const minLineWindows = 15
/** Where they lie so far apart, fewer do: of who spoke for some seconds now and then, and never in between. */
const farApart = { micros: 300_000_000, windows: 6 }
/** So many windows along the line, at its beginning and at its end, bear it out. */
const bearingWindows = 3
/** So far a clock is taken to run evenly: temperature moves it by some tenths of a ppm in this time. */
export const lineMicros = 7_200_000_000
const maxPoints = 300
/** By so many of the fastest packets it is told how far from the truth the fastest of them may be. */
const edgeCount = 20
/**
 * So many times as far as those lie apart, the edge of the delays may lie below them. Where delays are as frequent at the edge as above it, 1 is enough in all but
 * one of 500,000 pieces; where they are rarer the closer to it, as behind a queue or where pictures wait for each other, 2 in all but one of 5,000.
 */
const edgeFactor = 2
/** What is told of a piece of which next to nothing is known. */
const mostErrorMicros = 1_000_000
/** Of so many of the seconds the fastest packet has to be as near as is told. */
const errorShare = 0.95
/** What comes so close together, of the time in which it was sent, was held up. */
const heldUpShare = 0.1
/**
 * A drift is believed when it has moved the clock by a millisecond, and by so many times the noise: 6 with the fewest windows (measured: no
 * jitter passes for a drift), less with more of them.
 */
const significantMicros = 1_000
const significance = (points: number) => Math.max(1.5, 90 / points)
/** Delays this far below most others are no truth but a clock that was set, if they are few. */
const impossibleMicros = 500_000
const impossibleShare = 0.2

export const delayAt = (line: ClockLine, rtpMicros: number) => line.delayMicros + line.slope * (rtpMicros - line.rtpMicros)

/** Collects delays as packets arrive; keeps one small entry a second. */
export class ClockWindows {
  readonly windows: CountedWindow[] = []
  /** The smallest delays of the first packets, in microseconds, in their order: of a piece that is short they say more than its few windows. */
  readonly leastDelays: number[] = []
  #lastStart = Number.NEGATIVE_INFINITY
  #usual = { windows: 0, delayMicros: 0 }
  #line: { windows: number; line: ClockLine } | undefined

  add(rtpMicros: number, arrivalMicros: number): void {
    const minDelayMicros = arrivalMicros - rtpMicros
    if (this.windows.length < edgeCount) this.#noteLeast(minDelayMicros)
    if (rtpMicros >= this.#lastStart + windowMicros) {
      this.#lastStart = rtpMicros
      this.windows.push({ rtpMicros, minDelayMicros, packets: 1, excessMicros: 0 })
      return
    }
    const last = this.windows.at(-1)!
    const laterMicros = minDelayMicros - last.minDelayMicros
    last.excessMicros += laterMicros >= 0 ? laterMicros : -laterMicros * last.packets
    last.packets++
    if (laterMicros >= 0) return
    last.rtpMicros = rtpMicros
    last.minDelayMicros = minDelayMicros
  }

  #noteLeast(delayMicros: number): void {
    const least = this.leastDelays
    if (least.length === edgeCount && delayMicros >= least.at(-1)!) return
    const at = least.findIndex((one) => one > delayMicros)
    least.splice(at === -1 ? least.length : at, 0, delayMicros)
    if (least.length > edgeCount) least.pop()
  }

  /** What was usual of late, in microseconds: the median of the windows of the last half minute. */
  usualDelayMicros(): number {
    if (this.#usual.windows !== this.windows.length) {
      this.#usual = { windows: this.windows.length, delayMicros: median(this.#recent()) }
    }
    return this.#usual.delayMicros
  }

  /** The smallest of the last half minute, in microseconds. */
  leastDelayMicros(): number {
    return Math.min(...this.#recent())
  }

  /** Where the clock lies by all that is known, through the windows that are over. Looks back two hours. */
  line(): ClockLine {
    const over = Math.max(1, this.windows.length - 1)
    // Each point stands for so many of them: between two points nothing new is known.
    const count = over - (over % Math.ceil(Math.min(over, lineMicros / windowMicros) / maxPoints))
    if (this.#line?.windows !== count || count === 1) {
      const from = this.windows[count - 1]!.rtpMicros - lineMicros
      const first = this.windows[0]!.rtpMicros >= from ? 0 : this.windows.findIndex(({ rtpMicros }) => rtpMicros >= from)
      this.#line = { windows: count, line: lineBelow(this.windows.slice(first, count)) }
    }
    return this.#line.line
  }

  #recent = () => this.windows.slice(-recentWindows).map(({ minDelayMicros }) => minDelayMicros)
}

/** The line below all delays that lies closest to them, flat unless a drift stands out. */
export function lineBelow(windows: readonly ClockWindow[]): ClockLine {
  const points = thin(possible(windows))
  const { closest, flat } = linesBelow(points)
  const span = points.length === 0 ? 0 : points.at(-1)!.rtpMicros - points[0]!.rtpMicros
  if (points.length < (span >= farApart.micros ? farApart.windows : minLineWindows)) return flat()
  const line = closest()
  const moved = Math.abs(line.slope) * span
  const times = significance(points.length)
  const noise = Math.max(significantMicros / times, line.noiseMicros)
  return moved >= times * noise && isBorneOut(points, line, noise) ? line : flat()
}

/** The line below all points that lies closest to them, and the one of them that has no slope. */
export function linesBelow(points: readonly ClockWindow[]): { closest: () => ClockLine; flat: () => ClockLine } {
  const middle = points.reduce((sum, { rtpMicros }) => sum + rtpMicros / points.length, 0)
  const height = (slope: number) => {
    let lowest = Number.POSITIVE_INFINITY
    for (const { rtpMicros, minDelayMicros } of points) lowest = Math.min(lowest, minDelayMicros - slope * (rtpMicros - middle))
    return lowest
  }
  const through = (slope: number): ClockLine => {
    const delayMicros = height(slope)
    const above = points.map(({ rtpMicros, minDelayMicros }) => minDelayMicros - delayMicros - slope * (rtpMicros - middle))
    return { rtpMicros: middle, delayMicros, slope, noiseMicros: median(above) }
  }
  return { closest: () => through(highest(height)), flat: () => through(0) }
}

/** Whether there are points along the line in its first third and in its last: a queue at one end tells of no drift. */
function isBorneOut(points: readonly ClockWindow[], line: ClockLine, noiseMicros: number): boolean {
  // Of few points one of two may not be along it, by what jitter does to a second.
  const isFew = points.length < minLineWindows
  const [part, least, mostMicros] = isFew ? [2, 2, 4 * noiseMicros] : [3, bearingWindows, noiseMicros]
  const count = Math.floor(points.length / part)
  const along = (some: readonly ClockWindow[]) =>
    some.filter(({ rtpMicros, minDelayMicros }) => minDelayMicros - delayAt(line, rtpMicros) <= mostMicros).length
  return along(points.slice(0, count)) >= least && along(points.slice(-count)) >= least
}

/** Fits a whole stretch of one clock. */
export function fitClock(windows: readonly ClockWindow[]): ClockFit {
  const first = windows[0]
  const last = windows.at(-1)
  if (first === undefined || last === undefined) return [{ rtpMicros: 0, delayMicros: 0 }]
  const span = last.rtpMicros - first.rtpMicros
  if (span <= lineMicros) return endsOf(lineBelow(windows), first.rtpMicros, last.rtpMicros)
  // Each hour by the two around it.
  const knots: { rtpMicros: number; delayMicros: number }[] = []
  const steps = Math.ceil(span / (lineMicros / 2))
  for (let step = 0; step <= steps; step++) {
    const rtpMicros = first.rtpMicros + (span * step) / steps
    const from = Math.min(Math.max(rtpMicros - lineMicros / 2, first.rtpMicros), last.rtpMicros - lineMicros)
    const near = windows.filter((window) => window.rtpMicros >= from && window.rtpMicros <= from + lineMicros)
    // A sender that was silent for hours says nothing of its clock then.
    const delayMicros = near.length === 0 ? knots.at(-1)!.delayMicros : delayAt(lineBelow(near), rtpMicros)
    const before = knots.at(-1)
    // Faster than any clock drifts means that one of the two was set; media goes on evenly.
    const most = before === undefined ? Number.POSITIVE_INFINITY : maxSlope * (rtpMicros - before.rtpMicros)
    const moved = before === undefined ? 0 : delayMicros - before.delayMicros
    knots.push({ rtpMicros, delayMicros: Math.abs(moved) > most ? before!.delayMicros : delayMicros })
  }
  return knots
}

/**
 * How far what `fitClock` gives may be from the truth, but for what the network takes at least, in microseconds. The fastest packets are as far from where the fit
 * puts them as it may be from the truth: a drift that did not stand out from the jitter is in that. And the fastest of all may itself have been slow, the more so the
 * fewer there are: the closer the fastest lie to each other, the closer they are to the edge. A queue that was there all the time nobody can see.
 */
export function clockErrorMicros({ windows, leastDelays }: Pick<ClockWindows, 'windows' | 'leastDelays'>): number {
  const fit = fitClock(windows)
  const telling = windows.filter((window, at) => !wasHeldUp(window, windows[at + 1]))
  const off = Float64Array.from(telling, (window) => Math.abs(arrivalOf(window) - wallMicros(fit, window.rtpMicros))).sort()
  const fastest = windows.length >= edgeCount ? off.subarray(0, edgeCount) : leastDelays
  return Math.max(off[Math.ceil(off.length * errorShare) - 1] ?? 0, edgeMicros(fastest))
}

const arrivalOf = ({ rtpMicros, minDelayMicros }: ClockWindow) => rtpMicros + minDelayMicros

/** What came at once with what was sent a second later waited for a machine or a line that stood still: it says nothing of the clock. */
const wasHeldUp = (window: ClockWindow, next: ClockWindow | undefined) =>
  next !== undefined && arrivalOf(next) - arrivalOf(window) < heldUpShare * (next.rtpMicros - window.rtpMicros)

/** How far below the smallest of some values in their order the edge may lie. Of fewer values it takes more times their distance to be as sure. */
function edgeMicros(values: ArrayLike<number>): number {
  const last = values.length - 1
  if (last <= 0) return mostErrorMicros
  const factor = (1 + edgeFactor) ** ((edgeCount - 1) / last) - 1
  return Math.min(mostErrorMicros, factor * (values[last]! - values[0]!))
}

const endsOf = (line: ClockLine, from: number, to: number): ClockFit =>
  [from, to].map((rtpMicros) => ({ rtpMicros, delayMicros: delayAt(line, rtpMicros) }))

/** Wall-clock time of an RTP time, in microseconds. Beyond the knots the line goes on. */
export function wallMicros(fit: ClockFit, rtpMicros: number): number {
  if (fit.length === 1) return rtpMicros + fit[0]!.delayMicros
  let to = 1
  while (to < fit.length - 1 && rtpMicros > fit[to]!.rtpMicros) to++
  const [left, right] = [fit[to - 1]!, fit[to]!]
  const span = right.rtpMicros - left.rtpMicros
  const slope = span <= 0 ? 0 : (right.delayMicros - left.delayMicros) / span
  return rtpMicros + left.delayMicros + slope * (rtpMicros - left.rtpMicros)
}

/** Without the delays that no network can make. */
function possible(windows: readonly ClockWindow[]): readonly ClockWindow[] {
  const usual = median(windows.map(({ minDelayMicros }) => minDelayMicros))
  const kept = windows.filter(({ minDelayMicros }) => minDelayMicros >= usual - impossibleMicros)
  return windows.length - kept.length <= impossibleShare * windows.length ? kept : windows
}

/** At most `maxPoints` points, each the fastest packet of its neighbours. */
function thin(windows: readonly ClockWindow[]): readonly ClockWindow[] {
  const perPoint = Math.ceil(windows.length / maxPoints)
  if (perPoint <= 1) return windows
  const points: ClockWindow[] = []
  for (let start = 0; start < windows.length; start += perPoint) {
    const group = windows.slice(start, start + perPoint)
    points.push(group.reduce((least, window) => (window.minDelayMicros < least.minDelayMicros ? window : least)))
  }
  return points
}

/** Where a concave function of the slope is highest; nearest to 0 where it is flat. */
function highest(height: (slope: number) => number): number {
  let [from, to] = [-maxSlope, maxSlope]
  for (let round = 0; round < 48; round++) {
    const third = (to - from) / 3
    if (height(from + third) < height(to - third)) from += third
    else to -= third
  }
  const slope = (from + to) / 2
  return height(0) >= height(slope) ? 0 : slope
}

/** Of an even number of values, the lower of the two in the middle: always a value that occurred. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = new Float64Array(values).sort()
  return sorted[(sorted.length - 1) >> 1]!
}
