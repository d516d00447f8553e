import type { Attempt } from '@trtc-recorder/api'
import { delayMillis } from './attempts.ts'
import type { Draft } from './draft.ts'
import { isWorthWaiting, noteWhereItIs } from './live-pod.ts'
import { makeRecorder, planAttempt, restOf, wasJustRefused } from './next-attempt.ts'
import { dueToBeMadeAt } from './pod-state.ts'
import { beingDeletedSince, volumeToUploadBeside } from './volumes.ts'

/**
 * What a recorder left on a node that was silent goes up as soon as the node is back, by a Pod that does not enter the room, while the next
 * recorder goes on elsewhere. The conditions tell of the recorder; of this the attempt and its volume do.
 */
export function uploadBeside(draft: Draft): void {
  const attempt = draft.beside ?? begin(draft)
  if (attempt === undefined) return
  const observed = draft.podOf(attempt)
  if (observed === undefined) {
    if (!wasJustRefused(draft, attempt)) makeRecorder(draft, attempt)
    return
  }
  const { pod, state } = observed
  noteWhereItIs(attempt, pod)
  const dueAt = dueToBeMadeAt(pod)
  if (dueAt !== undefined && dueAt > draft.now.getTime()) draft.lookAgainIn(dueAt - draft.now.getTime())
  if (state.kind === 'blocked' && !isWorthWaiting(draft, pod, state)) draft.act({ do: 'deletePod', pod })
}

function begin(draft: Draft): Attempt | undefined {
  if (draft.stage.is !== 'recording' || draft.asked !== undefined) return undefined
  const volume = volumeToUploadBeside(draft)
  if (volume === undefined || beingDeletedSince(draft, volume) !== undefined) return undefined
  const before = draft.attempts.filter((attempt) => attempt.volume === volume.name && attempt.uploadOnly)
  const waitMillis = restOf(before.at(-1), delayMillis(before), draft.now)
  if (waitMillis > 0) {
    draft.lookAgainIn(waitMillis)
    return undefined
  }
  return planAttempt(draft, volume.name, true)
}
