import { type ConditionReason, type RecorderOutcome, recorderOutcomes, type StopReason } from '@trtc-recorder/api'
import type { PodEnd } from './pod-state.ts'

/**
 * What the end of an attempt means, by the word that stands in `attempts[].reason`.
 *
 * `next`: `over` – the recording has come to its end, or can never; `again` – a new attempt on the same volume, with back-off; `wait` – the
 * same, without end, because something outside has to change first.
 * `volume`: `clean` – everything recorded so far is in COS; `holds` – something may be left on the volume, unless the recorder ended with
 * exit code 0; `same` – the attempt did not touch it.
 * `counts`: whether it is one of the five attempts that may fail in a row without getting into the room.
 * `condition`: the word for conditions while the next attempt is awaited, or, for `over`, in the end.
 */
export interface Policy {
  next: 'over' | 'again' | 'wait'
  volume: 'clean' | 'holds' | 'same'
  counts: boolean
  condition: ConditionReason
}

export const policies = {
  // What the recorder said.
  Completed: { next: 'over', volume: 'clean', counts: false, condition: 'Completed' },
  Interrupted: { next: 'again', volume: 'clean', counts: true, condition: 'RetryScheduled' },
  UploadIncomplete: { next: 'again', volume: 'holds', counts: false, condition: 'UploadIncomplete' },
  FileFailed: { next: 'over', volume: 'clean', counts: false, condition: 'FileFailed' },
  InternalError: { next: 'again', volume: 'holds', counts: true, condition: 'RetryScheduled' },
  StartTimeout: { next: 'again', volume: 'same', counts: true, condition: 'StartTimeout' },
  MediaUnreachable: { next: 'again', volume: 'holds', counts: true, condition: 'MediaUnreachable' },
  StorageUnavailable: { next: 'again', volume: 'same', counts: true, condition: 'StorageUnavailable' },
  SecretNotFound: { next: 'wait', volume: 'same', counts: false, condition: 'SecretNotFound' },
  InvalidJob: { next: 'over', volume: 'same', counts: false, condition: 'RecorderFailed' },
  StorageRefused: { next: 'over', volume: 'same', counts: false, condition: 'StorageRefused' },
  RoomRefused: { next: 'over', volume: 'same', counts: false, condition: 'RoomRefused' },
  VolumeUnusable: { next: 'over', volume: 'same', counts: false, condition: 'VolumeUnusable' },
  UploadRefused: { next: 'over', volume: 'holds', counts: false, condition: 'StorageRefused' },
  // What happened to its Pod.
  Terminated: { next: 'again', volume: 'holds', counts: false, condition: 'RetryScheduled' },
  Evicted: { next: 'again', volume: 'holds', counts: false, condition: 'RetryScheduled' },
  PodDeleted: { next: 'again', volume: 'holds', counts: false, condition: 'RetryScheduled' },
  NodeLost: { next: 'again', volume: 'holds', counts: false, condition: 'RetryScheduled' },
  OOMKilled: { next: 'again', volume: 'holds', counts: true, condition: 'RetryScheduled' },
  Crashed: { next: 'again', volume: 'holds', counts: true, condition: 'RetryScheduled' },
  NotStarted: { next: 'again', volume: 'same', counts: true, condition: 'RetryScheduled' },
} as const satisfies Record<RecorderOutcome, Policy> & Record<string, Policy>

export type AttemptReason = keyof typeof policies

/** An attempt's reason as it stands in a status, which an older or newer operator may have written. */
export const policyOf = (reason: string | undefined): Policy =>
  reason !== undefined && reason in policies ? policies[reason as AttemptReason] : policies.Crashed

export interface Judgement {
  reason: AttemptReason
  message: string
  /** Set when the recording, and not only this attempt, has come to its end. */
  stopReason?: StopReason
}

/** Stop reasons of a recorder after which there is nothing more to record. */
const finalStops: readonly StopReason[] = ['RoomDismissed', 'RemovedByApi', 'DuplicateUser', 'Idle', 'MaxDuration']

/**
 * Says how an attempt ended. `asked`: the operator had been asked to end the recording, so a SIGTERM was the operator's own.
 * `entered`: whether any attempt has been in the room.
 */
export function judge(end: PodEnd, asked: StopReason | undefined, entered: boolean): Judgement {
  const { result } = end
  if (result === undefined) return { ...withoutResult(end), ...(asked === undefined ? {} : { stopReason: asked }) }

  const said = { reason: result.outcome, message: result.message }
  if (finalStops.includes(result.stopReason)) return { ...said, stopReason: result.stopReason }
  if (asked !== undefined) return { ...said, stopReason: asked }
  const { next } = policies[result.outcome]
  // Everything it recorded is dealt with, but the room goes on without it: it was sent away, or lost the room.
  const goesOn = entered && ['Terminated', 'RoomLost', 'BrowserFailed', 'MediaUnreachable'].includes(result.stopReason)
  if (result.outcome === 'Completed') return { reason: sentAway(end), message: sentAwayMessage(end, result.message) }
  if (next === 'over' && !(result.outcome === 'FileFailed' && goesOn)) {
    return { ...said, stopReason: entered ? 'RoomLost' : 'NeverStarted' }
  }
  return said
}

function withoutResult(end: PodEnd): Omit<Judgement, 'stopReason'> {
  if (!end.ran) return { reason: 'NotStarted', message: `The recorder never ran. ${end.message}`.trim() }
  switch (end.cause) {
    case 'OOMKilled':
      return {
        reason: 'OOMKilled',
        message:
          'The recorder needed more memory than it may use. Raise spec.resources.limits.memory or the chart’s recorder.resources.',
      }
    case 'Evicted':
      return { reason: 'Evicted', message: `The Pod was evicted before the recorder could finish. ${end.message}`.trim() }
    case 'NodeLost':
      return { reason: 'NodeLost', message: `The node was lost. ${end.message}`.trim() }
    case 'PodDeleted':
      return { reason: 'PodDeleted', message: `The Pod was deleted before the recorder could finish. ${end.message}`.trim() }
    case undefined:
      return byExitCode(end)
  }
}

/** The exit code is part of the recorder's contract, so it counts even where the result was lost; success does not count unproven. */
function byExitCode({ exitCode, message }: PodEnd): Omit<Judgement, 'stopReason'> {
  const known = Object.entries(recorderOutcomes).find(([, outcome]) => outcome.exitCode === exitCode && outcome.exitCode >= 10)
  if (known !== undefined) return { reason: known[0] as RecorderOutcome, message: known[1].meaning }
  return {
    reason: 'Crashed',
    message: `The recorder ended with exit code ${exitCode ?? 'unknown'} and left no result. ${message}`.trim(),
  }
}

function sentAway(end: PodEnd): AttemptReason {
  if (end.cause === 'Evicted' || end.cause === 'PodDeleted') return end.cause
  return end.cause === 'NodeLost' ? 'Evicted' : 'Terminated'
}

function sentAwayMessage(end: PodEnd, said: string): string {
  const who = { Evicted: 'The Pod was evicted', PodDeleted: 'The Pod was deleted', Terminated: 'The recorder was asked to end' }
  return `${who[sentAway(end) as keyof typeof who]} while recording; what it had is stored. ${end.message || said}`.trim()
}
