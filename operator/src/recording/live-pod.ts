import { type Attempt, type ConditionReason, type MakingOutput, troubles } from '@trtc-recorder/api'
import { nextLookMillis } from './attempts.ts'
import { findCondition, hasBeenInTheRoom, type NewCondition } from './conditions.ts'
import type { Draft } from './draft.ts'
import { stopMeaning } from './failure-policy.ts'
import { forgetWhatWasTrueThen, withProgress } from './files.ts'
import { lookAgainAsLongAsItLasted } from './next-attempt.ts'
import type { ObservedPod } from './plan.ts'
import { recorderContainer } from './pod.ts'
import { dueToBeMadeAt, type PodState, silentByItself } from './pod-state.ts'
import { podThatMayStillStart } from './reach.ts'
import { timeToEnter, volumeState } from './stage.ts'
import { isKeptFromHearing, steer } from './steer.ts'
import { claimOf, nowHolds, volumeOf } from './volumes.ts'

/** How long before its end a UserSig is warned of. */
const warnBeforeMillis = 3600_000

/** As long as nobody is asked to make way. Making a container may take its time, with a large image for one. */
const giveWayMillis = { unscheduled: 60_000, ImagePullFailed: 60_000, ContainerNotStarted: 60_000, ContainerNotMade: 300_000 }

/** A Pod that has not ended: tells where it is, and sends it away when it is time. */
export function followPod(draft: Draft, attempt: Attempt, observed: ObservedPod): void {
  const { pod, state } = observed
  noteWhereItIs(attempt, pod)
  const over = attempt === draft.unneeded || draft.stage.is === 'recording' ? (draft.status.stopReason ?? draft.asked) : undefined
  const isEnding = pod.metadata.deletionTimestamp !== undefined
  steer(draft, attempt, observed)

  const silentAt = silentByItself(pod, { startTimeoutSeconds: timeToEnter(draft.recording, attempt) })
  for (const at of [silentAt, dueToBeMadeAt(pod)]) {
    if (at !== undefined && at > draft.now.getTime()) draft.lookAgainIn(at - draft.now.getTime())
  }
  noteProgress(draft)
  noteLeaving(draft, attempt, state)
  if (state.kind === 'silent') tell(draft, attempt, state)
  else if (over !== undefined) finishing(draft, `${stopMeaning(over)} The recorder finishes its files.`)
  else if (isEnding) finishing(draft, `Pod ${pod.metadata.name} is being deleted; the recorder finishes its files first`)
  else {
    tell(draft, attempt, state)
    if (state.kind === 'unscheduled') makeVolumeAgain(draft, attempt)
    if (state.kind === 'blocked' && !isWorthWaiting(draft, pod, state)) draft.act({ do: 'deletePod', pod })
    else if (state.kind === 'blocked' || state.kind === 'unscheduled') makeWay(draft, attempt, pod, state)
  }
}

/** Somebody has deleted it before any Pod used it, so that it went at once. */
function makeVolumeAgain(draft: Draft, attempt: Attempt): void {
  const volume = volumeOf(draft, attempt)
  if (volume === undefined || volumeState(volume).is !== 'planned' || claimOf(draft.observed.claims, volume) !== undefined) return
  draft.act({ do: 'ensureVolume', name: volume.name })
}

export function noteWhereItIs(attempt: Attempt, pod: ObservedPod['pod']): void {
  if (pod.spec?.nodeName) {
    attempt.state = 'Running'
    attempt.podUid = pod.metadata.uid
    attempt.node = pod.spec.nodeName
  }
  // The API server has taken it after all.
  delete attempt.refusedTimes
  delete attempt.refusedTime
  delete attempt.reason
  delete attempt.message
}

