import type { RecorderJob, StopReason } from '@trtc-recorder/api'

export interface Stop {
  reason: StopReason
  /** For a person. */
  message: string
}

/** What is known of the recording when the question is asked. Times in milliseconds of the monotonic clock. */
export interface StopInput {
  /** When the recording began, maybe with an earlier attempt. */
  startedAt: number
  /** Since when nobody publishes anything; undefined while somebody does, or while nobody can tell. */
  idleSince: number | undefined
  /** Since when media is subscribed of which nothing at all ever arrived; undefined otherwise. */
  nothingSince: number | undefined
}

/** By then everything was asked for several times, and the connection was built anew. */
const nothingSeconds = 60

/** Whether recording has to stop now without having been asked. */
export function stopDue(input: StopInput, limits: RecorderJob['spec']['limits'], now: number): Stop | undefined {
  const { maxDurationSeconds, idleTimeoutSeconds } = limits
  const { startedAt, idleSince, nothingSince } = input
  if (maxDurationSeconds !== undefined && now - startedAt >= maxDurationSeconds * 1000) {
    return { reason: 'MaxDuration', message: `The recording has lasted limits.maxDurationSeconds (${maxDurationSeconds} s)` }
  }
  if (idleSince !== undefined && now - idleSince >= idleTimeoutSeconds * 1000) {
    return { reason: 'Idle', message: `No anchor published anything for limits.idleTimeoutSeconds (${idleTimeoutSeconds} s)` }
  }
  if (nothingSince !== undefined && now - nothingSince >= nothingSeconds * 1000) {
    return { reason: 'MediaUnreachable', message: nothingArrived }
  }
  return undefined
}

export const nothingArrived =
  'Users publish, and nothing of them arrives: UDP from the node to TRTC may be blocked (spec.networkProxy names a TURN server)'

/** Stops after which there is nothing more to record: a later attempt only finishes what is left. */
export const isFinalStop = (reason: StopReason) =>
  (
    ['RoomDismissed', 'RemovedByApi', 'DuplicateUser', 'Idle', 'MaxDuration', 'StopRequested', 'Deleted'] as StopReason[]
  ).includes(reason)

/** Stops after which another attempt records on, if the room was entered. */
export const goesOn = (reason: StopReason) =>
  (['Terminated', 'RoomLost', 'BrowserFailed', 'MediaUnreachable', 'StorageFull'] as StopReason[]).includes(reason)
