import { mkdirSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mostEventsAtOnce, type RecorderEvents, type RecordingEvent, type RecordingEventType } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Clock } from '../clock/clock.ts'
import { DurableLines, type OnDamagedFile, type OnDamagedLines, readLines, unreadableFile } from '../disk/durable-lines.ts'
import { linesNotKept, type NotKept } from '../ledger/kept-records.ts'

/** Events of one file on the volume. */
const eventsAFile = 500
/** Files that are kept; what is older has been told, or nobody asked for it. */
const keptFiles = 10
/** How long whoever asks for events may take to come back. */
const askedMillis = 15_000

export interface EventLogOptions {
  volume: number
  isWanted: boolean
  /** Told of events that the disk has changed. */
  onDamagedLines: OnDamagedFile
  clock: Pick<Clock, 'date'>
  log: Logger
}

/**
 * What happens, for whoever asks for it: kept on the volume, numbered from 1 on over all attempts on it, the last 5000. Asking changes nothing, so
 * it can be asked for again; what is not on the volume yet is not given to anybody, since a kill would give its number to something else. Of a recording whose events nobody wants it keeps none.
 */
export class EventLog {
  readonly #directory: string
  readonly #volume: number
  readonly #clock: EventLogOptions['clock']
  readonly #log: Logger
  readonly #isWanted: boolean
  #events: RecordingEvent[] = []
  #last = 0
  /** The one that is written to, and those before it that are not written to the end. */
  #files: { number: number; lines: DurableLines }[] = []
  /** Somebody has all up to here, and when it was asked for last. */
  #asked = { id: 0, millis: Number.NEGATIVE_INFINITY }
  #onAsked = () => {}

  private constructor(directory: string, { volume, isWanted, clock, log }: EventLogOptions) {
    this.#directory = directory
    this.#volume = volume
    this.#isWanted = isWanted
    this.#clock = clock
    this.#log = log
  }

  /** Goes on with what earlier attempts kept in the directory. Never rejects. */
  static async open(directory: string, options: EventLogOptions): Promise<EventLog> {
    const events = new EventLog(directory, options)
    if (options.isWanted) {
      await events.#read(options.onDamagedLines).catch(async (error: Error) => {
        options.log.error({ error: error.message }, 'Events of earlier attempts cannot be read')
        options.onDamagedLines(await unreadableFile(directory))
      })
    }
    return events
  }

  /** Never throws, never waits. Of an object what it has beyond an event's is left out. */
  add(type: RecordingEventType, object?: RecordingEvent['object']): void {
    if (!this.#isWanted) return
    const event: RecordingEvent = {
      ...{ id: ++this.#last, type, time: this.#clock.date().toISOString() },
      ...(object === undefined ? {} : { object: recordingEventObject(object) }),
    }
    this.#events.push(event)
    if (this.#events.length > keptFiles * eventsAFile) this.#events.shift()
    this.#linesOf(event.id).add([[event.id, event]])
  }

  /** Those after one, oldest first. */
  after(id: number): RecorderEvents {
    if (id <= this.#last) {
      this.#asked = { id: Math.max(this.#asked.id, id), millis: performance.now() }
      this.#onAsked()
    }
    const written = Math.min(...this.#files.flatMap(({ lines }) => lines.waiting.map(Number)), this.#last + 1)
    const first = this.#events.findIndex((event) => event.id > id)
    const events = first === -1 ? [] : this.#events.slice(first, first + mostEventsAtOnce).filter((event) => event.id < written)
    return { volume: this.#volume, events, last: this.#last }
  }

  /**
   * Nothing more happens. Resolves when somebody has asked for what comes after the last one, and so has it; at once where nobody asks; and after so
   * long in any case.
   */
  async told(mostMillis: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const isTold = () => this.#asked.id >= this.#last || performance.now() - this.#asked.millis > askedMillis
    this.#onAsked = () => {
      if (isTold()) resolve()
    }
    this.#onAsked()
    const timer = setTimeout(resolve, mostMillis)
    await promise
    clearTimeout(timer)
    await this.settled()
    const untold = this.#last - this.#asked.id
    if (untold > 0) this.#log.warn({ events: untold }, 'Nobody has asked for the last events; they stay on the volume')
  }

  /** What the volume has not taken yet: a later attempt will not find it. */
  get notKept(): NotKept[] {
    return this.#files.flatMap(({ number, lines }) => linesNotKept(`events/${number}.jsonl`, 'event', lines))
  }

  /** Resolves when what happened is on the volume, or could not be written. */
  async settled(): Promise<void> {
    await Promise.all(this.#files.map(({ lines }) => lines.settled()))
  }

  #linesOf(id: number): DurableLines {
    const number = Math.floor((id - 1) / eventsAFile)
    const current = this.#files.at(-1)
    if (current?.number === number) return current.lines
    try {
      mkdirSync(this.#directory, { recursive: true })
    } catch (error) {
      this.#log.warn({ error: (error as Error).message }, 'Events cannot be kept on the volume')
    }
    const lines = new DurableLines(join(this.#directory, `${number}.jsonl`))
    this.#files = [...this.#files.filter(({ lines }) => lines.waiting.length > 0), { number, lines }]
    void rm(join(this.#directory, `${number - keptFiles}.jsonl`), { force: true }).catch(() => {})
    return lines
  }

  async #read(onDamagedLines: OnDamagedLines): Promise<void> {
    const names = await readdir(this.#directory).catch((error) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    // Whoever asked for one of those knows its number: it is given to nothing else.
    let damaged = 0
    const onDamage: OnDamagedLines = (damage) => {
      damaged += damage.lines
      onDamagedLines(damage)
    }
    for (const name of names) this.#events.push(...(await readLines<RecordingEvent>(join(this.#directory, name), onDamage)))
    this.#events.sort((a, b) => a.id - b.id)
    this.#last = (this.#events.at(-1)?.id ?? 0) + damaged
  }
}

function recordingEventObject(object: NonNullable<RecordingEvent['object']>): RecordingEvent['object'] {
  const { userId, stream, path, url, startTime, endTime, status, message } = object
  return { userId, stream, path, url, startTime, endTime, status, message: message.slice(0, 512) }
}
