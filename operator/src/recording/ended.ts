import { type Attempt, podFinalizer, troubleOf } from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { failuresInARow, isRecorder, keepLast, mostFailuresInARow, nextNumber } from './attempts.ts'
import { hasBeenInTheRoom } from './conditions.ts'
import type { Draft } from './draft.ts'
import { judge } from './failure-policy.ts'
import { forgetWhatWasTrueThen, withResult } from './files.ts'
import { attemptOf } from './names.ts'
import type { ObservedPod } from './plan.ts'
import type { PodEnd } from './pod-state.ts'
import { podThatMayStillStart } from './reach.ts'
import { attemptState } from './stage.ts'
import { mayHold, volumeOf } from './volumes.ts'

/** Before a Pod may go, what it left is in the status: the attempt, its files, and whether recording is over. */
export function recordHowAttemptsEnded(draft: Draft): undefined {
  for (const attempt of draft.attempts) {
    const state = attemptState(attempt)
    const observed = draft.podOf(attempt)
    switch (state.is) {
      case 'ended':
        recordLateResult(draft, attempt)
        break
      case 'planned':
        if (observed?.state.kind === 'ended') recordEnd(draft, attempt, observed.pod, observed.state.end)
        break
      case 'running':
      case 'leftBehind':
        if (observed === undefined) recordEnd(draft, attempt, undefined, withoutTrace(attempt, draft.now))
        else if (observed.state.kind === 'ended') recordEnd(draft, attempt, observed.pod, observed.state.end)
    }
  }
  if (draft.attempts.length > 0) draft.status.attempts = keepLast(draft.attempts)
}

/**
 * A Pod that was made after all although its attempt had been ended for not having one, because its create was answered too late or not at
 * all. It has its say as well.
 */
function recordLateResult(draft: Draft, attempt: Attempt): void {
  if (attempt.podUid !== undefined && attempt.podUid !== '') return
  const observed = draft.podOf(attempt)
  if (observed?.state.kind === 'ended') recordEnd(draft, attempt, observed.pod, observed.state.end)
}

function recordEnd(draft: Draft, attempt: Attempt, pod: Pod | undefined, end: PodEnd): void {
  const { status, now } = draft
  const { result } = end
  const leftBehind = attemptState(attempt).is === 'leftBehind'
  if (result?.startedAt !== undefined) {
    // The recorder knows to the millisecond what the Pod's readiness says to the second.
    if (status.startTime === undefined || status.startTime === attempt.startTime) status.startTime = result.startedAt
    attempt.startTime = result.startedAt
    // It may have been over before anybody saw its Pod ready.
    draft.set('Started', hasBeenInTheRoom)
  }
  const ran = end.ran || attempt.startTime !== undefined
  const asked = (status.stopReason as typeof draft.asked) ?? draft.asked
  const role = leftBehind ? 'leftBehind' : attempt.uploadOnly ? 'uploads' : 'records'
  const judgement = judge(
    { ...end, ran },
    {
      ...{ asked, entered: draft.entered, role, isWanted: draft.observed.identityIsWanted },
      ...{ wasLatest: wasLatest(draft, attempt, result?.stoppedAt), isOpenAgain: isOpenAgain(draft, attempt) },
      isOvertaken: isOvertaken(draft, attempt),
    },
  )

  if (pod !== undefined) attempt.podUid = pod.metadata.uid
  attempt.state = 'Ended'
  // A Pod that no kubelet ever saw is said to end when its grace period would.
  attempt.endTime = earlier(end.time, now.toISOString())
  // That its volume could not follow says more than that it never ran.
  if (ran || !leftBehind) {
    attempt.reason = judgement.reason
    attempt.message = judgement.message.slice(0, 1024)
  }
  delete attempt.refusedTimes
  delete attempt.refusedTime
  if (end.node) attempt.node = end.node
  if (end.exitCode !== undefined) attempt.exitCode = end.exitCode
  if (result !== undefined) {
    const fields = withResult(status, result)
    delete status.moreFiles
    Object.assign(status, fields)
  }
  if (role === 'records') forgetWhatWasTrueThen(status)
  if (end.isUnheard && !ran) mayHold(draft, attempt)
  noteWhatIsHeld(draft, attempt, end)
  const volume = volumeOf(draft, attempt)
  // A recorder that was sent out has noted on its volume that it is over, and none enters the room from there again.
  if (result?.stopReason === 'DuplicateUser' && volume !== undefined) volume.retired = true

  const exhausted = role === 'records' && failuresInARow(draft.attempts) >= mostFailuresInARow
  const over =
    status.stopReason ?? judgement.stopReason ?? (exhausted ? (draft.entered ? 'RoomLost' : 'NeverStarted') : undefined)
  if (over !== undefined) status.stopReason = over
}

