import { isSameConfig, type VideoConfig } from '../../media/video-codec.ts'
import { decodeStill, type StillSource } from './decode-still.ts'
import { alone, LastingDecoder } from './lasting-decoder.ts'

/** Of so many configurations a decoder lives on; 14 MB each. Users with the same camera and client share one. */
const mostLasting = 4
/** One that nobody needed for so long ends. */
const idleMillis = 90_000

interface Lasting {
  config: VideoConfig
  decoder: LastingDecoder
  idle: NodeJS.Timeout
}

/**
 * Makes JPEGs of key frames, one at a time. For H.264 decoders live on, as starting one takes longer than what it is for; what they do not take has one of
 * its own, and so has what one of them failed on.
 */
export class StillDecoder {
  readonly #ffmpegPath: string
  /** The one that was used last is last. */
  #lasting: Lasting[] = []

  constructor(ffmpegPath: string) {
    this.#ffmpegPath = ffmpegPath
  }

  /** Rejects with what a person should read where it is no picture that can be decoded. */
  async decode(still: StillSource): Promise<Buffer> {
    const picture = alone(still)
    if (picture === undefined) return decodeStill(still, this.#ffmpegPath)
    const lasting = this.#of(still.config)
    try {
      return await lasting.decoder.decode(picture)
    } catch {
      this.#forget(lasting)
      return decodeStill(still, this.#ffmpegPath)
    }
  }

  end(): void {
    for (const lasting of [...this.#lasting]) this.#forget(lasting)
  }

  #of(config: VideoConfig): Lasting {
    const known = this.#lasting.find((one) => isSameConfig(one.config, config))
    const lasting = known ?? this.#begin(config)
    lasting.idle.refresh()
    this.#lasting = [...this.#lasting.filter((one) => one !== lasting), lasting]
    if (this.#lasting.length > mostLasting) this.#forget(this.#lasting[0]!)
    return lasting
  }

  #begin(config: VideoConfig): Lasting {
    const decoder = new LastingDecoder(this.#ffmpegPath)
    const lasting: Lasting = { config, decoder, idle: setTimeout(() => this.#forget(lasting), idleMillis).unref() }
    return lasting
  }

  #forget(lasting: Lasting): void {
    clearTimeout(lasting.idle)
    lasting.decoder.end()
    this.#lasting = this.#lasting.filter((one) => one !== lasting)
  }
}
