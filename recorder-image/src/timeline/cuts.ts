/** A stretch of wall time, in microseconds since 1970. */
export interface Stretch {
  fromMicros: number
  toMicros: number
}

/** What becomes of time in which nothing of a user was recorded; the words are those of the spec. */
export interface CutRules {
  gaps: 'Keep' | 'Cut'
  pause: 'Silence' | 'Cut'
}

/** Time in which nothing came for less than this is kept: a network stumbles, and a screen that stands still sends a picture a second. */
export const leastGapMicros = 2_000_000
/** The same of a pause, which is meant; what is shorter is no gap anywhere. */
export const leastPauseMicros = 1_000_000

/** What is to be taken out of a stretch in which nothing came; in order, not touching each other. Pure. */
export function cutsIn(absence: Stretch, pauses: readonly Stretch[], { gaps, pause }: CutRules): Stretch[] {
  const micros = absence.toMicros - absence.fromMicros
  const cutsGap = gaps === 'Cut' && micros >= leastGapMicros
  const cutsPause = pause === 'Cut' && micros >= leastPauseMicros
  const paused = pauses
    .map(({ fromMicros, toMicros }) => overlap(absence, { fromMicros, toMicros }))
    .filter((stretch) => stretch !== undefined)
    .sort((a, b) => a.fromMicros - b.fromMicros)
  const cuts: Stretch[] = []
  const add = (isCut: boolean, fromMicros: number, toMicros: number) => {
    if (!isCut || toMicros <= fromMicros) return
    const last = cuts.at(-1)
    if (last?.toMicros === fromMicros) last.toMicros = toMicros
    else cuts.push({ fromMicros, toMicros })
  }
  let at = absence.fromMicros
  for (const { fromMicros, toMicros } of paused) {
    add(cutsGap, at, fromMicros)
    add(cutsPause, Math.max(at, fromMicros), toMicros)
    at = Math.max(at, toMicros)
  }
  add(cutsGap, at, absence.toMicros)
  return cuts
}

/** Stretches that lie in one of each list; both in order, and so is what comes back. */
export function common(some: readonly Stretch[], others: readonly Stretch[]): Stretch[] {
  const both: Stretch[] = []
  let first = 0
  for (const one of some) {
    while (first < others.length && others[first]!.toMicros <= one.fromMicros) first++
    for (let at = first; at < others.length && others[at]!.fromMicros < one.toMicros; at++) {
      const stretch = overlap(one, others[at]!)
      if (stretch !== undefined) both.push(stretch)
    }
  }
  return both
}

/** Wall time on a clock that stands still within the cuts. */
export function withoutCuts(cuts: readonly Stretch[]): (wallMicros: number) => number {
  const takenOut = [0]
  for (const { fromMicros, toMicros } of cuts) takenOut.push(takenOut.at(-1)! + toMicros - fromMicros)
  return (wallMicros) => {
    let [low, high] = [0, cuts.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (cuts[middle]!.fromMicros < wallMicros) low = middle + 1
      else high = middle
    }
    const last = cuts[low - 1]
    return wallMicros - takenOut[low]! + (last === undefined ? 0 : Math.max(0, last.toMicros - wallMicros))
  }
}

function overlap(one: Stretch, other: Stretch): Stretch | undefined {
  const fromMicros = Math.max(one.fromMicros, other.fromMicros)
  const toMicros = Math.min(one.toMicros, other.toMicros)
  return toMicros > fromMicros ? { fromMicros, toMicros } : undefined
}
