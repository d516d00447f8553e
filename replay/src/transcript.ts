import type { Manifest } from '@trtc-recorder/api'
import type { TimeSpan } from './timeline.ts'

/** What somebody said. Times in milliseconds since 1970. */
export interface Cue extends TimeSpan {
  /** Empty where it is not said. */
  who: string
  text: string
}

/** The key of the WebVTT that the page looks for: who makes one of the sound that was recorded puts it there. */
export const transcriptPath = ({ recording: { name, uid } }: Manifest, folder: string) =>
  `${folder}${name}${uid === '' ? '' : `_${uid}`}.transcript.vtt`

/** What its zero is where it does not say so: that of all that is made of a recording, the first of what is known of it. */
export const transcriptZero = ({ startTime, endTime, files }: Manifest): number =>
  Math.min(
    ...[startTime, endTime, ...files.map((file) => file.startTime)].flatMap((time) =>
      time === undefined ? [] : [Date.parse(time)],
    ),
  )

/** The cues of a WebVTT, in the order of their beginning. What is no cue is passed over; a note of `00:00:00.000 is <time>` sets the zero, as `speech` writes it. Pure. */
export function readTranscript(vtt: string, zeroMillis: number): Cue[] {
  const [head = '', ...blocks] = vtt
    .replace(/^\ufeff/, '')
    .replace(/\r\n?/g, '\n')
    .split(/\n{2,}/)
  if (!/^WEBVTT(\s|$)/.test(head)) return []
  const note = blocks.map((block) => /^NOTE 00:00:00\.000 is (\S+)$/m.exec(block)?.[1]).find((time) => time !== undefined)
  const noted = Date.parse(note ?? '')
  const zero = Number.isNaN(noted) ? zeroMillis : noted
  return blocks.flatMap((block) => cueOf(block, zero)).sort((a, b) => a.start - b.start)
}

const timing = /^(?:(\d{2,}):)?(\d\d):(\d\d\.\d{3}) +--> +(?:(\d{2,}):)?(\d\d):(\d\d\.\d{3})(?:\s|$)/

function cueOf(block: string, zero: number): Cue[] {
  const lines = block.split('\n')
  const at = lines.findIndex((line) => timing.test(line))
  // A cue may have an identifier in front, and nothing else.
  if (at < 0 || at > 1 || lines[0]!.startsWith('NOTE')) return []
  const [, hours, minutes, seconds, endHours, endMinutes, endSeconds] = timing.exec(lines[at]!)!
  const millis = (h = '0', m = '0', s = '0') => zero + Math.round((Number(h) * 3600 + Number(m) * 60 + Number(s)) * 1000)
  const payload = lines.slice(at + 1).join(' ')
  const who = /<v(?:\.[^\s>]*)?\s+([^>]*)>/.exec(payload)?.[1] ?? ''
  const cue = { start: millis(hours, minutes, seconds), end: millis(endHours, endMinutes, endSeconds) }
  const text = unescaped(payload.replace(/<[^>]*>/g, '')).trim()
  return text === '' || cue.end <= cue.start ? [] : [{ ...cue, who: unescaped(who).trim(), text }]
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', nbsp: ' ', lrm: '', rlm: '' }
const unescaped = (text: string) => text.replace(/&(amp|lt|gt|nbsp|lrm|rlm);/g, (_, name: string) => entities[name]!)

/** What is being said at a moment, by whom. Pure. */
export function saidAt(cues: readonly Cue[], time: number): string {
  return cues
    .filter(({ start, end }) => start <= time && time < end)
    .map(({ who, text }) => (who === '' ? text : `${who}: ${text}`))
    .join('\n')
}
