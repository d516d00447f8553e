import { readFileSync } from 'node:fs'
import { type Manifest, type ManifestFile, stopReasons } from '@trtc-recorder/api'
import { type Lane, lanesOf, recordingSpan, type Segment, type TimeSpan, ticksOf } from '../../../replay/src/timeline.ts'
import type { DemoSummary, RecordingSummary } from '../summary.ts'
import { embeddedJson, type Html, html, raw } from './html.ts'

const style = readFileSync(new URL('./page.css', import.meta.url), 'utf8')
const script = readFileSync(new URL('./page.js', import.meta.url), 'utf8')

export interface DemoPageInput {
  /** The room, as a person would say it. */
  room: string
  summary: DemoSummary
  /** By name of the Recording. */
  manifests: Record<string, Manifest>
  /** Users each Recording excludes, by its name: they get a lane that says so. */
  excluded: Record<string, readonly string[]>
  /** Other files of each Recording beside the page, by its name. */
  links: Record<string, readonly { label: string; href: string }[]>
  /** The body of each callback as it arrived, by name of the Recording. */
  callbackBodies: Record<string, unknown>
}

/**
 * One page that works from disk: a timeline per Recording on one common clock, a lane per user, a player per file.
 * Everything is in it but the media, which it finds at the files' paths beside it. What is drawn carries its meaning in data
 * attributes (data-recording, data-user, data-stream, data-kind, data-state, data-start, data-end, data-path), for tests.
 */
