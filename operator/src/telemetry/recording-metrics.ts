import type { ConditionType, Recording } from '@trtc-recorder/api'
import { allFiles } from '../file-list.ts'
import type { StoreEvent } from '../runtime/store.ts'

/** What happened to Recordings, counted once each. No name of an object is ever a label. */
export interface RecordingCounters {
  /** From the creation of a Recording to its recorder being in the room. */
  started(seconds: number): void
  /** An attempt ended; `reason` as it stands in the status. */
  attemptEnded(reason: string): void
  /**
   * All is over. `storedBytes`: what was not counted when it was over before. `stopToStoredSeconds` is from when it was known that it stops, if this process saw
   * that, and all is stored.
   */
  finished(result: 'succeeded' | 'failed', storedBytes: number, stopToStoredSeconds: number | undefined): void
}

/**
 * Counts by what changes between two states of a Recording. Only what changes while this process watches is counted, so that a restart does not
 * count anything again, and only in the process that leads and serves it, so that two replicas or releases do not count it twice.
 */
export function countChanges(
  counters: RecordingCounters,
  serves: (recording: Recording) => boolean,
  now: () => number = Date.now,
) {
  /** UID → when its end was first known. */
  const stopping = new Map<string, number>()
  /** UID → what was stored of one that was over and is uploaded from once more. */
  const reopened = new Map<string, number>()

  return (event: StoreEvent<Recording>): void => {
    const { uid } = event.object.metadata
    if (event.type === 'deleted') for (const known of [stopping, reopened]) known.delete(uid)
    if (event.type !== 'updated') return
    const { object, previous } = event
    if (isOver(previous) && !isOver(object)) reopened.set(uid, storedBytes(previous))
    if (isEnding(object) && !isOver(object) && !stopping.has(uid) && !reopened.has(uid)) stopping.set(uid, now())
    const since = stopping.get(uid)
    const storedBefore = reopened.get(uid) ?? 0
    if (isOver(object)) for (const known of [stopping, reopened]) known.delete(uid)
    if (!serves(object)) return

    const { status = {}, metadata } = object
    if (status.startTime !== undefined && previous.status?.startTime === undefined) {
      counters.started(Math.max(0, (Date.parse(status.startTime) - Date.parse(metadata.creationTimestamp)) / 1000))
    }
    const ended = new Set(previous.status?.attempts?.flatMap(({ number, endTime }) => (endTime === undefined ? [] : number)))
    for (const { number, endTime, reason } of status.attempts ?? []) {
      if (endTime !== undefined && !ended.has(number)) counters.attemptEnded(reason ?? 'Unknown')
    }
    if (isOver(object) && !isOver(previous)) {
      const bytes = Math.max(0, storedBytes(object) - storedBefore)
      const seconds = since === undefined || !holds(object, 'Stored') ? undefined : (now() - since) / 1000
      counters.finished(holds(object, 'Succeeded') ? 'succeeded' : 'failed', bytes, seconds)
    }
  }
}

const holds = ({ status }: Recording, condition: ConditionType) =>
  status?.conditions?.some(({ type, status }) => type === condition && status === 'True') ?? false

/** Also of those that a status has no place to list. */
const storedBytes = ({ status = {} }: Recording) =>
  allFiles(status).reduce((sum, file) => sum + (file.status === 1 ? file.bytes : 0), 0)

const isOver = ({ status }: Recording) => status?.completionTime !== undefined

/** Somebody asked for its end, or it came by itself. */
function isEnding({ spec, status, metadata }: Recording): boolean {
  const finishing = status?.conditions?.some(({ type, reason }) => type === 'Succeeded' && reason === 'Finishing') ?? false
  const isAsked = spec.desiredState === 'Stopped' || metadata.deletionTimestamp !== undefined
  return finishing || isAsked || status?.stopReason !== undefined
}
