import {
  type ClipCondition,
  type ClipJob,
  type ClipResult,
  clipOutcomes,
  type Recording,
  type RecordingClip,
  type RecordingClipStatus,
  troubles,
} from '@trtc-recorder/api'
import { nextLookMillis } from '../recording/attempts.ts'
import type { ClipWork } from './pod.ts'
import { concluded, filesOf, withVerdict } from './status.ts'

/** What there is of a clip. */
export interface ObservedClip {
  clip: RecordingClip
  /** The Recording it is of: none of that name, one that is not over yet, or one that is, with what is to be cut. */
  recording: { is: 'missing' } | { is: 'underWay' } | { is: 'over'; recording: Recording; work: ClipWork }
  /** Its Pod. */
  pod:
    | { is: 'none' }
    | { is: 'atWork'; name: string; attempt: number; message: string }
    | { is: 'ended'; name: string; attempt: number; result: ClipResult }
    | { is: 'lost'; name: string; attempt: number; message: string }
  /** The API server would not have the Pod. */
  refusal?: string
}

export interface ClipPlan {
  status: RecordingClipStatus
  action:
    | { do: 'nothing' }
    | { do: 'createPod'; recording: Recording; job: ClipJob; attempt: number }
    | { do: 'deletePod' }
    | { do: 'deleteClip' }
  requeueAfterMillis?: number
}

/** Before the second, third … of them. */
const pausesMillis = [1000, 10_000, 30_000, 60_000]
/** A Pod on a node that is silent changes nothing; it is looked at again. */
const lookAgainMillis = 30_000

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
  // A word of a later release: its files say what became of it.
  const reason =
    outcome in clipOutcomes ? outcome : result.files.every(({ status }) => status === 1) ? 'Completed' : 'FilesFailed'
  const status = concluded(clip, { attempts: attempt, ...filesOf(result) }, { reason, message }, now)
  return { status, action: { do: 'deletePod' } }
}

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
    case 'underWay': {
      const message = `Recording ${name} is not over yet`
      return { status: withVerdict(clip, {}, { reason: 'RecordingUnderWay', message }, now), action: { do: 'nothing' } }
    }
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
