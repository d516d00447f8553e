import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Loss, manifestFileSchema, type RecorderJob, type TimelineEvent, timelineEventSchema } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { z } from 'zod'
import { checkedLine, readCheckedValue } from '../disk/checked-lines.ts'
import { type DamagedFile, DurableLines, readLines, unreadableFile } from '../disk/durable-lines.ts'
import { isVolumeFull, mayPass } from '../disk/volume-full.ts'
import { replaceWith } from '../disk/write-whole.ts'
import { linesNotKept, type NotKept } from '../ledger/kept-records.ts'
import { type LedgerLine, lossesIn } from '../ledger/ledger.ts'
import { mediaPaths } from '../media/media-paths.ts'
import { type AttemptNote, attemptNoteSchema } from './attempt.ts'
import { RecorderFailure } from './failure.ts'

/** What is set aside of the volume, and at most which share of what is free. */
const reserveBytes = 16 * 1024 * 1024
const reserveShare = 0.02
const lastReserveBytes = 64 * 1024

/** A file that has been dealt with: in COS, whole or not. */
const fileNoteSchema = z.object({
  file: manifestFileSchema,
  fate: z.enum(['stored', 'broken']),
  events: z.array(timelineEventSchema).describe('Gaps and changes of size inside it.'),
})
export type FileNote = z.infer<typeof fileNoteSchema>

/**
 * The work directory of one recording. All that a later attempt needs is here:
 *
 *     media/<file name>.*         a file that grows, or was left unfinished
 *     uploads/<file name>.jsonl   the log of its upload
 *     files/<file name>.json      what became of it, once it is in COS; its media may be gone then
 *     attempts/<n>.json           when an attempt entered the room and why it stopped
 *     attempts/<n>.events.jsonl   what happened to the users meanwhile
 *     attempts/<n>.ledger.jsonl   what of theirs is not recorded
 *     outputs/<file name>         what is being made of the recording when it is over
 *     held/<n>-<m>.frames         frames of which it is not known yet whose they are
 *     live/*.jsonl                what spec.live made, and, in live/waiting, what of it is not in COS yet
 *     live/pcm/                   live sound that waits for its receiver
 *     events/<n>.jsonl            what happened, where somebody asks for it
 *     clips/                      a clip that is being cut while it records
 *     reserve, reserve-of-records room for what has still to be written when the volume is full
 */
export class Volume {
  readonly mediaDirectory: string
  /** Made when it is needed. */
  readonly heldDirectory: string
  /** Made when it is needed. */
  readonly outputsDirectory: string
  /** Made when it is needed. */
  readonly liveDirectory: string
  /** Made when it is needed. */
  readonly eventsDirectory: string
  /** Made when it is needed: clips that are being cut while it records. */
  readonly clipsDirectory: string
  readonly #root: string
  readonly #log: Logger
  readonly #lines = new Map<string, DurableLines>()
  /** Found before anybody wanted to know. */
  readonly #damaged: DamagedFile[] = []
  #onDamage: (damage: DamagedFile) => void = (damage) => this.#damaged.push(damage)
  #lastEvent = 0

  private constructor(root: string, log: Logger) {
    this.#root = root
    this.#log = log
    this.mediaDirectory = join(root, 'media')
    this.heldDirectory = join(root, 'held')
    this.outputsDirectory = join(root, 'outputs')
    this.liveDirectory = join(root, 'live')
    this.eventsDirectory = join(root, 'events')
    this.clipsDirectory = join(root, 'clips')
  }

  /** Rejects with VolumeUnusable when the work directory cannot be written. */
  static async open(work: string, { namespace, name }: RecorderJob['recording'], log: Logger): Promise<Volume> {
    const volume = new Volume(join(work, `${namespace}.${name}`), log)
    try {
      await volume.#prepare().catch(() => volume.#prepare())
    } catch (error) {
      throw new RecorderFailure('VolumeUnusable', `The work directory ${work} cannot be written: ${(error as Error).message}`)
    }
    return volume
  }

  async #prepare(): Promise<void> {
    for (const folder of ['media', 'uploads', 'files', 'attempts']) await mkdir(join(this.#root, folder), { recursive: true })
    await this.#prove()
  }

  /** A full volume is taken as it is: uploading makes room. */
  async #prove(): Promise<void> {
    try {
      await this.checkWritable()
      await this.#setAside()
    } catch (error) {
      if (!isVolumeFull(error)) throw error
      this.#log.warn({ directory: this.#root }, 'The volume is full')
      this.useReserve()
    }
  }

