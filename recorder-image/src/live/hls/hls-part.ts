import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { compactTime, type Hls, isListed, type Medium, type RecorderJob, readFileName } from '@trtc-recorder/api'
import { DurableLines } from '../../disk/durable-lines.ts'
import type { BegunObject, LiveObjects } from '../live-objects.ts'
import type { LiveEvent, LivePart, LivePicture, LiveRoom, LiveSound, LiveSource } from '../part.ts'
import {
  endLeftPlaylists,
  journalName,
  type LeftPlaylists,
  type LeftPlaylistsOptions,
  readLeftPlaylists,
  tellNotEnded,
} from './left-playlists.ts'
import { type Continued, type HlsObject, Packager, type Rendition } from './packager.ts'
import { contentTypes } from './playlist.ts'
import { multivariantName, Published, type PublishedLine, playlistOptions } from './published.ts'
import { Publisher } from './publisher.ts'

export interface HlsPartOptions extends LeftPlaylistsOptions {
  job: RecorderJob
  objects: LiveObjects
  room: LiveRoom
}

/** So long somebody has to come back after an attempt was killed; then their playlists are ended. */
const comeBackMillis = 60_000

/** One source, as it is packaged. */
interface Packaged {
  source: LiveSource
  /** Of its objects, within that of the part. */
  folder: string
  journalPath: string
  packager: Packager
  publisher: Publisher
  /** What is being made; a recorder that is killed meanwhile has lost no more. */
  begun: Partial<Record<Rendition, BegunObject>>
  /** What is in no segment, since when, and why. */
  leftOut: Partial<Record<Rendition, { begun: BegunObject; why: string; toMicros: number }>>
}

/** HLS of each user: what came, cut into segments, and playlists that go on with it. */
export class HlsPart implements LivePart {
  readonly name = 'hls'
  readonly #spec: Hls
  readonly #options: HlsPartOptions
  readonly #packaged = new Map<number, Packaged>()
  readonly #ending = new Set<Promise<void>>()
  /** What an attempt that was killed left of each user and stream, until they come back or it is ended. */
  readonly #left = new Map<string, LeftPlaylists>()
  readonly #comeBack: NodeJS.Timeout

  constructor(spec: Hls, options: HlsPartOptions) {
    this.#spec = spec
    this.#options = options
    for (const left of readLeftPlaylists(options)) {
      const before = this.#left.get(ofWhom(left))
      if (before !== undefined) this.#endLeft(before)
      this.#left.set(ofWhom(left), left)
    }
    this.#comeBack = setTimeout(() => this.#endAllLeft(), comeBackMillis).unref()
  }

  wants({ userId, stream }: Pick<LiveSource, 'userId' | 'stream'>): readonly Medium[] {
    return this.#spec.streams.includes(stream) && isListed(this.#spec.users, userId) ? ['audio', 'video'] : []
  }

  on(event: LiveEvent): void {
    const { source } = event
    if (event.type === 'opened') {
      this.#packaged.set(source.id, this.#open(source))
      return
    }
    const packaged = this.#packaged.get(source.id)!
    const { packager } = packaged
    switch (event.type) {
      case 'picture':
        this.#picture(packaged, event.picture)
        return
      case 'sound':
        this.#sound(packaged, event.sound)
        return
      case 'sends':
        packager.sends(event.kind, event.sends)
        return
      case 'reached':
        this.#add(packaged, packager.reached(event.micros))
        this.#ask(packaged, event.micros)
        return
      case 'paused':
        this.#cut(packaged)
        return
      case 'resumed':
        return
      case 'closed':
        this.#close(packaged)
    }
  }

