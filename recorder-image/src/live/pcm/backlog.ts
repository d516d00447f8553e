import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sound } from './sound.ts'
import { encodeSounds, readSounds } from './sound-records.ts'

/** What was not handed on, and why. Micros of the wall clock. */
export interface Dropped {
  fromMicros: number
  toMicros: number
  /** Packets of Opus in it, and their bytes. */
  packets: number
  bytes: number
  /** `tooOld`: more waited than may. `volume`: it could not be written, or read again. */
  why: 'tooOld' | 'volume'
}

export interface BacklogOptions {
  /** Folder of its own on the volume; made when it is needed. */
  directory: string
  /** So much waits at most, in seconds. */
  keepSeconds: number
  onDrop(dropped: Dropped): void
}

/** What a chunk holds, at 48 kHz: 5 s. */
const chunkSamples = 5 * 48_000

interface Chunk {
  number: number
  /** Of its first sound, and of the first that still waits. */
  beganMicros: number
  fromMicros: number
  samples: number
  sounds: number
  packets: number
  bytes: number
  /** What was said of mutes last by its sounds, and by those before it that were dropped. */
  muted: boolean | undefined
  mutedBefore: boolean | undefined
  /** Undefined when it is on the volume only. */
  inMemory: Sound[] | undefined
  /** It is written to the volume, or will be. */
  isSetAside: boolean
}

/**
 * Sound that waits for its receiver, as the packets that came: the oldest and the newest five seconds in memory, what is between on the volume. What is
 * more than may wait is dropped, oldest first and five seconds at a time, and told of; what was said of mutes in it is said still. While all is taken as
 * it comes, nothing is written.
 */
export class Backlog {
  readonly #options: BacklogOptions
  readonly #chunks: Chunk[] = []
  #lastNumber = 0
  #volume: Promise<void> = Promise.resolve()
  #arrived = Promise.withResolvers<void>()
  #isClosed = false
  /** Of those that were dropped while none came after them. */
  #mutedBefore: boolean | undefined

  constructor(options: BacklogOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0
  }

  /** Seconds that wait. */
  get seconds(): number {
    return this.#chunks.reduce((sum, { samples }) => sum + samples, 0) / 48_000
  }

  /** Settles when there is something to take, or no more comes. */
  async arrival(): Promise<void> {
    if (this.isEmpty) await this.#arrived.promise
  }

  /** No more comes. */
  close(): void {
    this.#isClosed = true
    this.#arrived.resolve()
  }

  /** Never waits. */
  add(sounds: readonly Sound[]): void {
    for (const sound of sounds) {
      const last = this.#chunks.at(-1)
      const chunk = last?.inMemory !== undefined && last.samples < chunkSamples ? last : this.#begin(sound.atMicros, 'push')
      chunk.inMemory!.push(sound)
      count(chunk, sound, 1)
      if (chunk.samples >= chunkSamples) this.#setAside(chunk)
    }
    this.#dropOldest()
    if (!this.isEmpty) this.#arrived.resolve()
  }

