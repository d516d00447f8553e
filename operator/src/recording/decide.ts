import { type Attempt, podFinalizer, recordingFinalizer } from '@trtc-recorder/api'
import type { Pod } from '../kube/types.ts'
import {
  delayMillis,
  failuresInARow,
  fruitlessUploadsInARow,
  keepLast,
  mostFailuresInARow,
  nextNumber,
  uploadFailuresInARow,
  volumeHolds,
} from './attempts.ts'
import { conclude } from './conclusion.ts'
import { findCondition } from './conditions.ts'
import { Draft } from './draft.ts'
import { type AttemptReason, judge, policyOf } from './failure-policy.ts'
import { withResult } from './files.ts'
import { followPod } from './live-pod.ts'
import { labels, podName } from './names.ts'
import type { Observed, Plan } from './plan.ts'
import type { PodEnd } from './pod-state.ts'
import { volumeFate } from './retention.ts'

/**
 * What to do about a Recording, from what there is and what time it is. Pure; applying the plan and deciding again changes nothing.
 *
 * The state is all in `status`: an attempt without `endTime` is under way (without `podUid`: its Pod is about to be made); `stopReason`
 * says that recording is over and only uploading may be left; `completionTime` says that it is finished and only tidying up is left.
 */
export function decide(observed: Observed, now: Date): Plan {
  const draft = new Draft(observed, now)
  for (const step of story) if (step(draft) === 'enough') break
  return draft.plan()
}

/** A step that says `enough` is the last one: what comes after it has to wait. */
type Step = (draft: Draft) => 'enough' | undefined

const story: readonly Step[] = [
  leaveAloneWhatWasLetGo,
  beHeardOf,
  recordHowTheAttemptEnded,
  clearAwayEndedPods,
  beOverWhenAsked,
  finishWhenNothingIsLeft,
  tidyUpWhenFinished,
  followTheLivePod,
  waitForOldPods,
  waitForTheIdentity,
  waitForTheNextAttempt,
  beginTheNextAttempt,
]

function leaveAloneWhatWasLetGo(draft: Draft): 'enough' | undefined {
  return (draft.isDeleting || draft.isFinished) && !isHeld(draft) ? 'enough' : undefined
}

function beHeardOf(draft: Draft): undefined {
  const { recording, status } = draft
  draft.addFinalizer = !isHeld(draft)
  if (findCondition(status.conditions, 'Succeeded') !== undefined) return
  draft.starting('Pending', 'The recorder Pod has not been made yet')
  draft.set('Stored', { status: 'Unknown', reason: 'Pending', message: 'Nothing has been recorded yet' })
  if (recording.spec.callback !== undefined) {
    draft.set('CallbackDelivered', { status: 'Unknown', reason: 'Waiting', message: 'The recording is not over yet' })
  }
}

/** Before the Pod may go, what it left is in the status: the attempt, its files, and whether recording is over. */
function recordHowTheAttemptEnded(draft: Draft): undefined {
  const attempt = draft.open
  if (attempt === undefined) return
  const observed = draft.podOf(attempt)
  if (observed === undefined) {
    if (attempt.podUid !== '') recordEnd(draft, attempt, vanished(attempt, draft.now))
  } else if (observed.state.kind === 'ended') {
    attempt.podUid = observed.pod.metadata.uid
    recordEnd(draft, attempt, observed.state.end)
  }
  return undefined
}

function recordEnd(draft: Draft, attempt: Attempt, end: PodEnd): void {
  const { status, now } = draft
  const { result } = end
  if (result?.startedAt !== undefined) {
    // The recorder knows to the millisecond what the Pod's readiness says to the second.
    if (status.startTime === undefined || status.startTime === attempt.startTime) status.startTime = result.startedAt
    attempt.startTime = result.startedAt
    // It may have been over before anybody saw its Pod ready.
    draft.set('Started', { status: 'True', reason: 'Entered', message: 'The recorder has been in the room' })
  }
  const ran = end.ran || attempt.startTime !== undefined
  const judgement = judge({ ...end, ran }, status.stopReason ?? draft.asked, draft.entered)

  // A Pod that no kubelet ever saw is said to end when its grace period would.
  attempt.endTime = earlier(end.time, now.toISOString())
  attempt.reason = judgement.reason
  attempt.message = judgement.message.slice(0, 1024)
  if (end.node) attempt.node = end.node
  if (end.exitCode !== undefined) attempt.exitCode = end.exitCode
  status.attempts = keepLast(draft.attempts)
  if (result !== undefined) Object.assign(status, withResult(status, result))
  delete status.participants

  const exhausted = failuresInARow(draft.attempts) >= mostFailuresInARow
  const over =
    status.stopReason ?? judgement.stopReason ?? (exhausted ? (draft.entered ? 'RoomLost' : 'NeverStarted') : undefined)
  if (over !== undefined) status.stopReason = over
}

