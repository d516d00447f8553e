import {
  type ClipCondition,
  type ClipJob,
  type ClipOutcome,
  type ClipRequest,
  type ClipResult,
  clipOutcomes,
  mostClipRequests,
  type Recording,
  type RecordingClip,
  type RecordingClipStatus,
  troubles,
} from '@trtc-recorder/api'
import { nextLookMillis } from '../recording/attempts.ts'
import type { ClipWork } from './pod.ts'
import type { Heard } from './recorder-answers.ts'
import { callOf, hasOtherVolumes, volumeElsewhere } from './requests.ts'
import { concluded, filesOf, withVerdict } from './status.ts'

/** What there is of a clip. */
export interface ObservedClip {
  clip: RecordingClip
  recording: /** Nobody has looked: its Pod, or its end, says what there is to say. */
    | { is: 'unseen' }
    | { is: 'missing' }
    | { is: 'underWay'; recording: Pick<Recording, 'status'>; recorder: ObservedRecorder }
    | { is: 'over'; recording: Recording; work: ClipWork }
  /** Its Pod. */
  pod:
    | { is: 'none' }
    | { is: 'atWork'; name: string; attempt: number; message: string }
    | { is: 'ended'; name: string; attempt: number; result: ClipResult }
    | { is: 'lost'; name: string; attempt: number; message: string }
  /** The API server would not have the Pod. */
  refusal?: string
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
  action:
    | { do: 'nothing' }
    /** What is asked of the recorder is brought up to date. */
    | { do: 'askRecorder'; pod: string }
    | { do: 'createPod'; recording: Recording; job: ClipJob; attempt: number }
    | { do: 'deletePod' }
    | { do: 'deleteClip' }
  requeueAfterMillis?: number
}

/** Before the second, third … of them. */
const pausesMillis = [1000, 10_000, 30_000, 60_000]
/** A Pod on a node that is silent changes nothing; it is looked at again. */
const lookAgainMillis = 30_000
/** A recorder that is asked answers within a second or two, or needs longer. */
const soonMillis = 300
const soonForMillis = 10_000
/** A recorder that says nothing of a clip for so long is not waited for. */
const silenceMillis = 60_000
/** Of a clip that waits for the end of the recording, more may be known by and by. */
const putOffMillis = 60_000
const longestPutOffMillis = 600_000

/** What is to become of a clip. Pure. */
export function decideClip(observed: ObservedClip, now: Date): ClipPlan {
  const { clip, recording, pod, refusal } = observed
  if (clip.status?.completionTime !== undefined) return afterwards(observed, clip.status, now)
  if (refusal !== undefined) return afterRefusal(clip, refusal, now)
  switch (pod.is) {
    case 'atWork': {
      const { attempt: attempts, message } = pod
      const { nextAttemptTime: _, ...status } = withVerdict(clip, { attempts }, { reason: 'Cutting', message }, now)
      return { status, action: { do: 'nothing' }, requeueAfterMillis: lookAgainMillis }
    }
    case 'ended':
      return afterResult(clip, pod, now)
    case 'lost':
      return again(clip, pod, now)
    case 'none':
      return withoutPod(clip, recording, now)
  }
}

/** The pause is as long as it has been refused, within the bounds of a Recording's: a quota may have room soon, a policy is mended by a person. */
function afterRefusal(clip: RecordingClip, message: string, now: Date): ClipPlan {
  const isRefused = ({ type, reason }: ClipCondition) => type === 'Stalled' && reason === 'PodRejected'
  const since = clip.status?.conditions?.find(isRefused)?.lastTransitionTime
  const sinceMillis = since === undefined ? now.getTime() : Date.parse(since)
  const requeueAfterMillis = nextLookMillis(troubles.PodRejected.after, sinceMillis, now.getTime())
  const nextAttemptTime = new Date(now.getTime() + requeueAfterMillis).toISOString()
  const status = withVerdict(clip, { nextAttemptTime }, { reason: 'PodRejected', message }, now)
  return { status, action: { do: 'nothing' }, requeueAfterMillis }
}

function afterwards({ clip, pod }: ObservedClip, status: RecordingClipStatus, now: Date): ClipPlan {
  if (pod.is !== 'none') return { status, action: { do: 'deletePod' } }
  const { ttlSecondsAfterFinished } = clip.spec
  const isToBeTold = status.callback?.state === 'Pending'
  if (ttlSecondsAfterFinished === undefined || isToBeTold) return { status, action: { do: 'nothing' } }
  const restMillis = Date.parse(status.completionTime!) + ttlSecondsAfterFinished * 1000 - now.getTime()
  if (restMillis > 0) return { status, action: { do: 'nothing' }, requeueAfterMillis: restMillis }
  return { status, action: { do: 'deleteClip' } }
}

function afterResult(clip: RecordingClip, { name, attempt, result }: ObservedClip['pod'] & { is: 'ended' }, now: Date): ClipPlan {
  const { outcome, message } = result
  if (outcome === 'StorageUnavailable') return again(clip, { is: 'lost', name, attempt, message }, now)
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
  reason: 'NotExact',
  message: `The files are stored, and not exact: the recorder cut them, and ${whyUnheeded}`,
} as const

