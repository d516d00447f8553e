import {
  type ClipJob,
  type ClipOutcome,
  type ClipRequest,
  type ClipResult,
  type ClipTrouble,
  type ClipTroubleWord,
  clipOutcomes,
  clipTroubles,
  mostClipAttempts,
  mostClipRequests,
  type Recording,
  type RecordingClip,
  type RecordingClipStatus,
} from '@trtc-recorder/api'
import type { Answers } from '../recording/answers.ts'
import { growingMillis, nextLookMillis } from '../recording/attempts.ts'
import { isKept, overSince } from '../recording/expiry.ts'
import { leftMillis } from '../runtime/timers.ts'
import { heedClipAnnotations } from './annotations.ts'
import type { ClipWork } from './pod.ts'
import type { Heard } from './recorder-answers.ts'
import { callOf, hasOtherVolumes, volumeElsewhere } from './requests.ts'
import { attemptsBefore, type ClipAttempt, clipStage, numberOf } from './stage.ts'
import { concluded, filesOf, goingOn, withVerdict } from './status.ts'

/** The words of the table after which this is done. */
type Words<Next extends ClipTrouble['next']> = {
  [Word in ClipTroubleWord]: (typeof clipTroubles)[Word]['next'] extends Next ? Word : never
}[ClipTroubleWord]
/** What keeps a Pod. */
export type PodHolder = 'AtWork' | 'Unschedulable' | 'ImagePullFailed' | 'ContainerNotStarted'
export type ClipRefusalWord = Words<'wait'>

/** What there is of a clip. */
export interface ObservedClip {
  clip: RecordingClip
  recording: /** Nobody has looked: its Pod, or its end, says what there is to say. */
    | { is: 'unseen' }
    | { is: 'missing' }
    /** The one that it is of; there may be another one of its name. */
    | { is: 'deleted' }
    | { is: 'underWay'; recording: Pick<Recording, 'metadata' | 'status'>; recorder: ObservedRecorder }
    | { is: 'over'; recording: Recording; work: ClipWork }
  /** Its Pod. */
  pod:
    | { is: 'none' }
    /** `since`: when it began to be so. `isLostAt`: it was deleted, and is taken for lost then. */
    | { is: 'atWork'; name: string; attempt: number; word: PodHolder; message: string; since: Date; isLostAt?: Date }
    | { is: 'ended'; name: string; attempt: number; result: ClipResult }
    | { is: 'lost'; name: string; attempt: number; word: 'NoResult' | 'NodeSilent'; message: string }
  /** The API server would not have the Pod. `times`: how often in a row, as far as is known. */
  refusal?: { word: ClipRefusalWord; message: string; times: number }
  /** What was refused may be granted now. */
  mayBeGrantedNow?: boolean
}

/** The recorder of a Recording that is under way, as a clip sees it. `pod`: its name; `volume`: what it records on. */
export type ObservedRecorder =
  | { is: 'none'; why: string }
  /** It is asked for as many others as it may be. */
  | { is: 'busy'; pod: string; volume: string }
  /** It can be asked `since` then. */
  | { is: 'notAsked'; pod: string; volume: string; since: Date }
  /** It is asked `since` then; `heard`: when it last said something of the clip. */
  | { is: 'asked'; pod: string; volume: string; since: Date; heard: Date | undefined; answer: Heard }

export interface ClipPlan {
  status: RecordingClipStatus
  /** To the annotations that `status.handled` says are heeded by this. */
  answers?: Answers
  action:
    | { do: 'nothing' }
    /** What is asked of the recorder is brought up to date. */
    | { do: 'askRecorder'; pod: string }
    | { do: 'createPod'; recording: Recording; job: ClipJob; attempt: number }
    | { do: 'deletePod' }
    | { do: 'deleteClip' }
  requeueAfterMillis?: number
}