/** Whoever came later, and was in the room when this one left, has heard of the same. */
const wasLatest = ({ attempts }: Draft, { number }: Attempt, stoppedAt: string | undefined) =>
  stoppedAt !== undefined &&
  !attempts.some(
    (other) =>
      isRecorder(other) &&
      other.number > number &&
      Date.parse(other.startTime ?? '') <= Date.parse(stoppedAt) &&
      !(Date.parse(other.endTime ?? '') <= Date.parse(stoppedAt)),
  )

/** A later recorder is in the room, and is not known to have nobody to record: it would be the one to see that the room is empty. */
function isOpenAgain(draft: Draft, { number }: Attempt): boolean {
  const { open } = draft
  const { progress } = draft.observed
  if (open === undefined || open.uploadOnly || open.number < number) return false
  if (open.startTime === undefined && draft.podOf(open)?.state.kind !== 'inRoom') return false
  return progress.is !== 'known' || progress.said.participants.length > 0 || progress.said.files.length > 0
}

/** An earlier recorder, left behind on a node that was silent, was not at its end when this one was in the room. */
const isOvertaken = ({ attempts }: Draft, { number, startTime = '' }: Attempt) =>
  attempts.some(
    (other) =>
      isRecorder(other) &&
      other.number < number &&
      (other.endTime === undefined || Date.parse(other.endTime) > Date.parse(startTime)),
  )

/** What the volume of an attempt holds now that it has ended. */
function noteWhatIsHeld(draft: Draft, attempt: Attempt, { result, exitCode }: PodEnd): void {
  const volume = volumeOf(draft, attempt)
  const trouble = troubleOf(attempt.reason)
  if (volume === undefined) return
  if (trouble.next === 'elsewhere' && !attempt.uploadOnly) volume.retired = true
  const isOnlyOne = draft.attempts.every((other) => other === attempt || volumeOf(draft, other) !== volume)
  if (volume.state === 'Lost' && !isOnlyOne) return
  const unread = result?.filesOmitted !== undefined
  const missing = result?.files.filter((file) => file.status === 0).length ?? 0
  // Success does not count unproven: a result that nobody could read may have named files that are only here.
  const isClean = result !== undefined && !unread && (exitCode === 0 || trouble.volume === 'clean')
  // Its recorder had it to its end, and everything that was on it is in COS.
  if (volume.state === 'Lost' && !(isClean && missing === 0)) return
  if (isClean) {
    volume.state = 'Empty'
    delete volume.holds
    return
  }
  // A recorder that says it failed before it entered has recorded nothing; it may have tried to store what was there before.
  const isUnheard = result === undefined && (exitCode === 0 || trouble.volume === 'clean')
  const touched = trouble.volume === 'holds' || attempt.startTime !== undefined || unread || isUnheard || missing > 0
  const foundNothing = attempt.reason === 'InternalError' && attempt.startTime === undefined && missing === 0
  if (!touched || foundNothing) return
  volume.state = 'Holding'
  volume.holds =
    missing > 0
      ? `${missing} of the ${result?.files.length} files that attempt ${attempt.number} reported`
      : unread
        ? `The list of ${result?.filesOmitted} files that attempt ${attempt.number} reported`
        : `What attempt ${attempt.number} and those before it left there`
}

/** Nobody saw how it ended, so what it had to say is lost; what it recorded is on the volume. */
function withoutTrace(attempt: Attempt, now: Date): PodEnd {
  return {
    time: now.toISOString(),
    node: attempt.node,
    ran: true,
    exitCode: undefined,
    cause: 'PodDeleted',
    message: 'It is gone, and with it its result.',
    result: undefined,
  }
}

/**
 * A Pod of an attempt that the status knows nothing of (its Recording is known to be up to date): the attempt is taken on where there is no
 * other, and otherwise left behind, asked to end, and its result read.
 */
