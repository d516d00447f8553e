import { fileName, keyPrefix, type Loss, type ManifestFile, type RecorderJob, type RecorderProgress } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { type Ledger, secondsOf, totalsOf } from '../ledger/ledger.ts'
import { readHead } from '../media/head-file.ts'
import type { FinishedMedia, MediaFile, MediaFileIdentity, SalvagedMediaFile } from '../media/media-file.ts'
import { objectUrl } from '../store/object-url.ts'
import { type Store, StoreError, type Upload } from '../store/upload.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import type { FileFate } from './outcome.ts'
import type { Publication } from './sessions.ts'
import type { Volume } from './volume.ts'

export interface FileKeeperDeps {
  job: RecorderJob
  volume: Volume
  store: Store
  openMediaFile(directory: string, identity: MediaFileIdentity): MediaFile
  ledger: Ledger
  log: Logger
}

/** What became of a file, with what the manifest says of it. */
export interface KeptFile extends FileFate {
  file: ManifestFile
}

interface Keeping {
  name: string
  media: SalvagedMediaFile
  upload: Upload
  state: RecorderProgress['files'][number]['state']
  /** Settles when the file is dealt with. Never rejects. */
  ending?: Promise<KeptFile>
}

const contentTypes = { mp3: 'audio/mpeg', mp4: 'video/mp4' }

/**
 * Looks after every file from its first frame until it is verified in COS: media and upload grow side by side, the record of it is written
 * before its media is removed, and media that is not in COS is never removed.
 */
export class FileKeeper {
  readonly #deps: FileKeeperDeps
  readonly #files: Keeping[] = []
  readonly #live = new Map<number, { media: MediaFile; keeping: Keeping }>()

  constructor(deps: FileKeeperDeps) {
    this.#deps = deps
  }

