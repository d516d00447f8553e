import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LiveCounts, type SentSound, type Stream, sentSoundSchema } from '@trtc-recorder/api'
import { z } from 'zod'
import { checkedLine, readCheckedValue } from '../../disk/checked-lines.ts'
import { type OnDamagedFile, unreadableFileNow } from '../../disk/durable-lines.ts'

const fileName = (attempt: number) => `sent-${attempt}.json`
const fileOf = /^sent-\d+\.json$/
/** What a recorder that is killed may have counted and not kept. */
const keepMillis = 10_000

/** What became of the sound of one user's stream in this attempt. Times in microseconds since 1970. */
export interface SoundTally {
  fromMicros: number
  toMicros: number
  /** At 48 kHz. */
  sentSamples: number
  sentBytes: number
  connections: number
  lostMicros: number
}

/** Counts of live sound, by user and stream: of this attempt, and of those before as the volume has them. */
export class SentSounds {
  readonly #directory: string
  readonly #attempt: number
  readonly #earlier: readonly SentSound[]
  readonly #tallies = new Map<string, { userId: string; stream: Stream; tally: SoundTally }>()
  #keptMillis = performance.now()

  /** `directory` is made when something is kept. What is in it and cannot be read counts as nothing, and is told. */
  constructor(directory: string, attempt: number, onDamage: OnDamagedFile) {
    this.#directory = directory
    this.#attempt = attempt
    this.#earlier = readEarlier(directory, attempt, onDamage)
  }

  tallyOf({ userId, stream }: { userId: string; stream: Stream }, atMicros: number): SoundTally {
    const key = `${stream} ${userId}`
    const known = this.#tallies.get(key)
    if (known !== undefined) return known.tally
    const counts = { sentSamples: 0, sentBytes: 0, connections: 0, lostMicros: 0 }
    const tally = { fromMicros: atMicros, toMicros: atMicros, ...counts }
    this.#tallies.set(key, { userId, stream, tally })
    return tally
  }

  get all(): SentSound[] {
    return [...this.#earlier, ...this.#own]
  }

  /** `waitingSeconds`: of all who still wait. Undefined where there was no sound. */
  counts(waitingSeconds: number): LiveCounts | undefined {
    const { all } = this
    if (all.length === 0) return undefined
    const sum = (of: (sound: SentSound) => number) => all.reduce((total, sound) => total + of(sound), 0)
    return {
      part: 'pcm',
      stored: Math.floor(sum(({ seconds }) => seconds)),
      waiting: Math.ceil(waitingSeconds),
      lost: Math.ceil(sum(({ lostSeconds }) => lostSeconds)),
    }
  }

  /** Keeps what was counted, if that was not done of late. Never throws. */
  keepNowAndThen(): void {
    if (performance.now() - this.#keptMillis >= keepMillis) this.keep()
  }

  /** Small, and seldom: it is waited for. Never throws. */
  keep(): void {
    this.#keptMillis = performance.now()
    const own = this.#own
    if (own.length === 0) return
    const path = join(this.#directory, fileName(this.#attempt))
    try {
      mkdirSync(this.#directory, { recursive: true })
      try {
        writeFileSync(`${path}.tmp`, checkedLine({ sounds: own }))
        renameSync(`${path}.tmp`, path)
      } finally {
        rmSync(`${path}.tmp`, { force: true })
      }
    } catch {
      // The manifest of this attempt has them all the same.
    }
  }

  get #own(): SentSound[] {
    return [...this.#tallies.values()].map(({ userId, stream, tally }) => ({
      ...{ userId, stream, attempt: this.#attempt, from: isoOf(tally.fromMicros), to: isoOf(tally.toMicros) },
      ...{ seconds: rounded(tally.sentSamples / 48_000), bytes: tally.sentBytes, connections: tally.connections },
      lostSeconds: rounded(tally.lostMicros / 1_000_000),
    }))
  }
}

/** Whether a name in the folder of live sound is one of these, and none of a backlog. */
export const isOfSentSounds = (name: string) => name.startsWith('sent-')

function readEarlier(directory: string, attempt: number, onDamage: OnDamagedFile): SentSound[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onDamage(unreadableFileNow(directory))
    return []
  }
  return names
    .filter((name) => fileOf.test(name) && name !== fileName(attempt))
    .flatMap((name) => readSounds(join(directory, name), onDamage))
}

function readSounds(path: string, onDamage: OnDamagedFile): SentSound[] {
  try {
    const bytes = readFileSync(path)
    // As the releases before wrote it.
    if (bytes[0] === squareBracket) return sentSoundSchema.array().parse(JSON.parse(bytes.toString()))
    return keptSchema.parse(readCheckedValue(bytes)).sounds
  } catch {
    onDamage(unreadableFileNow(path))
    return []
  }
}

const squareBracket = '['.charCodeAt(0)
const keptSchema = z.object({ sounds: sentSoundSchema.array() })

const isoOf = (micros: number) => new Date(Math.round(micros / 1000)).toISOString()
const rounded = (seconds: number) => Math.round(seconds * 1000) / 1000
