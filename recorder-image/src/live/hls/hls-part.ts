import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { compactTime, type Hls, isListed, type Medium, type RecorderJob, readFileName } from '@trtc-recorder/api'
import { DurableLines } from '../../disk/durable-lines.ts'
import type { BegunObject, LiveObjects } from '../live-objects.ts'
import type { LiveEvent, LivePart, LivePicture, LiveRoom, LiveSound, LiveSource } from '../part.ts'
import { endLeftPlaylists, journalName, type LeftPlaylistsOptions } from './left-playlists.ts'
import { type HlsObject, Packager, type Rendition } from './packager.ts'
import { contentTypes } from './playlist.ts'
import { multivariantName, type PublishedLine, playlistOptions } from './published.ts'
import { Publisher } from './publisher.ts'

export interface HlsPartOptions extends LeftPlaylistsOptions {
  job: RecorderJob
  objects: LiveObjects
  room: LiveRoom
}

/** One source, as it is packaged. */
interface Packaged {
  source: LiveSource
  /** Of its objects, within that of the part. */
  folder: string
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
  readonly #left: Promise<void>

  constructor(spec: Hls, options: HlsPartOptions) {
    this.#spec = spec
    this.#options = options
    this.#left = endLeftPlaylists(spec, options)
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
    await Promise.all([this.#left, ...this.#ending])
  }

  #open(source: LiveSource): Packaged {
    const { objects, directory } = this.#options
    const options = playlistOptions(this.#spec)
    const folder = this.#folderOf(source)
    const journal = new DurableLines(join(directory, journalName(source.file)))
    let lines = 0
    const keep = async (line: PublishedLine) => {
      journal.add([[lines++, line]])
      await journal.settled()
    }
    const put = (name: string, text: string) =>
      objects.replace(objects.keyOf(this.name, source, name), Buffer.from(text), contentTypes.playlist)
    const publisher = new Publisher({
      ...options,
      journal: keep,
      folder,
      putPlaylist: (name, text) => put(`${folder}/${name}`, text),
      // Whoever watches a user need not know when they came.
      putLatest: (text) => (this.#isLatest(source) ? put(multivariantName, text) : Promise.resolve(true)),
    })
    mkdirSync(directory, { recursive: true })
    void keep({ is: 'source', userId: source.userId, stream: source.stream, folder })
    const packager = new Packager({ targetSeconds: this.#spec.seconds, mostSeconds: options.targetDurationSeconds })
    return { source, folder, packager, publisher, begun: {}, leftOut: {} }
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
    else this.#leaveOut(packaged, 'video', ptsMicros, 'no key frame came for as long as a segment may be')
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
    const { source, publisher } = packaged
    const ending = this.#end(source, publisher).finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
    this.#packaged.delete(source.id)
  }

  async #end({ file }: LiveSource, publisher: Publisher): Promise<void> {
    // What is not in COS by now a later attempt ends.
    if (await publisher.end()) await rm(join(this.#options.directory, journalName(file)), { force: true }).catch(() => {})
  }
}
