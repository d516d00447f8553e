import { createHash } from 'node:crypto'
import type { Manifest, ManifestFile, TimelineEvent } from '@trtc-recorder/api'

/** A file with `sha512-<base64url>` of all its bytes; undefined where that is not known, as of a file that is not in COS. */
export interface ReferencedFile {
  file: ManifestFile
  contentHash: string | undefined
}

/**
 * A vCon (draft-ietf-vcon-vcon-core, 0.4.0) of a recording: a party for each user, a dialog for each file, which lies in COS, and one of type recording-set that
 * holds them together, as the draft has it where each party is recorded apart. The dialog of a file that nobody can be pointed to has no content: type `incomplete` is
 * the draft's word for conversations that never began. Pure.
 */
export function vconOf(
  manifest: Manifest,
  files: readonly ReferencedFile[],
  { key, startTime, seconds, createdAt }: VconIdentity,
) {
  const users = inOrderOfAppearance(manifest)
  const set = 0
  const recordings = files.map(({ file, contentHash }) => ({
    type: 'recording' as const,
    start: file.startTime,
    duration: file.durationSeconds,
    parties: partiesOf(file, users.indexOf(file.userId)),
    // Else whoever is in a file would be taken for who began. It is left out where that is so.
    ...(users.indexOf(file.userId) === 0 ? {} : { originator: 0 }),
    filename: file.path.split('/').at(-1)!,
    ...(contentHash === undefined ? {} : { mediatype: mediaTypeOf(file), url: file.url, content_hash: contentHash }),
    recording_set: set,
    party_history: historyOf(manifest, file, users.indexOf(file.userId)),
  }))
  return {
    vcon: '0.4.0',
    uuid: vconUuid(manifest.recording.uid ? `${manifest.recording.uid} ${key}` : `${key} ${startTime}`),
    created_at: createdAt,
    subject: manifest.recording.name,
    // A user id that TRTC let in, and no more is known of who that is.
    parties: users.map((userId) => ({ name: userId, validation: 'none' })),
    dialog: [
      {
        type: 'recording-set' as const,
        start: startTime,
        duration: seconds,
        parties: users.map((_, party) => party),
        recordings: recordings.map((_, n) => n + 1),
      },
      ...recordings,
    ],
    analysis: [],
    attachments: [],
  }
}

export interface VconIdentity {
  /** Its object key: where a recording has several volumes each has a vCon. */
  key: string
  /** Of the whole recording. */
  startTime: string
  seconds: number
  createdAt: string
}

/** Who published, or was in the room, first. */
function inOrderOfAppearance({ events, files }: Manifest): string[] {
  const seen = [
    ...events.map(({ userId, time }) => ({ userId, time })),
    ...files.map(({ userId, startTime: time }) => ({ userId, time })),
  ]
  return [...new Set(seen.sort((a, b) => a.time.localeCompare(b.time)).map(({ userId }) => userId))]
}

/** Of a recording with several channels a list, one for each; all are of the same user. */
function partiesOf({ audio }: ManifestFile, party: number): number | number[] {
  return audio === undefined || audio.channels === 1 ? party : new Array(audio.channels).fill(party)
}

/** In the draft's own words. */
const mediaTypeOf = ({ path, video }: ManifestFile) =>
  path.endsWith('.mp3') ? 'audio/x-mp3' : video === undefined ? 'audio/x-mp4' : 'video/x-mp4'

const partyEvents: Partial<Record<TimelineEvent['event'], 'join' | 'drop' | 'mute' | 'unmute'>> = {
  enter: 'join',
  leave: 'drop',
  audioOff: 'mute',
  audioOn: 'unmute',
}

/** What begins before a file is of it, and what ends after it: a user enters, and sends a moment later. */
const isBeginning = (event: string) => event === 'join' || event === 'unmute'

/**
 * What happened to its user while a file lasts, how they came to it since their file before, and how they went before their next one. Cameras, gaps and
 * pauses have no word in the draft.
 */
function historyOf({ events, files }: Manifest, file: ManifestFile, party: number) {
  const [start, end] = [Date.parse(file.startTime), Date.parse(file.endTime)]
  const others = files.filter((one) => one !== file && one.userId === file.userId && one.stream === file.stream)
  const before = Math.max(
    ...others.map((one) => Date.parse(one.endTime)).filter((time) => time <= start),
    Number.NEGATIVE_INFINITY,
  )
  const after = Math.min(
    ...others.map((one) => Date.parse(one.startTime)).filter((time) => time >= end),
    Number.POSITIVE_INFINITY,
  )
  const history = events
    .flatMap(({ userId, event, time }) => {
      const said = partyEvents[event]
      return said === undefined || userId !== file.userId ? [] : [{ party, time, event: said }]
    })
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
  const within = (from: number, to: number) => history.filter(({ time }) => Date.parse(time) > from && Date.parse(time) < to)
  const came = within(before, start).filter(({ event }) => isBeginning(event))
  const went = within(end, after).filter(({ event }) => !isBeginning(event))
  return [
    // Who went again before they sent anything came the last time.
    ...came.filter(({ event }, at) => came.findLastIndex((one) => one.event === event) === at),
    ...within(start - 1, end + 1),
    ...went.filter(({ event }, at) => went.findIndex((one) => one.event === event) === at),
  ]
}

/**
 * UUID of version 8 (RFC 9562), the same for one recording each time. The draft would rather have a time and the hash of a domain, of which twelve bits at most tell those
 * of one millisecond apart: a UID of Kubernetes is unique already, and a vCon that is made again stays the same one.
 */
function vconUuid(of: string): string {
  const bytes = createHash('sha256').update(of).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