  /** Room for what has still to be written when the volume is full: ends of files, notes, logs of uploads. */
  async #setAside(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#root)
    const bytes = Math.floor(Math.min(reserveBytes, bavail * bsize * reserveShare))
    for (const [path, size] of [
      [this.#lastReservePath, lastReserveBytes],
      [this.#reservePath, bytes],
    ] as const) {
      const there = await stat(path).catch(() => undefined)
      if (there === undefined || there.size < size) await writeFile(path, Buffer.alloc(size), { flush: true })
    }
  }

  /** Gives back what was set aside, but for what the record of a stored file needs. Never throws. */
  useReserve(): void {
    rmSync(this.#reservePath, { force: true })
  }

  /** Nothing more will be written. Never throws. */
  giveBackReserves(): void {
    for (const path of [this.#reservePath, this.#lastReservePath]) rmSync(path, { force: true })
  }

  get #lastReservePath(): string {
    return join(this.#root, 'reserve-of-records')
  }

  get #reservePath(): string {
    return join(this.#root, 'reserve')
  }

  async checkWritable(): Promise<void> {
    const probe = join(this.#root, `.probe-${randomUUID()}`)
    try {
      await writeDurably(probe, 'probe')
    } finally {
      await rm(probe, { force: true })
    }
  }

  uploadLogPath(name: string): string {
    return join(this.#root, 'uploads', `${name}.jsonl`)
  }

  async removeUploadLog(name: string): Promise<void> {
    await rm(this.uploadLogPath(name), { force: true })
  }

  /** On a full volume there is room for this one: with the note of a file that is stored, its media can go. */
  async writeFile(name: string, note: FileNote): Promise<void> {
    const path = join(this.#root, 'files', `${name}.json`)
    await replaceDurably(path, note).catch(async (error) => {
      if (!isVolumeFull(error)) throw error
      await rm(this.#lastReservePath, { force: true })
      await replaceDurably(path, note)
    })
  }

  async files(): Promise<FileNote[]> {
    const { notes } = await this.#readAll(join(this.#root, 'files'), fileNoteSchema)
    return notes.sort((a, b) => a.file.startTime.localeCompare(b.file.startTime))
  }

  /** Names of the files whose notes cannot be read, each with why. They were in COS when it was written. */
  async unreadableFiles(): Promise<{ name: string; why: string }[]> {
    return (await this.#readAll(join(this.#root, 'files'), fileNoteSchema)).unreadable
  }

  /** Whether there is a file of this name, or was. */
  knows(name: string): boolean {
    const places = [mediaPaths(this.mediaDirectory, name).index, join(this.#root, 'files', `${name}.json`)]
    return places.some((path) => existsSync(path))
  }

  async writeAttempt(note: AttemptNote): Promise<void> {
    await replaceDurably(join(this.#root, 'attempts', `${note.attempt}.json`), note)
  }

  async attempts(): Promise<AttemptNote[]> {
    const folder = join(this.#root, 'attempts')
    const { notes, unreadable } = await this.#readAll(folder, attemptNoteSchema)
    for (const { name } of unreadable) {
      this.#onDamage(await unreadableFile(join(folder, `${name}.json`)))
    }
    return notes.sort((a, b) => a.attempt - b.attempt)
  }

  /** Never throws, never waits. */
  addEvent(attempt: number, event: TimelineEvent): void {
    this.#linesOf(`${attempt}.events.jsonl`).add([[++this.#lastEvent, event]])
  }

  /** Of all attempts; those of this one also where the volume did not take them. */
  async events(): Promise<TimelineEvent[]> {
    const events = (await this.#read<TimelineEvent>('.events.jsonl')).flat()
    const lines = [...this.#lines].flatMap(([path, lines]) => (path.endsWith('.events.jsonl') ? lines.unwritten : []))
    return [...events, ...(lines as TimelineEvent[])].sort((a, b) => a.time.localeCompare(b.time))
  }

  async eventsOf(attempt: number): Promise<TimelineEvent[]> {
    return this.#readLines<TimelineEvent>(join(this.#root, 'attempts', `${attempt}.events.jsonl`)).catch((error) => {
      // Nothing had happened yet.
      if (error.code === 'ENOENT') return []
      throw error
    })
  }

  /** Resolves when they are on disk, or could not be written; see `notKept`. Never rejects. */
  async addLosses(attempt: number, lines: readonly LedgerLine[]): Promise<void> {
    const ledger = this.#linesOf(`${attempt}.ledger.jsonl`)
    ledger.add(lines.map((line) => [line.id, line]))
    await ledger.settled()
  }

  /** Of all attempts that have told theirs. */
  async losses(): Promise<Loss[]> {
    return (await this.#read<LedgerLine>('.ledger.jsonl')).flatMap(lossesIn)
  }

  /** Told of lines of events, losses and attempts that the disk has changed, and of files that cannot be read: those that were read, and are. */
  set onDamagedLines(onDamage: (damage: DamagedFile) => void) {
    this.#onDamage = onDamage
    for (const damage of this.#damaged.splice(0)) onDamage(damage)
  }

  /** Resolves when events and losses are on disk, or could not be written; see `notKept`. */
  async settled(): Promise<void> {
    for (const lines of this.#lines.values()) await lines.settled()
  }

  /** Events and losses that the volume has not taken. */
  get notKept(): NotKept[] {
    return [...this.#lines].flatMap(([path, lines]) => linesNotKept(`attempts/${basename(path)}`, 'line', lines))
  }

  /** Forgets everything. Only for a recording that is complete and is made again by hand. */
  async clear(): Promise<void> {
    for (const folder of ['media', 'uploads', 'files', 'attempts']) {
      await rm(join(this.#root, folder), { recursive: true, force: true })
      await mkdir(join(this.#root, folder), { recursive: true })
    }
    for (const folder of [this.heldDirectory, this.liveDirectory, this.eventsDirectory])
      await rm(folder, { recursive: true, force: true })
  }

  /** Every note of a folder that can be read. One that cannot is as if it had never been written: what it spoke of is done again. */
  async #readAll<T>(folder: string, schema: z.ZodType<T>): Promise<{ notes: T[]; unreadable: { name: string; why: string }[] }> {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
    const notes: T[] = []
    const unreadable: { name: string; why: string }[] = []
    const read = async (name: string) => {
      try {
        notes.push(schema.parse(readCheckedValue(await readFile(join(folder, name)))))
      } catch (error) {
        const why = (error as Error).message
        this.#log.error({ file: join(folder, name), error: why }, 'Note on the volume cannot be read')
        unreadable.push({ name: name.slice(0, -'.json'.length), why })
      }
    }
    await Promise.all(names.map(read))
    return { notes, unreadable }
  }

  #linesOf(name: string): DurableLines {
    const path = join(this.#root, 'attempts', name)
    const lines = this.#lines.get(path) ?? new DurableLines(path)
    this.#lines.set(path, lines)
    return lines
  }

  /** The lines of each attempt. A file that cannot be read is told of, and keeps nobody from the others, nor from recording. */
  async #read<T>(suffix: string): Promise<T[][]> {
    const folder = join(this.#root, 'attempts')
    const names = (await readdir(folder)).filter((name) => name.endsWith(suffix))
    const read = async (name: string): Promise<T[]> => {
      try {
        return await this.#readLines<T>(join(folder, name))
      } catch (error) {
        this.#log.error({ file: join(folder, name), error: (error as Error).message }, 'A file of the volume cannot be read')
        this.#onDamage(await unreadableFile(join(folder, name)))
        return []
      }
    }
    return Promise.all(names.map(read))
  }

  #readLines<T>(path: string): Promise<T[]> {
    return readLines<T>(path, (damage) => this.#onDamage(damage))
  }
}

/** What a device does not take once is written again. */
const replaceDurably = (path: string, value: object): Promise<void> =>
  replaceOnce(path, value).catch((error) => {
    if (!mayPass(error) || isVolumeFull(error)) throw error
    return replaceOnce(path, value)
  })

async function replaceOnce(path: string, value: object): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  await replaceWith(path, temporary, () => writeDurably(temporary, checkedLine(value)))
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    // What is synced is there, whatever is said now.
    await file.close().catch(() => {})
  }
}
