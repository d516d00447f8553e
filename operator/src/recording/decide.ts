import {
  type CallbackStatus,
  type ConditionReason,
  dueTrtcNotice,
  type Recording,
  type RecordingVolume,
  recordingFinalizer,
} from '@trtc-recorder/api'
import type { PersistentVolumeClaim } from '@trtc-recorder/kube'
import { heedAnnotations } from './annotations.ts'
import { nextNumber } from './attempts.ts'
import { conclude } from './conclusion.ts'
import { findCondition, hasBeenInTheRoom } from './conditions.ts'
import { isToldToStop, stopAskedAnnotation } from './control.ts'
import { Draft } from './draft.ts'
import { adoptUnplannedPods, clearAwayPods, recordHowAttemptsEnded } from './ended.ts'
import { remainingMillis } from './expiry.ts'
import { forgetWhatWasTrueThen } from './files.ts'
import { followPod } from './live-pod.ts'
import {
  beginTheNextAttempt,
  makeRecorder,
  waitAfterARefusal,
  waitForAPlace,
  waitForTheIdentity,
  waitForTheNextAttempt,
} from './next-attempt.ts'
import type { Observed, ObservedPod, Plan } from './plan.ts'
import { leaveBehindWhatIsOutOfReach } from './reach.ts'
import { attemptState, stageOf, volumeState } from './stage.ts'
import { unheeded } from './unheeded.ts'
import { uploadBeside } from './upload-beside.ts'
import {
  endWithoutPod,
  lookAfterVolumes,
  noteWhetherItMayHaveRun,
  takeInWhatNobodyToldOf,
  volumeOutOfReach,
  volumeToUpload,
} from './volumes.ts'

/**
 * What to do about a Recording, from what there is and what time it is. Pure; applying the plan and deciding again changes nothing.
 *
 * The state is all in `status`, and what its fields mean is read in stage.ts.
 */
export function decide(observed: Observed, now: Date): Plan {
  const draft = new Draft(observed, now)
  if (isLetGo(draft) && (draft.isDeleting || unheeded(observed.recording).length === 0)) return letGo(observed.recording, now)
  for (const step of story) if (step(draft) === 'enough') break
  // Last, so that nothing which goes wrong with it is in a recorder's way.
  uploadBeside(draft)
  return draft.plan()
}

/** A step that says `enough` is the last one: what comes after it has to wait. */
type Step = (draft: Draft) => 'enough' | undefined

const story: readonly Step[] = [
  beHeardOf,
  adoptUnplannedPods,
  takeInWhatNobodyToldOf,
  heedAnnotations,
  recordHowAttemptsEnded,
  lookAfterVolumes,
  leaveBehindWhatIsOutOfReach,
  clearAwayPods,
  beOverWhenAsked,
  finishWhenNothingIsLeft,
  tidyUpWhenFinished,
  waitAfterARefusal,
  followTheLivePod,
  waitForOldPods,
  waitForTheIdentity,
  waitForTheNextAttempt,
  waitForAPlace,
  beginTheNextAttempt,
]

/** Nobody looks after it any more, but for the time when it is to go. */
function letGo(recording: Recording, now: Date): Plan {
  const plan = { addFinalizer: false, status: recording.status ?? {}, actions: [] }
  const millis = remainingMillis(recording, now)
  if (millis === undefined) return plan
  return millis > 0 ? { ...plan, requeueAfterMillis: millis } : { ...plan, actions: [{ do: 'deleteRecording' }] }
}

const isLetGo = (draft: Draft) => (draft.isDeleting || draft.isFinished) && !isHeld(draft)

function beHeardOf(draft: Draft): undefined {
  const { recording, status } = draft
  draft.addFinalizer = !isHeld(draft)
  const told = stopTold(draft)
  if ((recording.spec.desiredState === 'Stopped' || told !== undefined) && !draft.isFinished) {
    status.stopRequestedTime ??= told ?? draft.now.toISOString()
  }
  if (findCondition(status.conditions, 'Succeeded') !== undefined) return
  draft.starting('Pending', 'The recorder Pod has not been made yet')
  draft.set('Stored', { status: 'Unknown', reason: 'Pending', message: 'Nothing has been recorded yet' })
  if (recording.spec.callback !== undefined) {
    draft.set('CallbackDelivered', { status: 'Unknown', reason: 'Waiting', message: 'The recording is not over yet' })
  }
}

/** When a recorder was told to stop, which is done before it is written into the status. */
function stopTold({ observed, now }: Draft): string | undefined {
  const pod = observed.pods.find((one) => isToldToStop(one.pod))?.pod
  return pod && (pod.metadata.annotations?.[stopAskedAnnotation] ?? now.toISOString())
}