function tell(draft: Draft, attempt: Attempt, state: PodState): void {
  if (state.kind === 'blocked') lookAgainAsLongAsItLasted(draft, state.word, state.since)
  if (state.kind === 'unscheduled' && state.reason === 'Unschedulable') {
    lookAgainAsLongAsItLasted(draft, 'Unschedulable', state.since)
  }
  if (attempt.uploadOnly && state.kind !== 'silent' && state.kind !== 'resultPending') {
    if (state.kind === 'blocked') draft.waiting(troubles[state.word].condition, state.message)
    else if (state.kind === 'unscheduled' && state.reason === 'Unschedulable') draft.waiting(state.reason, state.message)
    else finishing(draft, `Attempt ${attempt.number} uploads what is left`)
    return
  }
  switch (state.kind) {
    case 'unscheduled':
      draft.starting(state.reason, state.message)
      return
    case 'blocked':
      draft.starting(troubles[state.word].condition, state.message)
      return
    case 'starting':
      // It was in the room, so it is coming back or ending: that is no news.
      if (attempt.startTime === undefined) draft.starting('Starting', state.message)
      else progress(draft)
      return
    case 'inRoom':
      attempt.startTime ??= state.since
      draft.status.startTime ??= attempt.startTime
      nowHolds(draft, attempt)
      noteUserSig(draft)
      draft.drop('Reconciling')
      progress(draft)
      return
    case 'leaving':
      finishing(draft, 'Recording has stopped; files are being finished and uploaded')
      return
    case 'silent':
      draft.set('Succeeded', { status: 'Unknown', reason: 'NodeLost', message: `${state.message}. ${whatThen(draft)}` })
      draft.set('Reconciling', { status: 'True', reason: 'NodeLost', message: state.message })
      if (findCondition(draft.status.conditions, 'Started')?.status !== 'True') {
        draft.set('Started', { status: 'False', reason: 'NodeLost', message: state.message })
      }
      lookAgainAsLongAsItLasted(draft, 'NodeSilent', state.since)
      return
    case 'resultPending':
      finishing(draft, state.message)
      draft.lookAgainIn(nextLookMillis({ firstSeconds: 5, longestSeconds: 60 }, Date.parse(state.since), draft.now.getTime()))
      return
    case 'ended':
      return
  }
}

const whatThen = (draft: Draft) =>
  draft.stage.is === 'recording' && draft.asked === undefined
    ? 'If that goes on, the next attempt begins elsewhere'
    : 'What it has is stored when the node is back, or was deleted'

const saidOf = ({ observed: { progress } }: Draft) => (progress.is === 'known' ? progress.said : undefined)

function noteProgress(draft: Draft): void {
  const said = saidOf(draft)
  // What was true when it could be asked says nothing of now.
  if (draft.observed.progress.is !== 'not asked') forgetWhatWasTrueThen(draft.status)
  if (said !== undefined) Object.assign(draft.status, withProgress(draft.status, said))
}

/** It records for as long as its connection lasts; whoever made the UserSig should know in time. */
function noteUserSig(draft: Draft): void {
  const { userSigExpireTime } = draft.status
  const warnAt = userSigExpireTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(userSigExpireTime) - warnBeforeMillis
  if (warnAt > draft.now.getTime()) {
    draft.set('Started', hasBeenInTheRoom)
    if (userSigExpireTime !== undefined) draft.lookAgainIn(warnAt - draft.now.getTime())
    return
  }
  const ref = draft.recording.spec.userSigSecretRef
  const message = `The recorder is in the room with a UserSig that runs out at ${userSigExpireTime}; after a lost connection TRTC will not let it come back then. Put a fresh one into key ${ref?.key} of Secret ${ref?.name}: it is read when the room is entered again`
  draft.set('Started', { status: 'True', reason: 'UserSigExpiring', message })
}

/** From then on another Recording may enter the room with the same userId, however long the files take. */
function noteLeaving(draft: Draft, attempt: Attempt, state: PodState): void {
  const hasLeft = state.kind === 'leaving' || ['finishing', 'done'].includes(saidOf(draft)?.state ?? '')
  if (hasLeft && !attempt.uploadOnly) attempt.leftTime ??= draft.now.toISOString()
}

function progress(draft: Draft): void {
  const said = saidOf(draft)
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
  const { progress } = draft.observed
  const recorder = draft.open && draft.podOf(draft.open)
  const unheard = recorder !== undefined && isKeptFromHearing(draft, recorder) ? keptFromHearing : ''
  const unknown = progress.is === 'unknown' ? `. How it is doing is not known: ${progress.why}` : ''
  // An operator that has just taken over asks first, before it says anything else than the one before it.
  const before = findCondition(draft.status.conditions, 'Succeeded')
  const stays = progress.is === 'not asked' && before?.status === 'Unknown' && before.reason === reason
  draft.set('Succeeded', { status: 'Unknown', reason, message: stays ? before.message : message + unheard + unheeded + unknown })
  noteStorage(draft, { status: 'Unknown', reason, message })
}

