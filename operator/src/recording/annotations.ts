import { type Attempt, recordingAnnotations, type UserAnnotation, userAnnotations } from '@trtc-recorder/api'
import { type Answer, noSuchAnnotation } from './answers.ts'
import { nextNumber } from './attempts.ts'
import type { Draft } from './draft.ts'
import { redelivered } from './redelivered.ts'
import { attemptState, volumeState } from './stage.ts'
import { askedBy, isUserAnnotation, unheeded, withoutForgotten } from './unheeded.ts'
import { endWithoutPod, nowHolds, volumeOutOfReach, volumeToUpload } from './volumes.ts'

/** Once for each value, whatever comes of it; what that is, is told. */
export function heedAnnotations(draft: Draft): undefined {
  forgetUnknown(draft)
  const asked = unheeded(draft.recording)
  const known = (Object.keys(heed) as UserAnnotation[]).filter((annotation) => asked.includes(annotation))
  for (const annotation of [...known, ...asked.filter((other) => !isUserAnnotation(other))]) {
    draft.answers[annotation] = isUserAnnotation(annotation) ? heed[annotation](draft) : noSuchAnnotation(userAnnotations)
    draft.status.handled = { ...draft.status.handled, [annotation]: askedBy(draft.recording, annotation)! }
  }
}

function forgetUnknown({ status, recording }: Draft): void {
  if (status.handled !== undefined)
    status.handled = withoutForgotten({ metadata: recording.metadata, status }, recordingAnnotations)
}