/** Its finalizer was taken off by somebody else, so what it had to say is lost. */
function vanished(attempt: Attempt, now: Date): PodEnd {
  return {
    time: now.toISOString(),
    node: attempt.node,
    ran: true,
    exitCode: undefined,
    cause: 'PodDeleted',
    message: 'It is gone, and with it its result.',
    result: undefined,
  }
}

function clearAwayEndedPods(draft: Draft): undefined {
  const current = draft.open?.pod
  for (const { pod, state } of draft.observed.pods) {
    // One that the status knows nothing of yet has a result to be read.
    const isKnown = Number(pod.metadata.labels?.[labels.attempt]) < nextNumber(draft.attempts)
    if (pod.metadata.name === current || !isKnown) continue
    if (state.kind !== 'ended') {
      if (pod.metadata.deletionTimestamp === undefined) draft.act({ do: 'deletePod', pod })
    } else if (mayLinger(pod)) draft.act({ do: 'deletePod', pod, gracePeriodSeconds: lingerSeconds })
    if (state.kind === 'ended' && pod.metadata.finalizers?.includes(podFinalizer)) draft.act({ do: 'releasePod', pod })
  }
}

/** Its recorder has ended, so whatever else runs in the Pod does not get the half hour that a recorder may need. */
const lingerSeconds = 30

const mayLinger = ({ metadata }: Pod) =>
  metadata.deletionTimestamp === undefined || (metadata.deletionGracePeriodSeconds ?? 0) > lingerSeconds

function beOverWhenAsked(draft: Draft): undefined {
  const { asked, status } = draft
  if (asked === undefined || status.stopReason !== undefined) return
  const attempt = draft.open
  if (attempt !== undefined && (attempt.podUid !== '' || draft.podOf(attempt) !== undefined)) return
  // Nobody is at work: the Pod of a planned attempt was never made.
  if (attempt !== undefined) status.attempts = draft.attempts.filter((other) => other !== attempt)
  status.stopReason = asked
}

function finishWhenNothingIsLeft(draft: Draft): undefined {
  const { status, now, recording, entered } = draft
  const { stopReason } = status
  if (stopReason === undefined || draft.isFinished || draft.open !== undefined) return
  if (mayStillUpload(draft)) return
  const files = status.files ?? []
  const { succeeded, stored } = conclude(draft.attempts, files, stopReason, entered)
  draft.set('Succeeded', succeeded)
  draft.set('Stored', stored)
  draft.drop('Reconciling')
  if (!entered) draft.set('Started', { status: 'False', reason: succeeded.reason, message: succeeded.message })
  if (succeeded.status === 'False') draft.set('Stalled', { ...succeeded, status: 'True' })
  status.completionTime = now.toISOString()
  status.fileCount ??= files.length
  delete status.participants
  if (recording.spec.callback !== undefined) {
    status.callback ??= { id: `${recording.metadata.uid}/result`, state: 'Pending', attempts: 0, dueSince: now.toISOString() }
  }
}

/** Something may be on the volume, and it is worth while trying to get it into COS. */
function mayStillUpload({ attempts, isDeleting }: Draft): boolean {
  if (!volumeHolds(attempts)) return false
  const last = attempts.at(-1)
  // It was refused for good, and would be again.
  if (last?.reason !== undefined && refusesUploads.includes(last.reason)) return false
  if (isDeleting && fruitlessUploadsInARow(attempts) >= mostFailuresInARow) return false
  return uploadFailuresInARow(attempts) < mostFailuresInARow
}

const refusesUploads: readonly string[] = [
  'InvalidJob',
  'StorageRefused',
  'UploadRefused',
  'VolumeUnusable',
] satisfies AttemptReason[]

