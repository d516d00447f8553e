import type { Recording } from '@trtc-recorder/api'
import type { StoreEvent } from '../runtime/store.ts'

/** What happened to Recordings, counted once each. No name of an object is ever a label. */
export interface RecordingCounters {
  /** From the creation of a Recording to its recorder being in the room. */
  started(seconds: number): void
  /** An attempt ended; `reason` as it stands in the status. */
  attemptEnded(reason: string): void
  /** All is over. `stopToStoredSeconds` is from when it was known that it stops, if this process saw that. */
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

  return (event: StoreEvent<Recording>): void => {
    const { uid } = event.object.metadata
    if (event.type === 'deleted') stopping.delete(uid)
    if (event.type !== 'updated') return
    const { object, previous } = event
    if (isEnding(object) && !isOver(object) && !stopping.has(uid)) stopping.set(uid, now())
    const since = stopping.get(uid)
    if (isOver(object)) stopping.delete(uid)
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
      const succeeded = status.conditions?.find(({ type }) => type === 'Succeeded')?.status === 'True'
      const stored = status.files?.reduce((sum, file) => sum + (file.status === 1 ? file.bytes : 0), 0) ?? 0
      counters.finished(succeeded ? 'succeeded' : 'failed', stored, since === undefined ? undefined : (now() - since) / 1000)
    }
  }
}

const isOver = ({ status }: Recording) => status?.completionTime !== undefined

/** Somebody asked for its end, or it came by itself. */
function isEnding({ spec, status, metadata }: Recording): boolean {
  const finishing = status?.conditions?.some(({ type, reason }) => type === 'Succeeded' && reason === 'Finishing') ?? false
  const isAsked = spec.desiredState === 'Stopped' || metadata.deletionTimestamp !== undefined
  return finishing || isAsked || status?.stopReason !== undefined
}
