import { type Attempt, type TroubleWord, troubles } from '@trtc-recorder/api'
import type { Draft } from './draft.ts'
import type { ObservedPod } from './plan.ts'
import { hasRecorderRunning, wasCalledNotReady } from './pod-state.ts'
import { attemptState, volumeNameOf, volumeState } from './stage.ts'
import { beingDeletedSince, endWithoutPod, mostVolumes, nowHolds, volumeOf } from './volumes.ts'

/**
 * A recorder whose node is silent, or makes nothing of its Pod, or whose volume cannot follow it, does not end the lesson: it is left behind, and the next
 * attempt begins elsewhere on a volume of its own. TRTC is the fence: who enters last sends the earlier one out, and a recorder that was sent out finishes
 * and stays out.
 */
export function leaveBehindWhatIsOutOfReach(draft: Draft): undefined {
  takeBackWhoStartsFirst(draft)
  noteWhoStartedAfterAll(draft)
  for (const attempt of draft.allOpen) {
    const observed = draft.podOf(attempt)
    if (observed !== undefined) leaveBehindIfOutOfReach(draft, attempt, observed)
  }
}

/** On a volume that was taken for lost, or out of reach, while it was nobody's yet: its Pod had its node, and the volume stays for as long as that runs. */
function noteWhoStartedAfterAll(draft: Draft): void {
  for (const attempt of draft.attempts.filter((one) => attemptState(one).is === 'leftBehind' && !one.uploadOnly)) {
    const volume = volumeOf(draft, attempt)
    const observed = draft.podOf(attempt)
    if (volume === undefined || observed === undefined || !hasRecorderRunning(observed.pod)) continue
    if (['planned', 'empty'].includes(volumeState(volume).is)) nowHolds(draft, attempt)
  }
}

function leaveBehindIfOutOfReach(draft: Draft, attempt: Attempt, observed: ObservedPod): void {
  // One that only uploads is waited for, as long as there is a volume: what it has to upload is nowhere else.
  const isWaitedFor = attempt.uploadOnly || draft.stage.is !== 'recording' || draft.asked !== undefined
  if (isWaitedFor && !isOnLostVolume(draft, attempt, observed)) return
  const word = outOfReach(draft, attempt, observed)
  if (word === undefined) return
  leaveBehind(
    draft,
    attempt,
    observed,
    word,
    `${messageOf(observed)}. The next attempt begins elsewhere, on a volume of its own.`,
  )
  // Whatever was said last of it, it may have recorded since.
  if (word !== 'VolumeUnreachable' && word !== 'VolumeLost') nowHolds(draft, attempt)
}

function leaveBehind(draft: Draft, attempt: Attempt, { pod }: ObservedPod, word: Word, message: string): void {
  attempt.state = 'LeftBehind'
  attempt.podUid = pod.metadata.uid
  attempt.reason = word
  attempt.message = message.slice(0, 1024)
  const volume = volumeOf(draft, attempt)
  if (volume !== undefined) volume.retired = true
}

/** Its node has made nothing of its Pod yet, and another one is on its way for that: whoever runs first is the recorder. */
const isSlow = (attempt: Attempt) =>
  attemptState(attempt).is === 'leftBehind' && attempt.reason === ('SlowStart' satisfies TroubleWord)

function takeBackWhoStartsFirst(draft: Draft): void {
  const slow = draft.attempts.find((attempt) => isSlow(attempt) && mayBeRecorder(draft.podOf(attempt)))
  const { open } = draft
  if (slow === undefined || !mayStillStart(draft, slow)) return
  if (open !== undefined) makeWayFor(draft, slow, open)
  slow.state = 'Running'
  delete slow.reason
  delete slow.message
  const volume = volumeOf(draft, slow)
  if (volume !== undefined) delete volume.retired
}

function makeWayFor(draft: Draft, first: Attempt, attempt: Attempt): void {
  const why = `Attempt ${first.number} has started after all.`
  const observed = draft.podOf(attempt)
  if (observed !== undefined) {
    leaveBehind(draft, attempt, observed, 'SlowStart', why)
    if (observed.pod.spec?.nodeName) nowHolds(draft, attempt)
  } else {
    endWithoutPod(draft, attempt, why)
    attempt.reason = 'SlowStart' satisfies TroubleWord
  }
}