export function adoptUnplannedPods(draft: Draft): undefined {
  const unplanned = draft.observed.pods
    .flatMap((observed) => {
      const number = attemptOf(observed.pod)
      return number === undefined || draft.attempts.some((attempt) => attempt.number === number) ? [] : [{ observed, number }]
    })
    .filter(({ number }) => number >= nextNumber(draft.attempts))
    .toSorted((a, b) => a.number - b.number)
  for (const { observed, number } of unplanned) {
    const { pod } = observed
    const volume = pod.spec?.volumes?.find(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined)
    const claimName = volume?.persistentVolumeClaim?.claimName
    const mayGoOn = draft.open === undefined && draft.stage.is === 'recording'
    // As the first Pod of a Recording is, before anything is told of it.
    const isNew = mayGoOn && !pod.spec?.nodeName && claimName !== undefined
    const attempt: Attempt = {
      number,
      pod: pod.metadata.name,
      ...(isNew ? {} : { podUid: pod.metadata.uid }),
      state: isNew ? 'Planned' : mayGoOn ? 'Running' : 'LeftBehind',
      ...(claimName === undefined ? {} : { volume: claimName }),
      ...(pod.spec?.nodeName ? { node: pod.spec.nodeName } : {}),
    }
    draft.status.attempts = [...draft.attempts, attempt]
    if (claimName !== undefined && !draft.volumes.some(({ name }) => name === claimName)) {
      if (isNew || (mayGoOn && (!hasContainer(pod) || (number === 1 && hasNothingYet(observed))))) {
        draft.status.volumes = [...draft.volumes, { name: claimName, state: 'Planned' }]
        continue
      }
      const holds = `What attempt ${number} has recorded`
      draft.status.volumes = [...draft.volumes, { name: claimName, state: 'Holding', holds }]
    }
  }
}

/** The first of all: it is on its way into the room, or by its own account never got there. What it has from there on is noted then. */
const hasNothingYet = ({ state }: ObservedPod) =>
  state.kind === 'starting' || state.kind === 'blocked' || (state.kind === 'ended' && hasLeftNothing(state.end))

/** It never ran, such as one that its node would not take, or says that it got nowhere. */
const hasLeftNothing = ({ ran, cause, result }: PodEnd) =>
  result === undefined ? !ran && cause !== 'PodDeleted' : result.startedAt === undefined && result.files.length === 0

/** Whether a container was made of it, which may have written something. */
const hasContainer = ({ status, metadata }: Pod) =>
  metadata.deletionTimestamp !== undefined ||
  status?.phase !== 'Pending' ||
  (status.containerStatuses ?? []).some(({ state }) => !state?.waiting)

/** Pods of attempts that are not under way, and may not come to be: those that live are asked to end, those whose result stands in the status are cleared away. */
export function clearAwayPods(draft: Draft): undefined {
  const current = [...draft.allOpen.map((attempt) => draft.podOf(attempt)), podThatMayStillStart(draft)]
  for (const observed of draft.observed.pods) {
    const { pod, state, isGone } = observed
    if (isGone || current.includes(observed) || isAhead(draft, observed)) continue
    if (state.kind !== 'ended') {
      if (pod.metadata.deletionTimestamp === undefined) draft.act({ do: 'deletePod', pod })
    } else if (mayLinger(pod)) draft.act({ do: 'deletePod', pod, gracePeriodSeconds: lingerSeconds })
    if (state.kind === 'ended' && pod.metadata.finalizers?.includes(podFinalizer)) draft.act({ do: 'releasePod', pod })
  }
}

/** The status knows nothing of it. */
const isAhead = (draft: Draft, { pod }: ObservedPod) => (attemptOf(pod) ?? 0) >= nextNumber(draft.attempts)

/** Its recorder has ended, so whatever else runs in the Pod does not get the half hour that a recorder may need. */
const lingerSeconds = 30

/** One in which nothing runs any more and that is being deleted is the kubelet's to take away. */
const mayLinger = ({ metadata, status }: Pod) =>
  metadata.deletionTimestamp === undefined ||
  (!['Succeeded', 'Failed'].includes(status?.phase ?? '') && (metadata.deletionGracePeriodSeconds ?? 0) > lingerSeconds)

const earlier = (a: string, b: string) => (Date.parse(b) < Date.parse(a) ? b : a)
