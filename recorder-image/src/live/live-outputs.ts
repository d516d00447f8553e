import { isOfSound, type LiveCounts, type LiveIndex, type Medium, type SentSound } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { LiveObjects } from './live-objects.ts'
import type { LiveEvent, LivePart, LiveRoom, LiveSource } from './part.ts'
import { SourceFeed } from './source-feed.ts'

export interface LiveOutputsOptions {
  /** Makes the parts that the job asks for. */
  parts(room: LiveRoom): LivePart[]
  /** Where they store what they make. */
  objects: LiveObjects
  ledger: Ledger
  log: Logger
}

/** What has become of everything. */
export interface LiveResult {
  counts: LiveCounts[]
  indexes: LiveIndex[]
  sounds: SentSound[]
}

/** A part that wants something of a source. */
interface Listener {
  part: LivePart
  media: readonly Medium[]
  /** When it failed on this source; undefined of one that goes on. */
  failedMicros: number | undefined
  why: string
}

interface OpenSource {
  feed: SourceFeed
  listeners: Listener[]
  /** The latest time that was told. */
  latestMicros: number
}

/**
 * What is made of a recording while it goes on. Told of everything that is written into files, in the same order; hands it to the parts that want it,
 * and keeps each from harming the others and the recording. Nothing here waits, and nothing throws.
 */
export class LiveOutputs {
  /** Asked, with the slot of a receiver, when a part wants a key frame of it. */
  onKeyFrameWanted: (slot: number) => void = () => {}
  readonly #options: LiveOutputsOptions
  readonly #parts: LivePart[]
  /** By the number of the publication. */
  readonly #open = new Map<number, OpenSource>()
  #lastId = 0

  constructor(options: LiveOutputsOptions) {
    this.#options = options
    this.#parts = options.parts({ requestKeyFrame: (source) => this.#requestKeyFrame(source) })
  }