/** A recorder that is asked answers within a second or two, or needs longer: for so long it is asked as often as it ever is. */
const soonForMillis = 10_000
/** A recorder that says nothing of a clip for so long is not waited for. */
const silenceMillis = 60_000
/** What is to become of a clip. Pure. */
export function decideClip(observed: ObservedClip, now: Date): ClipPlan {
  const heeded = heedClipAnnotations(observed, now)
  if (heeded.isBegunAnew) {
    const message = 'It is begun anew, as the annotation retry-upload asks'
    const status = withVerdict({ ...observed.clip, status: heeded.status }, {}, { reason: 'Cutting', message }, now)
    // What it was before has to stand nowhere any more when the next Pod is made.
    return { status, answers: heeded.answers, action: { do: 'nothing' }, requeueAfterMillis: 1 }
  }
  const clip = { ...observed.clip, status: heeded.status }
  return { ...decideOn({ ...observed, clip }, now), answers: heeded.answers }
}

function decideOn(observed: ObservedClip, now: Date): ClipPlan {
  const { recording, pod, refusal } = observed
  const stage = clipStage(observed.clip.status)
  if (stage.is === 'over') return afterwards(observed, stage.completionTime, now)
  const clip = bound(observed.clip, recording)
  if (refusal !== undefined) return afterRefusal(clip, stage.attempt, refusal, now)
  switch (pod.is) {
    case 'atWork':
      return whileAtWork(clip, pod, now)
    case 'ended':
      return afterResult(clip, stage.attempt, pod, now)
    case 'lost':
      return again(clip, stage.attempt, pod, now)
    case 'none':
      return withoutPod({ ...observed, clip }, stage.attempt, recording, now)
  }
}

/** From when there is a Recording of its name a clip is of that one, whichever may have the name later. */
function bound(clip: RecordingClip, recording: ObservedClip['recording']): RecordingClip {
  if (clip.status?.recordingUid !== undefined || !('recording' in recording)) return clip
  return { ...clip, status: { ...clip.status, recordingUid: recording.recording.metadata.uid } }
}

/** A change of its Pod brings it; what a Pod does not tell is looked for less and less often. */
function whileAtWork(
  clip: RecordingClip,
  { attempt: attempts, word, message, since, isLostAt }: ObservedClip['pod'] & { is: 'atWork' },
  now: Date,
): ClipPlan {
  const { condition, after } = clipTroubles[word]
  const status = goingOn(withVerdict(clip, { attempts }, { reason: condition, message }, now))
  const lookMillis = nextLookMillis(after, since.getTime(), now.getTime())
  const requeueAfterMillis =
    isLostAt === undefined ? lookMillis : Math.min(lookMillis, Math.max(1, isLostAt.getTime() - now.getTime()))
  return { status, action: { do: 'nothing' }, requeueAfterMillis }
}

function afterRefusal(
  clip: RecordingClip,
  attempt: ClipAttempt,
  { word, message, times }: NonNullable<ObservedClip['refusal']>,
  now: Date,
): ClipPlan {
  const { condition: reason, after } = clipTroubles[word]
  const refusedTimes = Math.max(attempt.is === 'refused' && attempt.reason === reason ? attempt.times + 1 : 1, times)
  const requeueAfterMillis = growingMillis(after, refusedTimes)
  const nextAttemptTime = new Date(now.getTime() + requeueAfterMillis).toISOString()
  const change = { nextAttemptTime, refusedTimes, refusedTime: now.toISOString() }
  return { status: withVerdict(clip, change, { reason, message }, now), action: { do: 'nothing' }, requeueAfterMillis }
}

function afterwards({ clip, pod }: ObservedClip, completionTime: string, now: Date): ClipPlan {
  const status = clip.status ?? {}
  if (pod.is !== 'none') return { status, action: { do: 'deletePod' } }
  const { ttlSecondsAfterFinished } = clip.spec
  const isToBeTold = status.callback?.state === 'Pending'
  if (ttlSecondsAfterFinished === undefined || isToBeTold || isKept(clip)) return { status, action: { do: 'nothing' } }
  const restMillis = overSince(completionTime, status.callback) + ttlSecondsAfterFinished * 1000 - now.getTime()
  if (restMillis > 0) return { status, action: { do: 'nothing' }, requeueAfterMillis: restMillis }
  return { status, action: { do: 'deleteClip' } }
}