  async end(): Promise<void> {
    for (const packaged of [...this.#packaged.values()]) this.#close(packaged)
    this.#endAllLeft()
    await Promise.all(this.#ending)
  }

  #endAllLeft(): void {
    clearTimeout(this.#comeBack)
    for (const left of this.#left.values()) this.#endLeft(left)
    this.#left.clear()
  }

  #endLeft(left: LeftPlaylists): void {
    this.#ended(endLeftPlaylists(left, this.#spec, this.#options))
  }

  #ended(what: Promise<void>): void {
    const ending = what.finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  /** What is left of the user's stream, if it can be gone on with. */
  #takeLeft(source: LiveSource): (LeftPlaylists & Pick<Continued, 'changes'>) | undefined {
    const left = this.#left.get(ofWhom(source))
    if (left === undefined) return undefined
    this.#left.delete(ofWhom(source))
    const hasSegments = (rendition: Rendition) => left.lines.some((line) => line.is === 'segment' && line.rendition === rendition)
    // What has no segment begins as if there had been nothing.
    const lines = left.lines.filter((line) => line.is !== 'init' || hasSegments(line.rendition))
    const published = new Published(playlistOptions(this.#spec), lines)
    if (!published.isEnded && lines.some(({ is }) => is === 'segment')) return { ...left, lines, changes: published.changes }
    this.#endLeft(left)
    return undefined
  }

  #open(source: LiveSource): Packaged {
    const { objects, directory } = this.#options
    const options = playlistOptions(this.#spec)
    const left = this.#takeLeft(source)
    const folder = left?.folder ?? this.#folderOf(source)
    const journalPath = left?.journalPath ?? join(directory, journalName(source.file))
    const journal = new DurableLines(journalPath)
    let lines = 0
    const keep = async (line: PublishedLine) => {
      journal.add([[lines++, line]])
      await journal.settled()
    }
    const put = (name: string, text: string) =>
      objects.replace(objects.keyOf(this.name, source, name), Buffer.from(text), contentTypes.playlist)
    const deps = {
      ...options,
      journal: keep,
      folder,
      onPlayable: (from: Date, to: Date) => objects.isThere(this.name, source, `${folder}/${multivariantName}`, { from, to }),
      putPlaylist: (name: string, text: string) => put(`${folder}/${name}`, text),
      // Whoever watches a user need not know when they came.
      putLatest: (text: string) => (this.#isLatest(source) ? put(multivariantName, text) : Promise.resolve(true)),
    }
    const publisher = new Publisher(deps, left?.lines)
    mkdirSync(directory, { recursive: true })
    if (left === undefined) void keep({ is: 'source', userId: source.userId, stream: source.stream, folder })
    const lengths = { targetSeconds: this.#spec.seconds, mostSeconds: options.targetDurationSeconds }
    const packager = new Packager(lengths, left && { mark: `${source.attempt}-`, changes: left.changes })
    return { source, folder, journalPath, packager, publisher, begun: {}, leftOut: {} }
  }

  #picture(packaged: Packaged, picture: LivePicture): void {
    const { config, ptsMicros } = picture
    if (config.codec !== 'h264') {
      this.#leaveOut(packaged, 'video', ptsMicros, `pictures are ${config.codec}, and HLS has those of H.264 only`)
      return
    }
    const { isTaken, objects } = packaged.packager.picture(picture)
    this.#add(packaged, objects)
    if (isTaken) this.#taken(packaged, 'video', ptsMicros)
    else {
      this.#leaveOut(packaged, 'video', ptsMicros, 'no key frame came for as long as a segment may be')
      this.#options.room.requestKeyFrame(packaged.source)
    }
    this.#ask(packaged, ptsMicros)
  }

  #sound(packaged: Packaged, sound: LiveSound): void {
    const { isTaken, objects } = packaged.packager.sound(sound)
    this.#add(packaged, objects)
    if (!isTaken) this.#leaveOut(packaged, 'audio', sound.ptsMicros, 'it came after silence had been laid in its place')
    else if (sound.is === 'packet') this.#taken(packaged, 'audio', sound.ptsMicros)
  }

  #isLatest({ id, userId, stream }: LiveSource): boolean {
    return ![...this.#packaged.values()].some(
      ({ source }) => source.id > id && source.userId === userId && source.stream === stream,
    )
  }

  #folderOf({ file }: LiveSource): string {
    const read = readFileName(this.#options.job.spec, file)
    if (read === undefined) return file.replace(/\.\w+$/, '')
    return `${compactTime(read.startTime)}${read.part === 1 ? '' : `_${read.part}`}`
  }

  #ask({ packager, source }: Packaged, micros: number): void {
    if (packager.wantsKey(micros)) this.#options.room.requestKeyFrame(source)
  }

  #add(packaged: Packaged, made: readonly HlsObject[]): void {
    const { publisher, source, folder } = packaged
    for (const { data, ...object } of made) {
      const { rendition, uri, fromMicros, toMicros } = object
      const about = { name: `${folder}/${uri}`, data, contentType: contentTypes[rendition] }
      const begun =
        (object.is === 'segment' ? packaged.begun[rendition] : undefined) ?? this.#begin(source, rendition, fromMicros)
      if (object.is === 'segment') packaged.begun[rendition] = this.#begin(source, rendition, toMicros)
      publisher.add({ ...object, stored: begun.made({ ...about, toMicros }) })
    }
  }

  #begin(source: LiveSource, rendition: Rendition, fromMicros: number): BegunObject {
    const { targetDurationSeconds } = playlistOptions(this.#spec)
    return this.#options.objects.begin(this.name, source, fromMicros, fromMicros + targetDurationSeconds * 1_000_000, rendition)
  }

  #taken({ begun, leftOut, source }: Packaged, rendition: Rendition, micros: number): void {
    begun[rendition] ??= this.#begin(source, rendition, micros)
    const stretch = leftOut[rendition]
    delete leftOut[rendition]
    stretch?.begun.failed(stretch.why, stretch.toMicros)
  }

  #leaveOut({ leftOut, source }: Packaged, rendition: Rendition, micros: number, why: string): void {
    leftOut[rendition] ??= { begun: this.#begin(source, rendition, micros), why, toMicros: micros }
    leftOut[rendition].toMicros = micros
  }

  /** What is open ends. */
  #cut(packaged: Packaged): void {
    this.#add(packaged, packaged.packager.cut())
    for (const begun of Object.values(packaged.begun)) begun.nothing()
    packaged.begun = {}
    for (const { begun, why, toMicros } of Object.values(packaged.leftOut)) begun.failed(why, toMicros)
    packaged.leftOut = {}
  }

  #close(packaged: Packaged): void {
    this.#cut(packaged)
    this.#ended(this.#end(packaged))
    this.#packaged.delete(packaged.source.id)
  }

  async #end({ publisher, journalPath, source, folder }: Packaged): Promise<void> {
    // What is not in COS by now a later attempt ends, if there is one.
    if (await publisher.end()) await rm(journalPath, { force: true }).catch(() => {})
    else tellNotEnded({ ...source, folder }, 'COS did not take them', this.#options)
  }
}

const ofWhom = ({ userId, stream }: Pick<LiveSource, 'userId' | 'stream'>) => `${stream} ${userId}`