export function demoPage(input: DemoPageInput): string {
  const spans = Object.values(input.manifests).flatMap((manifest) => recordingSpan(manifest) ?? [])
  const clock = { start: Math.min(...spans.map((span) => span.start)), end: Math.max(...spans.map((span) => span.end)) }
  const everyone = [
    ...new Set(Object.values(input.manifests).flatMap((manifest) => lanesOf(manifest).map((lane) => lane.userId))),
  ]
  const common: Common = { clock, hueOf: (userId) => (250 + everyone.indexOf(userId) * 137) % 360 }
  const files = input.summary.recordings.flatMap((recording) => recording.files)
  const users = new Set(files.map((file) => file.userId))
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Room ${input.room} – recordings</title>
<style>${raw(style)}</style>
</head>
<body>
<header class="page">
<h1>Room ${input.room}</h1>
<p>${count(input.summary.recordings.length, 'Recording')} of one room, ${count(files.length, 'file')} of ${count(users.size, 'user')}, ${size(files.reduce((sum, file) => sum + file.bytes, 0))}.
${spans.length > 0 && html`${day(clock.start)}, ${time(clock.start)} to ${time(clock.end)} UTC.`} Click a file to hear and see it from there.</p>
<ul class="legend" aria-label="Legend">
<li><i class="there"></i>in the room</li><li><i class="away"></i>away</li><li><i class="on"></i>sending</li>
<li><i class="off"></i>muted or off</li><li><i class="file"></i>file</li><li><i class="gap"></i>media missing</li>
</ul>
</header>
<main>
${input.summary.recordings.map((recording) => section(recording, input, common))}
</main>
<script type="application/json" id="data">${embeddedJson({ summary: input.summary, manifests: input.manifests })}</script>
<script>${raw(script)}</script>
</body>
</html>
`.html
}

/** What all timelines of the page share, so that a time and a user look the same in each. */
interface Common {
  clock: TimeSpan
  hueOf: (userId: string) => number
}

const modeNames = { '00': 'sound, MP3', '01': 'picture, MP4', '02': 'picture and sound, MP4' }

function section(recording: RecordingSummary, input: DemoPageInput, common: Common): Html {
  const manifest = input.manifests[recording.name]
  const { timings, callback, name } = recording
  const body = input.callbackBodies[name]
  return html`
<section class="recording" data-recording="${name}" aria-labelledby="title-${name}">
<header>
<h2 id="title-${name}">${name}</h2>
<p class="mode">mode ${recording.mode} · ${modeNames[recording.mode]}</p>
<dl class="facts">
<div class="wide"><dt>Stopped because</dt><dd><b>${words(recording.stopReason)}</b><small>${stopReasons[recording.stopReason]}</small></dd></div>
<div><dt>Asked for to recording</dt><dd><b>${duration(timings.applyToStartedMs)}</b></dd></div>
<div><dt>Stop to stored</dt><dd><b>${duration(timings.stopToStoredMs)}</b></dd></div>
<div><dt>Stop to callback</dt><dd><b>${timings.stopToCallbackMs === null ? '–' : duration(timings.stopToCallbackMs)}</b></dd></div>
<div><dt>Callback</dt><dd><b class="callback ${callback?.state === 'Delivered' ? 'good' : 'bad'}">${callback?.state ?? 'none asked for'}</b>${callback && html`<small>${count(callback.attempts, 'delivery', 'deliveries')}</small>`}</dd></div>
</dl>
</header>
${manifest === undefined ? html`<p>There is no manifest.</p>` : timeline(manifest, recording, input.excluded[name] ?? [], common)}
<div class="players">
${(manifest?.files ?? []).map((file) => player(file, name))}
</div>
<footer>
${body !== undefined && html`<details><summary>Callback as it arrived</summary><pre>${JSON.stringify(body, null, 2)}</pre></details>`}
${manifest && html`<details><summary>What happened, as a list</summary>${eventList(manifest)}</details>`}
<nav>${(input.links[name] ?? []).map((link) => html`<a href="${href(link.href)}">${link.label}</a>`)}</nav>
</footer>
</section>
`
}

function timeline(manifest: Manifest, recording: RecordingSummary, excluded: readonly string[], { clock, hueOf }: Common): Html {
  const span = recordingSpan(manifest)
  if (span === undefined) return html`<p>Nobody was in the room.</p>`
  const lanes = lanesOf(manifest)
  const unseen = excluded.filter((userId) => !lanes.some((lane) => lane.userId === userId))
  const place = placer(clock)
  return html`
<div class="timeline" data-clock-start="${iso(clock.start)}" data-clock-end="${iso(clock.end)}">
<div class="axis"><span class="zone">UTC</span><div class="track">${ticksOf(clock).map((tick) => html`<time datetime="${iso(tick)}" style="${place.at(tick)}">${time(tick)}</time>`)}</div></div>
<div class="lane whole"><div class="who">recorder</div><div class="rows"><div class="row"><span></span><div class="track">
<span class="bar recorder" style="${place.span(span)}" ${data(recording.name, { kind: 'recording', start: span.start, end: span.end })}>in the room</span>
<span class="stop${span.end > clock.start + 0.8 * (clock.end - clock.start) && ' inside'}" style="${place.at(span.end)}">${words(recording.stopReason)}</span>
</div></div></div></div>
${lanes.map((lane) => laneRows(lane, recording.name, excluded.includes(lane.userId), hueOf(lane.userId), place))}
${unseen.map((userId) => html`<div class="lane unrecorded" data-recording="${recording.name}" data-user="${userId}"><div class="who"><b>${userId}</b></div><div class="rows"><p class="row">excluded: neither subscribed to nor recorded</p></div></div>`)}
<div class="playhead" hidden></div>
</div>`
}

type Placer = ReturnType<typeof placer>

/** Puts times on the track, as percentages of its width. */
function placer({ start, end }: TimeSpan) {
  const percent = (milliseconds: number) => `${((milliseconds / Math.max(1, end - start)) * 100).toFixed(4)}%`
  return {
    at: (moment: number) => `left:${percent(moment - start)}`,
    /** Anything shorter has no room for words. */
    readableMillis: (end - start) * 0.045,
    span: (span: TimeSpan) => `left:${percent(span.start - start)};width:${percent(span.end - span.start)}`,
  }
}

function laneRows(lane: Lane, recording: string, excluded: boolean, hue: number, place: Placer): Html {
  const { userId, stream, files } = lane
  const of = (kind: string, span: TimeSpan, state?: string) =>
    data(recording, { user: userId, stream, kind, state, start: span.start, end: span.end })
  const bars = (kind: string, segments: readonly Segment<string>[], label: (segment: Segment<string>) => string) =>
    segments.map(
      (each) =>
        html`<span class="bar ${each.state}" style="${place.span(each)}" title="${label(each)}, ${time(each.start)} to ${time(each.end)}" ${of(kind, each, each.state)}>${each.end - each.start > place.readableMillis && label(each)}</span>`,
    )
  const sending = (kind: 'camera' | 'screen' | 'microphone', segments: readonly Segment<'on' | 'off'>[] | undefined) => {
    if (segments === undefined || excluded) return undefined
    const ever = segments.some((segment) => segment.state === 'on')
    return row(
      kind,
      bars(kind, segments, ({ state }) => (state === 'on' ? 'on' : ever ? 'muted' : `no ${kind}`)),
    )
  }
  const length = files.reduce((sum, file) => sum + file.durationSeconds, 0)
  return html`
<div class="lane" data-recording="${recording}" data-user="${userId}" data-stream="${stream}" style="--hue:${hue}">
<div class="who"><b>${userId}</b>${stream === 'aux' && html`<small>shared screen</small>`}<small>${excluded ? 'excluded' : files.length === 0 ? 'no file' : `${count(files.length, 'file')}, ${length.toFixed(1)} s`}</small></div>
<div class="rows">
${row(
  'present',
  bars('presence', lane.presence, ({ state }) => (state === 'there' ? 'in the room' : 'away')),
)}
${sending(stream === 'aux' ? 'screen' : 'camera', lane.video)}
${sending('microphone', lane.audio)}
${row('file', [
  ...files.map((file) => fileBar(file, recording, place)),
  ...lane.gaps.map((gap) => gapBar(lane, gap, of('gap', gap), place)),
  ...lane.marks.map(
    (mark) => html`<span class="mark" style="${place.at(mark.time)}" title="${mark.label} at ${time(mark.time)}"></span>`,
  ),
])}
</div>
</div>`
}

function gapBar(lane: Lane, gap: TimeSpan, attributes: Html, place: Placer): Html {
  const missing = isMute(lane, gap) ? 'picture held or sound silent while muted' : 'media missing'
  const seconds = ((gap.end - gap.start) / 1000).toFixed(1)
  return html`<span class="gap${isMute(lane, gap) && ' muted'}" style="${place.span(gap)}" title="${missing}, ${seconds} s" ${attributes}></span>`
}

/** A gap that only says again that camera or microphone was off; a mute and the media around it are a moment apart. */
function isMute({ video = [], audio = [] }: Lane, gap: TimeSpan): boolean {
  const near = (a: number, b: number) => Math.abs(a - b) < 1500
  return [...video, ...audio].some(({ state, start, end }) => state === 'off' && near(start, gap.start) && near(end, gap.end))
}

const row = (label: string, content: readonly Html[]) =>
  html`<div class="row"><span>${label}</span><div class="track">${content}</div></div>`

function fileBar(file: ManifestFile, recording: string, place: Placer): Html {
  const span = { start: Date.parse(file.startTime), end: Date.parse(file.endTime) }
  const said = `${file.userId}, ${file.durationSeconds.toFixed(1)} s from ${time(span.start)}`
  return html`<button type="button" class="bar file" style="${place.span(span)}" aria-label="Play ${said}" title="${said}" ${data(recording, { user: file.userId, stream: file.stream, kind: 'file', path: file.path, ...span })}>▶ ${file.durationSeconds.toFixed(1)} s</button>`
}

function player(file: ManifestFile, recording: string): Html {
  const about = `${file.userId}, ${file.stream === 'aux' ? 'shared screen' : file.video ? 'camera' : 'sound'}, from ${time(Date.parse(file.startTime))}`
  const attributes = html`controls preload="metadata" src="${href(file.path)}" aria-label="${about}" ${data(recording, { user: file.userId, stream: file.stream, path: file.path })}`
  const codecs = [
    file.video && `${file.video.codec} ${file.video.width}×${file.video.height}`,
    file.audio && `${file.audio.codec} ${file.audio.sampleRate / 1000} kHz`,
  ]
  return html`
<figure>
${file.video ? html`<video ${attributes} playsinline></video>` : html`<audio ${attributes}></audio>`}
<figcaption><b>${file.userId}</b> <span class="when">${time(Date.parse(file.startTime))} · ${file.durationSeconds.toFixed(1)} s · ${size(file.bytes)}</span>
<small class="about">${codecs.filter((codec) => codec !== undefined).join(' · ')}</small>
<small class="about"><a href="${href(file.path)}" title="${file.path}">${file.path.split('/').at(-1)}</a></small>
${file.status === 0 && html`<small class="bad">${file.message}</small>`}</figcaption>
</figure>`
}

function eventList({ events }: Manifest): Html {
  const sorted = events.toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time))
  return html`<table><thead><tr><th>UTC</th><th>user</th><th>stream</th><th>event</th></tr></thead><tbody>
${sorted.map((event) => html`<tr><td>${time(Date.parse(event.time))}</td><td>${event.userId}</td><td>${event.stream}</td><td>${event.event}${event.seconds !== undefined && ` of ${event.seconds.toFixed(2)} s`}${event.width !== undefined && ` ${event.width}×${event.height}`}</td></tr>`)}
</tbody></table>`
}

interface DataAttributes {
  kind?: string
  user?: string
  stream?: string
  state?: string | undefined
  path?: string
  start?: number
  end?: number
}

function data(recording: string, { start, end, ...rest }: DataAttributes): Html {
  const values = { recording, ...rest, start: start && iso(start), end: end && iso(end) }
  return html`${Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [html`data-${name}="${value}" `]))}`
}

const href = (path: string) => path.split('/').map(encodeURIComponent).join('/')
const iso = (milliseconds: number) => new Date(milliseconds).toISOString()
const day = (milliseconds: number) => iso(milliseconds).slice(0, 10)
const time = (milliseconds: number) => iso(milliseconds).slice(11, 19)
const count = (number: number, one: string, many = `${one}s`) => `${number} ${number === 1 ? one : many}`
/** `RemovedByApi` as a person says it: `Removed by API`. */
const words = (reason: string) =>
  reason
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .replace(/ [A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/\bapi\b/, 'API')

function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
