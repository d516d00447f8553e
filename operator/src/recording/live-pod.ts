import { type Attempt, stopReasons } from '@trtc-recorder/api'
import { findCondition, type NewCondition } from './conditions.ts'
import type { Draft } from './draft.ts'
import { withProgress } from './files.ts'
import type { ObservedPod } from './plan.ts'
import type { PodState } from './pod-state.ts'
import { steer } from './steer.ts'

/** How often a recorder in the room is asked how it is doing. */
export const progressMillis = 15_000
/** A container that cannot be started for this long gets a new Pod; an image that cannot be pulled is waited for. */
const blockedMillis = 120_000

/** A Pod that has not ended: tells where it is, and sends it away when it is time. */
export function followPod(draft: Draft, attempt: Attempt, { pod, state }: ObservedPod): void {
  if (pod.spec?.nodeName) {
    attempt.podUid = pod.metadata.uid
    attempt.node = pod.spec.nodeName
  }
  const asked = draft.status.stopReason === undefined ? draft.asked : undefined
  const isEnding = pod.metadata.deletionTimestamp !== undefined
  steer(draft, attempt, { pod, state })

  noteProgress(draft)
  noteLeaving(draft, attempt, state)
  if (state.kind === 'silent') tell(draft, attempt, state)
  else if (asked !== undefined) finishing(draft, `${stopReasons[asked]} The recorder finishes its files.`)
  else if (isEnding) finishing(draft, `Pod ${pod.metadata.name} is being deleted; the recorder finishes its files first`)
  else {
    tell(draft, attempt, state)
    if (state.kind === 'blocked' && !isWorthWaiting(draft, pod, state)) draft.act({ do: 'deletePod', pod })
  }
}

function tell(draft: Draft, attempt: Attempt, state: PodState): void {
  if (attempt.uploadOnly && state.kind !== 'silent' && state.kind !== 'resultPending') {
    const message =
      state.kind === 'blocked' || state.kind === 'unscheduled' ? state.message : `Attempt ${attempt.number} uploads what is left`
    finishing(draft, message)
    return
  }
  switch (state.kind) {
    case 'unscheduled':
    case 'blocked':
      draft.starting(state.reason, state.message)
      if (state.kind === 'blocked')
        draft.lookAgainIn(Math.max(1000, Date.parse(state.since) + blockedMillis - draft.now.getTime()))
      return
    case 'starting':
      // It was in the room, so it is coming back or ending: that is no news.
      if (attempt.startTime === undefined) draft.starting('Starting', state.message)
      else progress(draft)
      return
    case 'inRoom':
      attempt.startTime ??= state.since
      draft.status.startTime ??= attempt.startTime
      draft.set('Started', { status: 'True', reason: 'Entered', message: 'The recorder has been in the room' })
      draft.drop('Reconciling')
      progress(draft)
      return
    case 'leaving':
      finishing(draft, 'Recording has stopped; files are being finished and uploaded')
      return
    case 'silent':
      draft.set('Succeeded', {
        status: 'Unknown',
        reason: 'NodeLost',
        message: `${state.message}. No new attempt begins before that is certain`,
      })
      draft.lookAgainIn(60_000)
      return
    case 'resultPending':
      finishing(draft, state.message)
      draft.lookAgainIn(5_000)
      return
    case 'ended':
      return
  }
}

function noteProgress(draft: Draft): void {
  const said = draft.observed.progress
  if (said === undefined) return
  Object.assign(draft.status, withProgress(draft.status, said))
  draft.lookAgainIn(progressMillis)
}

/** From then on another Recording may enter the room with the same userId, however long the files take. */
function noteLeaving({ observed, now }: Draft, attempt: Attempt, state: PodState): void {
  const hasLeft = state.kind === 'leaving' || ['finishing', 'done'].includes(observed.progress?.state ?? '')
  if (hasLeft && !attempt.uploadOnly) attempt.leftTime ??= now.toISOString()
}

function progress(draft: Draft): void {
  const said = draft.observed.progress
  draft.lookAgainIn(progressMillis)
  // Not asked this time: a recorder that has begun to finish does not go back to recording.
  const known = findCondition(draft.status.conditions, 'Succeeded')?.reason === 'Finishing' ? 'finishing' : 'recording'
  if (['finishing', 'done'].includes(said?.state ?? known)) {
    finishing(draft, 'Recording has stopped; files are being finished and uploaded')
    return
  }
  const paused = said?.state === 'paused' || (said === undefined && isPaused(draft))
  const [reason, message] = paused
    ? (['Paused', 'The recorder is in the room and takes nothing of anybody: spec.desiredState is Paused'] as const)
    : (['Recording', 'The recorder is in the room'] as const)
  const unheeded =
    said?.controlProblem == null ? '' : `. It does not understand what the Recording was changed to: ${said.controlProblem}`
  draft.set('Succeeded', { status: 'Unknown', reason, message: message + unheeded })
  noteStorage(draft, { status: 'Unknown', reason, message })
}

/** A recorder goes on while COS refuses or is away, and all that it records is on the volume; whoever can help should know at once. */
function noteStorage(draft: Draft, otherwise: NewCondition): void {
  const storage = draft.observed.progress?.storage
  const known = findCondition(draft.status.conditions, 'Stored')?.reason
  // Not asked this time: it is as it was.
  if (storage === undefined && (known === 'StorageRefused' || known === 'StorageUnavailable')) return
  if (storage?.state !== 'refused' && storage?.state !== 'unavailable') draft.set('Stored', otherwise)
  else {
    const reason = storage.state === 'refused' ? 'StorageRefused' : 'StorageUnavailable'
    draft.set('Stored', {
      status: 'False',
      reason,
      message: `${storage.message} What is recorded stays on the volume meanwhile.`,
    })
  }
}

/** Not asked this time: it was paused, and is to be. */
const isPaused = ({ status, recording }: Draft) =>
  recording.spec.desiredState === 'Paused' && findCondition(status.conditions, 'Succeeded')?.reason === 'Paused'

function finishing(draft: Draft, message: string): void {
  draft.set('Succeeded', { status: 'Unknown', reason: 'Finishing', message })
  draft.set('Stored', { status: 'Unknown', reason: 'Finishing', message })
  draft.drop('Reconciling')
}

/** An image may become available; what else is wrong with a container rarely passes, and never does where the chart has been mended since. */
function isWorthWaiting(draft: Draft, pod: ObservedPod['pod'], state: Extract<PodState, { kind: 'blocked' }>): boolean {
  if (pod.spec?.containers[0]?.image !== draft.observed.image) return false
  return state.reason === 'ImagePullFailed' || draft.now.getTime() - Date.parse(state.since) < blockedMillis
}
