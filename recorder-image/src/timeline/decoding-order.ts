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
  | {
      type: 'refers'
      uses: readonly number[]
      keeps: readonly number[]
      /** Of a key frame: whether it is counted on from what is in front of it, and pictures that lead it may refer to that. */
      goesOn: boolean
      /** Of a key frame: whether pictures may lead it. */
      mayBeLed: boolean
    }
)

/**
 * A picture that is decoded after a key frame and shown before it (H.265, 3.1, leading pictures): `fromKey` needs nothing from in front of the key frame, `acrossKey`
 * may, and is not decodable where decoding begins with that key frame.
 */
export type Leads = 'fromKey' | 'acrossKey'

/** A picture that says where it stands, and whether it leads a key frame. */
export interface Ordered {
  number: DecodingPlace
  leads?: Leads | undefined
}

/** What a decoder has that was given some pictures from a key frame on. */
export type Decoder =
  | { type: 'counted'; last: number }
  /**
   * Numbers are counted on. `key`: of the key frame; `taken`: of late; `held`: those of them that can still be referred to; `across`: of pictures in front of the
   * key frame, undefined where those are not known.
   */
  | {
      type: 'refers'
      key: number
      latest: number
      held: readonly number[]
      taken: readonly number[]
      across: readonly number[] | undefined
    }

/** How many pictures a decoder is remembered to have had. It holds 16 at most. */
const rememberedPictures = 64

/** A decoder that has got this, and this alone: a key frame. `before`: the one that got what is in front of it, if nothing is missing between. */
export function decoderWith(key: DecodingPlace, before?: Decoder): Decoder {
  if (key.type === 'counted') return { type: 'counted', last: key.value }
  const goesOn = key.goesOn && before?.type === 'refers'
  const number = goesOn ? numberIn(before, key) : key.value
  return {
    type: 'refers',
    key: number,
    latest: number,
    held: [number],
    taken: [number],
    across: goesOn ? before.taken : undefined,
  }
}

/** What becomes of a decoder that is given one more. */
export function decoderAfter(decoder: Decoder, place: DecodingPlace): Decoder {
  if (decoder.type === 'counted' || place.type === 'counted') {
    return place.isReference && place.type === 'counted' ? { type: 'counted', last: place.value } : decoder
  }
  const number = numberIn(decoder, place)
  const kept = new Set(place.keeps.map((delta) => number + delta))
  return {
    ...decoder,
    latest: Math.max(decoder.latest, number),
    held: [...decoder.held.filter((one) => kept.has(one)), number],
    taken: [...decoder.taken, number].slice(-rememberedPictures),
  }
}

/**
 * Whether a picture is next; `early` where what goes before it has not come yet; `past` where it cannot be decoded any more, or only so that what was decoded after it is
 * disturbed. `strict`: also what it does not use itself goes before it.
 */
export function turnOf(decoder: Decoder, { number: place, leads }: Ordered, strict: boolean): 'next' | 'early' | 'past' {
  if (decoder.type === 'counted' || place.type === 'counted') {
    if (decoder.type !== 'counted') return 'next'
    const { value, modulus } = place
    if (value === (decoder.last + 1) % modulus) return 'next'
    return (decoder.last - value + modulus) % modulus < modulus / 2 ? 'past' : 'early'
  }
  const { key, held, taken, across } = decoder
  const number = numberIn(decoder, place)
  // What is decoded after it may have let go of what it uses, and would of what it does not.
  if (leads !== undefined && decoder.latest > key) return 'past'
  if (leads === 'acrossKey' && across === undefined) return 'past'
  const isAcross = (one: number) => leads !== undefined && one < key && (across?.includes(one) ?? false)
  const isThere = (delta: number) => held.includes(number + delta) || isAcross(number + delta)
  const wasThere = (delta: number) => taken.includes(number + delta)
  if (wasThere(0) || place.uses.some((delta) => !isThere(delta) && wasThere(delta))) return 'past'
  // What is kept from in front of the key frame is no use to what can be decoded without it.
  const mayLack = (delta: number) => across === undefined && number + delta < key && !place.uses.includes(delta)
  const needed = strict ? place.keeps.filter((delta) => !mayLack(delta)) : place.uses
  return needed.every((delta) => isThere(delta) || wasThere(delta)) ? 'next' : 'early'
}

/** Its number, counted on from the latest of a decoder. */
export function numberIn({ latest }: { latest: number }, { value, modulus }: DecodingPlace): number {
  const ahead = (((value - latest) % modulus) + modulus) % modulus
  return latest + (ahead < modulus / 2 ? ahead : ahead - modulus)
}
