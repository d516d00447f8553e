/** What happens in a soak, decided beforehand from a seed. Times in seconds from the recorder's entering. */
export type Action = { at: number } & (
  | { type: 'mute'; userId: string; kind: 'audio' | 'video'; seconds: number }
  | { type: 'resize'; userId: string; picture: '1280x720' | '640x360' }
  | { type: 'loss'; percent: number; seconds: number }
  | { type: 'outage'; seconds: number }
  | { type: 'killPage' }
)

/** Early, so that what is compared of memory lies between two moments at which nothing special happens. */
const pageKillAt = 0.15
const outageAt = 0.25
const mostOutageSeconds = 300

export function script(seconds: number, users: readonly string[], seed: number): Action[] {
  const random = generator(seed)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  const actions: Action[] = [
    { at: seconds * pageKillAt, type: 'killPage' },
    { at: seconds * outageAt, type: 'outage', seconds: Math.min(mostOutageSeconds, seconds * 0.1) },
  ]
  for (let at = 8; at < seconds - 15; at += 12) {
    actions.push({ at, type: 'mute', userId: pick(users), kind: pick(['audio', 'video'] as const), seconds: 2 + random() * 6 })
  }
  for (let at = 20; at < seconds - 15; at += 40) {
    actions.push({ at, type: 'resize', userId: pick(users), picture: pick(['1280x720', '640x360'] as const) })
  }
  for (let at = 30; at < seconds - 20; at += 60) actions.push({ at, type: 'loss', percent: 2 + random() * 3, seconds: 12 })
  return actions.sort((a, b) => a.at - b.at)
}

/** Marsaglia's xorshift: the same numbers for the same seed, on any machine. */
function generator(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