function beOverWhenAsked(draft: Draft): undefined {
  const { status } = draft
  const asked = draft.asked ?? (isInADyingNamespace(draft) ? 'Deleted' : undefined)
  const isRecording = draft.stage.is === 'recording'
  if (isRecording ? asked === undefined : !wasOver(draft)) return
  const attempt = isRecording ? draft.open : draft.unneeded
  // Its Pod is not there, and the API server was asked.
  if (attempt !== undefined && draft.podOf(attempt) === undefined) endWithoutPod(draft, attempt, notWanted)
  if (isRecording && draft.open === undefined) status.stopReason = asked
}

/** When the status says so, the API server is asked whether what is planned has a Pod. */
const wasOver = ({ recording: { status = {} } }: Draft) => stageOf(status).is === 'storing'

const notWanted = 'It was not wanted any more before its Pod was made.'

function finishWhenNothingIsLeft(draft: Draft): undefined {
  const { status, now, recording, entered, stage } = draft
  if (stage.is !== 'storing') return
  giveUpInADyingNamespace(draft)
  if (draft.allOpen.length > 0 || volumeToUpload(draft) !== undefined || volumeOutOfReach(draft) !== undefined) return
  const { succeeded: bare, stored } = conclude(status, stage.stopReason)
  const succeeded = { ...bare, message: bare.message + forGood(draft, bare.reason) }
  draft.set('Succeeded', succeeded)
  draft.set('Stored', stored)
  draft.drop('Reconciling', 'Stalled')
  const { reason, message } = succeeded
  draft.set('Started', entered ? hasBeenInTheRoom : { status: 'False', reason, message })
  if (succeeded.status === 'False') draft.set('Stalled', { ...succeeded, status: 'True' })
  status.volumes = whatIsLeft(draft)
  status.completionTime = now.toISOString()
  status.fileCount ??= status.files?.length ?? 0
  forgetWhatWasTrueThen(status)
  delete status.nextAttemptTime
  if (recording.spec.callback !== undefined) {
    status.callback = newCallback(draft)
  }
}

/** A manifest that was applied before may be applied again; that is no wish to record anew. Nor is one that was made stopped a Recording that is to begin later. */
function forGood({ status, recording }: Draft, reason: ConditionReason): string {
  const { desiredState } = recording.spec
  if (status.stopRequestedTime === undefined) return ''
  if (desiredState === 'Stopped')
    return reason === 'StoppedBeforeStart' ? ' That is for good: make a new Recording to record.' : ''
  return ` spec.desiredState says ${desiredState} again, which is ignored: make a new Recording to record again.`
}

/** One that was told of before, and has come to something else since, is told again under a key of its own. */
function newCallback({ status: { callback }, recording: { metadata }, attempts, now }: Draft): CallbackStatus {
  const id = callback === undefined ? `${metadata.uid}/result` : `${metadata.uid}/result/${nextNumber(attempts)}`
  return { id, state: 'Pending', attempts: 0, dueSince: now.toISOString() }
}

/** The volumes that outlive the recording, each with what it has. */
function whatIsLeft({ volumes, recording, status }: Draft): RecordingVolume[] {
  const broken = status.files?.filter((file) => file.status === 0).length ?? 0
  return volumes.flatMap((volume) => {
    if (volumeState(volume).is !== 'empty') return volumeState(volume).is === 'planned' ? [] : [volume]
    if (broken > 0) {
      const holds = `The media of ${broken} files that could not be made whole`
      return [{ ...volume, state: 'Holding' as const, holds, givenUp: true }]
    }
    return recording.spec.storage.retention === 'Retain' ? [volume] : []
  })
}

/**
 * Nothing can be made in it any more, and soon nothing will be left. Kubernetes deletes the Pods first, and then, where those take longer than some seconds,
 * looks again after half of the time that they may take: a Recording is deleted a quarter of an hour after its recorder, and who waits for the result need not wait for that.
 */
const isInADyingNamespace = ({ observed: { refusal } }: Draft) => refusal?.word === 'NamespaceTerminating'

function giveUpInADyingNamespace(draft: Draft): void {
  const { refusal } = draft.observed
  if (refusal === undefined || !isInADyingNamespace(draft)) return
  const open = draft.allOpen
  for (const attempt of open) if (draft.podOf(attempt) === undefined) endWithoutPod(draft, attempt, notWanted)
  const told = open[0] ?? draft.attempts.at(-1)
  if (told !== undefined) Object.assign(told, { reason: refusal.word, message: refusal.message.slice(0, 1024) })
  for (const volume of draft.volumes) {
    if (volumeState(volume).is === 'holding') volume.givenUp = true
  }
}