const keptFromHearing =
  '. It has not heard of what the Recording was changed to: its Pod does not take the annotation that says so. Look for a webhook that changes or refuses those of Pods'

const storageTroubles: readonly ConditionReason[] = ['StorageRefused', 'StorageUnavailable', 'VolumeLow']

/** A recorder goes on while COS refuses or is away, and all that it records is on the volume; whoever can help should know at once. */
function noteStorage(draft: Draft, otherwise: NewCondition): void {
  const storage = saidOf(draft)?.storage
  const known = findCondition(draft.status.conditions, 'Stored')?.reason
  // Not asked this time: it is as it was.
  if (storage === undefined && known !== undefined && storageTroubles.includes(known)) return
  const volume = saidOf(draft)?.volume
  const { minutesLeft } = volume ?? {}
  const room = minutesLeft == null ? '' : ` It has room for about ${minutesLeft} more minutes.`
  if (storage?.state === 'refused' || storage?.state === 'unavailable') {
    const reason = storage.state === 'refused' ? 'StorageRefused' : 'StorageUnavailable'
    const message = `${storage.message} What is recorded stays on the volume meanwhile.${room}`
    draft.set('Stored', { status: 'False', reason, message })
  } else if (volume?.isLow) {
    const message = `The volume runs low: it fills up faster than COS takes what is on it, or is too small.${room}`
    draft.set('Stored', { status: 'Unknown', reason: 'VolumeLow', message })
  } else draft.set('Stored', otherwise)
}

/** Not asked this time: it was paused, and is to be. */
const isPaused = ({ status, recording }: Draft) =>
  recording.spec.desiredState === 'Paused' && findCondition(status.conditions, 'Succeeded')?.reason === 'Paused'

function finishing(draft: Draft, what: string): void {
  const message = what + sentenceOf(saidOf(draft)?.making ?? null)
  draft.set('Succeeded', { status: 'Unknown', reason: 'Finishing', message })
  noteStorage(draft, { status: 'Unknown', reason: 'Finishing', message })
  // Who waits for a Recording to be current (kstatus) does not want one whose files are still on their way.
  draft.set('Reconciling', { status: 'True', reason: 'Finishing', message })
}

/** A mix of hours takes its time, and whoever waits should see that it goes on. */
function sentenceOf(making: MakingOutput | null): string {
  if (making === null) return ''
  const { kind, number, of, doneShare } = making
  const done = doneShare === null ? '' : `, ${Math.floor(doneShare * 100)} % of it done`
  return `. Its outputs are made: ${kind} (${number} of ${of})${done}`
}

/** Who has not been in the room, and for a minute has had no node or no image, lets somebody in who needs the same identity. */
function makeWay(
  draft: Draft,
  attempt: Attempt,
  pod: ObservedPod['pod'],
  state: Extract<PodState, { kind: 'blocked' | 'unscheduled' }>,
): void {
  if (!draft.observed.identityIsWanted || draft.entered || attempt.uploadOnly) return
  const before = podThatMayStillStart(draft)?.state
  const waits = before?.kind === 'blocked' ? [before, state] : [state]
  const ends = waits.map((wait) => Date.parse(wait.since) + giveWayMillis[wait.kind === 'blocked' ? wait.word : wait.kind])
  const rest = Math.min(...ends) - draft.now.getTime()
  if (rest > 0) draft.lookAgainIn(rest)
  else draft.act({ do: 'deletePod', pod })
}

/** An image may become available; what else is wrong with a container rarely passes, and never does where the chart has been mended since. */
export function isWorthWaiting(draft: Draft, pod: ObservedPod['pod'], state: Extract<PodState, { kind: 'blocked' }>): boolean {
  const { image } = pod.spec?.containers.find(({ name }) => name === recorderContainer) ?? {}
  if (image !== draft.observed.image) return false
  const { next, after } = troubles[state.word]
  return next === 'stay' || draft.now.getTime() - Date.parse(state.since) < after.firstSeconds * 1000
}
