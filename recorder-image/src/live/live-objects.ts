import { mkdirSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import {
  isOfSound,
  type LiveCounts,
  type LiveIndex,
  type LivePartName,
  liveKey,
  type Medium,
  type RecorderJob,
  type RecordingEventType,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { unreadableFileNow } from '../disk/durable-lines.ts'
import { writeWhole } from '../disk/write-whole.ts'
import { tellDamagedLines } from '../ledger/kept-records.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { EventLog } from '../report/event-log.ts'
import { createLimiter } from '../store/limiter.ts'
import { objectUrl } from '../store/object-url.ts'
import type { StoreTraffic } from '../store/store.ts'
import { type Store, StoreError } from '../store/upload.ts'
import { listFileName, type ObjectLine, type ObjectList, readListFileName, timeOf } from './object-list.ts'
import { ObjectLists } from './object-lists.ts'
import { Overwritten } from './overwritten.ts'
import type { LiveSource } from './part.ts'

export interface LiveObjectsOptions {
  job: RecorderJob
  /** Folder on the volume; made when it is needed. */
  directory: string
  /** One of its own: what the files upload does not hold up what is live. */
  store: Pick<Store, 'put'>
  ledger: Ledger
  /** Told of every object that is stored or lost. */
  events: Pick<EventLog, 'add'>
  log: Logger
  /** What may wait while COS is away; beyond it the oldest is lost. */
  mostWaitingBytes?: number
}

/** What a part stores, when it is made. */
export interface MadeObject {
  /** Name within the folder of its part and user. */
  name: string
  data: Uint8Array
  contentType: string
  toMicros: number
}

/** Something that is being made; `made` or `nothing`, once. */
export interface BegunObject {
  /** Resolves when it is in COS (true), or known to be lost. Never rejects. */
  made(object: MadeObject): Promise<boolean>
  /** It could not be made. */
  failed(why: string, toMicros: number): void
  /** There is nothing in it. */
  nothing(): void
}

/** Objects on their way to COS at once: the slices of everybody end at the same moment, and 50 of them take a second where COS takes 0.3 s for each. */
const atOnce = 16
/** For the store: whoever asks for what is live will not wait half a minute for COS that has come back. */
export const liveTraffic: StoreTraffic = { concurrency: atOnce, backoff: { baseMillis: 500, maxMillis: 4000 } }
/** While COS takes what it is sent, that is less; what is more is read from the volume again. */
const mostInMemoryBytes = 16 * 1024 * 1024
/** Minutes of many users. */
const defaultWaitingBytes = 128 * 1024 * 1024
/** What whoever reads an object may keep of it: one that is overwritten is asked for each time. */
const changing = 'no-cache'
const unchanging = 'max-age=31536000, immutable'
/** Lists are put again no more often. */
const listMillis = 10_000

interface Waiting {
  list: ObjectList
  line: ObjectLine
  medium: Medium
  /** Undefined where only the volume has it. */
  data: Uint8Array | undefined
  isGivenUp: boolean
  done(isStored: boolean): void
}

/**
 * What parts store on its way to COS: small objects each under a name of its own. What is made is kept on the volume until COS has it, so that a later
 * attempt can go on; what was being made when a recorder was killed the next one names as lost. Every object is in a list, as stored or as
 * lost; what is lost is in the ledger, too.
 */
export class LiveObjects {
  /** Nothing new comes for now: there is no reason to wait with the lists. */
  isQuiet = false
  readonly #options: LiveObjectsOptions
  readonly #lists: ObjectLists
  readonly #overwritten: Overwritten
  readonly #waiting: Waiting[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #limit = createLimiter(atOnce)
  #takenOver: Promise<void> = Promise.resolve()
  #waitingBytes = 0
  #lastId = 0
  #lastListsMillis = performance.now()
  #isMade = false

  constructor(options: LiveObjectsOptions) {
    this.#options = options
    const { job, directory, store, ledger, log } = options
    this.#overwritten = new Overwritten(
      (key, data, contentType) => store.put(key, data, contentType, { cacheControl: changing, isOneOfMany: true }),
      this.#limit,
    )
    this.#lists = new ObjectLists({ job, directory, ledger, log, replace: (...object) => this.replace(...object) })
  }

  /** Goes on with what earlier attempts left. Call it once, at the beginning. */
  takeOver(): void {
    this.#takenOver = this.#takeOver().catch((error: Error) => {
      this.#options.log.error({ error: error.message }, 'Live outputs of earlier attempts could not be looked through')
      const { job, directory, ledger, log } = this.#options
      tellDamagedLines(job, ledger, log)(unreadableFileNow(directory))
    })
  }

  /** `toMicros`: when it ends, at the latest. A recorder that is killed before it is made loses no more than that. */
  begin(
    part: LivePartName,
    source: LiveSource,
    fromMicros: number,
    toMicros: number,
    medium: Medium = isOfSound(part) ? 'audio' : 'video',
  ): BegunObject {
    this.#makeFolder()
    const list = this.#lists.of(part, source)
    const begun: ObjectLine = {
      ...{ id: ++this.#lastId, state: 'begun', fromMicros, toMicros, file: source.file, medium },
      ...{ name: '', bytes: 0, crc32: 0, contentType: '', message: '' },
    }
    list.set(begun)
    return {
      made: ({ name, data, contentType, toMicros }) => {
        const line = { ...begun, state: 'made' as const, name, bytes: data.length, crc32: crc32(data), contentType, toMicros }
        return this.#wait({ list, line, medium, data })
      },
      failed: (why, toMicros) => this.#lose(list, { ...begun, toMicros }, medium, why),
      nothing: () => list.set({ ...begun, state: 'dropped' }),
    }
  }

  /**
   * Stores something that is overwritten again and again, such as a playlist: of what waits only the newest is sent. Resolves when it, or a newer one, is in
   * COS (true), or not (false). Never rejects.
   */
  replace(key: string, data: Uint8Array, contentType: string): Promise<boolean> {
    const replaced = this.#overwritten.replace(key, data, contentType)
    void this.#track(replaced)
    return replaced
  }

  /** Tells of something that is replaced as it grows, and is in COS for the first time. */
  isThere(part: LivePartName, { userId, stream }: LiveSource, name: string, { from, to }: { from: Date; to: Date }): void {
    const path = this.keyOf(part, { userId, stream }, name)
    const url = objectUrl(this.#options.job.spec.cos, path)
    const times = { startTime: from.toISOString(), endTime: to.toISOString() }
    this.#options.events.add('playlistStored', { userId, stream, path, url, ...times, status: 1, message: 'ok' })
  }

  keyOf(part: LivePartName, { userId, stream }: Pick<LiveSource, 'userId' | 'stream'>, name: string): string {
    return liveKey(this.#options.job, { userId, stream, part }, name)
  }

  /** Puts the lists of what is new. Call it now and then. */
  tick(): void {
    if (!this.isQuiet && performance.now() - this.#lastListsMillis < listMillis) return
    this.#lastListsMillis = performance.now()
    for (const put of this.#lists.put()) void this.#track(put)
  }

  get counts(): LiveCounts[] {
    return this.#lists.counts
  }

  /** Resolves when all is stored or, at `deadline`, when what is not yet is named as lost, with the lists. Never rejects. */
  async finish(deadline: Promise<void>): Promise<LiveIndex[]> {
    let isLate = false
    const late = deadline.then(() => {
      isLate = true
    })
    await Promise.race([this.#takenOver, late])
    while (this.#running.size > 0 && !isLate) await Promise.race([Promise.all(this.#running), late])
    for (const waiting of this.#waiting.splice(0)) this.#giveUp(waiting, 'it was not in COS in time')
    return this.#lists.finish(late)
  }

  /** Once, before the first line: what cannot be kept on the volume is sent from memory. */
  #makeFolder(): void {
    if (this.#isMade) return
    this.#isMade = true
    try {
      mkdirSync(this.#spool, { recursive: true })
    } catch (error) {
      this.#options.log.warn({ error: (error as Error).message }, 'Live outputs cannot be kept on the volume')
    }
  }

  /** Resolves when it is stored (true) or lost. `data`: undefined where the volume has it. */
  #wait({ list, line, medium, data }: Pick<Waiting, 'list' | 'line' | 'medium' | 'data'>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiting: Waiting = { list, line, medium, data, isGivenUp: false, done: resolve }
    this.#waiting.push(waiting)
    this.#waitingBytes += line.bytes
    const { mostWaitingBytes = defaultWaitingBytes } = this.#options
    while (this.#waitingBytes > mostWaitingBytes && this.#waiting.length > 1) {
      this.#giveUp(this.#waiting.shift()!, 'COS did not take objects for so long that there was no more room for them')
    }
    void this.#track(this.#keepAndSend(waiting))
    return promise
  }

  /** On the volume first; in memory where that does not take it. */
  async #keepAndSend(waiting: Waiting): Promise<void> {
    const { list, line, data } = waiting
    if (data !== undefined) {
      const kept = await writeWhole(this.#spoolPath(list, line), data).then(
        () => true,
        () => false,
      )
      if (kept && this.#waitingBytes > mostInMemoryBytes) waiting.data = undefined
      // What was given up while it was written has come to lie there after all.
      if (waiting.isGivenUp) return rm(this.#spoolPath(list, line), { force: true })
      list.set(line)
    }
    await this.#limit(() => this.#send(waiting))
  }

  async #send(waiting: Waiting): Promise<void> {
    const { list, line, medium, isGivenUp } = waiting
    if (isGivenUp) return
    const path = this.#spoolPath(list, line)
    try {
      const data = waiting.data ?? (await readFile(path))
      if (data.length !== line.bytes || crc32(data) !== line.crc32)
        throw new StoreError('refused', 'Torn', 'the volume has not got all of it')
      const { part, userId, stream } = list.identity
      await this.#options.store.put(this.keyOf(part, { userId, stream }, line.name), data, line.contentType, {
        cacheControl: unchanging,
        isOneOfMany: true,
      })
      if (!this.#forget(waiting)) return
      list.set({ ...line, state: 'stored', message: 'ok' })
      this.#tell(list, line, 'ok')
      waiting.done(true)
    } catch (error) {
      if (!this.#forget(waiting)) return
      this.#lose(list, line, medium, (error as Error).message)
      waiting.done(false)
    }
    // Killed in between, the next attempt would not know what became of it.
    await list.settled()
    await rm(path, { force: true }).catch(() => {})
  }

  /** False where it was given up meanwhile. */
  #forget(waiting: Waiting): boolean {
    const at = this.#waiting.indexOf(waiting)
    if (at === -1) return false
    this.#waiting.splice(at, 1)
    this.#waitingBytes -= waiting.line.bytes
    return true
  }

  #giveUp(waiting: Waiting, why: string): void {
    const { list, line, medium } = waiting
    waiting.isGivenUp = true
    this.#waitingBytes -= line.bytes
    this.#lose(list, line, medium, why)
    void rm(this.#spoolPath(list, line), { force: true }).catch(() => {})
    waiting.done(false)
  }

  #lose(list: ObjectList, line: ObjectLine, medium: Medium, why: string): void {
    const { part, userId, stream } = list.identity
    const { fromMicros, toMicros } = line
    const { ledger, log } = this.#options
    list.set({ ...line, state: 'lost', message: why.slice(0, 256) })
    log.warn({ part, userId, error: why }, 'A live output is lost')
    this.#tell(list, line, why)
    const loss = { userId, stream, medium, fromMicros, toMicros, frames: null, bytes: null, file: null }
    ledger.add({ ...loss, reason: 'LiveOutputLost', detail: `${part}: ${why}` })
  }

  /** `message`: `ok`, or why it is not in COS. */
  #tell({ identity }: ObjectList, { name, fromMicros, toMicros }: ObjectLine, message: string): void {
    const { job, events } = this.#options
    const { part, userId, stream } = identity
    const type = eventOf(part)
    if (type === undefined) return
    const isStored = message === 'ok'
    const path = isStored ? this.keyOf(part, identity, name) : ''
    const url = isStored ? objectUrl(job.spec.cos, path) : ''
    const [startTime, endTime] = [timeOf(fromMicros), timeOf(toMicros)]
    events.add(type, { userId, stream, path, url, startTime, endTime, status: isStored ? 1 : 0, message })
  }

  #track(task: Promise<unknown>): Promise<void> {
    const running: Promise<void> = task
      .then(() => {})
      .catch((error: Error) => this.#options.log.error({ err: error }, 'Storing live outputs failed'))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    return running
  }

  async #takeOver(): Promise<void> {
    await this.#lists.takeOver((list, line) => this.#goOn(list, line))
    await this.#removeLeftovers()
  }

  /** What an earlier attempt was killed over when it had been stored, or was half written: no list waits for it. */
  async #removeLeftovers(): Promise<void> {
    const wanted = new Set(this.#waiting.map(({ list, line }) => this.#spoolPath(list, line)))
    for (const name of await readdir(this.#spool).catch(() => [])) {
      const attempt = readListFileName(name.replace(/\.\d+(\.tmp)?$/, ''))?.attempt
      const path = join(this.#spool, name)
      if (attempt === this.#options.job.attempt || wanted.has(path)) continue
      await rm(path, { force: true }).catch(() => {})
    }
  }

  #goOn(list: ObjectList, line: ObjectLine): void {
    const { medium } = line
    switch (line.state) {
      case 'begun':
        this.#lose(list, line, medium, 'the recorder was killed while it was made')
        return
      case 'made':
        void this.#wait({ list, line, medium, data: undefined })
        return
      case 'stored':
      case 'lost':
      case 'dropped':
        return
    }
  }

  #spoolPath = ({ identity }: ObjectList, { id }: ObjectLine) => join(this.#spool, `${listFileName(identity)}.${id}`)
  get #spool(): string {
    return join(this.#options.directory, 'waiting')
  }
}

/** Undefined of a part whose objects nobody is told of. */
function eventOf(part: LivePartName): RecordingEventType | undefined {
  switch (part) {
    case 'audioSlices':
      return 'sliceStored'
    case 'stills':
      return 'stillStored'
    case 'hls':
    case 'pcm':
      return undefined
  }
}
