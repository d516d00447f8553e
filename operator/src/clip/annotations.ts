import { type ClipAnnotation, clipAnnotations, type RecordingClip, type RecordingClipStatus } from '@trtc-recorder/api'
import { type Answer, type Answers, noSuchAnnotation } from '../recording/answers.ts'
import { redelivered } from '../recording/redelivered.ts'
import { askedBy, unheeded, withoutForgotten } from '../recording/unheeded.ts'
import { clipStage, numberOf } from './stage.ts'

/** As much of what there is as matters here. */
interface Observed {
  clip: RecordingClip
  recording: { is: 'unseen' | 'missing' | 'deleted' | 'underWay' | 'over' }
  pod: { is: 'none' } | { is: 'atWork' | 'ended' | 'lost'; name: string }
}

interface Heeding {
  status: RecordingClipStatus
  answers: Answers
  /** It was over, and is not any more. */
  isBegunAnew: boolean
}

/** Once for each value, whatever comes of it; what that is, is told. Pure. */
export function heedClipAnnotations(observed: Observed, now: Date): Heeding {
  const { clip } = observed
  const { handled, ...status } = clip.status ?? {}
  const kept = withoutForgotten(clip, clipAnnotations)
  const heeding: Heeding = { status, answers: {}, isBegunAnew: false }
  for (const annotation of unheeded(clip, clipAnnotations)) {
    heeding.answers[annotation] = isAsked(annotation)
      ? heed[annotation](heeding, observed, now)
      : noSuchAnnotation(clipAnnotations.asked, 'A clip that is not wanted any more can be deleted.')
    kept[annotation] = askedBy(clip, annotation)!
  }
  if (handled !== undefined || Object.keys(kept).length > 0) heeding.status = { ...heeding.status, handled: kept }
  return heeding
}

const isAsked = (annotation: string): annotation is ClipAnnotation => Object.hasOwn(clipAnnotations.asked, annotation)

const heed: Record<ClipAnnotation, (heeding: Heeding, observed: Observed, now: Date) => Answer> = {
  'retry-upload': (heeding, { clip, recording, pod }, now) => {
    const { status } = heeding
    const stage = clipStage(status)
    const succeeded = status.conditions?.find(({ type }) => type === 'Succeeded')
    if (stage.is === 'over') {
      if (succeeded?.status === 'True') {
        return { is: 'ignored', why: 'Every file of the clip is stored. Make another clip to cut it again.' }
      }
      if (recording.is === 'missing' || recording.is === 'deleted') {
        const { name } = clip.spec.recordingRef
        return { is: 'ignored', why: `Recording ${name} of then is not there any more to cut it from. Make another clip.` }
      }
      // A callback that is still being tried would tell of what is no result any more.
      const { completionTime: _, callback: __, attempts = 0, ...rest } = status
      heeding.status = { ...rest, attempts, attemptsBefore: attempts }
      heeding.isBegunAnew = true
      return { is: 'heeded', what: 'The clip is cut anew.' }
    }
    if (pod.is === 'atWork') return { is: 'ignored', why: `Pod ${pod.name} is at work on it.` }
    switch (stage.attempt.is) {
      case 'refused':
      case 'failed':
        heeding.status = { ...status, nextAttemptTime: now.toISOString() }
        return {
          is: 'heeded',
          what: `Pod ${numberOf(stage.attempt) + 1} of the clip is made now, and not at ${stage.attempt.nextTime}.`,
        }
      case 'none':
      case 'made':
        return { is: 'ignored', why: `It waits for no time. ${succeeded?.message ?? ''}`.trim() }
    }
  },

  'redeliver-callback': (heeding, { clip }, now) => {
    const { callback } = heeding.status
    if (clip.spec.callback === undefined) return { is: 'ignored', why: 'The RecordingClip names nobody in spec.callback.' }
    if (callback === undefined) return { is: 'ignored', why: 'The clip is not over yet; its callback is sent when it is.' }
    const again = redelivered(callback, now)
    heeding.status = { ...heeding.status, callback: again.callback }
    return again.answer
  },
}
