import { type ClipRequests, type Control, clipRequestsSchema, controlSchema, type RecorderJob } from '@trtc-recorder/api'
import type { Clock } from '../clock/clock.ts'
import { tellDamagedLines } from '../ledger/kept-records.ts'
import { Ledger } from '../ledger/ledger.ts'
import { ReceiveBuffer } from '../ledger/receive-buffer.ts'
import { LiveObjects, liveTraffic } from '../live/live-objects.ts'
import { LiveOutputs } from '../live/live-outputs.ts'
import { liveParts } from '../live/parts.ts'
import { receiverPolicy } from '../live/pcm/receivers.ts'
import { EventLog } from '../report/event-log.ts'
import type { Store } from '../store/upload.ts'
import { Attempt, type AttemptNote, numbered } from './attempt.ts'
import { Awaited } from './awaited.ts'
import { ControlFile } from './control-file.ts'
import { RecorderFailure } from './failure.ts'
import { FileKeeper } from './file-keeper.ts'
import { HeldOnVolume } from './held-on-volume.ts'
import type { RunOptions } from './options.ts'
import { openSecrets, type Secrets } from './secrets.ts'
import { Sessions } from './sessions.ts'
import type { Stop } from './stop-policy.ts'
import { Volume } from './volume.ts'

/** What an attempt works with. */
export interface Prepared {
  job: RecorderJob
  secrets: Secrets
  volume: Volume
  /** Frames that nobody is known to own yet. */
  held: HeldOnVolume
  /** Attempts before this one. */
  earlier: AttemptNote[]
  /** Names of the files they left on the volume. */
  leftovers: string[]
  /** Files that they stored, and of which no more than that is known. */
  forgotten: { name: string; why: string }[]
  attempt: Attempt
  ledger: Ledger
  receiveBuffer: ReceiveBuffer
  store: Store
  keeper: FileKeeper
  live: LiveOutputs
  events: EventLog
  clock: Clock
  sessions: Sessions
  awaited: Awaited
  control: ControlFile<Control>
  /** Clips that are wanted while it records. */
  clipRequests: ControlFile<ClipRequests>
  /** Resolves when the recorder is asked to stop, by a signal or by its control file, or has to because the volume is full; rejects on a defect, and when the volume takes nothing any more. */
  stopRequested: Promise<Stop>
}

/**
 * Everything that can be found wrong before anybody sees the recorder in the room: a UserSig that is missing, a volume that cannot be written.
 * Quick, whatever is on the volume; COS is not asked, and what earlier attempts left is only listed. Throws a RecorderFailure.
 */
export async function prepare(options: RunOptions, clock: Clock): Promise<Prepared> {
  const { log, components } = options
  const { secretsDirectory: root, onSecret } = options
  const secrets = await openSecrets({ root, spec: options.job.spec, environment: process.env, log, onSecret })
  const volume = await Volume.open(options.workDirectory, options.job.recording, log)
  const { job, anew } = numbered(options.job, await volume.attempts(), options.byHand)
  if (anew) await volume.clear()
  const earlier = (await volume.attempts()).filter(({ attempt }) => attempt !== job.attempt)
  const write = (record: AttemptNote) => volume.writeAttempt(record)
  const attempt = new Attempt(job.attempt, write, log, () => clock.wallSetting)
  await attempt.begun()
  const known = earlier.findLast(({ wall }) => wall !== undefined)?.wall
  const step = known && clock.stepSince(known)
  if (step !== undefined) {
    const [before, after] = [step.beforeMicros, step.afterMicros].map((micros) => new Date(micros / 1000).toISOString())
    log.warn({ before, after }, 'The wall clock was set since the attempt before; times go on by the time after')
    await attempt.clockSet(step)
  }

  const full = Promise.withResolvers<Stop>()
  const onVolumeFull = () => {
    volume.useReserve()
    full.resolve({ reason: 'StorageFull', message: 'The volume is full' })
  }
  const onVolumeFailed = (error: Error) =>
    full.reject(new RecorderFailure('VolumeUnusable', `The volume does not take what is recorded any more: ${error.message}`))
  // Nobody may be listening any more when it happens.
  full.promise.catch(() => {})
  const receiveBuffer = new ReceiveBuffer()
  const ledger = new Ledger(
    (lines) => volume.addLosses(job.attempt, lines),
    await volume.losses(),
    (loss) => receiveBuffer.explain(loss),
    () => clock.told(),
  )
  const onDamagedLines = tellDamagedLines(job, ledger, log)
  volume.onDamagedLines = onDamagedLines
  const store = components.createStore(job.spec.cos, secrets.cos, log)
  const events = await EventLog.open(volume.eventsDirectory, {
    ...{ volume: job.volume, isWanted: job.keepsEvents ?? false, onDamagedLines, clock, log },
  })
  const objects = new LiveObjects({
    ...{ job, ledger, events, log, directory: volume.liveDirectory },
    store: components.createStore(job.spec.cos, secrets.cos, log, liveTraffic),
  })
  const { pcmAuthorization } = secrets
  const making = {
    job,
    objects,
    directory: volume.liveDirectory,
    pcmAuthorization,
    receivers: receiverPolicy(process.env),
    onDamagedLines,
    ledger,
    log,
  }
  const live = new LiveOutputs({ parts: (room) => liveParts({ ...making, room }), objects, ledger, log })
  const keeper = new FileKeeper({
    live,
    events,
    job,
    volume,
    store,
    openMediaFile: (directory, identity, before) =>
      components.openMediaFile(directory, identity, { log, ledger, onVolumeFull, onVolumeFailed, before }),
    ledger,
    clock,
    log,
  })
  const dealtWith = new Set((await volume.files()).map(({ file }) => file.path.split('/').at(-1)))
  const left = await components.leftMediaFiles(volume.mediaDirectory)
  const control = await ControlFile.open(options.controlPath, controlSchema, log)
  const clipRequests = await ControlFile.open(options.clipsPath, clipRequestsSchema, log)
  return {
    job,
    secrets,
    volume,
    held: new HeldOnVolume(volume.heldDirectory, job.attempt, log),
    earlier,
    leftovers: left.filter((name) => !dealtWith.has(name)),
    forgotten: (await volume.unreadableFiles()).filter(({ name }) => !left.includes(name)),
    attempt,
    ledger,
    receiveBuffer,
    store,
    keeper,
    live,
    events,
    clock,
    sessions: new Sessions(job.spec),
    awaited: new Awaited(),
    control,
    clipRequests,
    stopRequested: Promise.race([options.stopRequested, toldToStop(control), full.promise]),
  }
}

function toldToStop(control: ControlFile<Control>): Promise<Stop> {
  return new Promise((resolve) => {
    const heed = (told: Control) => {
      if (told.desiredState !== 'Stopped') return
      resolve({ reason: told.stopReason, message: 'The recorder was told to stop' })
    }
    control.onChange(heed)
    if (control.current) heed(control.current)
  })
}
