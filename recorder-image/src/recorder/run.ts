import { setTimeout as sleep } from 'node:timers/promises'
import {
  type MakingOutput,
  noLosses,
  type RecorderEvents,
  type RecorderProgress,
  type RecorderResult,
  recorderResultSchema,
} from '@trtc-recorder/api'
import { LiveClips } from '../clips/live-clips.ts'
import { Clock, type ClockStep } from '../clock/clock.ts'
import { DiskWatch } from '../disk/disk-watch.ts'
import type { BegunPage } from '../room/room-page.ts'
import { absenceLosses, clockBehind, type FileEnd, lastInRoom, unknownAbsence } from './absence.ts'
import { alreadyOver } from './attempt.ts'
import { deliver, type Ending } from './deliver.ts'
import { RecorderFailure } from './failure.ts'
import { type HeldLeftoversContext, takeOverHeld } from './held-leftovers.ts'
import { takeOverLeftovers } from './leftovers.ts'
import type { RunOptions } from './options.ts'
import { type Prepared, prepare } from './prepare.ts'
import { recordRoom } from './record.ts'
import { StorageProof } from './storage-proof.ts'
import { userSigExpiry } from './user-sig-source.ts'

/** What earlier attempts left waits no longer than this for the recorder to get into the room. */
const leftoversMillis = 10_000
/** Whoever asks for events has the last ones within this. */
const toldMillis = 10_000
/** A stop is mostly over within this. */
const quickFinishMillis = 3000

/** One attempt at one Recording, from job to result: prepare, record, deliver. */
export class Run {
  readonly #options: RunOptions
  readonly #clock: Clock
  readonly #begunAt: Date
  #state: RecorderProgress['state'] = 'starting'
  #prepared: Prepared | undefined
  #storage: StorageProof | undefined
  #disk: DiskWatch | undefined
  /** When it left a room that it had been in. */
  #leftMillis = Number.NEGATIVE_INFINITY
  #making: MakingOutput | null = null
  #clips: LiveClips | undefined
  #absence: Promise<void> = Promise.resolve()
  /** Settles when the recorder is in the room, or will not be. */
  readonly #decided = Promise.withResolvers<void>()

  constructor(options: RunOptions) {
    this.#options = options
    this.#clock = options.clock ?? new Clock()
    this.#begunAt = this.#clock.date()
  }

