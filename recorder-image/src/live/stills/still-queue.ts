import type { StillSource } from './decode-still.ts'
import { StillDecoder } from './still-decoder.ts'

/** A still that is to be made. */
export interface WantedStill extends StillSource {
  /** Whose: of one of them, one waits at most. */
  sourceId: number
  made(jpeg: Buffer): Promise<unknown>
  /** `why`: for a person. */
  failed(why: string): void
}

/**
 * Makes stills one at a time, so that they take a part of one core at most, whoever sends what. Where that is too slow, the latest of each source is made.
 */
export class StillQueue {
  readonly #decoder: Pick<StillDecoder, 'decode' | 'end'>
  /** By their source, the one that waits longest first. */
  readonly #waiting = new Map<number, WantedStill>()
  #working: Promise<void> | undefined

  constructor(ffmpegPath: string, decoder: Pick<StillDecoder, 'decode' | 'end'> = new StillDecoder(ffmpegPath)) {
    this.#decoder = decoder
  }

  /** Never throws, never waits. */
  add(still: WantedStill): void {
    const before = this.#waiting.get(still.sourceId)
    // It keeps its place in the queue.
    this.#waiting.set(still.sourceId, still)
    before?.failed('stills were made too slowly, and a later one took its place')
    this.#working ??= this.#work()
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  /** No more comes. Resolves when nothing waits. */
  async end(): Promise<void> {
    await this.drained()
    this.#decoder.end()
  }

  async #work(): Promise<void> {
    for (let [still] = this.#waiting.values(); still !== undefined; [still] = this.#waiting.values()) {
      this.#waiting.delete(still.sourceId)
      const { made, failed } = still
      await this.#decoder.decode(still).then(made, (error: Error) => failed(error.message.slice(0, 160)))
    }
    this.#working = undefined
  }
}
