import { type Attempt, type Condition, type ConditionReason, type Recording, reasonRemedies } from '@trtc-recorder/api'
import type { EventSummary } from './kubectl.ts'
import { bytes, duration, oneLine, table, time } from './text.ts'

/** What a person needs to know of a Recording, on one screen: how it stands, what happened, what there is, what to do next. Pure. */
export function story(recording: Recording, events: readonly EventSummary[], now: Date): string {
  const parts = [
    heading(recording),
    state(recording, now),
    section('What happened', history(recording, events)),
    section('Files', [...files(recording), ...filesBeyond(recording)]),
    section('What to do next', next(recording)),
  ]
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function heading({ metadata: { namespace, name }, spec }: Recording): string[] {
  const room = spec.roomId === undefined ? `room "${spec.strRoomId}"` : `room ${spec.roomId}`
  return [`${namespace}/${name}: ${room} of application ${spec.sdkAppId}, as ${spec.userId}, mode ${spec.mode}`]
}

function state({ status, metadata }: Recording, now: Date): string[] {
  const conditions = status?.conditions ?? []
  if (conditions.length === 0) return ['The operator has not looked at it yet. Is it running, and does it watch this namespace?']
  const [start, end] = [status?.startTime, status?.completionTime]
  const recorded =
    start === undefined ? [] : [`recorded for ${duration((Date.parse(end ?? now.toISOString()) - Date.parse(start)) / 1000)}`]
  const deleted = metadata.deletionTimestamp === undefined ? [] : ['is being deleted']
  const stopped = status?.stopReason === undefined ? [] : [`stopped by ${status.stopReason}`]
  const summary = [...recorded, ...stopped, ...deleted].join(', ')
  const rows = conditions.map(({ type, status, reason, message }) => [type, status, reason, message])
  return [...(summary === '' ? [] : [`${summary[0]!.toUpperCase()}${summary.slice(1)}.`]), ...table(rows)]
}

/**
 * Attempts and Events in one line of time. What an Event says of the end of an attempt, the status says as well. Kubernetes counts some times in whole seconds: what is of
 * one second stands in the order in which it happens.
 */
function history({ metadata, status }: Recording, events: readonly EventSummary[]): string[] {
  const told: [string, string][] = [[metadata.creationTimestamp, 'created']]
  const ends = (status?.attempts ?? []).map(({ number, pod }) => `Attempt ${number} (Pod ${pod}) ended: `)
  for (const { number, pod, node, startTime, endTime, reason, message } of status?.attempts ?? []) {
    const where = node === undefined ? `Pod ${pod}` : `Pod ${pod} on ${node}`
    if (startTime !== undefined) told.push([startTime, `attempt ${number} entered the room (${where})`])
    const why = [reason, message].filter((part) => part !== undefined).join(': ')
    if (endTime !== undefined) told.push([endTime, `attempt ${number} ended (${where})${why === '' ? '' : `: ${why}`}`])
  }
  for (const { type, reason, message, time, count } of events) {
    if (type !== 'Warning' || ends.some((end) => message?.startsWith(end))) continue
    told.push([time, `${reason ?? 'Warning'}: ${message ?? ''}${count > 1 ? ` (${count} times)` : ''}`])
  }
  const second = (iso: string) => Math.floor(Date.parse(iso) / 1000)
  return told.sort(([a], [b]) => second(a) - second(b)).map(([at, what]) => `${time(at)}  ${oneLine(what)}`)
}

export function files({ status }: Recording): string[] {
  const all = status?.files ?? []
  if (all.length === 0) return []
  const rows = all.map((file) => [
    file.userId,
    file.stream,
    file.status === 1 ? 'stored' : 'missing',
    duration(file.durationSeconds),
    bytes(file.bytes),
    file.status === 1 ? file.url : file.message,
  ])
  return table([['USER', 'STREAM', 'STATE', 'LENGTH', 'SIZE', 'WHERE'], ...rows])
}

/** Where those are that the status has no place for. */
export function filesBeyond({ status }: Recording): string[] {
  const listed = status?.files?.length ?? 0
  const beyond = (status?.fileCount ?? listed) - listed
  return beyond > 0 ? [`… and ${beyond} more: ${status?.manifestUrl ?? 'the manifest lists them'}`] : []
}

/** The attempt whose log goes on: not one that was left behind on a node that is silent, which would never say anything more. */
export const followed = (attempts: readonly Attempt[]): Attempt | undefined =>
  attempts.findLast(({ state, endTime }) => endTime === undefined && state !== 'LeftBehind')

/** The reason that stands in the way, with what can be done about it. */
function next({ status, metadata, spec }: Recording): string[] {
  const conditions = status?.conditions ?? []
  const of = (type: string) => conditions.find((condition) => condition.type === type)
  const blocking = (['Stalled', 'Reconciling', 'Stored', 'Started', 'CallbackDelivered'] as const).flatMap((type) => {
    const condition = of(type)
    return condition !== undefined && isInTheWay(condition) ? [condition.reason] : []
  })
  const lines = [...new Set(blocking)].map((reason) => `${reason}: ${whatHelps(reason)}`)
  const flags = `-n ${metadata.namespace} ${metadata.name}`
  if (of('Stored')?.status === 'False' && status?.completionTime !== undefined) lines.push(`kubectl trtc retry-upload ${flags}`)
  if (of('CallbackDelivered')?.reason === 'GivenUp') lines.push(`kubectl trtc redeliver-callback ${flags}`)
  if (
    lines.length === 0 &&
    status?.completionTime === undefined &&
    spec.desiredState === 'Running' &&
    of('Started')?.status === 'True'
  ) {
    lines.push(`To end it: kubectl trtc stop ${flags}`)
  }
  return lines
}

/** Also where it records on, or is between two attempts: who reads this can do something about it. */
function isInTheWay({ type, status, reason }: Condition): boolean {
  if (warnings.includes(reason)) return true
  if (type === 'Reconciling') return status === 'True' && reason !== 'Finishing'
  return type === 'Stalled' ? status === 'True' : status === 'False'
}

const warnings: readonly ConditionReason[] = ['UserSigExpiring', 'VolumeLow']

/** A reason of another release has only its message. */
const whatHelps = (reason: string): string =>
  Object.hasOwn(reasonRemedies, reason) ? reasonRemedies[reason as ConditionReason] : 'see the condition’s message.'

const section = (title: string, lines: readonly string[]) =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]
