import { isSubscribed, type Medium, type RecorderJob, type Stream, type TimelineEvent, wantedMedia } from '@trtc-recorder/api'
import type { ClockStep, WallSetting } from '../clock/clock.ts'
import type { NoticedLoss } from '../ledger/ledger.ts'
import { type AttemptNote, enteredAt } from './attempt.ts'
import { isFinalStop } from './stop-policy.ts'

/** Until when a file of an earlier attempt has media, and each medium as far as that is known. */
export interface FileEnd {
  attempt: number
  userId: string
  stream: Stream
  endTime: Date
  ends?: Partial<Record<Medium, Date>>
}

/** What arrived so long before the last media that is on the volume is there too, whatever was killed. */
const safeMillis = 1000

export interface AbsenceInput {
  spec: Pick<RecorderJob['spec'], 'mode' | 'subscribe'>
  /** The last attempt before this one that was in the room, and what happened to the users meanwhile. */
  last: AttemptNote
  events: readonly TimelineEvent[]
  ends: readonly FileEnd[]
  /** When this attempt entered; undefined when the recording was over. */
  until: Date | undefined
  /** Since when, at the latest, it is not paused; undefined where it is. */
  runningSince: Date | undefined
}

/** The attempt that an absence began with: the last that was in the room. */
export const lastInRoom = (earlier: readonly AttemptNote[]) => earlier.findLast((note) => enteredAt(note) !== null)

/**
 * What was being sent when the last recorder left the room, until this one was in it. A recorder that was killed took along what came after the last of a
 * medium that is on the volume, and no more than a second of it: a sender who had been still for longer sent nothing that is missing. Whether somebody stopped sending meanwhile nobody can know. Pure.
 */
export function absenceLosses({ spec, last, events, ends, until, runningSince }: AbsenceInput): NoticedLoss[] {
  // Nothing was taken then, and nothing is missing until it went on; when that was nobody noted.
  const wasPaused = last.pauses.at(-1)?.to === null
  if (wasPaused && (runningSince === undefined || until === undefined)) return []
  const hasStopped = isStopped(last)
  if (hasStopped && isFinalStop(last.stopReason)) return []
  const ofLast = ends.filter(({ attempt }) => attempt === last.attempt)
  const livedUntil = Math.max(...ofLast.map(({ endTime }) => endTime.getTime()))
  return publishingAt(events, spec).flatMap(({ userId, stream, medium, since }) => {
    const file = ofLast.findLast((end) => end.userId === userId && end.stream === stream)
    const safeUntil = Math.max(Date.parse(since), file === undefined ? 0 : Math.max(endOf(file, medium), livedUntil - safeMillis))
    const from = hasStopped ? Date.parse(last.stoppedAt) : wasPaused ? runningSince!.getTime() : safeUntil
    // By the clock of another machine it may have been in the room before: how long nobody was, nobody knows then.
    const to = Math.max(from, until?.getTime() ?? from)
    return {
      userId,
      stream,
      medium,
      fromMicros: from * 1000,
      toMicros: to * 1000,
      frames: null,
      bytes: null,
      reason: hasStopped ? 'RoomAway' : 'RecorderKilled',
      file: null,
      detail: until === undefined ? 'no recorder entered the room after that' : wasPaused ? wentOn : '',
    }
  })
}

/** Where it cannot be found out who sent what between the two, it is not known that nobody did. */
export function unknownAbsence({ spec, last, until }: Pick<AbsenceInput, 'spec' | 'last' | 'until'>, why: string): NoticedLoss[] {
  const hasStopped = isStopped(last)
  if (hasStopped && isFinalStop(last.stopReason)) return []
  const from = Date.parse(hasStopped ? last.stoppedAt : enteredAt(last)!)
  const times = { fromMicros: from * 1000, toMicros: Math.max(from, until?.getTime() ?? from) * 1000 }
  return wantedMedia[spec.mode].main.map((medium) => ({
    ...{ userId: null, stream: null, medium, ...times, frames: null, bytes: null, file: null },
    reason: hasStopped ? 'RoomAway' : 'RecorderKilled',
    detail: `who sent anything until a recorder was in the room again could not be found out: ${why}`,
  }))
}

/** So far two machines' clocks may be apart. */
const apartMillis = 1000

/**
 * The clock of an attempt that began before the one before it had ended, by what each of them says. On another machine, or after a boot, nothing else tells that it
 * is behind, and this no more than by how much at least; on the same one its `wall` tells all there is to know.
 */
export function clockBehind(
  { last, ends }: Pick<AbsenceInput, 'last' | 'ends'>,
  begunAt: Date,
  wall: WallSetting | undefined,
): ClockStep | undefined {
  if (last.wall !== undefined && last.wall.boot === wall?.boot) return undefined
  const ofLast = ends.filter(({ attempt }) => attempt === last.attempt).map(({ endTime }) => endTime.getTime())
  const latest = Math.max(...ofLast, isStopped(last) ? Date.parse(last.stoppedAt) : 0)
  const begun = begunAt.getTime()
  if (latest - begun < apartMillis) return undefined
  return { toldMicros: begun * 1000, beforeMicros: latest * 1000, afterMicros: begun * 1000 }
}

type StoppedNote = Extract<AttemptNote, { state: 'stopped' | 'complete' }>
const isStopped = (note: AttemptNote): note is StoppedNote => note.state === 'stopped' || note.state === 'complete'

const wentOn = 'it was paused when the recorder was killed, and had gone on by then'

/** 0 where nothing of the medium is in the file. */
const endOf = ({ endTime, ends }: FileEnd, medium: Medium) =>
  ends === undefined ? endTime.getTime() : (ends[medium]?.getTime() ?? 0)

interface Sending {
  userId: string
  stream: Stream
  medium: Medium
  since: string
}

/** What was being sent after the last of these events, as far as it is recorded. */
function publishingAt(events: readonly TimelineEvent[], { mode, subscribe }: AbsenceInput['spec']): Sending[] {
  const sending = new Map<string, Sending>()
  for (const { userId, stream, event, time } of events) {
    if (event === 'leave') for (const [key, one] of sending) if (one.userId === userId) sending.delete(key)
    const medium = event.startsWith('audio') ? 'audio' : event.startsWith('video') ? 'video' : undefined
    if (medium === undefined) continue
    const key = `${userId} ${stream} ${medium}`
    if (event.endsWith('Off')) sending.delete(key)
    else sending.set(key, { userId, stream, medium, since: time })
  }
  return [...sending.values()].filter(
    ({ userId, stream, medium }) => wantedMedia[mode][stream].includes(medium) && isSubscribed(subscribe, userId, [medium]),
  )
}
