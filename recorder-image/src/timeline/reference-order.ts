/**
 * What tells the order of pictures that name their references (H.265), beside those: numbers count them as they are shown, so it is known which are missing, and a
 * decoder lets go of what a picture does not keep. Pure.
 */
import { type Decoder, type DecodingPlace, numberIn, type Ordered } from './decoding-order.ts'

type Refers = Extract<Decoder, { type: 'refers' }>

/** How far back it is looked for what is missing. */
const mostSteps = 32

/** How many numbers a picture is ahead of the latest, or behind the key frame; 1 where numbers do not say. */
export function stepsAhead(decoder: Decoder | undefined, { number: place, leads }: Ordered): number {
  if (decoder?.type !== 'refers' || place.type !== 'refers') return 1
  const number = numberIn(decoder, place)
  return Math.max(1, leads === undefined ? number - decoder.latest : decoder.key - number)
}

/** Whether taking a picture would drop what another of these uses that could be taken first. */
export function breaks(decoder: Decoder | undefined, place: DecodingPlace, others: readonly DecodingPlace[]): boolean {
  if (decoder?.type !== 'refers' || place.type !== 'refers') return false
  const dropped = droppedBy(decoder, place)
  if (dropped.length === 0) return false
  return others.some((other) => {
    if (other === place || other.type !== 'refers') return false
    const number = numberIn(decoder, other)
    return other.uses.some((delta) => dropped.includes(number + delta))
  })
}

/**
 * Whether something that has not come yet goes before it. Encoders send what others refer to first, and what is shown between two of those in the order in which it
 * is shown: so all that is shown before the last one that came below it goes before it, and before one that nobody refers to all that is shown before that.
 * `leading`: how many may lead the key frame; `waiting`: what has come, of which some may need this one; `all`: decoders that tell by how much numbers go on.
 */
export function isWaitedFor(
  decoder: Decoder | undefined,
  place: DecodingPlace,
  known: { leading: number; waiting: readonly DecodingPlace[]; all: readonly (Decoder | undefined)[] },
): boolean {
  if (decoder?.type !== 'refers' || place.type !== 'refers') return false
  const number = numberIn(decoder, place)
  const step = stepOf(known.all)
  const from = firstLeading(decoder, known.leading * step)
  const below = [...decoder.taken, from].filter((one) => one < number)
  const until = place.isReference ? Math.max(...below) : number
  const needThis = new Set(
    known.waiting.flatMap((one) => {
      if (one.type !== 'refers') return []
      const other = numberIn(decoder, one)
      return one.keeps.includes(number - other) ? [other] : []
    }),
  )
  for (let one = until - step; one > from && one > until - mostSteps * step; one -= step)
    if (!decoder.taken.includes(one) && !needThis.has(one)) return true
  return false
}

/** Behind this number pictures belong to the key frame. */
function firstLeading({ key, across }: Refers, leading: number): number {
  if (across !== undefined && across.length > 0) return Math.max(...across)
  return key - leading - 1
}

function droppedBy(decoder: Refers, place: Extract<DecodingPlace, { type: 'refers' }>): number[] {
  const number = numberIn(decoder, place)
  return decoder.held.filter((one) => !place.keeps.includes(one - number))
}

/** By how much the numbers of pictures that are shown one after the other differ. */
function stepOf(all: readonly (Decoder | undefined)[]): number {
  let step = Number.POSITIVE_INFINITY
  for (const decoder of all) {
    if (decoder?.type !== 'refers' || decoder.taken.length < 3) continue
    const shown = decoder.taken.toSorted((a, b) => a - b)
    for (let at = 1; at < shown.length; at++) step = Math.min(step, shown[at]! - shown[at - 1]!)
  }
  return Number.isFinite(step) && step > 0 ? step : 1
}
