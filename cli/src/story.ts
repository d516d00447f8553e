import {
  type Attempt,
  type Condition,
  type ConditionReason,
  type ConditionType,
  type Recording,
  type RecordingVolume,
  reasonRemedies,
  troubleOf,
} from '@trtc-recorder/api'
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
  const second = (iso: string) => Math.floor((Date.parse(iso) || 0) / 1000)
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

/** What a person can do now, or that there is nothing to be done: never nothing at all. */
function next(recording: Recording): string[] {
  const conditions = recording.status?.conditions ?? []
  if (conditions.length === 0) return ['See that an operator runs, and serves this namespace: its Deployment has to be ready.']
  const said = [...new Set(reasonsToSay(conditions))].map((reason) => `${reason}: ${whatHelps(reason)}`)
  const lines = [...said, ...leftBehind(recording), ...commands(recording)]
  return lines.length > 0 ? lines : ['Nothing.']
}

/** Those that stand in the way; what all comes to says least, and last. */
function reasonsToSay(conditions: readonly Condition[]): ConditionReason[] {
  const blocking = told.flatMap((type) => conditions.filter((condition) => condition.type === type && isInTheWay(condition)))
  const outcome = conditions.filter(({ type, reason }) => type === 'Succeeded' && !isNothing(reason, blocking.length > 0))
  return [...blocking, ...outcome].map(({ reason }) => reason)
}

const told: readonly ConditionType[] = ['Stalled', 'Reconciling', 'Stored', 'Started', 'CallbackDelivered']

/** Whether nothing is to be done about it; beside what is, that goes without saying. */
const isNothing = (reason: ConditionReason, isBesideOthers: boolean) =>
  (isBesideOthers ? /^Nothing[.;]/ : /^Nothing\.$/).test(whatHelps(reason))

/** The lesson goes on without them, so that no condition tells of them. */
const leftBehind = ({ status }: Recording): string[] =>
  (status?.attempts ?? [])
    .filter(({ state, endTime }) => state === 'LeftBehind' && endTime === undefined)
    .map(({ number, reason }) => `Attempt ${number}, which was left behind: ${troubleOf(reason).remedy}`)

function commands({ status, metadata, spec }: Recording): string[] {
  const of = (type: ConditionType) => status?.conditions?.find((condition) => condition.type === type)
  const flags = `-n ${metadata.namespace} ${metadata.name}`
  const isOver = status?.completionTime !== undefined
  const isUnstored = of('Stored')?.status === 'False'
  const lines: string[] = []
  if (isOver && isUnstored && holdsSomething(status.volumes)) lines.push(`kubectl trtc retry-upload ${flags}`)
  if (!isOver && isUnstored && metadata.deletionTimestamp !== undefined)
    lines.push(`To let it go without what is not stored: kubectl trtc give-up --yes ${flags}`)
  if (of('CallbackDelivered')?.reason === 'GivenUp') lines.push(`kubectl trtc redeliver-callback ${flags}`)
  const isToRecord = !isOver && of('Succeeded')?.reason !== 'Finishing' && status?.stopRequestedTime === undefined
  if (!isToRecord || of('Started')?.status !== 'True' || metadata.deletionTimestamp !== undefined) return lines
  if (spec.desiredState === 'Paused') {
    const patch = JSON.stringify({ spec: { desiredState: 'Running' } })
    lines.push(`To go on: kubectl patch recording ${flags} --type merge --patch '${patch}'`)
  }
  if (spec.desiredState !== 'Stopped') lines.push(`To end it: kubectl trtc stop ${flags}`)
  return lines
}

/** What is lost cannot be uploaded. An earlier release did not say. */
const holdsSomething = (volumes: readonly RecordingVolume[] | undefined) =>
  volumes === undefined || volumes.some(({ state }) => !['Planned', 'Empty', 'Lost'].includes(state))

/** Also where it records on, or is between two attempts: who reads this can do something about it. */
function isInTheWay({ type, status, reason }: Condition): boolean {
  if (warnings.includes(reason)) return true
  return type === 'Stalled' || type === 'Reconciling' ? status === 'True' : status === 'False'
}

const warnings: readonly ConditionReason[] = ['UserSigExpiring', 'VolumeLow']

/** A reason of another release has only its message. */
const whatHelps = (reason: string): string =>
  Object.hasOwn(reasonRemedies, reason) ? reasonRemedies[reason as ConditionReason] : 'see the condition’s message.'

const section = (title: string, lines: readonly string[]) =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]
