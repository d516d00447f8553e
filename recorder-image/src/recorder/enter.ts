import type { RecorderJob } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import type { RoomEvent } from '../room/events.ts'
import type { Room, RoomHandlers, RoomOptions } from '../room/room.ts'
import { RecorderFailure } from './failure.ts'
import type { Stop } from './stop-policy.ts'
import { isFinalRefusal, meaningOf } from './trtc-codes.ts'
import { userSigProblem } from './user-sig.ts'

export interface EnterContext {
  job: RecorderJob
  userSig: string
  turnCredential?: string
  chromium: RoomOptions['chromium']
  openRoom(options: RoomOptions, handlers: RoomHandlers): Promise<Room>
  stopRequested: Promise<Stop>
  log: Logger
}

const silence = 'TRTC did not answer'
/** Between two tries; the SDK itself has tried several times by then. */
const pauseMillis = 1000

type Verdict =
  | { type: 'entered'; room: Room }
  | { type: 'stopped'; stop: Stop }
  | { type: 'refused'; event: Refusal }
  | { type: 'failed'; why: string }
type Refusal = Extract<RoomEvent, { type: 'refused' }>

/**
 * Enters the room, or says why it was asked to stop meanwhile. Each try has a Chromium of its own: a page in which entering failed cannot
 * enter the same room again. Throws RoomRefused when TRTC does not accept the account, StartTimeout when time is up.
 */
export async function enter(context: EnterContext, handlers: RoomHandlers): Promise<Room | Stop> {
  const { job, log } = context
  const { startTimeoutSeconds } = job.spec.limits
  const deadline = Date.now() + startTimeoutSeconds * 1000
  const problem = userSigProblem(context.userSig, job.spec, new Date())
  if (problem !== undefined) log.warn({ userId: job.spec.userId }, `TRTC will hardly accept the UserSig: ${problem}`)
  let why: string = silence
  let trtcCode: number | undefined
  do {
    const verdict = await tryToEnter(context, handlers, deadline)
    switch (verdict.type) {
      case 'entered':
        return verdict.room
      case 'stopped':
        return verdict.stop
      case 'refused':
        trtcCode = verdict.event.trtcCode
        why = verdict.event.message.trim()
        if (isFinalRefusal(trtcCode)) throw refused(job, trtcCode!, problem)
        break
      case 'failed':
        // Running out of time says less than what went wrong before.
        if (Date.now() < deadline || why === silence) why = verdict.why
    }
    log.warn({ error: why }, 'Room not entered; trying again')
    const stop = await Promise.race([context.stopRequested, sleep(Math.min(pauseMillis, Math.max(0, deadline - Date.now())))])
    if (stop) return stop
  } while (Date.now() < deadline)
  throw new RecorderFailure('StartTimeout', `Could not enter ${roomName(job)} within ${startTimeoutSeconds} s: ${why}`, {
    trtcCode,
  })
}

/** The network proxy as the SDK takes it: the TURN password itself instead of its Secret. */
export function sdkProxy(proxy: RecorderJob['spec']['networkProxy'], turnCredential: string | undefined): object | undefined {
  if (proxy?.turnServer === undefined) return proxy
  const { url, username } = proxy.turnServer
  return { ...proxy, turnServer: { url, username, credential: turnCredential, credentialType: 'password' } }
}

async function tryToEnter(context: EnterContext, handlers: RoomHandlers, deadline: number): Promise<Verdict> {
  const { job, userSig, chromium, stopRequested } = context
  const { sdkAppId, userId, roomId, strRoomId } = job.spec
  const networkProxy = sdkProxy(job.spec.networkProxy, context.turnCredential)
  const entering = Promise.withResolvers<RoomEvent>()
  const timeout = AbortSignal.timeout(Math.max(1, deadline - Date.now()))
  const timedOut = new Promise<undefined>((resolve) => timeout.addEventListener('abort', () => resolve(undefined)))
  const options: RoomOptions = {
    chromium,
    enter: {
      type: 'enter',
      sdkAppId,
      userId,
      userSig,
      ...(roomId === undefined ? { strRoomId: strRoomId! } : { roomId }),
      ...(networkProxy === undefined ? {} : { networkProxy }),
    },
    signal: timeout,
  }
  let room: Room
  try {
    room = await context.openRoom(options, {
      ...handlers,
      onEvent(event) {
        if (event.type === 'entered' || event.type === 'refused' || event.type === 'ended') entering.resolve(event)
        if (event.type !== 'refused') handlers.onEvent(event)
      },
    })
  } catch (error) {
    return { type: 'failed', why: (error as Error).message }
  }
  const first = await Promise.race([entering.promise, stopRequested, timedOut])
  if (first !== undefined && 'type' in first && first.type === 'entered') return { type: 'entered', room }
  await room.close()
  if (first === undefined) return { type: 'failed', why: 'TRTC did not answer in time' }
  if (!('type' in first)) return { type: 'stopped', stop: first }
  return first.type === 'refused'
    ? { type: 'refused', event: first }
    : { type: 'failed', why: (first as { message: string }).message }
}

function refused(job: RecorderJob, trtcCode: number, problem: string | undefined): RecorderFailure {
  const { userSigSecretRef, userId } = job.spec
  const hint = problem === undefined ? '' : `; of the UserSig in Secret ${userSigSecretRef.name} can be read that ${problem}`
  return new RecorderFailure(
    'RoomRefused',
    `TRTC did not let ${userId} into ${roomName(job)}: ${trtcCode}, ${meaningOf(trtcCode)}${hint}`,
    {
      trtcCode,
    },
  )
}

export const roomName = ({ spec }: RecorderJob) =>
  spec.roomId === undefined ? `room "${spec.strRoomId}"` : `room ${spec.roomId}`

const sleep = (millis: number) => new Promise<undefined>((resolve) => setTimeout(resolve, millis, undefined))
