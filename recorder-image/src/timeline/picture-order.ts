import { filled } from './numbers.ts'
import { type Arrival, type Piece, type PieceRules, PieceSplitter, type Placed } from './pieces.ts'

/** Pictures in order of arrival: a column for each thing known of them. */
export interface ArrivalColumns {
  ssrcs: Uint32Array
  rtpTimestamps: Uint32Array
  receiveTimesMicros: Float64Array
  /** 1 for key frames. */
  keys: Uint8Array
  /** 1 for those that are shown before the key frame that they are decoded after; missing where there are none. */
  leads?: Uint8Array
  /** Whether the sender may show pictures in another order than that of decoding. */
  mayReorder: boolean
}

export interface OrderedPictures {
  /** Numbers of the pictures in decoding order. */
  samples: Uint32Array
  /** For each of `samples`: RTP time in ticks, unwrapped, and the piece it counts in. */
  rtp: Float64Array
  pieceOf: Uint32Array
  pieces: Piece[]
  /** Positions in `samples`, in the order in which they are shown. */
  shownAs: Uint32Array
}

/** A picture may be held so long and the clock still be known to run. */
const longestStepTicks = 45_000
/** How far back a picture may lie that comes late, or is shown before the one it is decoded after. */
const longestBackTicks = 180_000

type Numbered = Arrival & { index: number }

export const videoRules: PieceRules<Arrival> = {
  clockRate: 90_000,
  goesOn: (ticks) => ticks > -longestBackTicks && ticks <= longestStepTicks,
  inOrder: false,
}

/**
 * Decoding order of pictures that did not arrive in it. Of H.264 Chromium hands out the pictures that follow a key frame in decoding order and without
 * a hole; only a key frame may overtake what was sent before it, when that had to be repaired, and what comes late then was put in order before it
 * was written (`late-pictures.ts`). And after an IDR picture nothing is shown that comes before it (H.264, 7.4.1.2.4). So a picture belongs to the latest
 * key frame that is not shown after it, and among those of one key frame the order of arrival is that of decoding: pictures that come late move
 * to their place, B pictures stay where they are; those of H.265 that lead a key frame belong to the next one that is shown after them. Of VP8 and its kin pictures come as each is complete, and are decoded as they are shown. Pure.
 */
export function orderPictures({
  ssrcs,
  rtpTimestamps,
  receiveTimesMicros,
  keys,
  leads,
  mayReorder,
}: ArrivalColumns): OrderedPictures {
  const count = ssrcs.length
  const pieces: Piece[] = []
  const pieceOf = new Uint32Array(count)
  const rtp = new Float64Array(count)
  const lanes = new Map<number, PieceSplitter<Numbered>>()
  for (let index = 0; index < count; index++) {
    const ssrc = ssrcs[index]!
    const lane = lanes.get(ssrc) ?? new PieceSplitter<Numbered>(videoRules, { holdFirst: false })
    lanes.set(ssrc, lane)
    place(lane.push({ ssrc, rtpTimestamp: rtpTimestamps[index]!, receiveTimeMicros: receiveTimesMicros[index]!, index }))
  }
  for (const lane of lanes.values()) place(lane.end())
  // Subscriptions follow each other, and so do the pieces of each.
  const numbers = [...lanes.values()].flatMap((lane) => lane.pieces)
  const rankOf = new Map(numbers.map((piece, rank) => [piece, rank]))
  const rank = pieces.map((piece) => rankOf.get(piece)!)

  function place(placed: Placed<Numbered>[]): void {
    for (const { piece, rtp: ticks, packet } of placed) {
      let number = pieces.lastIndexOf(piece)
      if (number === -1) number = pieces.push(piece) - 1
      pieceOf[packet.index] = number
      rtp[packet.index] = ticks
    }
  }

  const itself: Places = { ranks: filled(new Uint32Array(count), (at) => rank[pieceOf[at]!]!), rtp }
  const decodedBy = mayReorder ? keyPlaces(itself, keys, leads) : itself
  const samples = sorted(count, (a, b) => comparePlaces(decodedBy, a, b) || a - b)
  const shown = sorted(count, (a, b) => comparePlaces(itself, samples[a]!, samples[b]!) || a - b)
  return {
    samples,
    rtp: filled(new Float64Array(count), (at) => rtp[samples[at]!]!),
    pieceOf: filled(new Uint32Array(count), (at) => pieceOf[samples[at]!]!),
    pieces,
    shownAs: shown,
  }
}

/** Where pictures stand in time: in which piece, and when in it. */
interface Places {
  ranks: ArrayLike<number>
  rtp: ArrayLike<number>
}

const comparePlaces = ({ ranks, rtp }: Places, a: number, b: number) => ranks[a]! - ranks[b]! || rtp[a]! - rtp[b]!

/** For each picture the place of its key frame, which may lie in the piece before; in front of all where there is none. */
function keyPlaces(places: Places, keys: Uint8Array, leads: Uint8Array | undefined): Places {
  const known: number[] = []
  const [ranks, rtp] = [new Float64Array(keys.length), new Float64Array(keys.length)]
  for (let index = 0; index < keys.length; index++) {
    let at = known.length
    while (at > 0 && comparePlaces(places, known[at - 1]!, index) > 0) at--
    const isKey = keys[index] === 1
    const key = isKey ? index : leads?.[index] === 1 ? (known[at] ?? known[at - 1]) : known[at - 1]
    if (isKey) known.splice(at, 0, index)
    ranks[index] = key === undefined ? -1 : places.ranks[key]!
    rtp[index] = key === undefined ? 0 : places.rtp[key]!
  }
  return { ranks, rtp }
}

/** 0 to count - 1 in an order in which they nearly are. */
function sorted(count: number, compare: (a: number, b: number) => number): Uint32Array {
  const numbers = filled(new Uint32Array(count), (at) => at)
  for (let at = 1; at < count; at++) if (compare(at - 1, at) > 0) return Uint32Array.from(Array.from(numbers).sort(compare))
  return numbers
}
