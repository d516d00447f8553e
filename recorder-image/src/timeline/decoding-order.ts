/** What a picture says of its place in the order of decoding. */
export type DecodingPlace = {
  /** Counts from 0 again here. */
  modulus: number
  value: number
  /** Whether others refer to it. */
  isReference: boolean
} & (
  | /** H.264 (7.4.3, frame_num): `value` is one on from that of the last one that others refer to. */ { type: 'counted' }
  /**
   * H.265 (8.3.2): `value` counts pictures as they are shown. `uses`: what has to be there, as distances of their numbers from this one; `keeps`: what a decoder
   * holds on to, which is that and what pictures after it use.
   */
  | { type: 'refers'; uses: readonly number[]; keeps: readonly number[] }
)

/** What a decoder has that was given some pictures from a key frame on. */
export type Decoder =
  | { type: 'counted'; last: number }
  /** Numbers are counted on. `taken`: of late; `held`: those of them that can still be referred to. */
  | { type: 'refers'; latest: number; held: readonly number[]; taken: readonly number[] }

/** How many pictures a decoder is remembered to have had. It holds 16 at most. */
const rememberedPictures = 64

/** A decoder that has got this, and this alone: a key frame. */
export const decoderWith = (key: DecodingPlace): Decoder =>
  key.type === 'counted'
    ? { type: 'counted', last: key.value }
    : { type: 'refers', latest: key.value, held: [key.value], taken: [key.value] }

/** What becomes of a decoder that is given one more. */
export function decoderAfter(decoder: Decoder, place: DecodingPlace): Decoder {
  if (decoder.type === 'counted' || place.type === 'counted') {
    return place.isReference && place.type === 'counted' ? { type: 'counted', last: place.value } : decoder
  }
  const number = counted(decoder, place)
  const kept = new Set(place.keeps.map((delta) => number + delta))
  return {
    type: 'refers',
    latest: Math.max(decoder.latest, number),
    held: [...decoder.held.filter((one) => kept.has(one)), number],
    taken: [...decoder.taken, number].slice(-rememberedPictures),
  }
}

/**
 * Whether a picture is next; `early` where what goes before it has not come yet; `past` where it cannot be decoded any more, or only so that what was decoded after it is
 * disturbed. `strict`: also what it does not use itself goes before it.
 */
export function turnOf(decoder: Decoder, place: DecodingPlace, strict: boolean): 'next' | 'early' | 'past' {
  if (decoder.type === 'counted' || place.type === 'counted') {
    if (decoder.type !== 'counted') return 'next'
    const { value, modulus } = place
    if (value === (decoder.last + 1) % modulus) return 'next'
    return (decoder.last - value + modulus) % modulus < modulus / 2 ? 'past' : 'early'
  }
  const number = counted(decoder, place)
  const isThere = (delta: number) => decoder.held.includes(number + delta)
  const wasThere = (delta: number) => decoder.taken.includes(number + delta)
  if (wasThere(0) || place.uses.some((delta) => !isThere(delta) && wasThere(delta))) return 'past'
  const needed = strict ? place.keeps : place.uses
  return needed.every((delta) => isThere(delta) || wasThere(delta)) ? 'next' : 'early'
}

/** Its number, counted on from the latest. */
function counted({ latest }: { latest: number }, { value, modulus }: DecodingPlace): number {
  const ahead = (((value - latest) % modulus) + modulus) % modulus
  return latest + (ahead < modulus / 2 ? ahead : ahead - modulus)
}
