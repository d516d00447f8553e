import type { Attempt, UserAnnotation } from '@trtc-recorder/api'
import { nextNumber } from './attempts.ts'
import type { Draft } from './draft.ts'
import { attemptState, volumeState } from './stage.ts'
import { askedBy, unheeded } from './unheeded.ts'
import { endWithoutPod, nowHolds } from './volumes.ts'

/** Once for each value, whatever comes of it. */
export function heedAnnotations(draft: Draft): undefined {
  for (const annotation of unheeded(draft.recording)) {
    heed[annotation](draft)
    draft.status.handled = { ...draft.status.handled, [annotation]: askedBy(draft.recording, annotation)! }
  }
}

const heed: Record<UserAnnotation, (draft: Draft) => void> = {
  'retry-upload': (draft) => {
    const { status, now, attempts } = draft
    for (const volume of draft.volumes.filter((one) => volumeState(one).is === 'holding')) {
      delete volume.givenUp
      volume.triedFrom = nextNumber(attempts)
    }
    for (const { pod, state } of draft.observed.pods) {
      if (state.kind !== 'ended' && pod.metadata.deletionTimestamp === undefined) draft.act({ do: 'nudgePod', pod, at: now })
    }
    if (draft.stage.is === 'recording') return
    if (draft.volumes.every((volume) => volumeState(volume).is !== 'holding')) return
    status.nextAttemptTime = now.toISOString()
    if (draft.isFinished) reopen(draft)
  },

  'redeliver-callback': ({ status, now }) => {
    const { callback } = status
    if (callback === undefined || callback.state === 'Pending') return
    const { nextAttemptTime: _, deliveredTime: __, ...same } = callback
    status.callback = { ...same, state: 'Pending', dueSince: now.toISOString() }
  },

  'force-new-attempt': (draft) => {
    const { status, now, open } = draft
    if (draft.stage.is === 'finished') return
    status.nextAttemptTime = now.toISOString()
    if (open === undefined) return
    delete open.refusedTimes
    delete open.refusedTime
    // A plan is carried out at once then; anything else makes room for the next.
    if (draft.podOf(open) !== undefined) endOrLeaveBehind(draft, open, 'The annotation force-new-attempt asked for another one.')
  },

  'give-up': (draft) => {
    const { status } = draft
    if (draft.stage.is === 'finished') return
    for (const attempt of draft.allOpen) endOrLeaveBehind(draft, attempt, 'The annotation give-up asked to let go of it.')
    for (const volume of draft.volumes.filter((one) => volumeState(one).is === 'holding')) volume.givenUp = true
    status.stopReason ??= 'GivenUp'
  },

  'take-over-volume': (draft) => {
    const { open } = draft
    if (open?.volume === undefined || open.reason !== 'VolumeNotOwned') return
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
