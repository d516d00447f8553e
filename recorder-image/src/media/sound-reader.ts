import type { LossReason } from '@trtc-recorder/api'
import type { EncodedFrame } from '../tap/frame.ts'
import { opusSamples, silentOpusPacket } from './opus.ts'
import { readRed } from './red.ts'

/** Told of every packet that does not go into the file as it is. */
export type OnLostSound = (frame: EncodedFrame, reason: LossReason, detail: string) => void

/** Packets of one subscription that are remembered, so that what comes again by redundancy is not taken twice. */
const rememberedPackets = 64
const usualSamples = 960

/**
 * Makes Opus packets of what arrives: takes redundancy apart, and puts silence of its own length in the place of a packet that no decoder
 * would take, so that nothing after it moves.
 */
export class SoundReader {
  readonly #onLost: OnLostSound
  readonly #seen = new Map<number, number[]>()
  #lastSamples = usualSamples

  constructor(onLost: OnLostSound) {
    this.#onLost = onLost
  }

  /** In the order in which they were sent. */
  read(frame: EncodedFrame): EncodedFrame[] {
    switch (frame.mimeType.toLowerCase()) {
      case 'audio/opus':
        return [this.#readable(frame)]
      case 'audio/red':
        return this.#unwrapped(frame)
      default:
        this.#onLost(frame, 'UnsupportedCodec', frame.mimeType)
        return []
    }
  }

  #readable(frame: EncodedFrame): EncodedFrame {
    const samples = opusSamples(frame.data)
    this.#remember(frame)
    if (samples > 0) {
      this.#lastSamples = samples
      return frame
    }
    this.#onLost(frame, 'EncoderRefused', 'it is no Opus packet')
    return { ...frame, data: silentOpusPacket(this.#lastSamples) }
  }

  /** What a packet carries along is taken where the packet that had it first did not come. */
  #unwrapped(frame: EncodedFrame): EncodedFrame[] {
    const blocks = readRed(frame.data)
    if (blocks === undefined) return [this.#readable({ ...frame, data: new Uint8Array() })]
    const frames: EncodedFrame[] = []
    blocks.forEach(({ earlierBy, data }, at) => {
      const isNewest = at === blocks.length - 1
      const sequenceNumber = frame.sequenceNumber === null ? null : (frame.sequenceNumber - (blocks.length - 1 - at)) & 0xffff
      const rtpTimestamp = (frame.rtpTimestamp - earlierBy) >>> 0
      const packet = { ...frame, mimeType: 'audio/opus', sequenceNumber, rtpTimestamp, data }
      if (isNewest) frames.push(this.#readable(packet))
      else if (sequenceNumber !== null && !this.#isSeen(packet) && opusSamples(data) > 0) frames.push(this.#readable(packet))
    })
    return frames
  }

  /** Before the first packet there was nothing to repair. */
  #isSeen({ ssrc, sequenceNumber }: EncodedFrame): boolean {
    const seen = this.#seen.get(ssrc)
    return seen === undefined || seen.includes(sequenceNumber!)
  }

  #remember({ ssrc, sequenceNumber }: EncodedFrame): void {
    if (sequenceNumber === null) return
    const seen = this.#seen.get(ssrc) ?? []
    seen.push(sequenceNumber)
    if (seen.length > rememberedPackets) seen.shift()
    // Only the latest subscriptions can still send.
    this.#seen.delete(ssrc)
    this.#seen.set(ssrc, seen)
    if (this.#seen.size > 4) this.#seen.delete(this.#seen.keys().next().value!)
  }
}
