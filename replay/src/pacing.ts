/** What brings one player back to the clock. */
export type Correction = { do: 'pace'; playbackRate: number } | { do: 'seek'; toSeconds: number }

/** Nearer than this nothing is done: less than a picture, and less than an ear hears between two voices. */
const closeSeconds = 0.008
/** Farther than this it would take long to catch up by pace. */
const farSeconds = 0.15
/** So much faster or slower is not heard, as the pitch is kept. */
const mostPace = 0.06
/** Within so long it is meant to be back. */
const catchUpSeconds = 1

/**
 * How to bring a player to where it ought to be. Pure. `driftSeconds`: how far it is ahead (negative: behind). `seekSeconds`: how long its
 * last seek took, which it is ahead by after the next if it is aimed there now.
 */
export function correctionFor(input: {
  targetSeconds: number
  driftSeconds: number
  rate: number
  seekSeconds: number
}): Correction {
  const { targetSeconds, driftSeconds, rate, seekSeconds } = input
  // As the reader's clock goes: at half speed a second of a file takes two.
  const heardSeconds = driftSeconds / rate
  if (Math.abs(heardSeconds) > farSeconds) return { do: 'seek', toSeconds: targetSeconds + seekSeconds * rate }
  if (Math.abs(heardSeconds) < closeSeconds) return { do: 'pace', playbackRate: rate }
  const pace = Math.min(mostPace, Math.max(-mostPace, -heardSeconds / catchUpSeconds))
  return { do: 'pace', playbackRate: rate * (1 + pace) }
}
