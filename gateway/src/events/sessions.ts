import {
  isListed,
  isScheduled,
  oldestEventSeconds,
  type Recording,
  type RecordingPolicySpec,
  type StopReason,
} from '@trtc-recorder/api'
import type { EventRoom, RoomEvent } from './event.ts'
import { beganMillisOf, endedMillisOf, sessionNumberOf } from './names.ts'

/**
 * Which Recording an event leads to: pure, from the event, the policy and the Recordings that the policy has of the room. The gateway remembers
 * nothing: these Recordings are its memory, and the API server, which makes a name once, is the judge between replicas.
 *
 * The sessions of a room are numbered, 1, 2, 3 …; the number is all of the name that is not policy and room. An event belongs to the last session
 * that has a Recording, or begins the next one. So whichever of a session's events comes first, and however often, the name is the same: nothing of
 * the event is in it. What remains is to know when a session is over (`belongs`), and for that each of four is enough: that TRTC told of the room's
 * end, that it told of the next beginning, that the recorder saw the end, or a day.
 */

/** How an event went, in a word; for the audit log and the metrics. */
export const eventOutcomes = {
  Made: 'A Recording was made.',
  Recorded: 'The session has its Recording already.',
  Noted: 'That the session is over was noted on its Recording.',
  NotAsked: 'No policy asks for this room and user, or for anything at the end of a room that it does not record.',
  OfRecorder: 'It tells of a recorder of a policy, which begins nothing.',
  OffSchedule: 'A policy asks for it, but not at this time.',
  Suspended: 'A policy asks for it, and is suspended.',
  OutOfTime: 'It happened more than five minutes ago, or will.',
  LimitReached: 'There are as many Recordings as there may be, so none was made.',
  RecordingRefused: 'The API server refused the Recording.',
  Ignored: 'Events of this type begin and end nothing.',
} as const
export type EventOutcome = keyof typeof eventOutcomes

export type Decision =
  | { do: 'nothing'; outcome: Exclude<EventOutcome, 'Made' | 'Noted' | 'LimitReached' | 'RecordingRefused'> }
  /** Makes the Recording of the session with this number, unless it is there. */
  | { do: 'make'; number: number }
  /** Writes onto the Recording that whatever happened from this time on belongs to another session. */
  | { do: 'note'; recording: Recording; endedMillis: number }

export interface Heard {
  event: Exclude<RoomEvent, { is: 'ignored' }>
  policy: RecordingPolicySpec
  /** That the policy has of this room, in any order. */
  recordings: readonly Recording[]
}

/** What to do about one policy, in this order. Policies that do not ask for the room are not asked. */
export function decide({ event, policy, recordings }: Heard): Decision[] {
  const last = recordings.toSorted((one, other) => sessionNumberOf(other) - sessionNumberOf(one))[0]
  const over = overSince(event)
  const noted = over === undefined || last === undefined ? undefined : note(last, over)
  const notes: Decision[] = noted === undefined ? [] : [noted]
  const refusal = whyNotBegun(event, policy)
  if (refusal !== undefined) return notes.length > 0 ? notes : [{ do: 'nothing', outcome: refusal }]
  if (last !== undefined && belongs(last, event.atMillis, noted?.endedMillis))
    return [...notes, { do: 'nothing', outcome: 'Recorded' }]
  return [...notes, { do: 'make', number: last === undefined ? 1 : sessionNumberOf(last) + 1 }]
}

export const asksForRoom = ({ rooms }: RecordingPolicySpec, room: EventRoom): boolean => {
  const isOfType = rooms.type === 'Any' || (rooms.type === 'Number') === (typeof room === 'number')
  return isOfType && isListed(rooms, String(room))
}

export const isInTime = ({ atMillis }: { atMillis: number }, now: Date): boolean =>
  Math.abs(now.getTime() - atMillis) <= oldestEventSeconds * 1000

/** From when on nothing belongs to a session that had begun before this event. */
function overSince(event: Heard['event']): number | undefined {
  switch (event.is) {
    case 'created':
      return event.atMillis
    case 'dismissed':
      return event.atMillis + 1
    case 'present':
      return undefined
  }
}

function note(recording: Recording, endedMillis: number) {
  const isLater = beganMillisOf(recording) < endedMillis
  // The first end that is known is the session's own.
  const isKnown = (endedMillisOf(recording) ?? Number.POSITIVE_INFINITY) <= endedMillis
  return isLater && !isKnown ? { do: 'note' as const, recording, endedMillis } : undefined
}

/** Undefined where the event is one with which a session's recording begins. */
function whyNotBegun(
  event: Heard['event'],
  policy: RecordingPolicySpec,
): Extract<Decision, { do: 'nothing' }>['outcome'] | undefined {
  const { enters, schedule, suspend } = policy
  if (event.is === 'dismissed') return 'NotAsked'
  const role = event.is === 'created' ? 'Audience' : event.role
  const isWhoIsAskedFor = (enters.role === 'Anyone' || role === 'Anchor') && isListed(enters, event.userId)
  if (!isWhoIsAskedFor) return 'NotAsked'
  if (suspend) return 'Suspended'
  if (schedule !== undefined && !isScheduled(schedule, new Date(event.atMillis))) return 'OffSchedule'
  return undefined
}

/** After these nobody is in the room, or nobody publishes: what comes then is another session. After others the session was not to be recorded on. */
const endsOfRooms: readonly StopReason[] = ['RoomDismissed', 'Idle']
/** Where neither end nor beginning was ever told of. */
const longestMillis = 24 * 3600 * 1000

/** Whether what happened then is of the session of this Recording, or of an earlier one. */
function belongs(recording: Recording, atMillis: number, notedMillis = endedMillisOf(recording)): boolean {
  // However the cluster's clock and TRTC's differ.
  if (atMillis <= beganMillisOf(recording)) return true
  if (notedMillis !== undefined && atMillis >= notedMillis) return false
  const { stopReason, attempts = [], completionTime } = recording.status ?? {}
  const last = attempts.at(-1)
  const left = last?.leftTime ?? last?.endTime ?? completionTime
  if (stopReason === undefined || left === undefined) return true
  const isRooms = endsOfRooms.includes(stopReason as StopReason)
  return atMillis <= Date.parse(left) + (isRooms ? 0 : longestMillis)
}
