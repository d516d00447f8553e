import { type Attempt, type Recording, type RecordingStatus, type RecordingVolume, troubleOf } from '@trtc-recorder/api'
import { formerVolumeName } from './names.ts'

/**
 * What the fields of a status mean, read in this one place: where a Recording is, where an attempt of it is, what a volume of it holds.
 * Statuses that an earlier release wrote are read here as well.
 */

export type Stage =
  /** Somebody is to be recorded: an attempt is under way, or the next one is awaited. */
  | { is: 'recording' }
  /** Recording is over; what is on volumes is being stored. */
  | { is: 'storing'; stopReason: string }
  /** All that could be done has been done; only tidying up and the callback are left. */
  | { is: 'finished'; completionTime: string }

export function stageOf({ completionTime, stopReason }: RecordingStatus): Stage {
  if (completionTime !== undefined) return { is: 'finished', completionTime }
  return stopReason === undefined ? { is: 'recording' } : { is: 'storing', stopReason }
}

/** Whether any attempt has been in the room. */
export const hasEntered = ({ startTime }: RecordingStatus) => startTime !== undefined

export type AttemptState =
  /** Its Pod is about to be made, or waits for a node. `refused`: how often the API server would not have it, and when last. */
  | { is: 'planned'; refused: { times: number; time: string } | undefined }
  | { is: 'running'; podUid: string }
  /** Nobody waits for it any more; it may still be in the room. */
  | { is: 'leftBehind' }
  | { is: 'ended'; endTime: string }

export function attemptState(attempt: Attempt): AttemptState {
  const { state, endTime, podUid, refusedTimes, refusedTime } = attempt
  if (endTime !== undefined) return { is: 'ended', endTime }
  if (state === 'LeftBehind') return { is: 'leftBehind' }
  if (podUid !== undefined && podUid !== '') return { is: 'running', podUid }
  const refused = refusedTimes === undefined || refusedTime === undefined ? undefined : { times: refusedTimes, time: refusedTime }
  return { is: 'planned', refused }
}

/** Since when a Recording is refused a Pod or a volume for this reason, and in which words; undefined if it is not. */
export function refused({ attempts = [] }: RecordingStatus, reason: string): { since: string; message: string } | undefined {
  for (const attempt of attempts) {
    const state = attemptState(attempt)
    if (attempt.reason === reason && state.is === 'planned' && state.refused !== undefined)
      return { since: state.refused.time, message: attempt.message ?? '' }
  }
  return undefined
}

const isOpen = (attempt: Attempt) => ['planned', 'running'].includes(attemptState(attempt).is)

/** The attempt that records or is about to. There is at most one; those left behind do not count. */
export const openRecorder = (attempts: readonly Attempt[]) => attempts.find((attempt) => isOpen(attempt) && !attempt.uploadOnly)

/** The attempt that uploads what a volume holds, without entering the room. There is at most one. */
export const openUpload = (attempts: readonly Attempt[]) => attempts.find((attempt) => isOpen(attempt) && attempt.uploadOnly)

export const endedAttempts = (attempts: readonly Attempt[]) => attempts.filter((attempt) => attempt.endTime !== undefined)

/** The attempt that conditions and progress tell of: the recorder, or, once recording is over, what is left to upload. */
export function mainAttempt(status: RecordingStatus): Attempt | undefined {
  const { attempts = [] } = status
  const recorder = openRecorder(attempts)
  return stageOf(status).is === 'recording' ? recorder : (recorder ?? openUpload(attempts))
}

export type VolumeState =
  | { is: 'planned' }
  | { is: 'empty' }
  /** It has, or may have, what is not in COS. `what`: for a person. */
  | { is: 'holding'; what: string; givenUp: boolean }
  | { is: 'lost'; what: string }

export function volumeState({ state, holds = '', givenUp = false }: RecordingVolume): VolumeState {
  switch (state) {
    case 'Planned':
      return { is: 'planned' }
    case 'Empty':
      return { is: 'empty' }
    case 'Lost':
      return { is: 'lost', what: holds }
    // Or a word of another release: nothing is thrown away for not being understood.
    default:
      return { is: 'holding', what: holds, givenUp }
  }
}

export const holding = (volumes: readonly RecordingVolume[]) => volumes.filter((volume) => volumeState(volume).is === 'holding')
export const lost = (volumes: readonly RecordingVolume[]) => volumes.filter((volume) => volumeState(volume).is === 'lost')

/** The volume an attempt worked on. Before attempts said so, a Recording had one, of its own name. */
export const volumeNameOf = (attempt: Attempt, recording: string) => attempt.volume ?? formerVolumeName(recording)

/** The same status in today's words. One that is finished is left as it is. */
export function inTodaysWords(status: RecordingStatus, recording: string): RecordingStatus {
  const { attempts = [], volumes, completionTime } = status
  if (volumes !== undefined || completionTime !== undefined || attempts.length === 0) return status
  const name = formerVolumeName(recording)
  const last = endedAttempts(attempts).at(-1)
  // History alone tells, so what is not sure counts as held.
  const neverTouched = attempts.every(({ startTime, reason }) => startTime === undefined && troubleOf(reason).volume === 'same')
  const isEmpty = neverTouched || last?.exitCode === 0
  const volume: RecordingVolume = isEmpty
    ? { name, state: 'Empty' }
    : { name, state: 'Holding', holds: 'What attempts before the operator was upgraded recorded' }
  return { ...status, volumes: [volume], attempts: attempts.map((attempt) => ({ ...attempt, volume: name })) }
}

/** How many seconds a recorder has to get into the room; undefined where it is to enter none, or has been there. No status tells of the first of all at first. */
export const timeToEnter = ({ spec }: Pick<Recording, 'spec'>, attempt: Attempt | undefined): number | undefined =>
  attempt?.uploadOnly || attempt?.startTime !== undefined ? undefined : spec.limits.startTimeoutSeconds
