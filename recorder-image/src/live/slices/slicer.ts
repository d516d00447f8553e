import { opusLookAhead, opusPreRoll, opusSilence } from '../../media/opus.ts'
import type { LiveSound } from '../part.ts'
import { type OpusPacket, samplesOf } from './ogg-slice.ts'

/** A stretch of one user's sound. Times are those of what a decoder gives out, in microseconds since 1970. */
export interface Slice {
  fromMicros: number
  toMicros: number
  preRoll: OpusPacket[]
  packets: OpusPacket[]
  channels: 1 | 2
}

/** What came of a sound, in this order. */
export type SliceStep =
  /** `toMicros`: when it ends at the latest. */
  { type: 'begun'; fromMicros: number; toMicros: number } | { type: 'done'; slice: Slice }

/** A decoder conceals a hole as long as this; what is longer is silence, as in the files. */
const concealedSamples = 5760
/** A decoder gives out sound so much after the packet began that holds it. */
const lateMicros = opusLookAhead / 0.048
/** The longest packet: as much may lie on both sides of a border. */
const longestPacketMicros = 120_000

interface OpenSlice {
  index: number
  fromMicros: number
  preRoll: OpusPacket[]
  packets: OpusPacket[]
  /** Packets that stand for what is missing, until it is known that sound comes after them. */
  missing: OpusPacket[]
  isStereo: boolean
}

/**
 * Cuts the sound of one source into slices at borders that are multiples of their length since 1970, at the packet boundary that is nearest to each. A
 * slice begins with the first packet that came and ends with the last: where nothing was sent there is no slice, and within one there is as much
 * silence as there was. Pure.
 */
export class Slicer {
  readonly #sliceMicros: number
  #open: OpenSlice | undefined
  /** What was laid last: 80 ms of it at least. */
  #recent: OpusPacket[] = silence(opusPreRoll)

  constructor(seconds: number) {
    this.#sliceMicros = seconds * 1_000_000
  }

  push(sound: LiveSound): SliceStep[] {
    return sound.is === 'packet' ? this.#packet(sound) : this.#missing(sound)
  }

  /** All of before this time has been pushed. */
  reached(micros: number): SliceStep[] {
    if (this.#open === undefined || micros < this.#endOf(this.#open.index) + longestPacketMicros) return []
    return this.end()
  }

  /** Nothing more comes for now. What comes later begins anew. */
  end(): SliceStep[] {
    const open = this.#open
    if (open === undefined) return []
    this.#open = undefined
    const { fromMicros, preRoll, packets, isStereo } = open
    const toMicros = fromMicros + Math.round(samplesOf(packets) / 0.048)
    return [{ type: 'done', slice: { fromMicros, toMicros, preRoll, packets, channels: isStereo ? 2 : 1 } }]
  }

  #packet({ data, samples, ptsMicros }: Extract<LiveSound, { is: 'packet' }>): SliceStep[] {
    const index = Math.floor((ptsMicros + samples / 0.096) / this.#sliceMicros)
    const steps: SliceStep[] = []
    if (this.#open !== undefined && index > this.#open.index) steps.push(...this.end())
    if (this.#open === undefined) {
      const fromMicros = Math.round(ptsMicros - lateMicros)
      this.#open = { index, fromMicros, preRoll: this.#recent, packets: [], missing: [], isStereo: false }
      steps.push({ type: 'begun', fromMicros, toMicros: this.#endOf(index) })
    }
    const packet = { data: data.slice(), samples }
    this.#open.packets.push(...this.#open.missing.splice(0), packet)
    this.#open.isStereo ||= (data[0]! & 4) !== 0
    this.#remember(packet)
    return steps
  }

  #missing({ samples, ptsMicros }: Extract<LiveSound, { is: 'missing' }>): SliceStep[] {
    const open = this.#open
    const before = this.#recent.at(-1)
    const concealed = samples <= concealedSamples && before !== undefined
    if (open !== undefined && ptsMicros + samples / 0.048 >= this.#endOf(open.index) + longestPacketMicros) {
      // Nothing more comes that belongs into it.
      this.#recent = silence(opusPreRoll)
      return this.end()
    }
    const packets = concealed ? holes(before.data[0]!, samples) : silence(Math.min(samples, this.#sliceMicros * 0.048 * 2))
    open?.missing.push(...packets)
    if (samples >= opusPreRoll) this.#recent = silence(opusPreRoll)
    else for (const packet of packets) this.#remember(packet)
    return []
  }

  #remember(packet: OpusPacket): void {
    this.#recent = [...this.#recent, packet]
    while (samplesOf(this.#recent) - this.#recent[0]!.samples >= opusPreRoll) this.#recent.shift()
  }

  #endOf = (index: number) => (index + 1) * this.#sliceMicros
}

const silence = (samples: number): OpusPacket[] => opusSilence(samples)

/** By the number of a configuration of CELT. */
const celtSamples = [120, 240, 480, 960]

/**
 * Packets of frames without a byte, which a decoder conceals (RFC 7845, 4.1), as long as `samples` in all, a multiple of 120: in the configuration
 * of the packet before where that divides it, and in one of CELT for the rest.
 */
function holes(toc: number, samples: number): OpusPacket[] {
  const config = toc >> 3
  const frame =
    config < 12 ? [480, 960, 1920, 2880][config & 3]! : config < 16 ? [480, 960][config & 1]! : celtSamples[config & 3]!
  const packets: OpusPacket[] = []
  let left = samples
  for (; left >= frame; left -= frame) packets.push({ data: Uint8Array.of(toc & 0xfc), samples: frame })
  for (const size of [3, 2, 1, 0]) {
    for (; left >= celtSamples[size]!; left -= celtSamples[size]!) {
      packets.push({ data: Uint8Array.of(((28 + size) << 3) | (toc & 4)), samples: celtSamples[size]! })
    }
  }
  return packets
}
