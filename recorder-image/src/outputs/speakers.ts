import type { Manifest, ManifestFile, Speech } from '@trtc-recorder/api'
import { type SoundOptions, soundOf } from './file-sound.ts'
import { type Missing, nothingLeft } from './missing.ts'
import type { PlacedSound } from './placement.ts'
import { LevelMeter, speechIn } from './voices.ts'

const speechRate = 16_000

/** Who spoke when, and which files could not be listened to to their end. */
export interface Heard {
  speech: Speech[]
  missing: Missing[]
}

/** Everybody's sound on the one clock of a recording. */
export class Speakers {
  /** The recording's zero, in milliseconds since 1970. */
  readonly zeroMillis: number
  readonly seconds: number
  readonly users: readonly string[]
  readonly #files: readonly ManifestFile[]
  readonly #options: Omit<SoundOptions, 'zeroMillis'>
  #speech: Promise<Heard> | undefined

  constructor(manifest: Manifest, options: Omit<SoundOptions, 'zeroMillis'>) {
    const files = manifest.files.filter(({ audio, durationSeconds }) => audio !== undefined && durationSeconds > 0)
    const { from, to } = recordingSpan(manifest)
    this.zeroMillis = from
    this.seconds = (to - from) / 1000
    this.users = [...new Set(files.map(({ userId }) => userId))].sort()
    this.#files = files.sort((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime))
    this.#options = options
  }

  get startTime(): string {
    return new Date(this.zeroMillis).toISOString()
  }

  /** Samples of the whole recording. */
  samples(rate: number): number {
    return Math.round(this.seconds * rate)
  }

  /**
   * Of one user, file after file. What two files of one stream have at once, as those of two attempts may, is heard once. A file that is not there, or that cannot
   * be decoded to its end, is put into `missing`, and the others are heard. Throws when there is no time left.
   */
  async *sound(userId: string, rate: number, missing: Missing[]): AsyncGenerator<PlacedSound> {
    const heard = { main: 0, aux: 0 }
    for (const file of this.#files) {
      if (file.userId !== userId) continue
      const from = heard[file.stream]
      try {
        for await (const sound of soundOf(file, rate, { ...this.#options, zeroMillis: this.zeroMillis })) {
          const piece = behind(sound, from)
          heard[file.stream] = Math.max(heard[file.stream], piece.at + piece.samples.length)
          if (piece.samples.length > 0) yield piece
        }
      } catch (error) {
        if (performance.now() >= this.#options.deadline) throw error
        missing.push({ file, why: (error as Error).message })
      }
    }
  }

  /** Who spoke when, in the order of their beginning. Listened to once, however often it is asked for. Rejects where nobody could be listened to. */
  speech(): Promise<Heard> {
    this.#speech ??= this.#listen()
    return this.#speech
  }

  async #listen(): Promise<Heard> {
    const speech: Speech[] = []
    const missing: Missing[] = []
    let isHeard = false
    for (const userId of this.users) {
      const meter = new LevelMeter(this.seconds, speechRate)
      for await (const sound of this.sound(userId, speechRate, missing)) {
        isHeard = true
        meter.add(sound)
      }
      meter.end()
      for (const { from, to } of speechIn(meter.levels)) {
        speech.push({ userId, start: this.zeroMillis + from * 1000, end: this.zeroMillis + to * 1000 })
      }
    }
    if (!isHeard && missing.length > 0) throw nothingLeft(missing)
    return { speech: speech.sort((a, b) => a.start - b.start || a.userId.localeCompare(b.userId)), missing }
  }
}

/** What of it lies behind a sample of the recording. */
export function behind({ at, samples }: PlacedSound, from: number): PlacedSound {
  const passed = Math.min(samples.length, Math.max(0, from - at))
  return { at: at + passed, samples: samples.subarray(passed) }
}

/** From entering the room, or the first file, to the end of all. In milliseconds since 1970. */
function recordingSpan({ startTime, endTime, files }: Manifest): { from: number; to: number } {
  const times = [startTime, endTime, ...files.flatMap((file) => [file.startTime, file.endTime])]
  const known = times.filter((time) => time !== undefined).map((time) => Date.parse(time))
  return known.length === 0 ? { from: 0, to: 0 } : { from: Math.min(...known), to: Math.max(...known) }
}
