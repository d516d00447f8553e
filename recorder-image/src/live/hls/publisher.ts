import type { NamedObject } from './packager.ts'
import { multivariantName, type PlaylistOptions, Published, type PublishedLine } from './published.ts'

/** An object on its way. */
export type SentObject = NamedObject & {
  /** Resolves when it is in COS (true), or lost for good (false). Never rejects. */
  stored: Promise<boolean>
}

export interface PublisherDeps extends PlaylistOptions {
  /** Stores a playlist; resolves with whether it, or a later one, is in COS. Never rejects. */
  putPlaylist(name: string, text: string): Promise<boolean>
  /** The same of a playlist for whoever wants the user's latest source; it names those in `folder`. */
  putLatest(text: string): Promise<boolean>
  folder: string
  /** The source can be played: told once, with what there is of it by then. */
  onPlayable(from: Date, to: Date): void
  /** Keeps what a later attempt needs to end the playlists. Never rejects. */
  journal(line: PublishedLine): Promise<unknown>
}

/**
 * Names in playlists what is in COS, in order: a segment first, then its line in the journal, then the playlists that name it. A playlist is stored once
 * for all segments that are there by then. What is lost is named as a gap, so that those behind it stay where they are.
 */
export class Publisher {
  readonly #deps: PublisherDeps
  readonly #published: Published
  /** What is in COS by a name. */
  readonly #texts = new Map<string, string>()
  readonly #lostMaps = new Set<string>()
  readonly #waiting: SentObject[] = []
  #working: Promise<void> | undefined
  #isPlayable = false

  /** `lines`: what is published, where it goes on. */
  constructor(deps: PublisherDeps, lines: readonly PublishedLine[] = []) {
    this.#deps = deps
    this.#published = new Published(deps, lines)
  }

  /** Never throws, never waits. */
  add(object: SentObject): void {
    this.#waiting.push(object)
    this.#working ??= this.#work()
  }

  /** Nothing more is added. Resolves when everything is stored or lost, with whether the playlists in COS say that they are over. */
  async end(): Promise<boolean> {
    await this.#working
    this.#published.add({ is: 'ended' })
    const areStored = await this.#putPlaylists()
    if (areStored) await this.#deps.journal({ is: 'ended' })
    return areStored
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) await this.#name(next)
      await this.#putPlaylists()
    }
    this.#working = undefined
  }

  async #name(object: SentObject): Promise<void> {
    const isStored = await object.stored
    const { rendition } = object
    switch (object.is) {
      case 'init':
        if (!isStored) this.#lostMaps.add(object.uri)
        return this.#note({ is: 'init', rendition, facts: object.facts })
      case 'segment': {
        const isMissing = !isStored || this.#lostMaps.has(object.segment.map)
        return this.#note({ is: 'segment', rendition, segment: { ...object.segment, isMissing }, bytes: object.bytes })
      }
    }
  }

  async #note(line: PublishedLine): Promise<void> {
    this.#published.add(line)
    await this.#deps.journal(line)
  }

  /** Whether all are in COS as they are now. */
  async #putPlaylists(): Promise<boolean> {
    let areStored = true
    for (const [name, text] of this.#published.playlists()) {
      if (this.#texts.get(name) === text) continue
      const isStored = await this.#deps.putPlaylist(name, text)
      if (isStored && name === multivariantName) this.#tellPlayable()
      const isLatest =
        name !== multivariantName ||
        (isStored && (await this.#deps.putLatest(this.#published.multivariant(`${this.#deps.folder}/`))))
      if (isStored && isLatest) this.#texts.set(name, text)
      else areStored = false
    }
    return areStored
  }

  #tellPlayable(): void {
    if (this.#isPlayable) return
    this.#isPlayable = true
    const { from, to } = this.#published.span
    this.#deps.onPlayable(from, to)
  }
}