function afterResult(
  clip: RecordingClip,
  before: ClipAttempt,
  { attempt, result }: ObservedClip['pod'] & { is: 'ended' },
  now: Date,
): ClipPlan {
  const { outcome, message } = result
  if (outcome === 'StorageUnavailable') return again(clip, before, { attempt, word: outcome, message }, now)
  const verdict = isUnheeded(clip, result) ? unheeded : { reason: reasonOf(outcome, result), message }
  const status = concluded(clip, { attempts: attempt, ...filesOf(result) }, verdict, now)
  return { status, action: { do: 'deletePod' } }
}

/** Of a word of a later release the files say what became of it. */
function reasonOf(outcome: Exclude<ClipOutcome, 'StorageUnavailable'>, { files }: ClipResult) {
  if (Object.hasOwn(clipOutcomes, outcome)) return outcome
  return files.every(({ status }) => status === 1) ? 'Completed' : 'FilesFailed'
}

/** Whether `exact` was asked of a recorder that knows nothing of it. */
const isUnheeded = ({ spec }: RecordingClip, { files }: ClipResult) =>
  spec.exact &&
  files.some(({ status, exactness }) => status === 1 && exactness === undefined) &&
  !files.some(({ status }) => status === 0)

const whyUnheeded = 'its image is of an earlier release, which encodes nothing anew'
const unheeded = {
  reason: clipTroubles.NotExact.condition,
  message: `The files are stored, and not exact: the recorder cut them, and ${whyUnheeded}`,
} as const

function again(
  clip: RecordingClip,
  before: ClipAttempt,
  { attempt, word, message }: { attempt: number; word: Words<'again'>; message: string },
  now: Date,
): ClipPlan {
  const { condition: reason, after } = clipTroubles[word]
  const tried = attempt - attemptsBefore(clip.status)
  if (tried >= mostClipAttempts) {
    const status = concluded(clip, { attempts: attempt }, { reason: clipTroubles.AttemptsExhausted.condition, message }, now)
    return { status, action: { do: 'deletePod' } }
  }
  // Said already; the Pod is on its way out, or on a node that says nothing.
  if (before.is === 'failed' && before.number === attempt) {
    const dueMillis = Date.parse(before.nextTime)
    const restMillis = leftMillis(dueMillis, longestPauseMillis, now.getTime())
    const requeueAfterMillis = restMillis > 0 ? restMillis : nextLookMillis(clipTroubles.AtWork.after, dueMillis, now.getTime())
    return { status: clip.status ?? {}, action: { do: 'deletePod' }, requeueAfterMillis }
  }
  const pauseMillis = growingMillis(after, tried)
  const nextAttemptTime = new Date(now.getTime() + pauseMillis).toISOString()
  const status = withVerdict(clip, { attempts: attempt, nextAttemptTime }, { reason, message }, now)
  return { status, action: { do: 'deletePod' }, requeueAfterMillis: pauseMillis }
}

function withoutPod(
  { clip, mayBeGrantedNow = false }: ObservedClip,
  attempt: ClipAttempt,
  recording: ObservedClip['recording'],
  now: Date,
): ClipPlan {
  const { name } = clip.spec.recordingRef
  switch (recording.is) {
    case 'missing': {
      const message = `There is no Recording ${name} in namespace ${clip.metadata.namespace}`
      return { status: withVerdict(clip, {}, { reason: 'RecordingNotFound', message }, now), action: { do: 'nothing' } }
    }
    case 'deleted': {
      const uid = clip.status?.recordingUid ?? ''
      const message = `Recording ${name}, of UID ${uid}, was deleted before the clip was cut. Another one of that name is not taken for it`
      const status = concluded(clip, {}, { reason: 'RecordingDeleted', message }, now)
      return { status, action: { do: 'nothing' } }
    }
    case 'unseen':
      return { status: clip.status ?? {}, action: { do: 'nothing' } }
    case 'underWay':
      return whileItGoesOn(clip, recording, now)
    case 'over': {
      const { work } = recording
      if (work.is === 'nothing') {
        const message = `Recording ${name} has recorded nothing`
        return { status: concluded(clip, { fileCount: 0 }, { reason: 'NothingThere', message }, now), action: { do: 'nothing' } }
      }
      if (work.is === 'unusable') {
        const { message } = work
        return { status: concluded(clip, {}, { reason: 'RecordingUnusable', message }, now), action: { do: 'nothing' } }
      }
      const { job } = work
      const restMillis = restOf(attempt, mayBeGrantedNow, now)
      if (restMillis > 0) return { status: clip.status ?? {}, action: { do: 'nothing' }, requeueAfterMillis: restMillis }
      const made = numberOf(attempt)
      if (made - attemptsBefore(clip.status) >= mostClipAttempts) {
        const message = `${made} Pods were made, and none was left to say what became of the clip`
        return { status: concluded(clip, {}, { reason: 'AttemptsExhausted', message }, now), action: { do: 'nothing' } }
      }
      const number = made + 1
      const change = { startTime: job.from, endTime: job.to }
      const status = withVerdict(clip, change, { reason: 'Cutting', message: `Attempt ${number} begins` }, now)
      return {
        status: goingOn(status),
        action: { do: 'createPod', recording: recording.recording, job, attempt: number },
        requeueAfterMillis: clipTroubles.AtWork.after.firstSeconds * 1000,
      }
    }
  }
}

