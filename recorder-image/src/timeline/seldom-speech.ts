import { type ClockWindow, type CountedWindow, delayAt, linesBelow } from './clock.ts'

/** So long nothing comes between two times of speaking: a drift of 300 ppm is 1.5 ms in it. */
export const longPauseMicros = 5_000_000
/** Two always lie on a line. */
const leastTimes = 3
const leastMovedMicros = 3_000
/** A drift is believed that has moved the clock by so many times what jitter does to the fastest packet of a time of speaking; those that bear it out are off by fewer. */
const significance = 4
const alongTimes = 6
const leastAlongMicros = 1_000
/** Those that bear it out have to reach over so much of the time. */
const spanShare = 0.5

interface TimeOfSpeaking extends ClockWindow {
  /** How far its fastest packet came after one that nothing held up: of evenly spread delays, that is what lies between two of them. */
  noiseMicros: number
}

/**
 * How far the clock of somebody who speaks now and then has gone off since the first time, by the fastest packet of each time of speaking, in microseconds; undefined
 * as long as they do not bear each other out.
 */
export function movedSince(windows: readonly CountedWindow[]): number | undefined {
  const times = timesOfSpeaking(windows)
  const [first, last] = [times[0], times.at(-1)]
  if (times.length < leastTimes || first === undefined || last === undefined) return undefined
  const line = linesBelow(times).closest()
  const along = times.filter(
    ({ rtpMicros, minDelayMicros, noiseMicros }) =>
      minDelayMicros - delayAt(line, rtpMicros) <= Math.max(leastAlongMicros, alongTimes * noiseMicros),
  )
  const [from, to] = [along[0]!, along.at(-1)!]
  const movedMicros = line.slope * (last.rtpMicros - first.rtpMicros)
  const borneOutMicros = Math.abs(line.slope) * (to.rtpMicros - from.rtpMicros)
  const areEnough = along.length >= leastTimes && to.rtpMicros - from.rtpMicros >= spanShare * (last.rtpMicros - first.rtpMicros)
  const leastMicros = Math.max(leastMovedMicros, significance * (from.noiseMicros + to.noiseMicros))
  return areEnough && borneOutMicros >= leastMicros ? movedMicros : undefined
}

function timesOfSpeaking(windows: readonly CountedWindow[]): TimeOfSpeaking[] {
  const times: CountedWindow[] = []
  windows.forEach((window, at) => {
    const before = windows[at - 1]
    const isNew = before === undefined || window.rtpMicros - before.rtpMicros >= longPauseMicros
    if (isNew) times.push(window)
    else times[times.length - 1] = joined(times.at(-1)!, window)
  })
  return times.map(({ rtpMicros, minDelayMicros, packets, excessMicros }) => ({
    ...{ rtpMicros, minDelayMicros },
    noiseMicros: packets === 1 ? Number.POSITIVE_INFINITY : (2 * excessMicros) / packets / packets,
  }))
}

function joined(one: CountedWindow, other: CountedWindow): CountedWindow {
  const fastest = one.minDelayMicros <= other.minDelayMicros ? one : other
  const excessOf = ({ minDelayMicros, packets, excessMicros }: CountedWindow) =>
    excessMicros + packets * (minDelayMicros - fastest.minDelayMicros)
  return { ...fastest, packets: one.packets + other.packets, excessMicros: excessOf(one) + excessOf(other) }
}