function again(clip: RecordingClip, { attempt, message }: ObservedClip['pod'] & { is: 'lost' }, now: Date): ClipPlan {
  const pauseMillis = pausesMillis[attempt - 1]
  if (pauseMillis === undefined) {
    const status = concluded(clip, { attempts: attempt }, { reason: 'AttemptsExhausted', message }, now)
    return { status, action: { do: 'deletePod' } }
  }
  const { status: before } = clip
  // Said already; the Pod is on its way out.
  if (before?.attempts === attempt && before.nextAttemptTime !== undefined) {
    const restMillis = Date.parse(before.nextAttemptTime) - now.getTime()
    const requeueAfterMillis = restMillis > 0 ? restMillis : lookAgainMillis
    return { status: before, action: { do: 'deletePod' }, requeueAfterMillis }
  }
  const nextAttemptTime = new Date(now.getTime() + pauseMillis).toISOString()
  const status = withVerdict(clip, { attempts: attempt, nextAttemptTime }, { reason: 'Retrying', message }, now)
  return { status, action: { do: 'deletePod' }, requeueAfterMillis: pauseMillis }
}

function withoutPod(clip: RecordingClip, recording: ObservedClip['recording'], now: Date): ClipPlan {
  const { name } = clip.spec.recordingRef
  switch (recording.is) {
    case 'missing': {
      const message = `There is no Recording ${name} in namespace ${clip.metadata.namespace}`
      return { status: withVerdict(clip, {}, { reason: 'RecordingNotFound', message }, now), action: { do: 'nothing' } }
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
      const { attempts = 0, nextAttemptTime } = clip.status ?? {}
      const restMillis = nextAttemptTime === undefined ? 0 : Date.parse(nextAttemptTime) - now.getTime()
      if (restMillis > 0) return { status: clip.status!, action: { do: 'nothing' }, requeueAfterMillis: restMillis }
      if (attempts > pausesMillis.length) {
        const message = `${attempts} Pods were made, and none was left to say what became of the clip`
        return { status: concluded(clip, {}, { reason: 'AttemptsExhausted', message }, now), action: { do: 'nothing' } }
      }
      const attempt = attempts + 1
      const change = { startTime: job.from, endTime: job.to }
      const status = withVerdict(clip, change, { reason: 'Cutting', message: `Attempt ${attempt} begins` }, now)
      return {
        status,
        action: { do: 'createPod', recording: recording.recording, job, attempt },
        requeueAfterMillis: lookAgainMillis,
      }
    }
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
    const plan = waits(clip, {}, call.why, now)
    return call.at === undefined ? plan : { ...plan, requeueAfterMillis: call.at.getTime() - now.getTime() }
  }
  const { request } = call
  if (recorder.is === 'none') return waits(clip, {}, recorder.why, now)
  const elsewhere = volumeElsewhere(recording, recorder.volume, request)
  if (elsewhere !== undefined) {
    const why = `some of its time may have been recorded on volume ${elsewhere}, which the recorder of Pod ${recorder.pod} does not have`
    return { ...waits(clip, {}, why, now), requeueAfterMillis: putOffMillis }
  }
  switch (recorder.is) {
    case 'busy': {
      const why = `Pod ${recorder.pod} is asked for ${mostClipRequests} others before it`
      return { ...waits(clip, {}, why, now), requeueAfterMillis: putOffMillis }
    }
    case 'notAsked': {
      const action = { do: 'askRecorder', pod: recorder.pod } as const
      if (now.getTime() - recorder.since.getTime() > silenceMillis) {
        return { ...putOff(clip, request, recorder, 'it could not be told of the clip', now), action }
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
      if (now.getTime() - lastMillis > silenceMillis) return putOff(clip, request, recorder, answer.why, now)
      return { ...isBeingCut(clip, request, `The recorder of Pod ${pod} is asked for it`, now), requeueAfterMillis }
    }
    case 'later':
      return putOff(clip, request, recorder, answer.message, now)
    case 'over': {
      const { result } = answer
      const { outcome, message } = result
      const isOnAnother = outcome === 'NothingThere' && hasOtherVolumes(recording, recorder.volume)
      if (outcome === 'StorageUnavailable' || isOnAnother) return putOff(clip, request, recorder, message, now)
      if (isUnheeded(clip, result)) return putOff(clip, request, recorder, whyUnheeded, now)
      const change = { ...timesOf(request), attempts: 0, ...filesOf(result) }
      const status = concluded(clip, change, { reason: reasonOf(outcome, result), message }, now)
      return { status, action: { do: 'nothing' } }
    }
  }
}

const pauseMillis = (elapsedMillis: number) =>
  elapsedMillis <= soonForMillis ? soonMillis : Math.min(lookAgainMillis, Math.ceil(elapsedMillis / 10))

const timesOf = ({ from, to }: ClipRequest) => ({ startTime: from, endTime: to })

function isBeingCut(clip: RecordingClip, request: ClipRequest, message: string, now: Date): ClipPlan {
  const status = withVerdict(clip, timesOf(request), { reason: 'Cutting', message }, now)
  return { status, action: { do: 'nothing' }, requeueAfterMillis: lookAgainMillis }
}

/** The recorder could not cut it; it may yet say otherwise, and else it is cut when the recording is over. */
function putOff(
  clip: RecordingClip,
  request: ClipRequest,
  { pod, since }: { pod: string; since: Date },
  why: string,
  now: Date,
): ClipPlan {
  const elapsedMillis = now.getTime() - Math.max(since.getTime(), Date.parse(request.to))
  const plan = waits(clip, timesOf(request), `Pod ${pod} has not cut it: ${why}`, now)
  return { ...plan, requeueAfterMillis: Math.min(longestPutOffMillis, Math.max(putOffMillis, Math.ceil(elapsedMillis / 2))) }
}

function waits(clip: RecordingClip, change: Partial<RecordingClipStatus>, why: string, now: Date): ClipPlan {
  const { name } = clip.spec.recordingRef
  const message = `Recording ${name} is not over yet, and ${why}. The clip is cut when it can be, at the latest when the recording is over`
  return { status: withVerdict(clip, change, { reason: 'RecordingUnderWay', message }, now), action: { do: 'nothing' } }
}
