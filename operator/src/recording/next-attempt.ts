import { type Attempt, type TroubleWord, troubleOf, troubles } from '@trtc-recorder/api'
import { leftMillis } from '../runtime/timers.ts'
import { delayMillis, growingMillis, isRecorder, keepLast, nextLookMillis, nextNumber } from './attempts.ts'
import { findCondition } from './conditions.ts'
import type { Draft } from './draft.ts'
import { podName } from './names.ts'
import { attemptState } from './stage.ts'
import { beingDeletedSince, mostVolumes, volumeOutOfReach, volumeToRecordOn, volumeToUpload } from './volumes.ts'

/** Whether, when and on what the next attempt begins. */

export function waitForTheIdentity(draft: Draft): 'enough' | undefined {
  const holder = draft.observed.identityHeldBy
  if (holder === undefined || draft.stage.is !== 'recording') return undefined
  draft.waiting('IdentityInUse', `${holder} is in this room as ${draft.recording.spec.userId}; this one begins when it has left`)
  lookAgainAsLongAsItLasted(draft, 'IdentityInUse')
  return 'enough'
}

export function waitForTheNextAttempt(draft: Draft): 'enough' | undefined {
  const { attempts, now, status, stage } = draft
  if (draft.open !== undefined) return undefined
  if (stage.is === 'storing' && volumeToUpload(draft) === undefined) {
    const volume = volumeOutOfReach(draft)
    const node = attempts.findLast((attempt) => attempt.volume === volume?.name)?.node
    draft.waiting(
      'NodeLost',
      `PersistentVolumeClaim ${volume?.name} may hold what is not in COS, and its Pod on node ${node} has not ended. It is uploaded when the node is back, or was deleted`,
    )
    lookAgainAsLongAsItLasted(draft, 'NodeAway')
    return 'enough'
  }
  // How it goes with uploads beside is of no concern to the recorder.
  const concerned = stage.is === 'recording' ? attempts.filter(isRecorder) : attempts
  const last = concerned.filter((attempt) => attemptState(attempt).is === 'ended').at(-1)
  const newest = concerned.at(-1)
  const left = status.nextAttemptTime === undefined ? restOf(newest, delayMillis(concerned), now) : 0
  if (last === undefined || left === 0) return undefined
  const what = stage.is === 'recording' ? 'Attempt' : 'Upload'
  const message = `${last.reason}: ${last.message} ${what} ${nextNumber(attempts)} begins at ${new Date(now.getTime() + left).toISOString()}.`
  const { condition } = troubleOf(last.reason)
  if (stage.is === 'recording' || condition === 'StorageRefused' || condition === 'ResultUnknown') {
    draft.heldUpBy(last.reason ?? '', message)
  } else draft.waiting('UploadIncomplete', message)
  draft.lookAgainIn(left)
  return 'enough'
}

/** How much is left of the pause after an attempt. */
export const restOf = (attempt: Attempt | undefined, delay: number, now: Date): number =>
  attempt?.endTime === undefined ? 0 : leftMillis(Date.parse(attempt.endTime) + delay, delay, now.getTime())

export function waitForAPlace(draft: Draft): 'enough' | undefined {
  const { place } = draft.observed
  if (place.is === 'free' || draft.stage.is !== 'recording') return undefined
  const { at, of, limit, within } = place
  const where = within === 'namespace' ? `in namespace ${draft.recording.metadata.namespace}` : 'of this operator'
  const rule = `${limit} ${limit === 1 ? 'Recording' : 'Recordings'} ${where} may record at once`
  draft.waiting('Queued', `${ordinal(at)} of ${of} that wait: ${rule}. It begins as soon as a place is free`)
  lookAgainAsLongAsItLasted(draft, 'Queued')
  return 'enough'
}

