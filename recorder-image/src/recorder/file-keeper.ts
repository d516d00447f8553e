import { fileName, keyPrefix, needFiles, type RecorderJob, type RecorderProgress } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { Clock } from '../clock/clock.ts'
import type { GivesBack } from '../disk/disk-watch.ts'
import { type Hole, holesOf, punchHole } from '../disk/holes.ts'
import { tellDamagedLines, tellNotKept } from '../ledger/kept-records.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LiveOutputs } from '../live/live-outputs.ts'
import { readHead } from '../media/head-file.ts'
import type { FinishedMedia, MediaFile, MediaFileIdentity, SalvagedMediaFile, WholeMedia } from '../media/media-file.ts'
import { mediaPaths } from '../media/media-paths.ts'
import { releasedMedia } from '../media/released-media.ts'
import type { EventLog } from '../report/event-log.ts'
import { isReleased } from '../store/released.ts'
import { type Store, type StoredObject, StoreError, type Upload } from '../store/upload.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { Stretch } from '../timeline/cuts.ts'
import type { CountedHole } from '../timeline/picture-gaps.ts'
import { describe, type FileOrigin, type Keeping, type KeptFile, limited } from './kept-file.ts'
import type { Publication } from './publication.ts'
import type { FileNote, Volume } from './volume.ts'

export interface FileKeeperDeps {
  job: RecorderJob
  volume: Volume
  store: Store
  /** `before`: the file from which it goes on, if there is one. */
  openMediaFile(directory: string, identity: MediaFileIdentity, before: MediaFile | undefined): MediaFile
  /** Gets everything that goes into files, after they did. */
  live: LiveOutputs
  /** Told of every file that is dealt with. */
  events: Pick<EventLog, 'add'>
  ledger: Ledger
  clock: Pick<Clock, 'told' | 'addedMicros'>
  log: Logger
}

interface LiveFile {
  media: MediaFile
  keeping: Keeping
  /** When the first part was opened, as it is told: all parts are named after it. */
  firstMicros: number
  /** What is added to times of the clock in this file: it goes on evenly. */
  addedMicros: number
}

/** Less is not worth a process. */
const leastReleasedBytes = 4 * 1024 * 1024
/** Less is not worth another file. */
const leastEndedBytes = 16 * 1024 * 1024

const bytesOf = (hole: Hole | undefined) => (hole === undefined ? 0 : hole.end - hole.start)

const contentTypes = { mp3: 'audio/mpeg', mp4: 'video/mp4' }

/**
 * Looks after every file from its first frame until it is verified in COS: media and upload grow side by side, the note of it is written
 * before its media is removed, and media that is not in COS is never removed. A file is closed (no more frames), finished (its head is made)
 * and stored, in this order; none waits for another. Times that it is given are `micros` of the clock.
 */
export class FileKeeper {
  readonly #deps: FileKeeperDeps
  readonly #files: Keeping[] = []
  /** Media that is in COS, and kept for what is made of it when the recording is over. */
  #kept: SalvagedMediaFile[] = []
  #releasing = false
  readonly #live = new Map<number, LiveFile>()

  constructor(deps: FileKeeperDeps) {
    this.#deps = deps
  }

  open(publication: Publication, openedMicros: number): void {
    this.#open(publication, openedMicros, { part: 1, before: undefined })
  }

  /** Returns false for a picture that is no use before the next key frame. */
  write(publication: Publication, frame: EncodedFrame): boolean {
    const live = this.#live.get(publication.id)
    if (live === undefined) return true
    const arrivedMicros = frame.receiveTimeMicros
    frame.receiveTimeMicros += live.addedMicros
    if (!live.media.takes(frame)) {
      const { keeping, firstMicros, media } = live
      const next = { part: keeping.origin.part + 1, firstMicros, before: media }
      this.#deps.live.closed(publication.id)
      const { addedMicros } = this.#open(publication, arrivedMicros, next)
      this.#close(keeping)
      frame.receiveTimeMicros = arrivedMicros + addedMicros
    }
    const isOfUse = this.#live.get(publication.id)?.media.write(frame) ?? true
    this.#deps.live.frame(publication.id, frame)
    return isOfUse
  }