/** No pause before the next Pod is longer. */
const longestPauseMillis = Math.max(...Object.values(clipTroubles).map(({ after }) => after?.longestSeconds ?? 0)) * 1000

const pauseLeft = ({ nextTime }: { nextTime: string }, now: Date) =>
  leftMillis(Date.parse(nextTime), longestPauseMillis, now.getTime())

/** How long until the next Pod may be made. */
function restOf(attempt: ClipAttempt, mayBeGrantedNow: boolean, now: Date): number {
  switch (attempt.is) {
    case 'none':
    case 'made':
      return 0
    case 'refused':
      return mayBeGrantedNow ? 0 : pauseLeft(attempt, now)
    case 'failed':
      return pauseLeft(attempt, now)
  }
}

/** The recorder is asked for the clip. Whatever comes of that, there is the end of the recording, after which a Pod cuts. */
function whileItGoesOn(
  clip: RecordingClip,
  { recording, recorder }: ObservedClip['recording'] & { is: 'underWay' },
  now: Date,
): ClipPlan {
  const call = callOf(clip, recording, now)
  if (call.is === 'notYet') {
    const plan = waits(clip, 'TooEarly', {}, call.why, now)
    return call.at === undefined ? plan : { ...plan, requeueAfterMillis: call.at.getTime() - now.getTime() }
  }
  const { request } = call
  if (recorder.is === 'none') return waits(clip, 'NoRecorder', {}, recorder.why, now)
  const elsewhere = volumeElsewhere(recording, recorder.volume, request)
  if (elsewhere !== undefined) {
    const why = `some of its time may have been recorded on volume ${elsewhere}, which the recorder of Pod ${recorder.pod} does not have`
    return waitsFor(clip, 'OtherVolume', request, why, now)
  }
  switch (recorder.is) {
    case 'busy': {
      const why = `Pod ${recorder.pod} is asked for ${mostClipRequests} others before it`
      return waitsFor(clip, 'RecorderBusy', request, why, now)
    }
    case 'notAsked': {
      const action = { do: 'askRecorder', pod: recorder.pod } as const
      if (now.getTime() - recorder.since.getTime() > silenceMillis) {
        return { ...putOff(clip, 'RecorderSilent', request, recorder, 'it could not be told of the clip', now), action }
      }
      return { ...isBeingCut(clip, request, `The recorder of Pod ${recorder.pod} is asked for it`, now), action }
    }
    case 'asked':
      return afterAnswer(clip, recording, request, recorder, now)
  }
}

