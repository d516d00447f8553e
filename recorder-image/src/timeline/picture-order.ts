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

/** Pictures on the clocks of their senders, in the order in which they arrived. What is added and not placed yet is so at the end. */
export class PlacedPictures {
  readonly pieces: Piece[] = []
  #count = 0
  #rtp = new Float64Array(1024)
  #pieceOf = new Uint32Array(1024)
  readonly #lanes = new Map<number, PieceSplitter<Numbered>>()

  /** Takes those of the columns that were not there the last time. */
  add({
    ssrcs,
    rtpTimestamps,
    receiveTimesMicros,
  }: Pick<ArrivalColumns, 'ssrcs' | 'rtpTimestamps' | 'receiveTimesMicros'>): void {
    this.#makeRoom(ssrcs.length)
    for (; this.#count < ssrcs.length; this.#count++) {
      const index = this.#count
      const ssrc = ssrcs[index]!
      let lane = this.#lanes.get(ssrc)
      if (lane === undefined) {
        lane = new PieceSplitter<Numbered>(videoRules, { holdFirst: false })
        this.#lanes.set(ssrc, lane)
      }
      this.#place(lane.push({ ssrc, rtpTimestamp: rtpTimestamps[index]!, receiveTimeMicros: receiveTimesMicros[index]!, index }))
    }
  }

  /** Nothing more comes: RTP time of each in ticks, unwrapped, the number of its piece, and which place that has among the others. */
  end(): { rtp: Float64Array; pieceOf: Uint32Array; ranks: Uint32Array } {
    for (const lane of this.#lanes.values()) this.#place(lane.end())
    // Subscriptions follow each other, and so do the pieces of each.
    const numbers = [...this.#lanes.values()].flatMap((lane) => lane.pieces)
    const rankOf = new Map(numbers.map((piece, rank) => [piece, rank]))
    const rank = this.pieces.map((piece) => rankOf.get(piece)!)
    const [rtp, pieceOf] = [this.#rtp.subarray(0, this.#count), this.#pieceOf.subarray(0, this.#count)]
    const ranks = new Uint32Array(this.#count)
    for (let at = 0; at < ranks.length; at++) ranks[at] = rank[pieceOf[at]!]!
    return { rtp, pieceOf, ranks }
  }

  #place(placed: readonly Placed<Numbered>[]): void {
    for (const { piece, rtp, packet } of placed) {
      let number = this.pieces.lastIndexOf(piece)
      if (number === -1) number = this.pieces.push(piece) - 1
      this.#pieceOf[packet.index] = number
      this.#rtp[packet.index] = rtp
    }
  }

  #makeRoom(count: number): void {
    if (count <= this.#rtp.length) return
    const [rtp, pieceOf] = [this.#rtp, this.#pieceOf]
    this.#rtp = new Float64Array(Math.max(count, rtp.length * 2))
    this.#rtp.set(rtp)
    this.#pieceOf = new Uint32Array(this.#rtp.length)
    this.#pieceOf.set(pieceOf)
  }
}

/**
 * Decoding order of pictures that did not arrive in it. Of H.264 Chromium hands out the pictures that follow a key frame in decoding order and without
 * a hole; only a key frame may overtake what was sent before it, when that had to be repaired, and what comes late then was put in order before it
 * was written (`late-pictures.ts`). And after an IDR picture nothing is shown that comes before it (H.264, 7.4.1.2.4). So a picture belongs to the latest
 * key frame that is not shown after it, and among those of one key frame the order of arrival is that of decoding: pictures that come late move
 * to their place, B pictures stay where they are; those of H.265 that lead a key frame belong to the next one that is shown after them. Of VP8 and its kin pictures come as each is complete, and are decoded as they are shown.
 *
 * `placed`: of these pictures, from the first on, those that were placed already.
 */
export function orderPictures(arrivals: ArrivalColumns, placed = new PlacedPictures()): OrderedPictures {
  placed.add(arrivals)
  const { keys, leads, mayReorder } = arrivals
  const { pieces } = placed
  const { rtp, pieceOf, ranks } = placed.end()
  const itself: Places = { ranks, rtp }
  // Pictures that are shown as they arrived are decoded so, too.
  if (areInOrder(itself)) {
    const numbers = numbered(rtp.length)
    return { samples: numbers, rtp, pieceOf, pieces, shownAs: numbers }
  }
  const count = rtp.length
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
  ranks: Uint32Array | Float64Array
  rtp: Float64Array
}

const comparePlaces = ({ ranks, rtp }: Places, a: number, b: number) => ranks[a]! - ranks[b]! || rtp[a]! - rtp[b]!

function areInOrder({ ranks, rtp }: Places): boolean {
  for (let at = 1; at < rtp.length; at++) {
    const step = ranks[at]! - ranks[at - 1]!
    if (step < 0 || (step === 0 && rtp[at]! <= rtp[at - 1]!)) return false
  }
  return true
}

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
  const numbers = numbered(count)
  for (let at = 1; at < count; at++) if (compare(at - 1, at) > 0) return Uint32Array.from(Array.from(numbers).sort(compare))
  return numbers
}

function numbered(count: number): Uint32Array {
  const numbers = new Uint32Array(count)
  for (let at = 0; at < count; at++) numbers[at] = at
  return numbers
}
