import {
  type MakingOutput,
  type Manifest,
  type ManifestFile,
  manifestKey,
  type RecordedOutput,
  type RecorderJob,
  type RecorderResult,
  recordedFileSchema,
  recorderResultSchema,
  type StopReason,
} from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { tellNotKept } from '../ledger/kept-records.ts'
import type { LiveResult } from '../live/live-outputs.ts'
import { mediaPaths, removeMedia } from '../media/media-paths.ts'
import { storeOutputs } from '../outputs/outputs.ts'
import { buildManifest } from '../report/manifest.ts'
import { StoreError } from '../store/upload.ts'
import { enteredAt, pausesOf } from './attempt.ts'
import { RecorderFailure } from './failure.ts'
import type { KeptFile } from './kept-file.ts'
import { verdictOf } from './outcome.ts'
import type { Prepared } from './prepare.ts'
import { goesOn, nothingArrived, type Stop } from './stop-policy.ts'
import { userSigExpiry } from './user-sig-source.ts'
import type { Volume } from './volume.ts'

/** How recording ended. */
export type Ending =
  /**
   * It had been in the room, or was asked to stop on the way there. `leave` lets go of the room and the browser. `unreachable`: users
   * published, and nothing of anybody arrived.
   */
  | { how: 'stopped'; stop: Stop; stoppedAt: Date; unreachable: boolean; leave: () => Promise<void> }
  /** There was nothing more to record when this attempt began. */
  | { how: 'over'; stop: Stop }
  | { how: 'failed'; failure: RecorderFailure }

export interface DeliverOptions {
  /** Settles when all that goes on beside the recording has told the ledger what it had to tell. Never rejects. */
  beside: Promise<unknown>
  /** How long storing may take. What is not done then waits on the volume. */
  uploadSeconds: number
  /** File with the replay page as replay/ builds it. */
  replayPage: string
  log: Logger
  /** Told what of spec.outputs is being made. */
  onMaking: (making: MakingOutput | null) => void
}

/** After the stop: finishes and stores every file, then the manifest, and says what became of it all. Never rejects. */
export async function deliver(prepared: Prepared, ending: Ending, options: DeliverOptions): Promise<RecorderResult> {
  const { job, attempt, ledger, clock } = prepared
  const stopReason = stopReasonOf(prepared, ending)
  await attempt.stopped(stopReason, ending.how === 'stopped' ? ending.stoppedAt : clock.date())
  const [{ kept, live }] = await Promise.all([
    storeFiles(prepared, options),
    ending.how === 'stopped' ? leave(ending, options) : undefined,
  ])
  const storedAt = kept.length > 0 && kept.every(isInCos) ? clock.date().toISOString() : undefined
  const isOver = ending.how === 'over' || (ending.how === 'stopped' && (isByHand(job) || !goesOn(stopReason)))
  const manifest = await storeManifest(prepared, stopReason, { kept, live }, { ...options, isOver })
  if (isOver && kept.every(isInCos)) await discardStored(prepared.volume, options.log)

  const stop = ending.how === 'failed' ? undefined : ending.stop
  const failure = failureOf(ending)
  const unsaid = manifest.is === 'missing' && kept.every(isInCos) ? manifest.failure : undefined
  if (failure === undefined && unsaid === undefined && kept.every(isInCos)) await attempt.complete()
  const entered = enteredAt(attempt.note)
  return recorderResultSchema.parse({
    version: 1,
    attempt: job.attempt,
    ...verdictOf(stop, failure ?? unsaid, kept, ledger.totals),
    stopReason,
    ...(failure?.trtcCode === undefined ? {} : { trtcCode: failure.trtcCode }),
    ...(entered === null ? {} : { startedAt: entered }),
    ...(entered !== null && ending.how === 'stopped' ? { stoppedAt: ending.stoppedAt.toISOString() } : {}),
    ...(storedAt === undefined ? {} : { storedAt }),
    ...userSigExpiry(prepared.secrets.userSig),
    ...(manifest.is === 'stored' ? { manifestUrl: manifest.url } : {}),
    outputs: manifest.is === 'not needed' ? [] : manifest.outputs,
    live: live.counts,
    files: (await filesOnVolume(prepared, kept)).map((file) => recordedFileSchema.parse(file)),
    losses: ledger.totals,
  } satisfies RecorderResult)
}

/** Whatever stays of the browser harms no file. */
async function leave({ leave }: Extract<Ending, { how: 'stopped' }>, { log }: DeliverOptions): Promise<void> {
  await leave().catch((error: Error) =>
    log.warn({ error: error.message }, 'The room could not be left, or the browser not ended'),
  )
}

/**
 * Every file that the volume knows of: those of this attempt, and those that earlier ones stored, for nobody may have read what they said. A volume that cannot be read any more does not keep this attempt from saying what it has.
 */
async function filesOnVolume({ volume }: Prepared, kept: readonly KeptFile[]): Promise<ManifestFile[]> {
  const notes = await volume.files().catch(() => [])
  const own = kept.map(({ file }) => file)
  return [...own, ...notes.map(({ file }) => file).filter(({ path }) => !own.some((file) => file.path === path))]
}

function stopReasonOf({ attempt }: Prepared, ending: Ending): StopReason {
  if (ending.how !== 'failed') return ending.stop.reason
  return enteredAt(attempt.note) === null ? 'NeverStarted' : 'RoomLost'
}

