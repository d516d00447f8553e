/** One user's stream, as to whether it is to play. */
export interface Candidate {
  id: string
  isLarge: boolean
  isScreen: boolean
  /** Now, or soon. */
  speaks: boolean
  hasMicrophone: boolean
  /** It plays already. */
  plays: boolean
}

/** So long before somebody speaks they are loaded. */
export const soonMillis = 10_000

/**
 * A browser has six connections to a host that speaks HTTP/1.1, and a file that plays keeps its own: a seventh would wait for ever. One is left for whatever else the page asks for.
 */
export const fewAtOnce = 5

/** Who plays where not all can: who is shown large, who speaks, what is shared, whose microphone is on, and of those who are alike who plays already. Pure. */
export function whoPlays(candidates: readonly Candidate[], most: number): Set<string> {
  if (candidates.length <= most) return new Set(candidates.map(({ id }) => id))
  const ranks = ({ isLarge, speaks, isScreen, hasMicrophone, plays }: Candidate) =>
    [isLarge, speaks, isScreen, hasMicrophone, plays].map((is) => (is ? '0' : '1')).join('')
  // What is alike stays in its order.
  return new Set(
    candidates
      .toSorted((a, b) => ranks(a).localeCompare(ranks(b)))
      .slice(0, most)
      .map(({ id }) => id),
  )
}

/** How many files can play at once. `isElsewhere`: somebody else gives the addresses of the files, and they may lie anywhere. */
export function mostAtOnce(isElsewhere: boolean): number {
  if (location.protocol === 'file:') return Number.POSITIVE_INFINITY
  const [page] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return !isElsewhere && /^h[23]/.test(page?.nextHopProtocol ?? '') ? Number.POSITIVE_INFINITY : fewAtOnce
}
