import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  isOfSound,
  type LiveCounts,
  type LiveIndex,
  type LivePartName,
  liveIndexSchema,
  liveKey,
  type RecorderJob,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { checkedLine, readCheckedValue } from '../disk/checked-lines.ts'
import { unreadableFile } from '../disk/durable-lines.ts'
import { writeWhole } from '../disk/write-whole.ts'
import { tellDamagedLines } from '../ledger/kept-records.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type ListIdentity, listFileName, type ObjectLine, ObjectList, readListFileName } from './object-list.ts'
import type { LiveSource } from './part.ts'

export interface ObjectListsOptions {
  job: RecorderJob
  /** Folder on the volume. */
  directory: string
  /** Overwrites an object in COS; false where it is not there. Never rejects. */
  replace(key: string, data: Uint8Array, contentType: string): Promise<boolean>
  ledger: Ledger
  log: Logger
}

/**
 * The lists of what parts store, of all attempts: those that grow, on the volume and put to COS now and then, and those that are complete, of which a note is left on the
 * volume. Each has up to so many objects, then the next one begins.
 */
export class ObjectLists {
  readonly #options: ObjectListsOptions
  readonly #open = new Map<string, ObjectList>()
  /** What a manifest says of those that are complete. */
  readonly #closed: LiveIndex[] = []
  /** Lists so far, by what they are of. */
  readonly #numbers = new Map<string, number>()

  constructor(options: ObjectListsOptions) {
    this.#options = options
  }

  /** The one that grows. */
  of(part: LivePartName, { userId, stream, attempt }: LiveSource): ObjectList {
    const last = this.all.findLast(
      ({ identity }) =>
        identity.part === part && identity.userId === userId && identity.stream === stream && identity.attempt === attempt,
    )
    if (last !== undefined && !last.isFull) return last
    const identity: ListIdentity = { part, userId, stream, attempt, number: this.#nextNumber(part, userId, stream, attempt) }
    const list = new ObjectList(identity, this.#pathOf(identity))
    this.#open.set(listFileName(identity), list)
    return list
  }

  /** Those that are not complete. */
  get all(): ObjectList[] {
    return [...this.#open.values()]
  }

  get counts(): LiveCounts[] {
    const counts = new Map<LivePartName, LiveCounts>()
    const of = (part: LivePartName) => {
      const known = counts.get(part) ?? { part, stored: 0, waiting: 0, lost: 0 }
      counts.set(part, known)
      return known
    }
    for (const { part, stored, lost } of this.#closed) {
      of(part).stored += stored
      of(part).lost += lost
    }
    for (const list of this.all) {
      const known = of(list.identity.part)
      known.stored += list.count('stored')
      known.waiting += list.count('made')
      known.lost += list.count('lost')
    }
    return [...counts.values()]
  }

  /** Puts each to COS that has something new, and closes what is full. */
  put(): Promise<unknown>[] {
    return this.all.map((list) => (list.isFull && list.count('begun', 'made') === 0 ? this.#close(list) : this.#put(list)))
  }

  /** Nothing more comes. What is not in COS when `late` resolves stays on the volume. */
  async finish(late: Promise<void>): Promise<LiveIndex[]> {
    const lists = this.all
    await Promise.all(lists.map((list) => Promise.race([this.#close(list), late])))
    for (const list of lists) if (this.#isOpen(list)) await this.#note(list, '')
    return this.#closed.toSorted((a, b) => a.from.localeCompare(b.from))
  }

  /** Goes on with those of earlier attempts. What is in each is told to `goOn`. */
  async takeOver(goOn: (list: ObjectList, line: ObjectLine) => void): Promise<void> {
    const names = await readdir(this.#options.directory).catch((error) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    for (const name of names) {
      await this.#takeOverOne(name, names, goOn).catch((error: Error) => this.#lose(name, error))
    }
  }

  /** What it spoke of may be in COS or not: nobody can say any more. */
  async #lose(name: string, { message }: Error): Promise<void> {
    const { directory, ledger, log } = this.#options
    log.error({ file: name, error: message }, 'A list of live outputs cannot be read')
    const identity = readListFileName(name.replace(/\.done$/, ''))
    if (identity === undefined) return
    const { part, userId, stream } = identity
    const { fromMicros, toMicros } = await unreadableFile(join(directory, name))
    const detail = `${part}: its list on the volume cannot be read: ${message}`
    const medium = isOfSound(part) ? 'audio' : 'video'
    ledger.add({
      ...{
        userId,
        stream,
        medium,
        fromMicros,
        toMicros,
        frames: null,
        bytes: null,
        file: null,
        reason: 'LiveOutputLost',
        detail,
      },
    })
  }

  async #takeOverOne(name: string, names: readonly string[], goOn: (list: ObjectList, line: ObjectLine) => void): Promise<void> {
    const { job, directory, ledger, log } = this.#options
    const path = join(directory, name)
    const identity = readListFileName(name.replace(/\.done$/, ''))
    // Its own are in memory, and may have become complete by now.
    if (identity === undefined || identity.attempt === job.attempt) return
    if (name.endsWith('.done')) {
      this.#closed.push(liveIndexSchema.parse(readCheckedValue(await readFile(path))))
      return
    }
    if (names.includes(`${name}.done`)) return
    const list = await ObjectList.read(identity, path, tellDamagedLines(job, ledger, log))
    this.#open.set(name, list)
    for (const line of list.objects) goOn(list, line)
  }

  async #put(list: ObjectList): Promise<boolean> {
    if (!list.isChanged) return true
    list.isChanged = false
    const { part, userId, stream } = list.identity
    const object = list.object((name) => liveKey(this.#options.job, { userId, stream, part }, name))
    if (object.entries.length === 0) return true
    const data = Buffer.from(`${JSON.stringify(object)}\n`)
    const isThere = await this.#options.replace(this.#keyOf(list.identity), data, 'application/json')
    list.isChanged ||= !isThere
    return isThere
  }

  /** Nothing more comes into it: its copy in COS is the last one, and a note of it takes its place on the volume. */
  async #close(list: ObjectList): Promise<void> {
    await list.settled()
    const isThere = await this.#put(list)
    if (this.#isOpen(list)) await this.#note(list, isThere ? this.#keyOf(list.identity) : '')
  }

  async #note(list: ObjectList, key: string): Promise<void> {
    this.#open.delete(listFileName(list.identity))
    const index = list.index(key)
    if (index !== undefined) this.#closed.push(index)
    // One that is not in COS stays for a later attempt.
    if (key === '' && index !== undefined) return
    const path = this.#pathOf(list.identity)
    try {
      if (index !== undefined) await writeWhole(`${path}.done`, Buffer.from(checkedLine(index)))
      await rm(path, { force: true })
    } catch (error) {
      this.#options.log.warn({ error: (error as Error).message }, 'The note of a list of live outputs could not be written')
    }
  }

  #isOpen({ identity }: ObjectList): boolean {
    return this.#open.has(listFileName(identity))
  }

  #nextNumber(...key: (string | number)[]): number {
    const name = JSON.stringify(key)
    const next = (this.#numbers.get(name) ?? 0) + 1
    this.#numbers.set(name, next)
    return next
  }

  #keyOf({ part, userId, stream, attempt, number }: ListIdentity): string {
    return liveKey(this.#options.job, { userId, stream, part }, `index-${attempt}-${number}.json`)
  }

  #pathOf = (identity: ListIdentity) => join(this.#options.directory, listFileName(identity))
}
