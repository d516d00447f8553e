import type { Stretch } from '../timeline/cuts.ts'

interface NumberedPacket {
  ssrc: number
  /** 16 bit, wraps. */
  sequenceNumber: number | null
  rtpTimestamp: number
  receiveTimeMicros: number
}

/** Of each subscription, what was sent last of what came. */
export type LatestSound = Map<number, { sequenceNumber: number; rtpTimestamp: number; receiveTimeMicros: number }>

/** Packets between two files that never came. */
export interface SeamLoss extends Stretch {
  packets: number
}

/** As long as the axis waits for a packet that others have overtaken (`timeline/packet-order.ts`), and then some. */
const waitMicros = 2_000_000
const firstMicros = 1_000_000
/** More are not missing: the sender counts from somewhere else. */
const mostMissing = 3000
/** A number this far back is not late but counted anew, as in `timeline/packet-order.ts`. */
const restartBehind = 1000

/**
 * The sound of one file tells by its numbers what is missing between its packets. This tells what is missing between two files of which the second one goes on
 * where the first one ended. Pure.
 */
export class SoundSeam {
  /** What came last, for the next file; in the file before, where nothing has come since. */
  readonly latest: LatestSound
  readonly #before: LatestSound
  /** Of subscriptions that go on: how far each packet that came at first lies behind the last one of the file before. */
  readonly #seams = new Map<number, { sinceMicros: number; came: number[]; lowest: number }>()

  constructor(before: LatestSound = new Map()) {
    this.#before = new Map(before)
    this.latest = new Map(before)
  }

  /** Returns false for one of the time of the file before: that has it, or has told that it is missing. */
  push({ ssrc, sequenceNumber, rtpTimestamp, receiveTimeMicros }: NumberedPacket): boolean {
    if (sequenceNumber === null) return true
    const latest = this.latest.get(ssrc)
    if (latest === undefined || isLater({ sequenceNumber, rtpTimestamp }, latest)) {
      this.latest.set(ssrc, { sequenceNumber, rtpTimestamp, receiveTimeMicros })
    }
    const before = this.#before.get(ssrc)
    if (before === undefined) return true
    const by = ahead(before.sequenceNumber, sequenceNumber)
    if (by <= 0) return isLater({ sequenceNumber, rtpTimestamp }, before)
    const seam = this.#seams.get(ssrc) ?? { sinceMicros: receiveTimeMicros, came: [], lowest: by }
    this.#seams.set(ssrc, seam)
    const since = receiveTimeMicros - seam.sinceMicros
    if (since < firstMicros) seam.lowest = Math.min(seam.lowest, by)
    if (since < waitMicros) seam.came.push(by)
    return true
  }

  /** What is known by now. */
  take(nowMicros: number): SeamLoss[] {
    const losses: SeamLoss[] = []
    for (const [ssrc, { sinceMicros, came, lowest }] of this.#seams) {
      if (nowMicros - sinceMicros < waitMicros) continue
      // What came after the first that the axis took is told there as late.
      const late = new Set(came.filter((by) => by < lowest)).size
      const packets = lowest - 1 - late
      const fromMicros = this.#before.get(ssrc)!.receiveTimeMicros
      if (packets > 0 && packets < mostMissing) losses.push({ fromMicros, toMicros: Math.max(fromMicros, sinceMicros), packets })
      this.#seams.delete(ssrc)
      this.#before.delete(ssrc)
    }
    return losses
  }
}

type Place = Pick<NumberedPacket, 'rtpTimestamp'> & { sequenceNumber: number }

/** By the numbers, whatever clocks say; one that is not ahead was sent later only if its sender counts anew. */
function isLater(packet: Place, than: Place): boolean {
  const by = ahead(than.sequenceNumber, packet.sequenceNumber)
  return by > 0 || by < -restartBehind || ((packet.rtpTimestamp - than.rtpTimestamp) | 0) > 0
}

const ahead = (from: number, to: number) => ((to - from) << 16) >> 16
