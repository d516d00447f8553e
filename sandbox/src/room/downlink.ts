import type { Impairments } from './impairments.ts'
import { Line } from './line.ts'
import type { PayloadTypes } from './messages.ts'
import { OutboundStream, type PacketSink } from './outbound.ts'

/** All that flows to one subscriber over one transport. A stream that was there once goes on where it stopped. */
export class Downlink {
  readonly #sink: PacketSink
  readonly #payloadTypes: PayloadTypes
  readonly #impairments: Impairments
  readonly #streams = new Map<number, { stream: OutboundStream; publisherId: string }>()
  /** What comes from each publisher has a line of its own, so that one of them can have a bad one. */
  readonly #lines = new Map<string, Line>()

  constructor(sink: PacketSink, payloadTypes: PayloadTypes, impairments: Impairments) {
    this.#sink = sink
    this.#payloadTypes = payloadTypes
    this.#impairments = impairments
  }

  /** The stream of this SSRC, ready for a source that begins. */
  open(kind: 'audio' | 'video', ssrc: number, publisherId: string): OutboundStream {
    const known = this.#streams.get(ssrc)
    if (known?.stream.kind === kind) {
      known.stream.restart()
      return known.stream
    }
    const stream = new OutboundStream(kind, this.#lineFrom(publisherId), ssrc, this.#payloadTypes)
    stream.loss = this.#impairments.lossFrom(publisherId)
    this.#streams.set(ssrc, { stream, publisherId })
    return stream
  }

  /** The impairments have changed. */
  heed(): void {
    for (const [publisherId, line] of this.#lines) line.quality = this.#impairments.qualityFrom(publisherId)
    for (const { stream, publisherId } of this.#streams.values()) stream.loss = this.#impairments.lossFrom(publisherId)
  }

  freeze(millis: number, publisherId?: string): void {
    for (const [from, line] of this.#lines) if (publisherId === undefined || from === publisherId) line.freeze(millis)
  }

  #lineFrom(publisherId: string): Line {
    const line = this.#lines.get(publisherId) ?? new Line(this.#sink)
    line.quality = this.#impairments.qualityFrom(publisherId)
    this.#lines.set(publisherId, line)
    return line
  }
}
