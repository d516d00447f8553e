import { type FileHandle, open } from 'node:fs/promises'
import type { PlacedSound } from './placement.ts'
import { bytesPerSample, type PcmFormat } from './wav.ts'

/** 16-bit PCM on the volume, silent where nothing was added: silence takes no room there. What is added to one place is mixed. */
export class PcmFile {
  readonly path: string
  readonly bytes: number
  readonly #file: FileHandle
  readonly #channels: number
  readonly #samples: number

  private constructor(path: string, file: FileHandle, channels: number, samples: number) {
    this.path = path
    this.bytes = samples * channels * bytesPerSample
    this.#file = file
    this.#channels = channels
    this.#samples = samples
  }

  /** `samples`: of each channel. */
  static async create(path: string, { channels }: PcmFormat, samples: number): Promise<PcmFile> {
    const file = await open(path, 'w+')
    const pcm = new PcmFile(path, file, channels, samples)
    await file.truncate(pcm.bytes)
    return pcm
  }

  /** What lies before the beginning or after the end is left out. */
  async add(channel: number, { at, samples }: PlacedSound): Promise<void> {
    const from = Math.max(0, at)
    const end = Math.min(this.#samples, at + samples.length)
    if (end <= from || samples.every((sample) => sample === 0)) return
    const frameBytes = this.#channels * bytesPerSample
    const mixed = new Int16Array((end - from) * this.#channels)
    const bytes = new Uint8Array(mixed.buffer)
    await this.#file.read(bytes, 0, bytes.length, from * frameBytes)
    // Little endian, as every machine that this runs on is.
    for (let n = from, place = channel; n < end; n++, place += this.#channels) {
      mixed[place] = Math.max(-32_768, Math.min(32_767, mixed[place]! + samples[n - at]!))
    }
    await this.#file.write(bytes, 0, bytes.length, from * frameBytes)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