function failureOf(ending: Ending): RecorderFailure | undefined {
  switch (ending.how) {
    case 'failed':
      return ending.failure
    case 'over':
      return undefined
    case 'stopped': {
      if (!ending.unreachable) return undefined
      const { reason, message } = ending.stop
      return new RecorderFailure('MediaUnreachable', reason === 'MediaUnreachable' ? message : `${message}. ${nothingArrived}`)
    }
  }
}

/** Everything of the recording that goes to COS by itself. */
interface Delivered {
  kept: KeptFile[]
  live: LiveResult
}

async function storeFiles({ keeper, live, held }: Prepared, { beside, uploadSeconds }: DeliverOptions): Promise<Delivered> {
  const timer = Promise.withResolvers<void>()
  const timeout = setTimeout(timer.resolve, uploadSeconds * 1000)
  const [kept, made] = await Promise.all([keeper.deliver(timer.promise), live.finish(timer.promise)])
  // What they tell the ledger belongs into the manifest.
  await Promise.race([beside, timer.promise])
  clearTimeout(timeout)
  // What was waited for to be safe in a file is.
  await held.settled()
  return { kept, live: made }
}

type StoredManifest =
  | { is: 'stored'; url: string; outputs: RecordedOutput[] }
  | { is: 'missing'; failure: RecorderFailure; outputs: RecordedOutput[] }
  | { is: 'not needed' }

/** What is made of the recording, and then the manifest, which lists it. */
async function storeManifest(
  { job, attempt, earlier, volume, store, ledger, events }: Prepared,
  stopReason: StopReason,
  { kept, live }: Delivered,
  { uploadSeconds, replayPage, log, onMaking, isOver }: DeliverOptions & { isOver: boolean },
): Promise<StoredManifest> {
  const entered = enteredAt(attempt.note)
  // Above all, the manifest that is in COS is never replaced by one of a volume that knows nothing.
  const knowsSomething = earlier.some((one) => enteredAt(one) !== null) || (await volume.files().catch(() => [])).length > 0
  if (entered === null && kept.length === 0 && !(job.uploadOnly && knowsSomething)) return { is: 'not needed' }
  void ledger.settle()
  let outputs: RecordedOutput[] = []
  try {
    await volume.settled()
    await events.settled()
    const notKept = [...volume.notKept, ...events.notKept, ...(attempt.notKept === undefined ? [] : [attempt.notKept])]
    for (const one of notKept) {
      log.error({ file: one.file, error: one.error.message }, 'A record could not be kept on the volume')
      tellNotKept(job, ledger, one)
    }
    const manifest: Manifest = buildManifest({
      job,
      stopReason,
      startTime: job.firstStartedAt ?? entered ?? undefined,
      endTime: entered !== null && attempt.note.state === 'stopped' ? attempt.note.stoppedAt : undefined,
      notes: await volume.files(),
      kept: kept.map(({ file }) => file),
      events: await volume.events(),
      losses: ledger.losses,
      live: live.indexes,
      liveSound: live.sounds,
      pauses: pausesOf([...earlier, attempt.note]),
      clockSteps: [...earlier, attempt.note].flatMap(({ clockSteps }) => clockSteps),
    })
    const { mediaDirectory, outputsDirectory: directory } = volume
    outputs = await storeOutputs(manifest, {
      job,
      store,
      mediaDirectory,
      directory,
      replayPage,
      isOver,
      deadline: performance.now() + makingMillis(manifest, uploadSeconds),
      log,
      onMaking,
    })
    const deadline = performance.now() + Math.min(60, uploadSeconds) * 1000
    const body = Buffer.from(`${JSON.stringify({ ...manifest, outputs }, undefined, 2)}\n`)
    const { url } = await store.put(manifestKey(job), body, 'application/json', { deadline })
    return { is: 'stored', url, outputs }
  } catch (error) {
    const message = `The manifest could not be stored: ${(error as Error).message}`
    log.error({ file: manifestKey(job) }, message)
    const refused = error instanceof StoreError && error.kind === 'refused'
    return { is: 'missing', failure: new RecorderFailure(refused ? 'UploadRefused' : 'UploadIncomplete', message), outputs }
  }
}

/**
 * How long what is made of a recording may take: a while, and as long as its files play one after the other. A mix of everybody's pictures, the dearest, takes a tenth
 * of that on an idle core; a machine that does not keep up with even that is not waited for.
 */
export const makingMillis = ({ files }: Pick<Manifest, 'files'>, uploadSeconds: number): number =>
  (Math.max(60, uploadSeconds) + files.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0)) * 1000

/** Nobody numbers attempts there: what is not made by this one never is. */
const isByHand = ({ recording }: RecorderJob) => recording.uid === ''

/** Of a recording that is whole in COS, and of which everything was made. Never rejects: the volume goes as a whole, too. */
async function discardStored(volume: Volume, log: Logger): Promise<void> {
  try {
    for (const { file, fate } of await volume.files()) {
      if (fate === 'stored') await removeMedia(mediaPaths(volume.mediaDirectory, file.path.split('/').at(-1)!))
    }
  } catch (error) {
    log.warn({ error: (error as Error).message }, 'Media that is in COS stays on the volume')
  }
}

const isInCos = ({ fate }: KeptFile) => fate === 'stored' || fate === 'broken'
