import {
  type Control,
  type Loss,
  type Manifest,
  manifestKey,
  type RecorderJob,
  type RecorderProgress,
  type RecorderResult,
  recordedFileSchema,
  recorderResultSchema,
  type StopReason,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { Clock } from '../clock/clock.ts'
import { Ledger } from '../ledger/ledger.ts'
import type { MediaFile, MediaFileDeps, MediaFileIdentity, SalvagedMediaFile } from '../media/media-file.ts'
import { buildManifest } from '../report/manifest.ts'
import type { RoomOptions } from '../room/room.ts'
import { type Store, type StoredObject, StoreError } from '../store/upload.ts'
import { Awaited } from './awaited.ts'
import { ControlFile } from './control-file.ts'
import { RecorderFailure } from './failure.ts'
import { FileKeeper, type KeptFile } from './file-keeper.ts'
import { endingOf } from './outcome.ts'
import { type RecordContext, recordRoom } from './record.ts'
import { readSecrets, type Secrets } from './secrets.ts'
import { Sessions } from './sessions.ts'
import { isFinalStop, nothingArrived, type Stop } from './stop-policy.ts'
import { Volume } from './volume.ts'

/** The parts a run is made of; tests bring their own. */
export interface Parts {
  openRoom: RecordContext['openRoom']
  openMediaFile(directory: string, identity: MediaFileIdentity, deps: MediaFileDeps): MediaFile
  salvageMediaFiles(directory: string, deps: MediaFileDeps): Promise<SalvagedMediaFile[]>
  createStore(cos: RecorderJob['spec']['cos'], credentials: Secrets['cos'], log: Logger): Store
}

export interface RunOptions {
  job: RecorderJob
  /** Run by a person, without an operator to number the attempts: the volume says which one this is. */
  byHand: boolean
  workDirectory: string
  /** File that says what has changed since the job was given; see `controlSchema`. */
  controlPath: string | undefined
  secretsDirectory: string
  chromium: RoomOptions['chromium']
  /** How long storing may take after the stop. What is not done then waits on the volume. */
  uploadSeconds: number
  /** Resolves when the recorder is asked to stop; rejects on a defect. */
  stopRequested: Promise<Stop>
  /** Told of every secret as soon as it is known, so that no log line can hold it. */
  onSecret(value: string): void
  log: Logger
  parts: Parts
  /** The machine's, unless a test lets time pass. */
  clock?: Clock
}

/** COS has this long to show that the bucket exists and can be written. */
const preflightSeconds = 30

/** One attempt at one Recording, from job to result. */
export class Run {
  readonly #options: RunOptions
  #job: RecorderJob
  #state: RecorderProgress['state'] = 'starting'
  #sessions: Sessions
  readonly #awaited = new Awaited()
  readonly #clock: Clock
  #ledger = new Ledger()
  #volume: Volume | undefined
  #store: Store | undefined
  #keeper: FileKeeper | undefined
  #startedAt: Date | undefined
  #stoppedAt: Date | undefined
  #control: ControlFile | undefined
  readonly #told = Promise.withResolvers<Stop>()
  #notes = Promise.resolve()

  constructor(options: RunOptions) {
    this.#options = options
    this.#clock = options.clock ?? new Clock()
    this.#job = options.job
    this.#sessions = new Sessions(options.job.spec)
  }

  /** Never rejects: whatever happens is in the result. */
  async result(): Promise<RecorderResult> {
    let stop: Stop | undefined
    let failure: RecorderFailure | undefined
    let close = async () => {}
    try {
      const secrets = await this.#prepare()
      stop = await this.#alreadyOver()
      if (stop === undefined) {
        const recorded = await recordRoom(this.#recordContext(secrets))
        ;({ stop, close } = recorded)
        this.#stoppedAt = this.#startedAt && recorded.stoppedAt
        if (recorded.unreachable) failure = unreachable(stop)
      }
    } catch (error) {
      failure = asFailure(error)
      this.#options.log.error({ outcome: failure.outcome, ...(failure.cause ? { err: failure.cause } : {}) }, failure.message)
    }
    this.#state = 'finishing'
    const stopReason: StopReason = stop?.reason ?? (this.#startedAt ? 'RoomLost' : 'NeverStarted')
    await this.#noteAttempt({ stopReason })
    const [kept] = await Promise.all([this.#storeFiles(), close()])
    const storedAt = kept.length > 0 && kept.every(isInCos) ? new Date().toISOString() : undefined
    const { manifest, problem } = await this.#writeManifest(stopReason, kept)
    if (problem !== undefined && failure === undefined && kept.every(isInCos)) failure = problem
    const complete = failure === undefined && kept.every(isInCos)
    await this.#noteAttempt({ stopReason, ...(complete ? { complete } : {}) })
    this.#state = 'done'
    this.#control?.close()
    return recorderResultSchema.parse({
      attempt: this.#job.attempt,
      ...endingOf(stop, failure, kept, this.#ledger.totals),
      stopReason,
      ...(failure?.trtcCode === undefined ? {} : { trtcCode: failure.trtcCode }),
      ...(this.#startedAt ? { startedAt: this.#startedAt.toISOString() } : {}),
      ...(this.#stoppedAt ? { stoppedAt: this.#stoppedAt.toISOString() } : {}),
      ...(storedAt === undefined ? {} : { storedAt }),
      ...(manifest === undefined ? {} : { manifestUrl: manifest.url }),
      files: kept.map(({ file }) => recordedFileSchema.parse(file)),
      losses: this.#ledger.totals,
    } satisfies RecorderResult)
  }

  progress(): RecorderProgress {
    const files = this.#keeper?.progress ?? { recordedBytes: 0, uploadedBytes: 0, files: [] }
    const losses = { ...this.#ledger.totals, latest: latestOf(this.#ledger.losses) }
    return { state: this.#state, participants: this.#sessions.anchors, ...files, losses }
  }

  async notReady(): Promise<string | undefined> {
    if (this.#state !== 'recording') return `the recorder is ${this.#state}`
    return this.#volume?.checkWritable().then(
      () => undefined,
      (error: Error) => `the work directory cannot be written: ${error.message}`,
    )
  }

  /** Everything that can go wrong without TRTC goes wrong here, before anybody sees the recorder in the room. */
  async #prepare(): Promise<Secrets> {
    const { workDirectory, secretsDirectory, log, parts, onSecret } = this.#options
    this.#control = await ControlFile.open(this.#options.controlPath, log)
    this.#control.onChange = (control) => this.#heed(control)
    if (this.#control.current) this.#heed(this.#control.current)
    const secrets = await readSecrets(secretsDirectory, this.#job.spec)
    for (const secret of [secrets.userSig, ...Object.values(secrets.cos), secrets.turnCredential ?? []].flat()) onSecret(secret)
    const volume = await Volume.open(workDirectory, this.#job.recording)
    this.#volume = volume
    await this.#numberAttempt(volume)
    const { attempt } = this.#job
    this.#ledger = new Ledger((lines) => volume.addLosses(attempt, lines), await volume.losses())
    this.#store = parts.createStore(this.#job.spec.cos, secrets.cos, log)
    this.#keeper = new FileKeeper({
      job: this.#job,
      volume,
      store: this.#store,
      openMediaFile: (directory, identity) => parts.openMediaFile(directory, identity, { log, ledger: this.#ledger }),
      ledger: this.#ledger,
      log,
    })
    await this.#adoptLeftovers(volume, this.#keeper)
    try {
      await this.#store.preflight({ deadline: new Date(Date.now() + preflightSeconds * 1000) })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      throw new RecorderFailure(error.kind === 'refused' ? 'StorageRefused' : 'StorageUnavailable', error.message, {
        cause: error,
      })
    }
    return secrets
  }

  #heed(control: Control): void {
    if (control.desiredState === 'Stopped') {
      this.#told.resolve({ reason: control.stopReason, message: 'The recorder was told to stop' })
    }
  }

  async #numberAttempt(volume: Volume): Promise<void> {
    const attempts = await volume.attempts()
    const last = attempts.at(-1)
    if (this.#options.byHand && last?.complete) await volume.clear()
    const number = !this.#options.byHand ? this.#job.attempt : last?.complete ? 1 : (last?.attempt ?? 0) + 1
    const first =
      last?.complete && this.#options.byHand ? undefined : attempts.find((one) => one.startedAt !== undefined)?.startedAt
    const firstStartedAt = this.#job.firstStartedAt ?? first
    this.#job = { ...this.#job, attempt: number, ...(firstStartedAt === undefined ? {} : { firstStartedAt }) }
  }

  async #adoptLeftovers(volume: Volume, keeper: FileKeeper): Promise<void> {
    const deps = { log: this.#options.log, ledger: this.#ledger }
    const dealtWith = new Set((await volume.files()).map(({ file }) => file.path.split('/').at(-1)))
    for (const media of await this.#options.parts.salvageMediaFiles(volume.mediaDirectory, deps)) {
      if (!dealtWith.has(media.identity.name)) keeper.adopt(media)
    }
  }

  /** Why there is nothing more to record, if so: then this attempt only finishes what is left. */
  async #alreadyOver(): Promise<Stop | undefined> {
    const { uploadOnly, attempt, firstStartedAt, spec } = this.#job
    const earlier = (await this.#volume!.attempts()).filter((one) => one.attempt !== attempt && one.stopReason !== undefined)
    const final = earlier.findLast((one) => isFinalStop(one.stopReason!))
    const last = final ?? earlier.at(-1)
    if (final !== undefined || uploadOnly) {
      return {
        reason: last?.stopReason ?? 'NeverStarted',
        message: 'The recording was over already; this attempt finished what was left of it',
      }
    }
    const { maxDurationSeconds } = spec.limits
    if (maxDurationSeconds === undefined || firstStartedAt === undefined) return undefined
    const isOver = Date.now() - Date.parse(firstStartedAt) >= maxDurationSeconds * 1000
    return isOver
      ? {
          reason: 'MaxDuration',
          message: `limits.maxDurationSeconds (${maxDurationSeconds} s) had passed before this attempt began`,
        }
      : undefined
  }

  #recordContext(secrets: Secrets) {
    const { chromium, parts, log } = this.#options
    const stopRequested = Promise.race([this.#options.stopRequested, this.#told.promise])
    return {
      job: this.#job,
      userSig: secrets.userSig,
      ...(secrets.turnCredential === undefined ? {} : { turnCredential: secrets.turnCredential }),
      chromium,
      openRoom: parts.openRoom,
      stopRequested,
      log,
      clock: this.#clock,
      sessions: this.#sessions,
      awaited: this.#awaited,
      keeper: this.#keeper!,
      volume: this.#volume!,
      ledger: this.#ledger,
      onEntered: (at: Date) => {
        this.#startedAt = at
        this.#state = 'recording'
        void this.#noteAttempt({})
      },
    }
  }

  async #storeFiles(): Promise<KeptFile[]> {
    if (!this.#keeper) return []
    const timer = Promise.withResolvers<void>()
    const timeout = setTimeout(timer.resolve, this.#options.uploadSeconds * 1000)
    const kept = await this.#keeper.finish(timer.promise)
    clearTimeout(timeout)
    return kept
  }

  async #writeManifest(
    stopReason: StopReason,
    kept: KeptFile[],
  ): Promise<{ manifest?: StoredObject; problem?: RecorderFailure }> {
    const [volume, store, job] = [this.#volume, this.#store, this.#job]
    if (!volume || !store || (!this.#startedAt && kept.length === 0 && !job.uploadOnly)) return {}
    try {
      const startTime = job.firstStartedAt ?? this.#startedAt?.toISOString()
      const missing = kept.filter((one) => !isInCos(one)).map(({ file }) => file)
      this.#ledger.settle()
      await volume.settled()
      const [records, events] = await Promise.all([volume.files(), volume.events()])
      const manifest: Manifest = buildManifest({
        job,
        stopReason,
        startTime,
        endTime: this.#stoppedAt?.toISOString(),
        records,
        missing,
        events,
        losses: this.#ledger.losses,
        pauses: [],
      })
      const body = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`)
      const deadline = new Date(Date.now() + Math.min(60, this.#options.uploadSeconds) * 1000)
      return { manifest: await store.put(manifestKey(job), body, 'application/json', { deadline }) }
    } catch (error) {
      const message = `The manifest could not be stored: ${(error as Error).message}`
      this.#options.log.error({ file: manifestKey(job) }, message)
      const refused = error instanceof StoreError && error.kind === 'refused'
      return { problem: new RecorderFailure(refused ? 'UploadRefused' : 'UploadIncomplete', message) }
    }
  }

  /** A volume that broke while recording must not hide what became of the files. */
  #noteAttempt(more: { stopReason?: StopReason; complete?: true }): Promise<void> {
    const times = {
      ...(this.#startedAt ? { startedAt: this.#startedAt.toISOString() } : {}),
      ...(this.#stoppedAt ? { stoppedAt: this.#stoppedAt.toISOString() } : {}),
    }
    const record = { attempt: this.#job.attempt, ...times, ...more }
    this.#notes = this.#notes
      .then(() => this.#volume?.writeAttempt(record))
      .catch((error: Error) => this.#options.log.error({ error: error.message }, 'The attempt could not be noted on the volume'))
    return this.#notes
  }
}

const latestOf = (losses: Loss[]) => losses.toSorted((a, b) => a.to.localeCompare(b.to)).slice(-10)

const isInCos = ({ fate }: KeptFile) => fate === 'stored' || fate === 'broken'

const unreachable = ({ reason, message }: Stop) =>
  new RecorderFailure('MediaUnreachable', reason === 'MediaUnreachable' ? message : `${message}. ${nothingArrived}`)

const asFailure = (error: unknown) =>
  error instanceof RecorderFailure
    ? error
    : new RecorderFailure('InternalError', error instanceof Error ? error.message : String(error), { cause: error })
