import { setTimeout as sleep } from 'node:timers/promises'
import type { Decoder, Decoding, PcmForm } from '../../media/opus-decoding.ts'
import { Backlog, type Dropped } from './backlog.ts'
import type { Connection } from './connection.ts'
import type { Sound } from './sound.ts'
import { unlessOver } from './unless-over.ts'

export interface FeedOptions {
  form: PcmForm
  /** Folder of its own on the volume. */
  directory: string
  /** So much of it waits for a receiver that is away, in seconds. */
  keepSeconds: number
  decoding: Pick<Decoding, 'open'>
  /** What comes of it is over when `signal` aborts. */
  connect(signal: AbortSignal): Promise<Connection>
  onDrop(dropped: Dropped): void
  /** Told of each connection, and of what the network has taken: samples at 48 kHz, up to a time of the wall clock. */
  onConnected(): void
  onSent(sent: { samples: number; bytes: number; toMicros: number }): void
  /** Told when the receiver cannot be reached, or is lost, and of the first connection after that. */
  onTrouble(problem: string | undefined): void
}

/** What goes into one turn, at 48 kHz: what waits goes faster than it was spoken, as fast as the receiver takes it. */
const turnSamples = 48_000 / 2
/** A message has at most so much: LiveKit's are of 20 ms. */
const messageSeconds = 0.02
const firstPauseMillis = 250
const longestPauseMillis = 5000

/**
 * Hands one user's sound to one receiver. Nothing here waits for it but the feed itself: what it does not take waits in the backlog. Guarantees: sound
 * arrives in order, and what is not handed on is told of; what was on its way to the network when a connection broke is sent again, what the network had
 * taken is not.
 */
export class Feed {
  readonly #options: FeedOptions
  readonly #backlog: Backlog
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #isLast = false
  /** What the receiver of this connection was told of mutes; one that was told nothing hears. */
  #toldMuted = false
  #muted = false
  #isInTrouble = false

  constructor(options: FeedOptions) {
    this.#options = options
    const { directory, keepSeconds, onDrop } = options
    this.#backlog = new Backlog({ directory, keepSeconds, onDrop })
    this.#ended = this.#run().finally(() => this.#backlog.end())
  }

  get waitingSeconds(): number {
    return this.#backlog.seconds
  }

  /** Never waits. */
  add(sounds: readonly Sound[]): void {
    this.#backlog.add(sounds)
  }

  /** No more comes. Settles when all is handed on, or at `deadline`: what still waits then is dropped. Never rejects. */
  async end(deadline: Promise<unknown>): Promise<void> {
    this.#isLast = true
    this.#backlog.close()
    await Promise.race([this.#ended, deadline])
    this.#stop.abort()
    await this.#ended
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let pauseMillis = firstPauseMillis
    while (!signal.aborted && !(this.#isLast && this.#backlog.isEmpty)) {
      let connection: Connection | undefined
      let openedMillis = Number.POSITIVE_INFINITY
      try {
        connection = await this.#options.connect(signal)
        openedMillis = performance.now()
        this.#options.onConnected()
        this.#tell(undefined)
        await this.#feed(connection)
      } catch (error) {
        connection?.terminate()
        if (signal.aborted) return
        this.#tell((error as Error).message)
        // One that takes connections and drops them is no better than one that is away.
        if (performance.now() - openedMillis > longestPauseMillis) pauseMillis = firstPauseMillis
        await sleep(pauseMillis, undefined, { signal }).catch(() => {})
        pauseMillis = Math.min(longestPauseMillis, pauseMillis * 2)
      }
    }
  }

  #tell(problem: string | undefined): void {
    if ((problem !== undefined) === this.#isInTrouble) return
    this.#isInTrouble = problem !== undefined
    this.#options.onTrouble(problem)
  }

  /** Until all is handed on and no more comes. Rejects when the connection is over before. */
  async #feed(connection: Connection): Promise<void> {
    const awaited = unlessOver(connection.closed)
    const decoder = this.#options.decoding.open(this.#options.form)
    this.#toldMuted = false
    if (this.#muted) await this.#sendMuted(connection)
    try {
      while (!(this.#isLast && this.#backlog.isEmpty)) {
        await awaited(this.#backlog.arrival())
        const sounds = await this.#backlog.take(turnSamples)
        try {
          const messages = await this.#messagesOf(sounds, decoder)
          await awaited(connection.send(messages))
          this.#tellSent(sounds, messages)
        } catch (error) {
          this.#backlog.putBack(sounds)
          throw error
        }
      }
      await connection.close()
    } finally {
      decoder.close()
    }
  }

  #tellSent(sounds: readonly Sound[], messages: readonly (Uint8Array | string)[]): void {
    let samples = 0
    for (const sound of sounds) samples += sound.samples
    let bytes = 0
    for (const message of messages) if (typeof message !== 'string') bytes += message.length
    const last = sounds.at(-1)
    if (last !== undefined) this.#options.onSent({ samples, bytes, toMicros: last.atMicros + last.samples / 0.048 })
  }

  async #sendMuted(connection: Connection): Promise<void> {
    this.#toldMuted = true
    await connection.send([mutedText(true)])
  }

  /** PCM and texts, in order. */
  async #messagesOf(sounds: readonly Sound[], decoder: Decoder): Promise<(Uint8Array | string)[]> {
    const messages: (Uint8Array | string)[] = []
    let packets: Uint8Array[] = []
    const decode = async () => {
      if (packets.length > 0) messages.push(...this.#blocks(await decoder.decode(packets)))
      packets = []
    }
    for (const sound of sounds) {
      switch (sound.type) {
        case 'packet':
          packets.push(sound.data)
          break
        case 'missing':
          packets.push(...bridges(sound.samples))
          break
        case 'silence':
          await decode()
          messages.push(...this.#blocks(this.#silence(sound.samples)))
          break
        case 'muted':
          this.#muted = sound.muted
          if (sound.muted === this.#toldMuted) break
          await decode()
          this.#toldMuted = sound.muted
          messages.push(mutedText(sound.muted))
      }
    }
    await decode()
    return messages
  }

  #silence(samples: number): Uint8Array {
    const { rate, channels } = this.#options.form
    return new Uint8Array(Math.round((samples * rate) / 48_000) * channels * 2)
  }

  #blocks(pcm: Uint8Array): Uint8Array[] {
    const { rate, channels } = this.#options.form
    const bytes = rate * messageSeconds * channels * 2
    return Array.from({ length: Math.ceil(pcm.length / bytes) }, (_, n) => pcm.subarray(n * bytes, (n + 1) * bytes))
  }
}

const mutedText = (muted: boolean) => JSON.stringify({ muted })

/** Packets without content, which a decoder takes for lost ones and bridges (RFC 6716, 3.1: CELT, full band, of 20, 10, 5 and 2.5 ms). */
const bridgePackets = [
  { samples: 960, data: Uint8Array.of(31 << 3) },
  { samples: 480, data: Uint8Array.of(30 << 3) },
  { samples: 240, data: Uint8Array.of(29 << 3) },
  { samples: 120, data: Uint8Array.of(28 << 3) },
]

function bridges(samples: number): Uint8Array[] {
  const packets: Uint8Array[] = []
  let left = samples
  for (const packet of bridgePackets) {
    for (; left >= packet.samples; left -= packet.samples) packets.push(packet.data)
  }
  return packets
}