  sends(publication: Publication, kind: 'audio' | 'video', sends: boolean, atMicros: number): void {
    const inFileMicros = this.inFile(publication.id, atMicros)
    this.#live.get(publication.id)?.media.sends(kind, sends, inFileMicros)
    this.#deps.live.sends(publication.id, kind, sends, inFileMicros)
  }

  paused(publication: Publication, { fromMicros, toMicros }: Stretch): void {
    const [from, to] = [this.inFile(publication.id, fromMicros), this.inFile(publication.id, toMicros)]
    this.#live.get(publication.id)?.media.paused({ fromMicros: from, toMicros: to })
    this.#deps.live.resumed(publication.id, to)
  }

  /** What the receiver counted around a hole in the pictures. */
  hole(publication: Publication, counted: CountedHole): void {
    const { openMicros } = counted
    const inFile = openMicros === undefined ? {} : { openMicros: this.inFile(publication.id, openMicros) }
    this.#live.get(publication.id)?.media.hole({ ...counted, ...inFile })
  }

  /** A time of the clock, by that of the file which a publication goes into now. */
  inFile(publicationId: number, micros: number): number {
    return micros + (this.#live.get(publicationId)?.addedMicros ?? 0)
  }

  /** What is open ends as soon as it can without a loss, and goes on as the next file. */
  endSoon(): void {
    for (const { media } of this.#live.values()) media.endSoon()
  }

  /** A moment from now all that is open is closed for good. */
  willClose(): void {
    for (const { media } of this.#live.values()) media.willFinish()
  }

  /** Resolves with whether all of a publication until now is on the volume, whatever happens to the machine. */
  safe(publication: Publication): Promise<boolean> {
    return this.#live.get(publication.id)?.media.safe() ?? Promise.resolve(true)
  }

  close(publication: Publication): void {
    const live = this.#live.get(publication.id)
    this.#live.delete(publication.id)
    this.#deps.live.closed(publication.id)
    if (live) this.#close(live.keeping)
  }

  /**
   * Takes over what an earlier attempt left on the volume. Resolves with it when it is finished, which is long before it is stored, or with
   * undefined when nothing could be made of it. Never rejects.
   */
  takeOver(origin: FileOrigin, salvaged: Promise<SalvagedMediaFile | undefined>): Promise<FinishedMedia | undefined> {
    const gone = Promise.resolve(undefined)
    const keeping: Keeping = { origin, state: 'finishing', content: undefined, finished: undefined, dealtWith: gone }
    this.#files.push(keeping)
    const { promise, resolve } = Promise.withResolvers<FinishedMedia | undefined>()
    keeping.dealtWith = this.#salvage(keeping, salvaged, resolve).finally(() => resolve(undefined))
    return promise
  }

  /** A file that an earlier attempt stored, and whose note cannot be read: it is in COS, and what it holds nobody can say here. */
  forgotten(origin: FileOrigin, why: string): void {
    const { job, ledger } = this.#deps
    const message = limited(
      `its note on the volume cannot be read: ${why}. It was in COS when the note was written, and no more is known of it`,
    )
    if (ledger.lossesOf(origin.name).length === 0) this.#loseWhole(origin, message)
    const gone = { origin, state: 'failed' as const, content: undefined, finished: undefined }
    const keeping: Keeping = { ...gone, dealtWith: Promise.resolve(undefined) }
    keeping.dealtWith = Promise.resolve({ file: { ...describe(keeping, job, ledger), message }, fate: 'broken' })
    this.#files.push(keeping)
  }

  /** Files that go on. */
  get growing(): { origin: FileOrigin; media: MediaFile }[] {
    return [...this.#live.values()].map(({ keeping, media }) => ({ origin: keeping.origin, media }))
  }

  /** Files that are not in COS as they should be. */
  get failed(): FileOrigin[] {
    return this.#files.filter(({ state }) => state === 'failed').map(({ origin }) => origin)
  }

  /** Resolves when every file that is closed by now is dealt with. */
  async settled(): Promise<void> {
    await Promise.all(this.#files.filter(({ state }) => state === 'finishing').map(({ dealtWith }) => dealtWith))
  }

  get progress(): Pick<RecorderProgress, 'recordedBytes' | 'uploadedBytes' | 'files'> {
    const prefix = keyPrefix(this.#deps.job.spec.cos.path)
    const files = this.#files.map(({ origin, content, state }) => ({
      userId: origin.userId,
      stream: origin.stream,
      path: prefix + origin.name,
      state,
      recordedBytes: content?.media.recordedBytes ?? 0,
      uploadedBytes: content?.upload.uploadedBytes ?? 0,
    }))
    const sum = (bytes: 'recordedBytes' | 'uploadedBytes') => files.reduce((total, file) => total + file[bytes], 0)
    return { recordedBytes: sum('recordedBytes'), uploadedBytes: sum('uploadedBytes'), files }
  }

  /** What COS has confirmed of the files on the volume. */
  get releasableBytes(): number {
    const kept = this.#kept.reduce((sum, { recordedBytes }) => sum + recordedBytes, 0)
    return this.#onVolume.reduce((sum, { content }) => sum + bytesOf(content?.upload.releasable()), kept)
  }

  /** Gives back to the volume what COS has confirmed of the files, and what nothing else needs any more. Never rejects. */
  async release(givesBack: GivesBack): Promise<void> {
    if (this.#releasing) return
    this.#releasing = true
    await this.discardKept()
    switch (givesBack) {
      case 'Holes':
        await this.#makeHoles()
        break
      case 'WholeFiles':
        this.#endLargeFiles()
    }
    this.#releasing = false
  }

  /** What is in COS goes from the volume, wanted or not: a recording that goes on is worth more. Never rejects. */
  async discardKept(): Promise<void> {
    for (const media of this.#kept.splice(0)) {
      await media.discard().catch((error: Error) => {
        this.#deps.log.warn({ file: media.identity.name, error: error.message }, 'Media that is in COS stays on the volume')
      })
    }
  }

  async #makeHoles(): Promise<void> {
    const { log } = this.#deps
    for (const { content, origin } of this.#onVolume) {
      const hole = content?.upload.releasable()
      if (content === undefined || hole === undefined || bytesOf(hole) < leastReleasedBytes) continue
      const about = { file: origin.name, bytes: bytesOf(hole) }
      await punchHole(content.media.bodyPath, hole).then(
        () => log.info(about, 'Gave back to the volume what COS has'),
        (error: Error) => log.warn({ ...about, error: error.message }, 'The volume does not take back what COS has'),
      )
    }
    for (const { media } of this.#live.values()) {
      await media.release().catch((error: Error) => {
        log.warn({ file: media.identity.name, error: error.message }, 'The volume does not take back sound that is encoded')
      })
    }
  }

  /** Ended, they are in COS a moment later and leave the volume. Only what COS takes: while it is away nothing would be won. */
  #endLargeFiles(): void {
    for (const { media, keeping } of this.#live.values()) {
      if (bytesOf(keeping.content?.upload.releasable()) >= leastEndedBytes) media.endSoon()
    }
  }

  get #onVolume(): Keeping[] {
    return this.#files.filter(({ state }) => state !== 'stored')
  }

  /**
   * Closes what is open and waits for every file to be dealt with. What is not in COS by then counts as incomplete and waits on the volume.
   * Never rejects.
   */
  async deliver(deadline: Promise<void>): Promise<KeptFile[]> {
    for (const { keeping } of this.#live.values()) this.#close(keeping)
    this.#live.clear()
    const kept = this.#files.map((keeping) => Promise.race([keeping.dealtWith, deadline.then(() => this.#late(keeping))]))
    return (await Promise.all(kept)).filter((one) => one !== undefined)
  }

  #open(
    publication: Publication,
    clockMicros: number,
    { part, before, ...first }: { part: number; firstMicros?: number; before: MediaFile | undefined },
  ): LiveFile {
    const { job, volume, clock, log } = this.#deps
    const { userId, stream } = publication
    const { addedMicros } = clock
    const openedMicros = clockMicros + addedMicros
    const firstMicros = first.firstMicros ?? openedMicros
    const name = fileName(job, userId, stream, new Date(firstMicros / 1000), part)
    const origin = { name, userId, stream, attempt: job.attempt, part, openedMicros: Math.round(openedMicros) }
    const { mode, audioCodec, gaps, pause } = job.spec
    const identity = { ...origin, mode, audioCodec, gaps, pause }
    const media = this.#deps.openMediaFile(volume.mediaDirectory, identity, before)
    const upload = this.#upload(name, media.bodyPath)
    media.onGrowth = (bytes) => upload.grew(bytes)
    media.onBody = (bytes) => upload.ended(bytes)
    // Of what comes from now on nothing would get to COS.
    upload.onLost = () => media.endSoon()
    const dealtWith = Promise.resolve(undefined)
    const keeping: Keeping = { origin, state: 'recording', content: { media, upload }, finished: undefined, dealtWith }
    this.#files.push(keeping)
    const live = { media, keeping, firstMicros, addedMicros }
    this.#live.set(publication.id, live)
    this.#deps.live.opened(publication.id, { ...origin, file: name })
    log.info({ userId, stream, file: name }, 'File opened')
    return live
  }

  #upload(name: string, bodyPath: string): Upload {
    const { job, volume, store, ledger, log } = this.#deps
    const upload = store.open({
      key: keyPrefix(job.spec.cos.path) + name,
      bodyPath,
      logPath: volume.uploadLogPath(name),
      contentType: contentTypes[name.endsWith('.mp3') ? 'mp3' : 'mp4'],
    })
    if (upload.damagedLog !== undefined) tellDamagedLines(job, ledger, log)(upload.damagedLog)
    return upload
  }