/** In the order in which they are heeded: of several that stand there at once, what is to be saved wins over what is let go of. */
const heed: Record<UserAnnotation, (draft: Draft) => Answer> = {
  'give-up': (draft) => {
    const { status } = draft
    if (draft.stage.is === 'finished') {
      return {
        is: 'ignored',
        why: 'The recording is over, and nothing is waited for but its callback; status.volumes says what is not in COS.',
      }
    }
    for (const attempt of draft.allOpen) endOrLeaveBehind(draft, attempt, 'The annotation give-up asked to let go of it.')
    for (const volume of draft.volumes.filter((one) => volumeState(one).is === 'holding')) volume.givenUp = true
    status.stopReason ??= 'GivenUp'
    return { is: 'heeded', what: 'The recording ends, and nothing is waited for any more.' }
  },

  'retry-upload': (draft) => {
    const { status, now, attempts } = draft
    for (const volume of draft.volumes.filter((one) => volumeState(one).is === 'holding')) {
      delete volume.givenUp
      volume.triedFrom = nextNumber(attempts)
    }
    const live = draft.observed.pods.filter(
      ({ pod, state }) => state.kind !== 'ended' && pod.metadata.deletionTimestamp === undefined,
    )
    for (const { pod } of live) draft.act({ do: 'nudgePod', pod, at: now })
    const names = live.map(({ pod }) => pod.metadata.name).join(', ')
    const nudged = names === '' ? '' : `Pod ${names} gets changed Secrets at once.`
    const held = draft.volumes.filter((volume) => volumeState(volume).is === 'holding').map(({ name }) => name)
    if (draft.stage.is === 'recording') {
      if (nudged !== '') return { is: 'heeded', what: nudged }
      if (held.length === 0) return { is: 'ignored', why: 'Nothing has been recorded yet that could be uploaded.' }
      const how = 'is uploaded by the next attempt. The annotation force-new-attempt begins that at once.'
      return { is: 'heeded', what: `What is on ${held.join(', ')} ${how}` }
    }
    if (held.length === 0) {
      return nudged === '' ? { is: 'ignored', why: 'Nothing is left on a volume to upload.' } : { is: 'heeded', what: nudged }
    }
    status.nextAttemptTime = now.toISOString()
    if (draft.isFinished) reopen(draft)
    return { is: 'heeded', what: `What is on ${held.join(', ')} is uploaded now. ${nudged}`.trim() }
  },

  'redeliver-callback': ({ status, now, recording, isFinished }) => {
    const { callback } = status
    if (recording.spec.callback === undefined) return { is: 'ignored', why: 'The Recording names nobody in spec.callback.' }
    if (callback === undefined || !isFinished)
      return { is: 'ignored', why: 'The recording is not over yet; its callback is sent when it is.' }
    const again = redelivered(callback, now)
    status.callback = again.callback
    return again.answer
  },

  'force-new-attempt': (draft) => {
    const { status, now, open } = draft
    if (draft.stage.is === 'finished') {
      return {
        is: 'ignored',
        why: 'The recording is over. Make a new Recording to record again; retry-upload uploads what is left.',
      }
    }
    const hasMore = volumeToUpload(draft) !== undefined || volumeOutOfReach(draft) !== undefined
    if (draft.stage.is === 'storing' && !hasMore) {
      return { is: 'ignored', why: 'The recording is over, and there is nothing that another attempt would upload.' }
    }
    status.nextAttemptTime = now.toISOString()
    if (open === undefined) return { is: 'heeded', what: 'The next attempt does not wait for its time any longer.' }
    delete open.refusedTimes
    delete open.refusedTime
    // A plan is carried out at once then; anything else makes room for the next.
    if (draft.podOf(open) === undefined) return { is: 'heeded', what: `The API server is asked for Pod ${open.pod} now.` }
    endOrLeaveBehind(draft, open, 'The annotation force-new-attempt asked for another one.')
    const isLeft = attemptState(open).is === 'leftBehind'
    const goesOn = draft.stage.is === 'recording' && draft.asked === undefined
    const then = goesOn ? 'the next attempt begins' : 'what it leaves on its volume is uploaded'
    return { is: 'heeded', what: `Attempt ${open.number} ${isLeft ? 'is left behind;' : 'ends, and then'} ${then}.` }
  },

  'take-over-volume': (draft) => {
    const { open } = draft
    if (open?.volume === undefined || open.reason !== 'VolumeNotOwned') {
      return { is: 'ignored', why: 'No PersistentVolumeClaim of somebody else is in the way (VolumeNotOwned).' }
    }
    draft.act({ do: 'takeOverVolume', name: open.volume })
    // Whatever is there, this recording is not made on it.
    const volume = draft.volumes.find(({ name }) => name === open.volume)
    if (volume !== undefined) volume.retired = true
    endOrLeaveBehind(
      draft,
      open,
      `What is on PersistentVolumeClaim ${open.volume} is uploaded beside the next attempt, which has a volume of its own.`,
    )
    draft.status.nextAttemptTime = draft.now.toISOString()
    const condition = `PersistentVolumeClaim ${open.volume} is taken over if a deleted Recording of this name left it`
    return { is: 'heeded', what: `${condition}; status.volumes names it then. The next attempt has a volume of its own.` }
  },
}

/** A recorder is asked to finish; one that cannot hear is not waited for. */
function endOrLeaveBehind(draft: Draft, attempt: Attempt, why: string): void {
  const observed = draft.podOf(attempt)
  if (observed?.isGone) return
  if (observed === undefined) {
    endWithoutPod(draft, attempt, why)
    return
  }
  const { pod, state } = observed
  if (state.kind === 'silent') {
    attempt.state = 'LeftBehind'
    attempt.podUid = pod.metadata.uid
    attempt.reason = 'NodeSilent'
    attempt.message = why
    // It may have recorded since it was last heard of.
    nowHolds(draft, attempt)
    const volume = draft.volumes.find(({ name }) => name === attempt.volume)
    if (volume !== undefined) volume.retired = true
  } else if (state.kind !== 'ended' && pod.metadata.deletionTimestamp === undefined && attemptState(attempt).is !== 'ended') {
    draft.act({ do: 'deletePod', pod })
  }
}

/** It was finished, and there is something to do again. What it comes to then is a result of its own. */
function reopen(draft: Draft): void {
  const { status } = draft
  delete status.completionTime
  draft.drop('Stalled')
  if (draft.recording.spec.callback !== undefined) {
    draft.set('CallbackDelivered', { status: 'Unknown', reason: 'Waiting', message: 'What is left is uploaded first' })
  }
}