  opened(
    publicationId: number,
    origin: Pick<LiveSource, 'userId' | 'stream' | 'attempt' | 'file'> & { openedMicros: number },
  ): void {
    const { userId, stream, attempt, file, openedMicros } = origin
    const source: LiveSource = { id: ++this.#lastId, userId, stream, attempt, file }
    const listeners: Listener[] = this.#parts
      .map((part) => ({ part, media: part.wants(source), failedMicros: undefined, why: '' }))
      .filter(({ media }) => media.length > 0)
    if (listeners.length === 0) return
    const open: OpenSource = {
      feed: new SourceFeed({
        source,
        media: [...new Set(listeners.flatMap(({ media }) => media))],
        tell: (event) => this.#tell(open, event),
        onLatePicture: (micros) =>
          this.#lose(source, 'video', micros, micros, 'pictures: came later than the key frame after it'),
      }),
      listeners,
      latestMicros: openedMicros,
    }
    this.#open.set(publicationId, open)
    // Nobody may have stayed over a pause of whom could be told that it is over.
    this.#options.objects.isQuiet = false
    this.#tell(open, { type: 'opened', source })
  }

  frame(publicationId: number, frame: EncodedFrame): void {
    this.#with(publicationId, (feed) => feed.frame(frame))
  }

  sends(publicationId: number, kind: Medium, sends: boolean, atMicros: number): void {
    this.#with(publicationId, (feed) => feed.sends(kind, sends, atMicros))
  }

  /** Nothing is taken any more, and what came before is here. */
  paused(): void {
    for (const id of this.#open.keys()) this.#with(id, (feed) => feed.pause())
    this.#options.objects.isQuiet = true
  }

  /** `micros`: by the clock of its frames. */
  resumed(publicationId: number, micros: number): void {
    this.#options.objects.isQuiet = false
    this.#with(publicationId, (feed) => feed.resume(micros))
  }

  closed(publicationId: number): void {
    const open = this.#open.get(publicationId)
    if (open === undefined) return
    this.#with(publicationId, (feed) => feed.close())
    this.#open.delete(publicationId)
    for (const { part, media, failedMicros, why } of open.listeners) {
      if (failedMicros === undefined) continue
      this.#lose(open.feed.source, media[0]!, failedMicros, open.latestMicros, `${part.name}: ${why}`)
    }
  }

  /** Goes on with what earlier attempts made and did not store. */
  takeOver(): void {
    this.#options.objects.takeOver()
  }

  /** `nowMicros`: by the clock of the frames of a publication. */
  tick(nowMicros: (publicationId: number) => number): void {
    this.#options.objects.tick()
    for (const id of this.#open.keys()) this.#with(id, (feed) => feed.tick(nowMicros(id)))
  }

  get counts(): LiveCounts[] {
    return [...this.#options.objects.counts, ...this.#sent.flatMap(({ counts = [] }) => counts)]
  }

  /** All sources are closed. Resolves when everything is stored or known not to be, at `deadline` at the latest. Never rejects. */
  async finish(deadline: Promise<void>): Promise<LiveResult> {
    for (const id of [...this.#open.keys()]) this.closed(id)
    await Promise.all(
      this.#parts.map((part) =>
        Promise.race([part.end(), deadline]).catch((error: Error) => {
          this.#options.log.error({ part: part.name, err: error }, 'A live output failed at its end')
          const nobodys = { userId: null, stream: null, medium: isOfSound(part.name) ? 'audio' : 'video', file: null } as const
          const detail = `${part.name}: it failed at its end: ${error.message}`
          this.#options.ledger.addNow({ ...nobodys, frames: null, bytes: null, reason: 'LiveOutputLost', detail })
        }),
      ),
    )
    const indexes = await this.#options.objects.finish(deadline)
    return { counts: this.counts, indexes, sounds: this.#sent.flatMap(({ sounds }) => sounds) }
  }

  get #sent() {
    return this.#parts.flatMap((part) => part.sent?.() ?? [])
  }

  /** What a feed throws is a defect of the feed; then nobody gets anything more of that source. */
  #with(publicationId: number, act: (feed: SourceFeed) => void): void {
    const open = this.#open.get(publicationId)
    if (open === undefined) return
    try {
      act(open.feed)
    } catch (error) {
      for (const listener of open.listeners) this.#fail(open, listener, error as Error)
    }
  }

  #tell(open: OpenSource, event: LiveEvent): void {
    open.latestMicros = Math.max(open.latestMicros, timeOf(event) ?? 0)
    for (const listener of open.listeners) {
      if (listener.failedMicros !== undefined || !isWanted(listener, event)) continue
      try {
        listener.part.on(event)
      } catch (error) {
        this.#fail(open, listener, error as Error)
      }
    }
  }

  #fail({ feed: { source }, latestMicros }: OpenSource, listener: Listener, error: Error): void {
    if (listener.failedMicros !== undefined) return
    const { part, media } = listener
    listener.failedMicros = latestMicros
    listener.why = error.message
    const about = { part: part.name, userId: source.userId, file: source.file, err: error }
    this.#options.log.error(about, 'A live output failed; it makes nothing more of this file')
    this.#lose(source, media[0]!, latestMicros, latestMicros, `${part.name}: ${error.message}`)
  }

  #lose({ userId, stream }: LiveSource, medium: Medium, fromMicros: number, toMicros: number, detail: string): void {
    const loss = { userId, stream, medium, fromMicros, toMicros, frames: null, bytes: null, file: null, detail }
    this.#options.ledger.add({ ...loss, reason: 'LiveOutputLost' })
  }

  #requestKeyFrame(source: LiveSource): void {
    for (const { feed } of this.#open.values()) {
      if (feed.source === source && feed.videoSlot !== undefined) this.onKeyFrameWanted(feed.videoSlot)
    }
  }
}

function isWanted({ media }: Listener, event: LiveEvent): boolean {
  switch (event.type) {
    case 'picture':
      return media.includes('video')
    case 'sound':
      return media.includes('audio')
    case 'sends':
      return media.includes(event.kind)
    case 'opened':
    case 'reached':
    case 'paused':
    case 'resumed':
    case 'closed':
      return true
  }
}

function timeOf(event: LiveEvent): number | undefined {
  switch (event.type) {
    case 'picture':
      return event.picture.ptsMicros
    case 'sound':
      return event.sound.ptsMicros
    case 'sends':
      return event.atMicros
    case 'reached':
    case 'resumed':
      return event.micros
    case 'opened':
    case 'paused':
    case 'closed':
      return undefined
  }
}