export function beginTheNextAttempt(draft: Draft): undefined {
  const { attempts, status, stage } = draft
  if (draft.open !== undefined) {
    const before = findCondition(status.conditions, 'Succeeded')?.reason
    if (before === 'Queued' || before === 'IdentityInUse') draft.waiting('Pending', `Pod ${draft.open.pod} is asked for again`)
    makeRecorder(draft, draft.open)
    return
  }
  const uploadOnly = stage.is !== 'recording'
  const volume = uploadOnly ? volumeToUpload(draft) : volumeToRecordOn(draft)
  if (volume === undefined) {
    const message = `${mostVolumes} volumes of this Recording are out of reach, which is as many as it may have. See status.volumes`
    draft.waitingForSomebody('VolumeUnreachable', message)
    lookAgainAsLongAsItLasted(draft, 'TooManyVolumes')
    return
  }
  const deletedSince = beingDeletedSince(draft, volume)
  if (deletedSince !== undefined) {
    const then = 'and no Pod can use it any more. When it is gone, status.volumes says what it held'
    draft.waiting('Pending', `PersistentVolumeClaim ${volume.name} is being deleted, ${then}`)
    lookAgainAsLongAsItLasted(draft, 'VolumeGoing', deletedSince)
    return
  }
  const attempt = planAttempt(draft, volume.name, uploadOnly)
  const { number } = attempt
  delete status.nextAttemptTime
  if (uploadOnly) draft.waiting('UploadIncomplete', `Attempt ${number} uploads what is left on volume ${volume.name}`)
  else if (attempts.length === 0) draft.starting('Pending', `Pod ${attempt.pod} waits for a node`)
  else draft.waiting('RetryScheduled', `Attempt ${number} begins: Pod ${attempt.pod}`)
  makeRecorder(draft, attempt)
}

export function planAttempt({ status, attempts, recording }: Draft, volume: string, uploadOnly: boolean): Attempt {
  const number = nextNumber(attempts)
  const pod = podName(recording.metadata.name, number)
  const attempt: Attempt = { number, pod, state: 'Planned', volume, ...(uploadOnly ? { uploadOnly } : {}) }
  status.attempts = keepLast([...attempts, attempt])
  return attempt
}

/** What the API server has just refused it is asked for again after a while, as if it were asked for the first time. */
export function waitAfterARefusal(draft: Draft): 'enough' | undefined {
  const attempt = draft.open
  if (attempt === undefined || attempt === draft.unneeded || draft.podOf(attempt) !== undefined) return undefined
  if (!wasJustRefused(draft, attempt)) return undefined
  draft.heldUpBy(attempt.reason ?? '', attempt.message ?? '')
  return 'enough'
}

export function wasJustRefused(draft: Draft, attempt: Attempt): boolean {
  noteRefusal(draft, attempt)
  const state = attemptState(attempt)
  if (state.is !== 'planned' || state.refused === undefined) return false
  const pause = growingMillis(troubleOf(attempt.reason).after, state.refused.times)
  const left = leftMillis(Date.parse(state.refused.time) + pause, pause, draft.now.getTime())
  const { mayBeGrantedNow, refusal } = draft.observed
  // Not of what was refused just now, and so since that happened.
  const isWorthATry = mayBeGrantedNow && refusal === undefined
  if (isWorthATry || left === 0) return false
  draft.lookAgainIn(left)
  return true
}

/** The API server is asked for volume and Pod. That it has refused them before is no more than a number from now on. */
export function makeRecorder(draft: Draft, attempt: Attempt): void {
  delete attempt.refusedTime
  const { number, uploadOnly = false, volume } = attempt
  const { isBesideOthers } = draft.observed
  const notOn = uploadOnly ? [] : nodesLeftBehind(draft)
  const order = { attempt: number, firstStartedAt: draft.status.startTime, uploadOnly, volume: volume!, isBesideOthers, notOn }
  draft.act({ do: 'ensureVolume', name: volume! }, { do: 'createPod', order })
  // Should the answer be lost.
  draft.lookAgainIn(15_000)
}

const nodesLeftBehind = ({ attempts }: Draft) => [
  ...new Set(attempts.flatMap((attempt) => (attemptState(attempt).is === 'leftBehind' && attempt.node ? [attempt.node] : []))),
]

function noteRefusal({ observed: { refusal }, now }: Draft, attempt: Attempt): void {
  if (refusal === undefined || refusal.volume !== attempt.volume) return
  attempt.reason = refusal.word
  attempt.message = refusal.message.slice(0, 1024)
  attempt.refusedTimes = (attempt.refusedTimes ?? 0) + 1
  attempt.refusedTime = now.toISOString()
}

function ordinal(number: number): string {
  const ending = number % 100 >= 11 && number % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th')
  return `${number}${ending}`
}

/** What has been the same for long is looked at less and less often. */
export function lookAgainAsLongAsItLasted(draft: Draft, word: TroubleWord, since?: string): void {
  const lasting = since ?? findCondition(draft.observed.recording.status?.conditions, 'Succeeded')?.lastTransitionTime
  const sinceMillis = lasting === undefined ? draft.now.getTime() : Date.parse(lasting)
  draft.lookAgainIn(nextLookMillis(troubles[word].after, sinceMillis, draft.now.getTime()))
}
