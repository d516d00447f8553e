import type { Downlink } from './downlink.ts'
import type { OutboundStream } from './outbound.ts'
import type { Publisher, Track } from './publisher.ts'

export const tracks: readonly Track[] = ['audio', 'video', 'aux']

/** What one member of the room receives of one publisher. */
export class Subscription {
  readonly publisher: Publisher
  readonly #downlink: Downlink
  readonly #ssrcs: Readonly<Record<Track, number>>
  readonly #streams = new Map<Track, OutboundStream>()
  #wanted: ReadonlySet<Track> = new Set()

  /** @param ssrcs as the subscriber chose them; 0 where it chose none */
  constructor(publisher: Publisher, downlink: Downlink, ssrcs: Readonly<Record<Track, number>>) {
    this.publisher = publisher
    this.#downlink = downlink
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

  /** Sends just what is wanted and published. What goes on is not touched. */
  sync(): void {
    for (const track of tracks) {
      const stream = this.#streams.get(track)
      const flows = this.#wanted.has(track) && this.publisher.publishes.has(track) && this.#ssrcs[track] !== 0
      if (flows && !stream) this.#open(track)
      if (!flows && stream) this.#shut(track, stream)
    }
  }

  close(): void {
    for (const [track, stream] of this.#streams) this.#shut(track, stream)
  }

  streamOf = (ssrc: number) => [...this.#streams].find(([, stream]) => stream.ssrc === ssrc)

  #open(track: Track): void {
    const { userId } = this.publisher
    const stream = this.#downlink.open(track === 'audio' ? 'audio' : 'video', this.#ssrcs[track], userId)
    this.#streams.set(track, stream)
    this.publisher.attach(track, stream)
    this.publisher.requestKeyFrame(track)
  }

  #shut(track: Track, stream: OutboundStream): void {
    this.publisher.detach(stream)
    this.#streams.delete(track)
  }
}
