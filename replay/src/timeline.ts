import type { Manifest, ManifestFile, Mode, Stream, TimelineEvent } from '@trtc-recorder/api'

/** A stretch of wall-clock time, in milliseconds since 1970. */
export interface TimeSpan {
  start: number
  end: number
}

export interface Segment<State extends string> extends TimeSpan {
  state: State
}

export interface Mark {
  time: number
  label: string
}

/** One user's stream in one Recording: everything the manifest says of it, laid out in time. */
export interface Lane {
  userId: string
  stream: Stream
  presence: Segment<'there' | 'away'>[]
  /** Undefined where the mode does not record it. */
  video: Segment<'on' | 'off'>[] | undefined
  audio: Segment<'on' | 'off'>[] | undefined
  files: ManifestFile[]
  gaps: TimeSpan[]
  marks: Mark[]
}

/** What one Recording's manifest says, as lanes: users in the order they appeared, a sub stream after its user's main one. */
export function lanesOf(manifest: Manifest): Lane[] {
  const span = recordingSpan(manifest)
  if (span === undefined) return []
  const owners = new Map<string, { userId: string; stream: Stream }>()
  const remember = (userId: string, stream: Stream) => owners.set(`${userId}\n${stream}`, { userId, stream })
  for (const { userId } of byTime(manifest.events)) remember(userId, 'main')
  for (const { userId } of manifest.files) remember(userId, 'main')
  for (const { userId, stream } of [...byTime(manifest.events), ...manifest.files]) remember(userId, stream)
  const order = [...new Set([...owners.values()].map((owner) => owner.userId))]
  return [...owners.values()]
    .sort(
      (a, b) => order.indexOf(a.userId) - order.indexOf(b.userId) || (a.stream === b.stream ? 0 : a.stream === 'main' ? -1 : 1),
    )
    .map((owner) => laneOf(manifest, owner.userId, owner.stream, span))
}

/** From the recorder's entering to its last file's end. Undefined if nothing ever happened. */
export function recordingSpan({ startTime, endTime, files, events }: Manifest): TimeSpan | undefined {
  const times = [
    ...[startTime, endTime].filter((time) => time !== undefined),
    ...files.flatMap((file) => [file.startTime, file.endTime]),
    ...events.map((event) => event.time),
  ].map(Date.parse)
  return times.length === 0 ? undefined : { start: Math.min(...times), end: Math.max(...times) }
}

function laneOf(manifest: Manifest, userId: string, stream: Stream, span: TimeSpan): Lane {
  const all = byTime(manifest.events).filter((event) => event.userId === userId)
  const events = all.filter((event) => event.stream === stream || event.event === 'enter' || event.event === 'leave')
  const files = manifest.files.filter((file) => file.userId === userId && file.stream === stream)
  const there = presenceOf(all, files, span)
  const records = recordedKinds(manifest.mode)
  const within = (on: TimelineEvent['event'], off: TimelineEvent['event']) => onAndOff(events, on, off, there)
  return {
    userId,
    stream,
    presence: [...there.map((each) => ({ ...each, state: 'there' as const })), ...awayOf(there, span)].sort(
      (a, b) => a.start - b.start,
    ),
    video: records.video ? within('videoOn', 'videoOff') : undefined,
    audio: records.audio && stream === 'main' ? within('audioOn', 'audioOff') : undefined,
    files,
    gaps: events
      .filter((event) => event.event === 'gap')
      .map((event) => ({ start: Date.parse(event.time), end: Date.parse(event.time) + (event.seconds ?? 0) * 1000 })),
    marks: events.flatMap(markOf),
  }
}

export function recordedKinds(mode: Mode): { video: boolean; audio: boolean } {
  switch (mode) {
    case '00':
      return { video: false, audio: true }
    case '01':
      return { video: true, audio: false }
    case '02':
      return { video: true, audio: true }
  }
}

/** A user of whom anything is known was there before the first `leave`, even if nobody saw them enter. */
function presenceOf(events: readonly TimelineEvent[], files: readonly ManifestFile[], span: TimeSpan): TimeSpan[] {
  if (events.length === 0) return files.map((file) => ({ start: Date.parse(file.startTime), end: Date.parse(file.endTime) }))
  const spans: TimeSpan[] = []
  let since: number | undefined
  for (const event of events) {
    const time = Date.parse(event.time)
    if (event.event === 'leave') {
      if (since !== undefined) spans.push({ start: since, end: time })
      since = undefined
    } else since ??= time
  }
  if (since !== undefined) spans.push({ start: since, end: span.end })
  return spans
}

function awayOf(there: readonly TimeSpan[], span: TimeSpan): Segment<'away'>[] {
  const away: Segment<'away'>[] = []
  let end = span.start
  for (const next of there) {
    if (next.start > end) away.push({ start: end, end: next.start, state: 'away' })
    end = next.end
  }
  if (span.end > end) away.push({ start: end, end: span.end, state: 'away' })
  return away
}

/** Each stretch of presence, cut where the camera or microphone went on or off. It is off until it is said to be on. */
function onAndOff(
  events: readonly TimelineEvent[],
  on: TimelineEvent['event'],
  off: TimelineEvent['event'],
  there: readonly TimeSpan[],
) {
  const segments: Segment<'on' | 'off'>[] = []
  for (const { start, end } of there) {
    let state = 'off' as 'on' | 'off'
    let since = start
    const change = (time: number, next: 'on' | 'off') => {
      if (time > since) segments.push({ start: since, end: time, state })
      state = next
      since = time
    }
    for (const event of events) {
      const time = Date.parse(event.time)
      if (time < start || time > end) continue
      if (event.event === on && state === 'off') change(time, 'on')
      else if (event.event === off && state === 'on') change(time, 'off')
    }
    change(end, state)
  }
  return segments
}

function markOf({ event, time, width, height }: TimelineEvent): Mark[] {
  if (event === 'resolution') return [{ time: Date.parse(time), label: `${width ?? '?'} × ${height ?? '?'}` }]
  if (event === 'resumed') return [{ time: Date.parse(time), label: 'connection back' }]
  return []
}

const byTime = (events: readonly TimelineEvent[]) => events.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time))

/** Times for the ticks of an axis: round seconds, at most `most` of them. */
export function ticksOf({ start, end }: TimeSpan, most = 9): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400]
  const step = (steps.find((seconds) => (end - start) / 1000 / seconds <= most) ?? 86_400) * 1000
  const ticks: number[] = []
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) ticks.push(time)
  return ticks
}