function afterAnswer(
  clip: RecordingClip,
  recording: Pick<Recording, 'status'>,
  request: ClipRequest,
  recorder: ObservedRecorder & { is: 'asked' },
  now: Date,
): ClipPlan {
  const { pod, answer } = recorder
  const restMillis = Date.parse(request.to) - now.getTime()
  const dueMillis = Math.max(recorder.since.getTime(), Date.parse(request.to))
  const requeueAfterMillis = restMillis > 0 ? restMillis : pauseMillis(now.getTime() - dueMillis)
  switch (answer.is) {
    case 'waiting':
      return { ...isBeingCut(clip, request, `Pod ${pod}: ${answer.message}`, now), requeueAfterMillis }
    case 'silent': {
      const lastMillis = Math.max(dueMillis, recorder.heard?.getTime() ?? 0)
      if (now.getTime() - lastMillis > silenceMillis) return putOff(clip, 'RecorderSilent', request, recorder, answer.why, now)
      return { ...isBeingCut(clip, request, `The recorder of Pod ${pod} is asked for it`, now), requeueAfterMillis }
    }
    case 'later':
      return putOff(clip, 'RecorderPutOff', request, recorder, answer.message, now)
    case 'over': {
      const { result } = answer
      const { outcome, message } = result
      const isOnAnother = outcome === 'NothingThere' && hasOtherVolumes(recording, recorder.volume)
      if (outcome === 'StorageUnavailable' || isOnAnother) return putOff(clip, 'RecorderPutOff', request, recorder, message, now)
      if (isUnheeded(clip, result)) return putOff(clip, 'RecorderPutOff', request, recorder, whyUnheeded, now)
      const change = { ...timesOf(request), attempts: clip.status?.attempts ?? 0, ...filesOf(result) }
      const status = concluded(clip, change, { reason: reasonOf(outcome, result), message }, now)
      return { status, action: { do: 'nothing' } }
    }
  }
}

function pauseMillis(elapsedMillis: number): number {
  const { firstSeconds, longestSeconds } = clipTroubles.RecorderAsked.after
  if (elapsedMillis <= soonForMillis) return firstSeconds * 1000
  return Math.min(longestSeconds * 1000, Math.ceil(elapsedMillis / 10))
}

const timesOf = ({ from, to }: ClipRequest) => ({ startTime: from, endTime: to })

function isBeingCut(clip: RecordingClip, request: ClipRequest, message: string, now: Date): ClipPlan {
  const { condition: reason, after } = clipTroubles.RecorderAsked
  const status = withVerdict(clip, timesOf(request), { reason, message }, now)
  return { status, action: { do: 'nothing' }, requeueAfterMillis: after.longestSeconds * 1000 }
}

/** The recorder could not cut it; it may yet say otherwise, and else it is cut when the recording is over. */
function putOff(
  clip: RecordingClip,
  word: 'RecorderSilent' | 'RecorderPutOff',
  request: ClipRequest,
  { pod, since }: { pod: string; since: Date },
  why: string,
  now: Date,
): ClipPlan {
  const requeueAfterMillis = halfOfWhatItLasted(word, Math.max(since.getTime(), Date.parse(request.to)), now)
  return { ...waits(clip, word, timesOf(request), `Pod ${pod} has not cut it: ${why}`, now), requeueAfterMillis }
}

/** What ends this is heard of; what is missed of it is looked for less and less often. */
function waitsFor(
  clip: RecordingClip,
  word: 'OtherVolume' | 'RecorderBusy',
  request: ClipRequest,
  why: string,
  now: Date,
): ClipPlan {
  const requeueAfterMillis = halfOfWhatItLasted(word, Date.parse(request.to), now)
  return { ...waits(clip, word, {}, why, now), requeueAfterMillis }
}

/** When to look again: within the bounds, after half of the time that it has lasted. */
function halfOfWhatItLasted(
  word: 'OtherVolume' | 'RecorderBusy' | 'RecorderSilent' | 'RecorderPutOff',
  sinceMillis: number,
  now: Date,
): number {
  const { firstSeconds, longestSeconds } = clipTroubles[word].after
  const halfMillis = Math.ceil((now.getTime() - sinceMillis) / 2)
  return Math.min(longestSeconds * 1000, Math.max(firstSeconds * 1000, halfMillis))
}

function waits(
  clip: RecordingClip,
  word: 'TooEarly' | 'NoRecorder' | 'OtherVolume' | 'RecorderBusy' | 'RecorderSilent' | 'RecorderPutOff',
  change: Partial<RecordingClipStatus>,
  why: string,
  now: Date,
): ClipPlan {
  const { condition: reason } = clipTroubles[word]
  const { name } = clip.spec.recordingRef
  const message = `Recording ${name} is not over yet, and ${why}. The clip is cut when it can be, at the latest when the recording is over`
  const status = withVerdict(clip, change, { reason, message }, now)
  return { status, action: { do: 'nothing' } }
}
