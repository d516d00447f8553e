import { type Attempt, type Condition, type RecordingStatus, type RecordingVolume, troubleOf } from '@trtc-recorder/api'
import type { EventNote } from '../kube/events.ts'
import { type Answers, answerEvents } from './answers.ts'
import { findCondition } from './conditions.ts'
import { attemptState, volumeState } from './stage.ts'

/**
 * What a change of status is told as: an Event for each attempt that came to anything but its good end, and for each turn of the story that
 * is trouble, or its end. That a Recording is on its way or in the room, and since when, stands in its conditions.
 */
export function eventsOf(before: RecordingStatus | undefined, after: RecordingStatus, answers: Answers = {}): EventNote[] {
  const notes = [
    ...attemptEvents(before, after),
    ...leftBehindEvents(before, after),
    ...volumeEvents(before, after),
    ...annotationEvents(before, after, answers),
    ...warningEvents(before, after),
    ...storyEvents(before, after),
  ]
  // Two conditions may say the same.
  return notes.filter(({ reason, note }, at) => notes.findIndex((one) => one.reason === reason && one.note === note) === at)
}

function annotationEvents(before: RecordingStatus | undefined, after: RecordingStatus, answers: Answers): EventNote[] {
  const volumes = (after.volumes ?? []).filter(({ state }) => state === 'Holding' || state === 'Lost')
  const lost = volumes.map(({ name, holds }) => `${name} (${holds ?? 'not known'})`).join(', ')
  return answerEvents(before, after, answers, (annotation) =>
    annotation === 'give-up' && lost !== '' ? ` Not in COS: ${lost}.` : '',
  )
}

function leftBehindEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  const isLeftBehind = (attempt: Attempt) => attemptState(attempt).is === 'leftBehind'
  const former = new Set(before?.attempts?.filter(isLeftBehind).map(({ number }) => number))
  return (after.attempts ?? [])
    .filter((attempt) => isLeftBehind(attempt) && !former.has(attempt.number))
    .map(({ number, pod, message, reason = 'LeftBehind' }) => ({
      type: 'Warning',
      reason,
      action: 'Record',
      note: `Attempt ${number} (Pod ${pod}) is left behind: ${message ?? 'nobody planned it'}`,
    }))
}

function volumeEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  const isLost = (volume: RecordingVolume) => volumeState(volume).is === 'lost'
  const former = new Set(before?.volumes?.filter(isLost).map(({ name }) => name))
  return (after.volumes ?? [])
    .filter((volume) => isLost(volume) && !former.has(volume.name))
    .map(({ name, holds }) => ({
      type: 'Warning',
      reason: 'VolumeLost',
      action: 'Store',
      note: `PersistentVolumeClaim ${name} is gone with what was not in COS: ${holds}`,
    }))
}

function attemptEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  const endedBefore = new Set(
    before?.attempts?.filter((attempt) => attempt.endTime !== undefined).map((attempt) => attempt.number),
  )
  return (after.attempts ?? [])
    .filter((attempt) => attempt.endTime !== undefined && !endedBefore.has(attempt.number) && isTroubled(attempt))
    .filter((attempt) => !isCalledOff(attempt, after))
    .map((attempt) => ({
      type: 'Warning',
      reason: attempt.reason ?? 'AttemptEnded',
      action: 'Record',
      note: `Attempt ${attempt.number} (Pod ${attempt.pod}) ended: ${attempt.message ?? troubleOf(attempt.reason).condition}`,
    }))
}

/** It was stopped or deleted before its recorder ran, which its story tells. */
const isCalledOff = ({ reason }: Attempt, { stopReason }: RecordingStatus) =>
  reason === 'NotStarted' && (stopReason === 'StopRequested' || stopReason === 'Deleted')

/** Its good end, or that of one that was only sent away, is no trouble; success that left no result is. */
const isTroubled = ({ exitCode, reason }: Attempt) => exitCode !== 0 || troubleOf(reason).counts

/** What a recorder that goes on needs help with. */
const warnings: readonly Condition['reason'][] = ['StorageRefused', 'StorageUnavailable', 'VolumeLow', 'UserSigExpiring']

function warningEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  if (findCondition(after.conditions, 'Succeeded')?.status !== 'Unknown') return []
  return (['Started', 'Stored'] as const).flatMap((type) => {
    const is = findCondition(after.conditions, type)
    const isNews =
      is !== undefined && warnings.includes(is.reason) && findCondition(before?.conditions, type)?.reason !== is.reason
    return isNews ? [{ type: 'Warning', reason: is.reason, action: 'Record', note: is.message }] : []
  })
}

function storyEvents(before: RecordingStatus | undefined, after: RecordingStatus): EventNote[] {
  const [was, is] = [headline(before), headline(after)]
  if (is === undefined || (was?.status === is.status && was.reason === is.reason)) return []
  if (isUnderWay(is) && !(is.reason === 'Recording' && isBack(was, after))) return []
  return [{ type: isTrouble(is) ? 'Warning' : 'Normal', reason: is.reason, action: 'Record', note: is.message }]
}

/** From a pause, from trouble, or with another attempt. */
const isBack = (was: Condition | undefined, { attempts = [] }: RecordingStatus) =>
  attempts.length > 1 || (was !== undefined && !isUnderWay(was))

const headline = (status: RecordingStatus | undefined) => findCondition(status?.conditions, 'Succeeded')

/** As most lives go. */
const isUnderWay = ({ status, reason }: Condition) => status === 'Unknown' && underWay.includes(reason)

const underWay: readonly Condition['reason'][] = ['Pending', 'Starting', 'Recording', 'Finishing']
const quiet: readonly Condition['reason'][] = [...underWay, 'Paused', 'RetryScheduled', 'IdentityInUse', 'Queued']

const isTrouble = ({ status, reason }: Condition) => status === 'False' || (status === 'Unknown' && !quiet.includes(reason))
