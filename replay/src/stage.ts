import type { Speech } from '@trtc-recorder/api'

/** Who is shown large. Ids are of lanes. */
export type Choice = { by: 'user'; lane: string } | { by: 'speaker' } | { by: 'screen' }

export interface Candidate {
  lane: string
  userId: string
  isScreen: boolean
  /** It has a picture now. */
  isShown: boolean
}

/** Somebody is only shown large after they spoke for so long: a cough does not turn the picture. */
const speaksForMillis = 700

/** The lane to show large now. Pure. `current` stays as long as nothing speaks against it. */
export function largeOf(input: {
  choice: Choice
  current: string | undefined
  candidates: readonly Candidate[]
  speech: readonly Speech[]
  time: number
}): string | undefined {
  const { choice, current, candidates, speech, time } = input
  if (choice.by === 'user' && candidates.some(({ lane }) => lane === choice.lane)) return choice.lane
  const shown = candidates.filter(({ isShown }) => isShown)
  const screen = shown.find(({ isScreen }) => isScreen)
  if (choice.by !== 'speaker' && screen !== undefined) return screen.lane
  const speaker = speakerAt(speech, time)
  const speaking = shown.find(({ userId, isScreen }) => userId === speaker && !isScreen)
  if (speaking !== undefined) return speaking.lane
  if (shown.some(({ lane }) => lane === current)) return current
  return (shown[0] ?? candidates[0])?.lane
}

/** Who has been speaking for the shortest time that still counts: of two at once, the one who came in last. */
function speakerAt(speech: readonly Speech[], time: number): string | undefined {
  let latest: Speech | undefined
  for (const one of speech) {
    if (one.start > time - speaksForMillis || one.end < time) continue
    if (latest === undefined || one.start > latest.start) latest = one
  }
  return latest?.userId
}