  #close(keeping: Keeping): void {
    keeping.state = 'finishing'
    keeping.dealtWith = this.#finishAndStore(keeping)
  }

  async #salvage(
    keeping: Keeping,
    salvaged: Promise<SalvagedMediaFile | undefined>,
    onFinished: (finished: FinishedMedia) => void,
  ): Promise<KeptFile | undefined> {
    const { log, ledger, job } = this.#deps
    const { name, userId } = keeping.origin
    let media: SalvagedMediaFile | undefined
    try {
      media = await salvaged
      if (media === undefined) await this.#forgetUpload(name)
      else keeping.content = { media, upload: this.#upload(media.identity.name, media.bodyPath) }
    } catch (error) {
      const message = `salvage: ${(error as Error).message}. What there is of it stays on the volume`
      log.error({ file: name, userId }, message)
      keeping.state = 'failed'
      this.#loseWhole(keeping.origin, (error as Error).message)
      return { file: { ...describe(keeping, job, ledger), message: limited(message) }, fate: 'incomplete' }
    }
    if (media === undefined || keeping.content === undefined) {
      this.#files.splice(this.#files.indexOf(keeping), 1)
      return undefined
    }
    const { identity, bodyBytes } = media
    keeping.origin = identity
    log.info({ file: name, userId: identity.userId, bytes: bodyBytes }, 'File of an earlier attempt taken over')
    keeping.content.upload.grew(bodyBytes)
    return this.#finishAndStore(keeping, onFinished)
  }

  /** Of a file that has turned out to hold nothing: COS may have been sent what the volume has lost. */
  async #forgetUpload(name: string): Promise<void> {
    const { volume } = this.#deps
    await this.#upload(name, mediaPaths(volume.mediaDirectory, name).body).giveUp()
    await volume.removeUploadLog(name)
  }

  #loseWhole({ name, userId, stream, openedMicros }: FileOrigin, detail: string): void {
    const { job, ledger } = this.#deps
    const times = { fromMicros: openedMicros, toMicros: openedMicros, frames: null, bytes: null }
    const medium = job.spec.mode === '00' ? ('audio' as const) : ('video' as const)
    ledger.add({ userId, stream, medium, ...times, reason: 'NotSalvaged', file: name, detail })
  }

  async #finishAndStore(keeping: Keeping, onFinished: (finished: FinishedMedia) => void = () => {}): Promise<KeptFile> {
    const { log, volume, job, ledger } = this.#deps
    const { name, userId, stream } = keeping.origin
    const { media, upload } = keeping.content!
    const about = { file: name, userId, stream }
    try {
      // What is sent does not hang on what the check finds, so sending does not wait for it.
      let storing: Promise<StoredObject> | undefined
      const store = async ({ head, bodyBytes }: WholeMedia) => upload.finish(await readHead(head), bodyBytes)
      media.onWhole = (whole) => {
        storing = store(whole)
        // It is waited for below.
        storing.catch(() => {})
      }
      const finished = await media.finish()
      keeping.finished = finished
      onFinished(finished)
      const { durationSeconds, problem } = finished
      log.info({ ...about, durationSeconds, ...(problem === undefined ? {} : { problem }) }, 'File finished')
      const stored = await (storing ?? store(finished))
      const fate = problem === undefined ? 'stored' : 'broken'
      await ledger.settle()
      const status = fate === 'stored' ? (1 as const) : (0 as const)
      const file = { ...describe(keeping, job, ledger), ...stored, status }
      // Note first, then remove: a crash between the two leaves media that the next attempt knows to be stored.
      const isNoted = await this.#note(name, { file, fate, events: finished.events })
      keeping.state = fate === 'stored' ? 'stored' : 'failed'
      keeping.finished = undefined
      if (fate === 'stored' && isNoted) {
        this.#kept.push(media)
        if (!needFiles(job.spec.outputs)) await this.discardKept()
        await volume.removeUploadLog(name).catch((error: Error) => {
          log.warn({ ...about, error: error.message }, 'The log of an upload that is over stays on the volume')
        })
      }
      log.info({ ...about, bytes: stored.bytes, url: stored.url, crc64: stored.crc64 }, 'File stored and verified')
      this.#deps.events.add('fileFinished', file)
      return { file, fate }
    } catch (error) {
      keeping.state = 'failed'
      const refused = error instanceof StoreError && error.kind === 'refused'
      const message = error instanceof Error ? error.message : String(error)
      log.error({ ...about, error: message }, 'File not stored; it stays on the volume')
      if (isReleased(error)) await this.#loseReleased(keeping)
      const file = { ...describe(keeping, job, ledger), message: limited(message) }
      this.#deps.events.add('fileFinished', file)
      return { file, fate: refused ? 'refused' : 'incomplete' }
    }
  }

  /** It is in COS whatever the volume says; without the note it stays on the volume, and a later attempt would store it again. */
  async #note(name: string, note: FileNote): Promise<boolean> {
    const { volume, job, ledger, log } = this.#deps
    try {
      await volume.writeFile(name, note)
      return true
    } catch (error) {
      log.error({ file: name, error: (error as Error).message }, 'The note of a file that is stored could not be written')
      tellNotKept(job, ledger, { file: `files/${name}.json`, what: 'the note', error: error as Error })
      return false
    }
  }

  /** What was given back to the volume, and COS has lost. Told once, however many attempts find it. */
  async #loseReleased({ origin, finished, content }: Keeping): Promise<void> {
    const { job, volume, ledger } = this.#deps
    const { name, userId, stream, openedMicros } = origin
    if (ledger.lossesOf(name).some(({ reason }) => reason === 'LostInCos')) return
    const opened = new Date(openedMicros / 1000)
    const times = finished ?? { startTime: opened, endTime: new Date(Math.max(this.#deps.clock.told(), openedMicros) / 1000) }
    const of = { userId, stream, file: name, reason: 'LostInCos' as const }
    try {
      const holes = holesOf(content!.media.bodyPath)
      const lost = await releasedMedia(mediaPaths(volume.mediaDirectory, name).index, holes, times)
      for (const stretch of lost) ledger.add({ ...of, ...stretch, detail: '' })
    } catch (error) {
      const medium = job.spec.mode === '00' ? ('audio' as const) : ('video' as const)
      const between = { fromMicros: times.startTime.getTime() * 1000, toMicros: times.endTime.getTime() * 1000 }
      ledger.add({ ...of, medium, ...between, frames: null, bytes: null, detail: (error as Error).message })
    }
  }

  #late(keeping: Keeping): KeptFile {
    const { job, ledger, log } = this.#deps
    const message = 'writing to COS: not done in time; what is missing waits on the volume'
    const uploadedBytes = keeping.content?.upload.uploadedBytes ?? 0
    log.error({ file: keeping.origin.name, uploadedBytes }, 'File not stored in time; it stays on the volume')
    return { file: { ...describe(keeping, job, ledger), message }, fate: 'incomplete' }
  }
}