const mayBeRecorder = (observed: ObservedPod | undefined) =>
  observed !== undefined &&
  ['starting', 'inRoom'].includes(observed.state.kind) &&
  hasRecorderRunning(observed.pod) &&
  observed.pod.metadata.deletionTimestamp === undefined

/** Whether it is still of use: until another recorder runs, or none is wanted, or the place in the room was given to somebody else. */
function mayStillStart(draft: Draft, slow: Attempt): boolean {
  const { open, observed, stage, asked, attempts } = draft
  if (stage.is !== 'recording' || asked !== undefined || observed.identityHeldBy !== undefined) return false
  if (open === undefined) return attempts.at(-1) === slow || !observed.identityIsWanted
  const begun = draft.podOf(open)
  return begun === undefined || !hasRecorderRunning(begun.pod)
}

/** The Pod that its node has made nothing of yet, beside that of the next attempt. */
export function podThatMayStillStart(draft: Draft): ObservedPod | undefined {
  const slow = draft.attempts.find(isSlow)
  return slow !== undefined && mayStillStart(draft, slow) ? draft.podOf(slow) : undefined
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

type Word = Extract<TroubleWord, 'NodeSilent' | 'SlowStart' | 'SlowEnd' | 'VolumeUnreachable' | 'VolumeLost'>

function outOfReach(draft: Draft, attempt: Attempt, observed: ObservedPod): Word | undefined {
  const { state } = observed
  if (isOnLostVolume(draft, attempt, observed)) return 'VolumeLost'
  const silentSince = state.kind === 'silent' ? state.since : unheardSince(draft, attempt, observed)
  if (silentSince !== undefined) return isOver(draft, silentSince, 'NodeSilent') ? 'NodeSilent' : undefined
  if (state.kind === 'leaving') return state.askedAt && isOver(draft, state.askedAt, 'SlowEnd') ? 'SlowEnd' : undefined
  if (isOfAnEarlierAttempt(draft, attempt) && cannotFollow(state)) {
    return isOver(draft, state.since, 'VolumeUnreachable') ? 'VolumeUnreachable' : undefined
  }
  if (state.kind !== 'blocked' || state.idleSince === undefined || !isWorthAnother(draft)) return undefined
  return isOver(draft, state.idleSince, 'SlowStart') ? 'SlowStart' : undefined
}

const cannotFollow = (state: ObservedPod['state']): state is Extract<ObservedPod['state'], { kind: 'unscheduled' | 'blocked' }> =>
  (state.kind === 'unscheduled' && /volume node affinity conflict/i.test(state.message)) ||
  (state.kind === 'blocked' && /Multi-Attach|FailedAttachVolume/i.test(state.message))

/** What is so on two nodes is so on a third. */
const isWorthAnother = ({ attempts, volumes }: Draft) => !attempts.some(isSlow) && volumes.length < mostVolumes

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

/** As long as the node controller waits for a node. */
const nodeGraceMillis = 45_000

/**
 * Its node was called not ready before, and a recorder that answered does so no more. That alone says nothing, for the operator may be the one who is cut
 * off; but of this node nobody else would say that it has fallen silent.
 */
function unheardSince(draft: Draft, attempt: Attempt, { pod, state }: ObservedPod): string | undefined {
  const { progress } = draft.observed
  if (attempt !== draft.open || state.kind !== 'inRoom' || progress.is !== 'unknown' || progress.heardAt === undefined)
    return undefined
  return wasCalledNotReady(pod) ? new Date(progress.heardAt.getTime() + nodeGraceMillis).toISOString() : undefined
}

function messageOf({ pod, state }: ObservedPod): string {
  const { name } = pod.metadata
  if ('message' in state) return state.message
  if (state.kind === 'leaving') return `Pod ${name} was asked to end, and its recorder is still at its files`
  return `Node ${pod.spec?.nodeName} was not ready, and now the recorder in Pod ${name} does not answer any more`
}
