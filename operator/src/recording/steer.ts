import { isDeepStrictEqual } from 'node:util'
import type { Attempt } from '@trtc-recorder/api'
import { leftMillis } from '../runtime/timers.ts'
import { stopAskedAnnotation, toldControl, wantedControl } from './control.ts'
import type { Draft } from './draft.ts'
import type { ObservedPod } from './plan.ts'

/** A recorder that is still ready so long after it was told to stop does not listen; and one that was not told by then cannot be. */
const deafMillis = 15_000

/**
 * Tells a recorder that has been in the room what has changed; one that is not there yet, or cannot be told, has its Pod deleted when it is
 * to stop, which is a SIGTERM. A stop that is told has no grace period to end in: the Pod is cleared away when it has ended. Where the recording is over by the word of an
 * earlier one, nobody has asked for that in the Recording, and so it is no stop that could be told.
 */
export function steer(draft: Draft, attempt: Attempt, { pod, state }: ObservedPod): void {
  if (pod.metadata.deletionTimestamp !== undefined || attempt.uploadOnly) return
  if (attempt === draft.unneeded) {
    draft.act({ do: 'deletePod', pod })
    return
  }
  const wanted = wantedOf(draft)
  const told = toldControl(pod)
  const isStop = wanted.desiredState === 'Stopped'
  const listens = told !== undefined && (!isStop || attempt.startTime !== undefined || state.kind === 'inRoom')
  if (!listens) {
    if (isStop) draft.act({ do: 'deletePod', pod })
    return
  }
  if (!isDeepStrictEqual(told, wanted)) {
    const asked = Date.parse(draft.status.stopRequestedTime ?? draft.recording.metadata.deletionTimestamp ?? '')
    // Who has been told to stop finishes for as long as it takes, whatever else is changed then.
    const isUntold = isStop && told?.desiredState !== 'Stopped'
    // Either way: a clock may have been set back since.
    if (isUntold && Math.abs(draft.now.getTime() - asked) >= deafMillis) draft.act({ do: 'deletePod', pod })
    else draft.act({ do: 'steerPod', pod, control: wanted, at: draft.now })
    if (isUntold) draft.lookAgainIn(deafMillis)
    return
  }
  if (!isStop || state.kind !== 'inRoom') return
  const deadline = Date.parse(pod.metadata.annotations?.[stopAskedAnnotation] ?? '') + deafMillis
  const left = leftMillis(deadline, deafMillis, draft.now.getTime())
  if (left > 0) draft.lookAgainIn(left)
  else draft.act({ do: 'deletePod', pod })
}

const wantedOf = ({ recording, status }: Draft) => wantedControl({ ...recording, status })

/** Whether it was told before what the Recording was changed to, and its Pod shows nothing of it: somebody else, such as a webhook, has a say in that. */
export function isKeptFromHearing(draft: Draft, { pod }: ObservedPod): boolean {
  const { status, metadata } = draft.observed.recording
  const told = toldControl(pod)
  return told !== undefined && status?.observedGeneration === metadata.generation && !isDeepStrictEqual(told, wantedOf(draft))
}
