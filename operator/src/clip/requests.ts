import {
  type ClipRequest,
  type ClipRequests,
  clipRequestSchema,
  clipRequestsSchema,
  clipsAnnotation,
  mostClipRequests,
  type Recording,
  type RecordingClip,
} from '@trtc-recorder/api'
import type { Pod } from '@trtc-recorder/kube'
import { workVolume } from '../recording/pod.ts'
import { clipTimes } from './pod.ts'
import { isClipOver } from './stage.ts'

/** What is asked of a recorder while it records. Pure: two that ask at the same time ask for the same. */

/** So long before its end a clip is asked for, that the recorder knows of it in time. */
const aheadMillis = 60_000
/** The operator sees that a recorder is in the room up to some seconds later than the recorder. */
const lateMillis = 10_000

/** Whether a clip can be asked for now, as far as its times and its Recording tell. */
export type Call =
  | { is: 'now'; request: ClipRequest }
  /** `at`: when it can, where that is known. */
  | { is: 'notYet'; why: string; at: Date | undefined }

export function callOf(clip: RecordingClip, recording: Pick<Recording, 'status'>, now: Date): Call {
  const due = dueTimes(clip, recording, now)
  if (due.is === 'notYet') return due
  const { metadata, spec } = clip
  const { name, namespace, uid } = metadata
  const { data: request, error } = clipRequestSchema.safeParse({
    clip: { name, namespace, uid },
    ...{ from: due.from.toISOString(), to: due.to.toISOString() },
    ...{ users: spec.users, streams: spec.streams, exact: spec.exact },
  })
  if (request !== undefined) return { is: 'now', request }
  const [issue] = error.issues
  return { is: 'notYet', why: `${issue?.path.join('.')} of the clip cannot be used by this release`, at: undefined }
}

type DueTimes = { is: 'due'; from: Date; to: Date } | (Call & { is: 'notYet' })

function dueTimes({ spec }: RecordingClip, { status }: Pick<Recording, 'status'>, now: Date): DueTimes {
  if (status?.startTime === undefined) return { is: 'notYet', why: 'no recorder has been in the room yet', at: undefined }
  const times = clipTimes(spec, status.startTime)
  if (times.is === 'unusable') return { is: 'notYet', why: times.message, at: undefined }
  const { from, to } = times
  if (to.getTime() - now.getTime() <= aheadMillis) return { is: 'due', from, to }
  return { is: 'notYet', why: `the clip ends at ${to.toISOString()}`, at: new Date(to.getTime() - aheadMillis) }
}

/** Another volume than that of the recorder, that may have some of what is asked for. */
export function volumeElsewhere(
  { status }: Pick<Recording, 'status'>,
  volume: string,
  { from, to }: Pick<ClipRequest, 'from' | 'to'>,
): string | undefined {
  const [first, last] = [Date.parse(from), Date.parse(to)]
  const attempts = status?.attempts ?? []
  const [oldest] = attempts
  // Of attempts that the status does not list any more nobody knows on which volume they recorded.
  if (oldest !== undefined && oldest.number > 1 && !(Date.parse(oldest.startTime ?? '') - lateMillis <= first)) {
    return `of an attempt before the ${oldest.number}th`
  }
  return attempts.find((attempt) => {
    if (attempt.uploadOnly === true || attempt.volume === undefined || attempt.volume === volume) return false
    const { startTime, endTime } = attempt
    if (startTime === undefined) return false
    const began = Date.parse(startTime) - lateMillis
    const ended = endTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(endTime)
    return !(last < began || first > ended)
  })?.volume
}

/** Whether a recording has, or had, something on other volumes than this one. */
export const hasOtherVolumes = ({ status }: Pick<Recording, 'status'>, volume: string) =>
  [...(status?.volumes ?? []).map(({ name }) => name), ...(status?.attempts ?? []).map((attempt) => attempt.volume)].some(
    (name) => name !== undefined && name !== volume,
  )

/**
 * All that the recorder on this volume should be asked for now, the oldest first. Those that it has put off make way for others. `clips`: those of the
 * Recording's name, some of which may be of an earlier one.
 */
export function wantedRequests(
  clips: readonly RecordingClip[],
  recording: Pick<Recording, 'metadata' | 'status'>,
  volume: string,
  now: Date,
): ClipRequests {
  const age = ({ metadata }: RecordingClip) => `${metadata.creationTimestamp} ${metadata.uid}`
  const due = clips
    .filter((clip) => clip.metadata.deletionTimestamp === undefined && !isClipOver(clip) && mayBeOf(clip, recording))
    .filter((clip) => dueTimes(clip, recording, now).is === 'due')
    .toSorted((a, b) => (age(a) < age(b) ? -1 : 1))
  const chosen = new Map<RecordingClip, ClipRequest>()
  for (const clip of [...due.filter((clip) => !isPutOff(clip)), ...due.filter(isPutOff)]) {
    if (chosen.size === mostClipRequests) break
    const call = callOf(clip, recording, now)
    if (call.is === 'now' && volumeElsewhere(recording, volume, call.request) === undefined) chosen.set(clip, call.request)
  }
  return { version: 1, clips: due.flatMap((clip) => chosen.get(clip) ?? []) }
}

/** Not of another one of the same name. Which it is of is written when it is first looked at. */
const mayBeOf = ({ status }: RecordingClip, { metadata }: Pick<Recording, 'metadata'>) =>
  status?.recordingUid === undefined || status.recordingUid === metadata.uid

/** It was asked for before, and now waits: others may go before it. */
export const isPutOff = ({ status }: RecordingClip) =>
  status?.startTime !== undefined && status.conditions?.some(({ reason }) => reason === 'RecordingUnderWay') === true

/** Pods are told little, and asked often what it was. */
const told = new WeakMap<Pod, ClipRequests | undefined>()

/** What a recorder is asked for; undefined of a Pod that cannot be asked, as one that an older operator made. */
export function toldRequests(pod: Pod): ClipRequests | undefined {
  if (!told.has(pod)) told.set(pod, readRequests(pod.metadata.annotations?.[clipsAnnotation]))
  return told.get(pod)
}

function readRequests(text: string | undefined): ClipRequests | undefined {
  if (text === undefined) return undefined
  // What somebody else has written there is nothing that a recorder could read; it is written over.
  const nothing: ClipRequests = { version: 1, clips: [] }
  try {
    return clipRequestsSchema.safeParse(JSON.parse(text)).data ?? nothing
  } catch {
    return nothing
  }
}

/** Name of the PersistentVolumeClaim that a recorder Pod works on. Others may have put volumes of their own into it. */
export const volumeOfPod = ({ spec }: Pod) =>
  spec?.volumes?.find(({ name }) => name === workVolume)?.persistentVolumeClaim?.claimName ?? ''