/** Once all is tidied up and told, a Recording is only a record: it can be deleted even where there is no operator any more. */
function tidyUpWhenFinished(draft: Draft): 'enough' | undefined {
  if (!draft.isFinished) return undefined
  const { observed, status } = draft
  const doomed = observed.claims.filter((claim) => isDoomed(draft, claim))
  for (const claim of doomed) {
    if (claim.metadata.deletionTimestamp === undefined) draft.act({ do: 'deleteVolume', claim })
  }
  const isWaitedFor = doomed.some((claim) => isToBeSeenOff(draft, claim))
  const isTidy = observed.pods.every((one) => one.isGone || isOutOfReach(draft, one)) && !isWaitedFor
  const isTold = status.callback?.state !== 'Pending'
  if (isTold) delete status.moreFiles
  // What cannot be told is given up within a minute each.
  const isAllTold = isTold && dueTrtcNotice({ spec: observed.recording.spec, status }) === undefined
  if (isTidy && isAllTold && isHeld(draft)) draft.act({ do: 'letGo' })
  return 'enough'
}

/** A volume that was deleted mostly goes at once. What keeps one longer, such as another Pod that has it mounted, is none of ours, and keeps up nobody. */
function isToBeSeenOff(draft: Draft, { metadata: { deletionTimestamp } }: PersistentVolumeClaim): boolean {
  if (deletionTimestamp === undefined) return true
  const rest = Date.parse(deletionTimestamp) + seeingOffMillis - draft.now.getTime()
  if (rest > 0) draft.lookAgainIn(rest)
  return rest > 0
}

const seeingOffMillis = 60_000

/** Asked to end on a node that is silent: it goes when the node is back, or was deleted, and nobody waits for that. */
const isOutOfReach = (draft: Draft, observed: ObservedPod) =>
  observed.pod.metadata.deletionTimestamp !== undefined &&
  draft.attempts.some((attempt) => attemptState(attempt).is === 'leftBehind' && draft.podOf(attempt) === observed)

/** Whether a volume goes when its Recording is finished: everything on it is verified in COS, and nobody wants to keep it. */
function isDoomed({ recording, volumes, status }: Draft, { metadata: { name, uid } }: PersistentVolumeClaim): boolean {
  if (recording.spec.storage.retention === 'Retain') return false
  const known = volumes.find((volume) => volume.name === name)
  // What is lost has no claim any more: one of its name is another, such as one that somebody has restored.
  if (known?.uid !== undefined && known.uid !== uid) return false
  if (known !== undefined) return !['holding', 'lost'].includes(volumeState(known).is)
  // An earlier release finished it, and said this alone.
  return findCondition(status.conditions, 'Stored')?.status === 'True' || status.volumes !== undefined
}

const isHeld = ({ recording }: Draft) => recording.metadata.finalizers?.includes(recordingFinalizer) ?? false

function followTheLivePod(draft: Draft): 'enough' | undefined {
  const attempt = draft.open
  if (attempt === undefined) return undefined
  const observed = draft.podOf(attempt)
  if (observed === undefined) {
    if (attempt === draft.unneeded) {
      // To be given up; when the status says that recording is over, the API server is asked first.
      draft.lookAgainIn(0)
      return 'enough'
    }
    const state = attemptState(attempt)
    // One that was refused begins anew, if nobody else has taken its place meanwhile.
    if (state.is === 'planned' && state.refused !== undefined) return undefined
    noteWhetherItMayHaveRun(draft, attempt)
    // Planned, and not made yet, or made and not seen yet: making it again does no harm.
    makeRecorder(draft, attempt)
    return 'enough'
  }
  followPod(draft, attempt, observed)
  return 'enough'
}

/** Two recorders on one volume, or in one room, would be worse than a gap. One that was left behind is on a volume of its own, and so is an upload. */
function waitForOldPods(draft: Draft): 'enough' | undefined {
  const apart = draft.attempts
    .filter((attempt) => attemptState(attempt).is === 'leftBehind' || attempt === draft.beside)
    .map((attempt) => draft.podOf(attempt))
  const live = draft.observed.pods.find((observed) => observed.state.kind !== 'ended' && !apart.includes(observed))
  if (live === undefined) return undefined
  draft.waiting('RetryScheduled', `The next attempt begins when Pod ${live.pod.metadata.name} has ended`)
  return 'enough'
}
