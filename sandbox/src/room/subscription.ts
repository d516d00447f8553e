import type { PayloadTypes } from './messages.ts'
import { type Loss, OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'
import type { Transport } from './transport.ts'

export const tracks: readonly Track[] = ['audio', 'video', 'aux']

/** What one member of the room receives of one publisher. */
export class Subscription {
  readonly publisher: Publisher
  readonly #transport: Transport
  readonly #payloads: PayloadTypes
  readonly #ssrcs: Record<Track, number>
  readonly #streams = new Map<Track, OutboundStream>()
  #wanted: ReadonlySet<Track> = new Set()

  constructor(publisher: Publisher, transport: Transport, payloads: PayloadTypes, ssrcs: Record<Track, number>) {
    this.publisher = publisher
    this.#transport = transport
    this.#payloads = payloads
    this.#ssrcs = ssrcs
  }

  get wanted(): ReadonlySet<Track> {
    return this.#wanted
  }

  get streams(): Iterable<OutboundStream> {
    return this.#streams.values()
  }

  want(wanted: ReadonlySet<Track>): void {
    this.#wanted = wanted
    this.sync()
  }

  /** Sends just what is wanted and published. */
  sync(): void {
    for (const track of tracks) {
      const stream = this.#streams.get(track)
      const flows = this.#wanted.has(track) && this.publisher.publishes.has(track)
      if (flows && !stream) this.#open(track)
      if (!flows && stream) this.#shut(track, stream)
    }
  }

  close(): void {
    for (const [track, stream] of this.#streams) this.#shut(track, stream)
  }

  lose(loss: Loss | undefined): void {
    for (const stream of this.#streams.values()) stream.loss = loss
  }

  streamOf = (ssrc: number) => [...this.#streams].find(([, stream]) => stream.ssrc === ssrc)

  #open(track: Track): void {
    const kind = track === 'audio' ? 'audio' : 'video'
    const stream = new OutboundStream(kind, this.#transport, this.#ssrcs[track], this.#payloads[kind])
    this.#streams.set(track, stream)
    this.publisher.attach(track, stream)
    this.publisher.requestKeyFrame(track)
  }

  #shut(track: Track, stream: OutboundStream): void {
    this.publisher.detach(stream)
    this.#streams.delete(track)
  }
}
