import type { Speech } from '@trtc-recorder/api'
import type { Missing } from './missing.ts'

const two = (value: number, digits = 2) => String(value).padStart(digits, '0')

/** hh:mm:ss.mmm, as WebVTT has it. */
function timestamp(millis: number): string {
  const seconds = Math.floor(millis / 1000)
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${two(millis % 1000, 3)}`
}

/** A line break would end what it stands in. */
const escaped = (text: string) =>
  text.replace(/\s+/g, ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** WebVTT (W3C): a cue for each time somebody speaks, with their voice and no words, and a note of each file that nobody could listen to. Times from the recording's zero on. Pure. */
export function webVtt(speech: readonly Speech[], zeroMillis: number, missing: readonly Missing[] = []): string {
  const notes = missing.map(
    ({ file: { userId, startTime, endTime }, why }) =>
      // A note ends at an empty line, and has no arrow in it.
      `NOTE missing: ${escaped(userId)} from ${startTime} to ${endTime}: ${escaped(why)}\n`,
  )
  const cues = speech.map(({ userId, start, end }) => {
    const times = `${timestamp(Math.round(start - zeroMillis))} --> ${timestamp(Math.round(end - zeroMillis))}`
    return `${times}\n<v ${escaped(userId)}>…\n`
  })
  return ['WEBVTT\n', `NOTE 00:00:00.000 is ${new Date(zeroMillis).toISOString()}\n`, ...notes, ...cues].join('\n')
}

/** RTTM (NIST Rich Transcription): ten fields with blanks between. Users are base64url, as names have no blanks there. Pure. */
export function rttm(speech: readonly Speech[], zeroMillis: number, file: string): string {
  const line = ({ userId, start, end }: Speech) => {
    const seconds = (millis: number) => (millis / 1000).toFixed(3)
    const speaker = Buffer.from(userId, 'utf8').toString('base64url')
    return `SPEAKER ${file} 1 ${seconds(start - zeroMillis)} ${seconds(end - start)} <NA> <NA> ${speaker} <NA> <NA>\n`
  }
  return speech.map(line).join('')
}
