import type { Stretch } from './cuts.ts'

/** Sound that was sent and is not on the axis. Times in microseconds since 1970. */
export interface AudioLoss {
  reason: 'LostInNetwork' | 'RepairedTooLate'
  fromMicros: number
  toMicros: number
  /** Null where the numbers do not say. */
  packets: number | null
  bytes: number | null
}

interface SoundPacket {
  ssrc: number
  rtpTimestamp: number
  receiveTimeMicros: number
  samples: number
  data: Uint8Array
}

/** So long a packet that was given up may still come and change why it is missing. */
const lateMicros = 5_000_000
/** Where a stretch lies is known so well while its clock is. */
const placedWithinMicros = 500_000
const mostLate = 1000

/** Packets that are missing before a place of the RTP clock. */
type Pending = AudioLoss & { packets: number; ssrc: number; toRtp: number; noticedMicros: number }

/** What of the sound is missing and why: lost, unless it comes when its place was given up. Pure. */
export class AudioLosses {
  #known: AudioLoss[] = []
  #pending: Pending[] = []
  #late: SoundPacket[] = []

  /** So many packets did not come before the one at `next`. */
  missing(stretch: Stretch, packets: number, next: { ssrc: number; rtp: number }, noticedMicros: number): void {
    const loss = { reason: 'LostInNetwork', ...stretch, packets, bytes: null } as const
    this.#pending.push({ ...loss, ssrc: next.ssrc, toRtp: next.rtp, noticedMicros })
    const isRecent = ({ receiveTimeMicros }: SoundPacket) => noticedMicros - receiveTimeMicros <= lateMicros
    for (const packet of this.#late.splice(0).filter(isRecent)) this.cameLate(packet)
  }

  /** Packets are numbered from somewhere else on: how many are missing nobody knows. */
  countedAnew(stretch: Stretch): void {
    if (stretch.toMicros > stretch.fromMicros)
      this.#known.push({ reason: 'LostInNetwork', ...stretch, packets: null, bytes: null })
  }

  /** Of a subscription that is over, or of before the first packet that was taken. */
  straggler({ receiveTimeMicros, data }: SoundPacket): void {
    const at = { fromMicros: receiveTimeMicros, toMicros: receiveTimeMicros }
    this.#known.push({ reason: 'RepairedTooLate', ...at, packets: 1, bytes: data.length })
  }

  cameLate(packet: SoundPacket): void {
    const before = ({ toRtp }: Pending) => ((toRtp - packet.rtpTimestamp) | 0) / 0.048
    // One that lies before the stretch was told of as lost before.
    const isOf = (one: Pending) => before(one) > 0 && before(one) <= one.toMicros - one.fromMicros + placedWithinMicros
    const loss = this.#pending.find((one) => one.packets > 0 && one.ssrc === packet.ssrc && isOf(one))
    if (loss === undefined) {
      // What comes after the loss is held back.
      this.#late.push(packet)
      if (this.#late.length > mostLate) this.#late.shift()
      return
    }
    loss.packets--
    const fromMicros = Math.round(loss.toMicros - before(loss))
    const times = { fromMicros, toMicros: Math.round(fromMicros + packet.samples / 0.048) }
    this.#known.push({ reason: 'RepairedTooLate', ...times, packets: 1, bytes: packet.data.length })
  }

  /** What is known since the last time; at the end all there is. */
  take(nowMicros: number, atTheEnd: boolean): AudioLoss[] {
    const isOver = ({ noticedMicros }: Pending) => atTheEnd || nowMicros - noticedMicros > lateMicros
    const losses = [...this.#known, ...this.#pending.filter(isOver).filter(({ packets }) => packets > 0)]
    this.#pending = this.#pending.filter((loss) => !isOver(loss))
    this.#known = []
    return losses.map(({ reason, fromMicros, toMicros, packets, bytes }) => ({ reason, fromMicros, toMicros, packets, bytes }))
  }
}
