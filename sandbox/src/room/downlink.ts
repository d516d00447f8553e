import { Line, type LineQuality } from './line.ts'
import type { PayloadTypes } from './messages.ts'
import { type Loss, OutboundStream, type PacketSink } from './outbound.ts'

/** All that flows to one subscriber over one transport. A stream that was there once goes on where it stopped. */
export class Downlink {
  readonly #line: Line
  readonly #payloads: PayloadTypes
  readonly #streams = new Map<number, OutboundStream>()
  #loss: Loss | undefined

  constructor(sink: PacketSink, payloads: PayloadTypes, loss: Loss | undefined, quality?: LineQuality) {
    this.#line = new Line(sink)
    if (quality) this.#line.quality = quality
    this.#payloads = payloads
    this.#loss = loss
  }

  /** The stream of this SSRC, ready for a source that begins. */
  open(kind: 'audio' | 'video', ssrc: number): OutboundStream {
    const known = this.#streams.get(ssrc)
    if (known?.kind === kind) {
      known.restart()
      return known
    }
    const stream = new OutboundStream(kind, this.#line, ssrc, this.#payloads[kind])
    stream.loss = this.#loss
    this.#streams.set(ssrc, stream)
    return stream
  }

  worsen(quality: LineQuality): void {
    this.#line.quality = quality
  }

  freeze(millis: number): void {
    this.#line.freeze(millis)
  }

  lose(loss: Loss | undefined): void {
    this.#loss = loss
    for (const stream of this.#streams.values()) stream.loss = loss
  }
}
