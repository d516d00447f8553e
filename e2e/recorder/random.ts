/** Random choices that are the same for the same seed, on any machine. */
export interface Random {
  /** From 0 up to this, without it. */
  upTo(most: number): number
  pick<T>(values: readonly T[]): T
  shuffle<T>(values: readonly T[]): T[]
}

/** Marsaglia's xorshift. */
export function seededRandom(seed: number): Random {
  let state = seed | 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  // Small seeds begin alike.
  for (let n = 0; n < 8; n++) next()
  return {
    upTo: (most) => next() * most,
    pick: (values) => values[Math.floor(next() * values.length)]!,
    shuffle: (values) =>
      values
        .map((value) => ({ value, place: next() }))
        .sort((a, b) => a.place - b.place)
        .map(({ value }) => value),
  }
}
