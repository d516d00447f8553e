import type { RecorderJob, StopReason } from '@trtc-recorder/api'

export interface Stop {
  reason: StopReason
  /** For a person. */
  message: string
}

/** What is known of the recording when the question is asked. Times in milliseconds since 1970. */
export interface StopInput {
  enteredAt: number
  /** When an earlier attempt first entered the room. */
  firstStartedAt: number | undefined
  /** Since when nobody publishes anything; undefined while somebody does. */
  idleSince: number | undefined
  /** Since when the connection to the room is lost; undefined while it stands. */
  connectionLostSince: number | undefined
  lastFrameAt: number | undefined
}

/**
 * The SDK comes back by itself from most losses, and media often goes on meanwhile. But when the room closes the connection with code 1000 or
 * 4013 it never tries again and never says so. Then the media ends too, after the room's own grace.
 */
const lostConnectionSeconds = 30
const lostMediaSeconds = 10

/** Whether recording has to stop now without having been asked. */
export function stopDue(input: StopInput, limits: RecorderJob['spec']['limits'], now: number): Stop | undefined {
  const { maxDurationSeconds, idleTimeoutSeconds } = limits
  const startedAt = input.firstStartedAt ?? input.enteredAt
  if (maxDurationSeconds !== undefined && now - startedAt >= maxDurationSeconds * 1000) {
    return { reason: 'MaxDuration', message: `The recording has lasted limits.maxDurationSeconds (${maxDurationSeconds} s)` }
  }
  const { connectionLostSince, lastFrameAt, idleSince } = input
  if (connectionLostSince !== undefined && now - connectionLostSince >= lostConnectionSeconds * 1000) {
    const mediaFlows = lastFrameAt !== undefined && now - lastFrameAt < lostMediaSeconds * 1000
    const seconds = Math.round((now - connectionLostSince) / 1000)
    if (!mediaFlows)
      return { reason: 'RoomLost', message: `The connection to the room was lost ${seconds} s ago and nothing arrives any more` }
  }
  if (idleSince !== undefined && now - idleSince >= idleTimeoutSeconds * 1000) {
    return { reason: 'Idle', message: `No anchor published anything for limits.idleTimeoutSeconds (${idleTimeoutSeconds} s)` }
  }
  return undefined
}

/** Stops after which there is nothing more to record: a later attempt only finishes what is left. */
export const isFinalStop = (reason: StopReason) =>
  (
    ['RoomDismissed', 'RemovedByApi', 'DuplicateUser', 'Idle', 'MaxDuration', 'StopRequested', 'Deleted'] as StopReason[]
  ).includes(reason)