  /** Takes over what an earlier attempt left on the volume. */
  adopt(media: SalvagedMediaFile): void {
    const keeping = this.#keep(media)
    keeping.upload.grew(media.bodyBytes)
    this.#deps.log.info(
      { file: keeping.name, userId: media.identity.userId, bytes: media.bodyBytes },
      'File of an earlier attempt taken over',
    )
    this.#end(keeping)
  }

  open(publication: Publication, openedMicros: number): void {
    const { job, volume, log } = this.#deps
    const { userId, stream } = publication
    const name = fileName(job.spec, userId, stream, new Date(openedMicros / 1000))
    const identity = { name, userId, stream, mode: job.spec.mode, attempt: job.attempt, openedMicros: Math.round(openedMicros) }
    const media = this.#deps.openMediaFile(volume.mediaDirectory, identity)
    const keeping = this.#keep(media)
    media.onGrowth = (bytes) => keeping.upload.grew(bytes)
    this.#live.set(publication.id, { media, keeping })
    log.info({ userId, stream, file: name }, 'File opened')
  }

  write(publication: Publication, frame: EncodedFrame): void {
    this.#live.get(publication.id)?.media.write(frame)
  }

  close(publication: Publication): void {
    const live = this.#live.get(publication.id)
    this.#live.delete(publication.id)
    if (live) this.#end(live.keeping)
  }

  get progress(): Pick<RecorderProgress, 'recordedBytes' | 'uploadedBytes' | 'files'> {
    const prefix = keyPrefix(this.#deps.job.spec.cos.path)
    const files = this.#files.map(({ name, media, upload, state }) => ({
      userId: media.identity.userId,
      stream: media.identity.stream,
      path: prefix + name,
      state,
      recordedBytes: media.recordedBytes,
      uploadedBytes: upload.uploadedBytes,
    }))
    const sum = (bytes: 'recordedBytes' | 'uploadedBytes') => files.reduce((total, file) => total + file[bytes], 0)
    return { recordedBytes: sum('recordedBytes'), uploadedBytes: sum('uploadedBytes'), files }
  }

  /** Waits for every file to be dealt with. What is not in COS by then counts as incomplete and waits on the volume. Never rejects. */
  async finish(deadline: Promise<void>): Promise<KeptFile[]> {
    for (const { keeping } of this.#live.values()) this.#end(keeping)
    this.#live.clear()
    return Promise.all(this.#files.map((keeping) => Promise.race([keeping.ending!, deadline.then(() => this.#late(keeping))])))
  }

  #keep(media: SalvagedMediaFile): Keeping {
    const { job, volume, store } = this.#deps
    const { name } = media.identity
    const upload = store.open({
      key: keyPrefix(job.spec.cos.path) + name,
      bodyPath: media.bodyPath,
      journalPath: volume.journalPath(name),
      contentType: contentTypes[name.endsWith('.mp3') ? 'mp3' : 'mp4'],
    })
    const keeping: Keeping = { name, media, upload, state: 'recording' }
    this.#files.push(keeping)
    return keeping
  }

  #end(keeping: Keeping): void {
    keeping.state = 'finishing'
    keeping.ending = this.#finished(keeping)
  }

  async #finished(keeping: Keeping): Promise<KeptFile> {
    const { log, volume } = this.#deps
    const { name, media, upload } = keeping
    const about = { file: name, userId: media.identity.userId, stream: media.identity.stream }
    let finished: FinishedMedia | undefined
    try {
      finished = await media.finish()
      const { durationSeconds, problem } = finished
      log.info({ ...about, durationSeconds, ...(problem === undefined ? {} : { problem }) }, 'File finished')
      const stored = await upload.finish(await readHead(finished.head), finished.bodyBytes)
      const fate = finished.problem === undefined ? 'stored' : 'broken'
      this.#deps.ledger.settle()
      const file = { ...this.#describe(keeping, finished), ...stored, status: fate === 'stored' ? (1 as const) : (0 as const) }
      // Record first, then remove: a crash between the two leaves media that the next attempt knows to be stored.
      await volume.writeFile(name, { file, fate, events: finished.events })
      keeping.state = fate === 'stored' ? 'stored' : 'failed'
      if (fate === 'stored') {
        await media.discard()
        await volume.removeJournal(name)
      }
      log.info({ ...about, bytes: stored.bytes, url: stored.url, crc64: stored.crc64 }, 'File stored and verified')
      return { file, fate }
    } catch (error) {
      keeping.state = 'failed'
      const refused = error instanceof StoreError && error.kind === 'refused'
      const message = error instanceof Error ? error.message : String(error)
      log.error({ ...about, error: message }, 'File not stored; it stays on the volume')
      return {
        file: { ...this.#describe(keeping, finished), message: limited(message) },
        fate: refused ? 'refused' : 'incomplete',
      }
    }
  }

  #late(keeping: Keeping): KeptFile {
    const message = 'writing to COS: not done in time; what is missing waits on the volume'
    this.#deps.log.error(
      { file: keeping.name, uploadedBytes: keeping.upload.uploadedBytes },
      'File not stored in time; it stays on the volume',
    )
    return { file: { ...this.#describe(keeping, undefined), message }, fate: 'incomplete' }
  }

  #describe({ name, media }: Keeping, finished: FinishedMedia | undefined): ManifestFile {
    const { job, ledger } = this.#deps
    const losses = ledger.lossesOf(name)
    const { userId, stream, attempt, openedMicros } = media.identity
    const path = keyPrefix(job.spec.cos.path) + name
    const startTime = (finished?.startTime ?? new Date(openedMicros / 1000)).toISOString()
    return {
      userId,
      stream,
      path,
      url: objectUrl(job.spec.cos, path),
      status: 0,
      message: limited(finished?.problem ?? messageOf(losses)),
      bytes: finished ? finished.head.bytes + finished.bodyBytes : media.bodyBytes,
      durationSeconds: Math.round((finished?.durationSeconds ?? 0) * 1000) / 1000,
      startTime,
      endTime: finished?.endTime.toISOString() ?? startTime,
      attempt,
      lostFrames: totalsOf(losses).frames,
      lostSeconds: secondsOf(losses),
      crc64: '',
      ...(finished?.video ? { video: finished.video } : {}),
      ...(finished?.audio ? { audio: finished.audio } : {}),
    }
  }
}

/** What a whole file says of itself. */
function messageOf(losses: readonly Loss[]): string {
  if (losses.length === 0) return 'ok'
  const reasons = [...new Set(losses.map(({ reason }) => reason))].join(', ')
  return `ok, but ${totalsOf(losses).frames} frames are missing in ${secondsOf(losses)} s: ${reasons}`
}

const limited = (message: string) => (message.length <= 512 ? message : `${message.slice(0, 511)}…`)