/** Once all is tidied up and told, a Recording is only a record: it can be deleted even where there is no operator any more. */
function tidyUpWhenFinished(draft: Draft): 'enough' | undefined {
  if (!draft.isFinished) return undefined
  const { recording, observed, status } = draft
  const { volume } = observed
  const fate = volumeFate(recording, findCondition(status.conditions, 'Stored')?.status !== 'True')
  if (volume !== undefined && fate === 'delete' && volume.metadata.deletionTimestamp === undefined) {
    draft.act({ do: 'deleteVolume', volume })
  }
  if (volume?.metadata.ownerReferences?.length && fate === 'leave') draft.act({ do: 'leaveVolume', volume })
  const isTidy = observed.pods.length === 0 && (volume === undefined || fate === 'leave')
  const isTold = status.callback?.state !== 'Pending'
  if (isTidy && isTold && isHeld(draft)) draft.act({ do: 'letGo' })
  return 'enough'
}

const isHeld = ({ recording }: Draft) => recording.metadata.finalizers?.includes(recordingFinalizer) ?? false

function followTheLivePod(draft: Draft): 'enough' | undefined {
  const attempt = draft.open
  if (attempt === undefined) return undefined
  const observed = draft.podOf(attempt)
  if (observed === undefined) {
    // Planned, and not made yet, or made and not seen yet: making it again does no harm.
    makeRecorder(draft, attempt)
    return 'enough'
  }
  followPod(draft, attempt, observed)
  return 'enough'
}

/** Two recorders on one volume, or in one room, would be worse than a gap. */
function waitForOldPods(draft: Draft): 'enough' | undefined {
  const live = draft.observed.pods.find(({ state }) => state.kind !== 'ended')
  if (live === undefined) return undefined
  draft.waiting('RetryScheduled', `The next attempt begins when Pod ${live.pod.metadata.name} has ended`)
  return 'enough'
}

function waitForTheIdentity(draft: Draft): 'enough' | undefined {
  const holder = draft.observed.identityHeldBy
  if (holder === undefined || draft.status.stopReason !== undefined) return undefined
  draft.waiting(
    'IdentityInUse',
    `Recording ${holder} is in this room as ${draft.recording.spec.userId}; this one begins when it has finished`,
  )
  draft.lookAgainIn(60_000)
  return 'enough'
}

function waitForTheNextAttempt(draft: Draft): 'enough' | undefined {
  const { attempts, now, observed, status } = draft
  const last = attempts.at(-1)
  if (observed.volume?.metadata.deletionTimestamp !== undefined) {
    draft.waiting(
      'Pending',
      `PersistentVolumeClaim ${observed.volume.metadata.name} is being deleted; a new one is made when it is gone`,
    )
    draft.lookAgainIn(30_000)
    return 'enough'
  }
  if (last?.endTime === undefined) return undefined
  const due = Date.parse(last.endTime) + delayMillis(attempts)
  if (due <= now.getTime()) return undefined
  const what = status.stopReason === undefined ? 'Attempt' : 'Upload'
  const message = `${last.reason}: ${last.message} ${what} ${nextNumber(attempts)} begins at ${new Date(due).toISOString()}.`
  draft.waiting(status.stopReason === undefined ? policyOf(last.reason).condition : 'UploadIncomplete', message)
  draft.lookAgainIn(due - now.getTime())
  return 'enough'
}

function beginTheNextAttempt(draft: Draft): undefined {
  const { attempts, recording, status } = draft
  const number = nextNumber(attempts)
  const uploadOnly = status.stopReason === undefined ? {} : { uploadOnly: true }
  const attempt: Attempt = { number, pod: podName(recording.metadata.name, number), podUid: '', ...uploadOnly }
  status.attempts = keepLast([...attempts, attempt])
  if (status.stopReason !== undefined) draft.waiting('UploadIncomplete', `Attempt ${number} uploads what is left on the volume`)
  else if (attempts.length === 0) draft.starting('Pending', `Pod ${attempt.pod} waits for a node`)
  else draft.waiting('RetryScheduled', `Attempt ${number} begins: Pod ${attempt.pod}`)
  makeRecorder(draft, attempt)
}

function makeRecorder(draft: Draft, { number, uploadOnly = false }: Attempt): void {
  const order = { attempt: number, firstStartedAt: draft.status.startTime, uploadOnly }
  draft.act({ do: 'ensureVolume' }, { do: 'createPod', order })
  // Should the answer be lost, or the Pod not be admitted for now.
  draft.lookAgainIn(15_000)
}

const earlier = (a: string, b: string) => (Date.parse(b) < Date.parse(a) ? b : a)