  /** The oldest, about so many samples at 48 kHz of it, or fewer; nothing where nothing waits. */
  async take(samples: number): Promise<Sound[]> {
    const [chunk] = this.#chunks
    if (chunk === undefined) return []
    const sounds = chunk.inMemory ?? (await this.#read(chunk))
    // It was dropped meanwhile.
    if (sounds === undefined || this.#chunks[0] !== chunk) return this.take(samples)
    chunk.inMemory = sounds
    let taken = 0
    let end = 0
    while (end < sounds.length && taken < samples) taken += sounds[end++]!.samples
    const part = sounds.splice(0, end)
    for (const sound of part) count(chunk, sound, -1)
    if (chunk.mutedBefore !== undefined) {
      part.unshift({ type: 'muted', muted: chunk.mutedBefore, samples: 0, atMicros: chunk.fromMicros })
      chunk.mutedBefore = undefined
    }
    chunk.fromMicros = sounds[0]?.atMicros ?? chunk.fromMicros
    if (sounds.length === 0) this.#forget(chunk)
    return part
  }

  /** It was taken, and could not be handed on. */
  putBack(sounds: readonly Sound[]): void {
    const [first] = sounds
    if (first === undefined) return
    const chunk = this.#chunks[0]?.inMemory === undefined ? this.#begin(first.atMicros, 'unshift') : this.#chunks[0]!
    const { muted } = chunk
    chunk.inMemory!.unshift(...sounds)
    chunk.fromMicros = first.atMicros
    for (const sound of sounds) count(chunk, sound, 1)
    if (muted !== undefined) chunk.muted = muted
    this.#arrived.resolve()
  }

  /** Nobody takes what still waits. Leaves nothing on the volume; never rejects. */
  async end(): Promise<void> {
    for (const chunk of [...this.#chunks]) this.#drop(chunk, 'tooOld')
    await this.#volume
    await rm(this.#options.directory, { recursive: true, force: true }).catch(() => {})
  }

  #begin(fromMicros: number, where: 'push' | 'unshift'): Chunk {
    const counts = { samples: 0, sounds: 0, packets: 0, bytes: 0 }
    const mutes = { muted: undefined, mutedBefore: where === 'push' ? this.#mutedBefore : undefined }
    const chunk: Chunk = {
      number: ++this.#lastNumber,
      beganMicros: fromMicros,
      fromMicros,
      ...counts,
      ...mutes,
      inMemory: [],
      isSetAside: false,
    }
    if (where === 'push') this.#mutedBefore = undefined
    this.#chunks[where](chunk)
    return chunk
  }

  /** The next that is taken stays in memory, too. */
  #setAside(chunk: Chunk): void {
    chunk.isSetAside = true
    const { directory } = this.#options
    const isNeeded = () => this.#chunks.includes(chunk)
    this.#later(async () => {
      if (!isNeeded()) return
      const isNext = this.#chunks[0] === chunk
      try {
        await mkdir(directory, { recursive: true })
        await writeFile(this.#pathOf(chunk), encodeSounds(chunk.inMemory!))
        if (isNeeded() && this.#chunks[0] !== chunk) chunk.inMemory = undefined
      } catch {
        if (isNeeded() && !isNext) this.#dropButMutes(chunk, 'volume')
      }
    })
  }

  async #read(chunk: Chunk): Promise<Sound[] | undefined> {
    try {
      return await readSounds(this.#pathOf(chunk), chunk.sounds)
    } catch {
      if (this.#chunks.includes(chunk)) this.#dropButMutes(chunk, 'volume')
      return undefined
    }
  }

  #dropOldest(): void {
    while (this.#chunks.length > 1 && this.seconds > this.#options.keepSeconds + chunkSamples / 48_000) {
      this.#dropButMutes(this.#chunks[0]!, 'tooOld')
    }
  }

  #dropButMutes(chunk: Chunk, why: Dropped['why']): void {
    const at = this.#chunks.indexOf(chunk)
    this.#drop(chunk, why)
    const muted = chunk.muted ?? chunk.mutedBefore
    if (muted === undefined) return
    const next = this.#chunks[at]
    if (next === undefined) this.#mutedBefore = muted
    else next.mutedBefore = muted
  }

  #drop(chunk: Chunk, why: Dropped['why']): void {
    const { fromMicros, samples, packets, bytes } = chunk
    this.#forget(chunk)
    if (samples > 0) this.#options.onDrop({ fromMicros, toMicros: fromMicros + samples / 0.048, packets, bytes, why })
  }

  #forget(chunk: Chunk): void {
    this.#chunks.splice(this.#chunks.indexOf(chunk), 1)
    if (this.isEmpty && !this.#isClosed) this.#arrived = Promise.withResolvers()
    if (chunk.isSetAside) this.#later(() => rm(this.#pathOf(chunk), { force: true }))
  }

  #later(what: () => Promise<void>): void {
    this.#volume = this.#volume.then(what).catch(() => {})
  }

  #pathOf({ number, beganMicros }: Chunk): string {
    return join(this.#options.directory, `${Math.round(beganMicros)}-${number}.sounds`)
  }
}

/** When what a backlog left behind began; undefined where it left nothing. `names`: of the files in its folder. */
export function leftSince(names: readonly string[]): number | undefined {
  const began = names.flatMap((name) => /^(\d+)-\d+\.sounds$/.exec(name)?.slice(1, 2).map(Number) ?? [])
  return began.length === 0 ? undefined : Math.min(...began)
}

function count(chunk: Chunk, sound: Sound, by: 1 | -1): void {
  chunk.samples += by * sound.samples
  chunk.sounds += by
  if (sound.type === 'muted' && by === 1) chunk.muted = sound.muted
  if (sound.type !== 'packet') return
  chunk.packets += by
  chunk.bytes += by * sound.data.length
}