  /** Never rejects: whatever happens is in the result. */
  async result(): Promise<RecorderResult> {
    const { job, log, uploadSeconds, replayPage, chromium, components } = this.#options
    // Chromium takes its time to start, and needs nothing of what is prepared.
    const page = job.uploadOnly ? undefined : components.beginPage({ chromium, clock: this.#clock })
    const discard = () =>
      page?.discard().catch((error: Error) => log.warn({ error: error.message }, 'What a page left could not be removed'))
    let prepared: Prepared
    try {
      prepared = this.#prepared = await prepare(this.#options, this.#clock)
    } catch (error) {
      await discard()
      this.#state = 'done'
      return neverBegun(this.#failure(error), job.attempt)
    }
    // The room first: all of this goes on beside it.
    const leftovers = this.#takeOverLeftovers(prepared)
    prepared.live.takeOver()
    this.#storage = new StorageProof(prepared.store, log)
    const { keeper, volume } = prepared
    this.#disk = new DiskWatch({
      ...{ directory: volume.mediaDirectory, log, releasableBytes: () => keeper.releasableBytes },
      onReleaseDue: (givesBack) => {
        prepared.held.discardKept()
        void keeper.release(givesBack)
      },
    })
    const clips = this.#cutClips(prepared)
    const ending = await this.#record(prepared, leftovers, page)
    await discard()
    clips.end()
    this.#decided.resolve()
    if (this.#state === 'recording' || this.#state === 'paused') this.#leftMillis = performance.now()
    if (this.#state === 'recording' || this.#state === 'paused') prepared.events.add('recordingStopped')
    this.#state = 'finishing'
    const result = await deliver(prepared, ending, {
      beside: Promise.all([leftovers, this.#absence]),
      uploadSeconds,
      replayPage,
      log,
      onMaking: (making) => {
        this.#making = making
      },
    })
    await prepared.events.told(toldMillis)
    this.#state = 'done'
    this.#storage.stop()
    this.#disk.stop()
    prepared.attempt.close()
    prepared.control.close()
    prepared.clipRequests.close()
    prepared.secrets.userSig.close()
    if (result.files.every(({ status }) => status === 1)) prepared.volume.giveBackReserves()
    return result
  }

  progress(): RecorderProgress {
    const prepared = this.#prepared
    const files = prepared?.keeper.progress ?? { recordedBytes: 0, uploadedBytes: 0, files: [] }
    const latest = prepared?.ledger.losses.toSorted((a, b) => a.to.localeCompare(b.to)).slice(-10) ?? []
    return {
      state: this.#state,
      participants: prepared === undefined ? [] : participantsOf(prepared),
      ...files,
      live: prepared?.live.counts ?? [],
      losses: { ...(prepared?.ledger.totals ?? noLosses), latest },
      storage: this.#storage?.state ?? { state: 'untried' },
      making: this.#making,
      clips: this.#clips?.answers ?? [],
      controlProblem: prepared?.control.problem ?? null,
      volume: this.#disk?.progress ?? null,
      ...(prepared === undefined ? {} : userSigExpiry(prepared.secrets.userSig)),
    }
  }

  events(after: number): RecorderEvents | undefined {
    return this.#prepared?.events.after(after)
  }

  async notReady(): Promise<string | undefined> {
    // A stop that is over in a moment is no failure that a probe should tell of.
    const isJustStopped = this.#state === 'finishing' && performance.now() - this.#leftMillis < quickFinishMillis
    if (this.#state !== 'recording' && this.#state !== 'paused' && !isJustStopped) return `the recorder is ${this.#state}`
    return this.#prepared?.volume.checkWritable().then(
      () => undefined,
      (error: Error) => `the work directory cannot be written: ${error.message}`,
    )
  }

  #cutClips({ job, keeper, volume, secrets, clock, clipRequests }: Prepared): LiveClips {
    const { components, log } = this.#options
    const store = components.createStore(job.spec.cos, secrets.cos, log)
    const clips = new LiveClips({ job, keeper, volume, clock, log, store })
    this.#clips = clips
    clipRequests.onChange((requests) => clips.heed(requests))
    if (clipRequests.current) clips.heed(clipRequests.current)
    return clips
  }

  #takeOverLeftovers(prepared: Prepared): Promise<FileEnd[]> {
    const { log, components } = this.#options
    const { volume, ledger } = prepared
    // Reading hours of what was left would only slow down getting in.
    const inTheRoom = () => Promise.race([this.#decided.promise, sleep(leftoversMillis, undefined, { ref: false })])
    const deps = { log, ledger, onVolumeFull: () => volume.useReserve() }
    const recover = async () => {
      await inTheRoom()
      const openMediaFile: HeldLeftoversContext['openMediaFile'] = (directory, identity) =>
        components.openMediaFile(directory, identity, deps)
      return takeOverHeld({ ...prepared, openMediaFile, log })
    }
    const salvage = async (name: string) => {
      await inTheRoom()
      return components.salvageMediaFile(volume.mediaDirectory, name, deps)
    }
    return takeOverLeftovers({ ...prepared, salvage, recover })
  }

  async #record(prepared: Prepared, leftovers: Promise<FileEnd[]>, firstPage: BegunPage | undefined): Promise<Ending> {
    const { job, secrets, earlier, attempt } = prepared
    const { chromium, components, log } = this.#options
    try {
      const over = alreadyOver(job, earlier, this.#clock.date().getTime())
      if (over !== undefined) {
        this.#absence = this.#noteAbsence(prepared, leftovers, undefined)
        return { how: 'over', stop: over }
      }
      const onEntered = (at: Date) => {
        this.#decided.resolve()
        this.#state = prepared.sessions.paused ? 'paused' : 'recording'
        if (attempt.note.state === 'begun') prepared.events.add('recordingStarted')
        if (attempt.note.state === 'begun') this.#absence = this.#noteAbsence(prepared, leftovers, at)
        void attempt.entered(at)
        if (this.#state === 'paused') void attempt.paused(at)
      }
      const onPause = (paused: boolean, at: Date) => {
        if (attempt.note.state === 'begun') return
        this.#state = paused ? 'paused' : 'recording'
        prepared.events.add(paused ? 'recordingPaused' : 'recordingResumed')
        void (paused ? attempt.paused(at) : attempt.resumed(at))
      }
      const { userSig, turnCredential } = secrets
      const turn = turnCredential === undefined ? {} : { turnCredential }
      const context = {
        ...prepared,
        userSig: () => userSig.next(),
        ...turn,
        chromium,
        firstPage,
        openRoom: components.openRoom,
        log,
        onEntered,
        onPause,
        onClockSet: (step: ClockStep) => void attempt.clockSet(step),
      }
      const { stop, stoppedAt, unreachable, close } = await recordRoom(context)
      return { how: 'stopped', stop, stoppedAt, unreachable, leave: close }
    } catch (error) {
      return { how: 'failed', failure: this.#failure(error) }
    }
  }

  /** Tells the ledger of what nobody recorded between the recorder before this one and this one. Never rejects. */
  async #noteAbsence(prepared: Prepared, leftovers: Promise<FileEnd[]>, until: Date | undefined): Promise<void> {
    const { job, earlier, volume, ledger, sessions, attempt } = prepared
    const last = lastInRoom(earlier)
    if (last === undefined) return
    const runningSince = sessions.paused ? undefined : this.#begunAt
    try {
      const events = await volume.eventsOf(last.attempt)
      const stored = (await volume.files()).map(({ file }) => ({ ...file, endTime: new Date(file.endTime) }))
      const ends = [...stored, ...(await leftovers)]
      const behind = clockBehind({ last, ends }, this.#begunAt, attempt.note.wall)
      if (behind !== undefined) void attempt.clockSet(behind)
      for (const loss of absenceLosses({ spec: job.spec, last, events, ends, until, runningSince })) ledger.add(loss)
    } catch (error) {
      const { message } = error as Error
      this.#options.log.error({ error: message }, 'What was sent before this attempt entered could not be found out')
      for (const loss of unknownAbsence({ spec: job.spec, last, until }, message)) ledger.add(loss)
    }
  }

  #failure(error: unknown): RecorderFailure {
    const failure =
      error instanceof RecorderFailure
        ? error
        : new RecorderFailure('InternalError', error instanceof Error ? error.message : String(error), { cause: error })
    const cause = failure.cause === undefined ? {} : { err: failure.cause }
    this.#options.log.error({ outcome: failure.outcome, ...cause }, failure.message)
    return failure
  }
}

/** The result of an attempt that could not even begin. */
export const neverBegun = ({ outcome, message }: RecorderFailure, attempt: number): RecorderResult =>
  recorderResultSchema.parse({
    attempt,
    outcome,
    message: message.slice(0, 1024),
    stopReason: 'NeverStarted',
    files: [],
  })

function participantsOf({ sessions, awaited, clock }: Prepared): RecorderProgress['participants'] {
  const missing = Map.groupBy(awaited.missing(clock.micros()), ({ userId }) => userId)
  return sessions.anchors.map((anchor) => ({
    ...anchor,
    missing: (missing.get(anchor.userId) ?? []).map(({ stream, kind }) => (stream === 'aux' ? 'aux' : kind)),
  }))
}
