import type { RecorderJob } from '@trtc-recorder/api'
import type { RoomOptions } from '../room/room.ts'
import { LiveRecording } from './live-recording.ts'
import type { RecordContext } from './record-context.ts'
import { stopOf } from './room-end.ts'
import type { Stop } from './stop-policy.ts'
import { userSigOrigin, userSigProblem } from './user-sig.ts'

export interface Recorded {
  stop: Stop
  stoppedAt: Date
  /** Users published, and nothing of anybody arrived. */
  unreachable: boolean
  /** Leaves the room and ends Chromium. */
  close(): Promise<void>
}

const tickMillis = 500
/** Who listens while it records hears everything soon after its arrival: this is most of what it takes (ADR 0062). */
const listenedBatchMillis = 60

/**
 * Enters the room and records it until there is a reason to stop. All files are closed then, none is finished yet. Rejects with RoomRefused or
 * StartTimeout when the recorder never got in, and with InternalError on a defect.
 */
export async function recordRoom(context: RecordContext): Promise<Recorded> {
  const { job, log } = context
  /** What can be read of the UserSig with which the room was entered last. */
  let problem: string | undefined
  const userSig = async () => {
    const userSig = await context.userSig()
    problem = userSigProblem(userSig, job.spec, new Date())
    if (problem !== undefined)
      log.warn({ userId: job.spec.userId }, `TRTC will hardly accept ${userSigOrigin(job.spec)}: ${problem}`)
    return userSig
  }
  // Asked to stop before it could begin: then nobody needs to see it in the room.
  const early = await Promise.race([context.stopRequested, undefined])
  if (early !== undefined) return { stop: early, stoppedAt: context.clock.date(), unreachable: false, close: async () => {} }
  const recording = new LiveRecording(context)
  if (context.control.current) recording.steer(context.control.current)
  context.control.onChange((control) => recording.steer(control))
  const room = context.openRoom({ ...roomOptions(context), userSig }, recording)
  recording.room = room
  const ticks = setInterval(() => recording.tick(), tickMillis)
  let stop: Stop
  try {
    const ended = room.over.then((end) => stopOf(end, job, problem))
    stop = await Promise.race([context.stopRequested, recording.stopped, ended])
  } catch (error) {
    await room.close()
    throw error
  } finally {
    clearInterval(ticks)
    const stoppedMicros = context.clock.micros()
    context.keeper.willClose()
    // What the page still has belongs to the recording.
    await room.lastWord()
    recording.end(stoppedMicros)
  }
  log.info({ reason: stop.reason }, `Recording stopped: ${stop.message}`)
  return { stop, stoppedAt: context.clock.date(), unreachable: context.awaited.nothingEverArrived, close: () => room.close() }
}

function roomOptions({ job, turnCredential, chromium, firstPage, clock }: RecordContext): Omit<RoomOptions, 'userSig'> {
  const { sdkAppId, userId, roomId, strRoomId, limits } = job.spec
  const networkProxy = sdkProxy(job.spec.networkProxy, turnCredential)
  const room = roomId === undefined ? { strRoomId: strRoomId! } : { roomId }
  return {
    chromium,
    firstPage,
    clock,
    enter: {
      ...{ type: 'enter', sdkAppId, userId, ...room },
      ...(networkProxy === undefined ? {} : { networkProxy }),
      ...(job.spec.live.pcm === undefined ? {} : { batchMillis: listenedBatchMillis }),
    },
    startTimeoutMillis: limits.startTimeoutSeconds * 1000,
  }
}

/** The network proxy as the SDK takes it: the TURN password itself instead of its Secret. */
export function sdkProxy(proxy: RecorderJob['spec']['networkProxy'], turnCredential: string | undefined): object | undefined {
  if (proxy?.turnServer === undefined) return proxy
  const { url, username } = proxy.turnServer
  return { ...proxy, turnServer: { url, username, credential: turnCredential, credentialType: 'password' } }
}
