import { type Attempt, troubles } from '@trtc-recorder/api'
import type { Draft } from './draft.ts'
import type { ObservedPod } from './plan.ts'
import { volumeNameOf, volumeState } from './stage.ts'
import { beingDeletedSince, nowHolds, volumeOf } from './volumes.ts'

/**
 * A recorder whose node is silent, or whose volume cannot follow it, does not end the lesson: it is left behind, and the next attempt begins
 * elsewhere on a volume of its own. TRTC is the fence: who enters last sends the earlier one out, and a recorder that was sent out finishes
 * and stays out.
 */
export function leaveBehindWhatIsOutOfReach(draft: Draft): undefined {
  for (const attempt of draft.allOpen) {
    const observed = draft.podOf(attempt)
    if (observed !== undefined) leaveBehindIfOutOfReach(draft, attempt, observed)
  }
}

function leaveBehindIfOutOfReach(draft: Draft, attempt: Attempt, observed: ObservedPod): void {
  // One that only uploads is waited for, as long as there is a volume: what it has to upload is nowhere else.
  const isWaitedFor = attempt.uploadOnly || draft.stage.is !== 'recording' || draft.asked !== undefined
  if (isWaitedFor && !isOnLostVolume(draft, attempt, observed)) return
  const word = outOfReach(draft, attempt, observed)
  if (word === undefined) return
  attempt.state = 'LeftBehind'
  attempt.podUid = observed.pod.metadata.uid
  attempt.reason = word
  attempt.message = `${messageOf(observed)}. The next attempt begins elsewhere, on a volume of its own.`.slice(0, 1024)
  if (word === 'NodeSilent') nowHolds(draft, attempt)
  const volume = volumeOf(draft, attempt)
  if (volume !== undefined) volume.retired = true
}

/** Pods and volumes are heard of apart: a Pod that got its node, or its container, just before its volume was deleted works on it, and the volume stays. By then that is heard of. */
const knownAfterMillis = 15_000

/** Its Pod can never start, for the claim it names is gone, or going. */
function isOnLostVolume(draft: Draft, attempt: Attempt, { state }: ObservedPod): boolean {
  const volume = volumeOf(draft, attempt)
  if (volume === undefined || !['unscheduled', 'blocked'].includes(state.kind)) return false
  if (volumeState(volume).is === 'lost') return true
  const since = beingDeletedSince(draft, volume)
  if (since === undefined) return false
  const left = Date.parse(since) + knownAfterMillis - draft.now.getTime()
  if (left > 0) draft.lookAgainIn(left)
  return left <= 0
}

type Word = 'NodeSilent' | 'VolumeUnreachable' | 'VolumeLost'

function outOfReach(draft: Draft, attempt: Attempt, observed: ObservedPod): Word | undefined {
  const { state } = observed
  if (isOnLostVolume(draft, attempt, observed)) return 'VolumeLost'
  if (state.kind === 'silent') return isOver(draft, state.since, 'NodeSilent') ? 'NodeSilent' : undefined
  if (!isOfAnEarlierAttempt(draft, attempt)) return undefined
  const cannotFollow =
    (state.kind === 'unscheduled' && /volume node affinity conflict/i.test(state.message)) ||
    (state.kind === 'blocked' && /Multi-Attach|FailedAttachVolume/i.test(state.message))
  if (!cannotFollow || !('since' in state)) return undefined
  return isOver(draft, state.since, 'VolumeUnreachable') ? 'VolumeUnreachable' : undefined
}

/** Says when to look again if its time is not yet up. */
function isOver(draft: Draft, since: string, word: Word): boolean {
  const left = Date.parse(since) + troubles[word].after.firstSeconds * 1000 - draft.now.getTime()
  if (left > 0) draft.lookAgainIn(left)
  return left <= 0
}

const isOfAnEarlierAttempt = ({ attempts, recording }: Draft, attempt: Attempt) =>
  attempts.some(
    (other) =>
      other.number < attempt.number &&
      volumeNameOf(other, recording.metadata.name) === volumeNameOf(attempt, recording.metadata.name),
  )

const messageOf = ({ state }: ObservedPod) => ('message' in state ? state.message : state.kind)
