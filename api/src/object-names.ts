import { createHash } from 'node:crypto'
import type { Stream } from './files.ts'
import type { RecorderJob } from './job.ts'
import type { FileNaming } from './recording.ts'

/** The COS key prefix of a Recording: no leading slash, one trailing slash unless it is the root. */
export function keyPrefix(path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? '' : `${trimmed}/`
}

/** String room ids and user ids may hold characters that are unsafe in a key or a file name. */
const base64url = (text: string) => Buffer.from(text, 'utf8').toString('base64url')

/** yyyymmddhhmmssSSS in UTC. */
export const compactTime = (time: Date) => time.toISOString().replace(/[-:TZ.]/g, '')

/** As TRTC writes ids into names of files: base64 with `-` for `/` and `.` for `=` (trtc.io/document/45169). */
const trtcBase64 = (text: string) => Buffer.from(text, 'utf8').toString('base64').replaceAll('/', '-').replaceAll('=', '.')
const fromTrtcBase64 = (text: string) => Buffer.from(text.replaceAll('-', '/').replaceAll('.', '='), 'base64').toString('utf8')

/** A file system takes names of 255 bytes, and beside a file lie others that are called after it, with 46 more at most. */
const longestName = 200

/**
 * A name with a user in it, as it is made with how the user is written. Where it would be too long for a file system, the user is cut, and a hash of the whole
 * tells them from others: `<beginning>~<hash>`, with a sign that no user is written with otherwise.
 */
export function nameOfUser(written: string, make: (written: string) => string): string {
  const excess = make(written).length - longestName
  const hash = `~${createHash('sha256').update(written).digest('base64url')}`
  if (excess <= 0 || written.length <= hash.length) return make(written)
  return make(written.slice(0, Math.max(0, written.length - excess - hash.length)) + hash)
}

/** Whether a user was cut, and cannot be read back from a name. */
export const isCutUser = (written: string) => written.includes('~')
const cutUserPattern = '[A-Za-z0-9+._-]*~[A-Za-z0-9_-]{43}'

type NamedSpec = RecorderJob['spec']

/** How names are written and read: what stands before the user, between user and stream, and before the number of a part. */
interface Naming {
  room(strRoomId: string): string
  user(userId: string): string
  userOf(text: string): string
  beforeUser: string
  afterUser: string
  beforePart: string
  /** Of what a user is written with, for a regular expression. */
  userPattern: string
}

const namings: Record<FileNaming, Naming> = {
  Default: {
    room: base64url,
    user: base64url,
    userOf: (text) => Buffer.from(text, 'base64url').toString('utf8'),
    ...{ beforeUser: '_', afterUser: '_', beforePart: '-', userPattern: '[A-Za-z0-9_-]+' },
  },
  TRTC: {
    room: trtcBase64,
    user: trtcBase64,
    userOf: fromTrtcBase64,
    ...{ beforeUser: '__UserId_s_', afterUser: '__UserId_e_', beforePart: '_', userPattern: '[A-Za-z0-9+.-]+' },
  },
}

function prefixOf({ sdkAppId, roomId, strRoomId, fileNaming }: NamedSpec): string {
  const { room, beforeUser } = namings[fileNaming]
  return `${sdkAppId}_${roomId !== undefined ? String(roomId) : room(strRoomId ?? '')}${beforeUser}`
}

/**
 * Name of a file without its folder: `<sdkAppId>_<room>_<base64url userId>_<main|aux>_<yyyymmddhhmmssSSS>.<mp3|mp4>`, or as `fileNaming` has it. Where
 * one file cannot hold all of a stream, the second one has `-2` (`_2`) before its extension, and so on. Where others write to the folder, `~<mark>` stands
 * behind the time.
 */
export function fileName(
  { spec, fileMark }: Pick<RecorderJob, 'spec' | 'fileMark'>,
  userId: string,
  stream: Stream,
  startTime: Date,
  part = 1,
): string {
  const { user, afterUser, beforePart } = namings[spec.fileNaming]
  const extension = spec.mode === '00' ? 'mp3' : 'mp4'
  const number = part === 1 ? '' : `${beforePart}${part}`
  const mark = fileMark === undefined ? '' : `~${fileMark}`
  const after = `${afterUser}${stream}_${compactTime(startTime)}${mark}${number}.${extension}`
  return nameOfUser(user(userId), (written) => `${prefixOf(spec)}${written}${after}`)
}

/** Whose a file of this recording is, undefined where the name is too short to say, and when it was begun, read back from its name; undefined for any other name. */
export function readFileName(
  spec: NamedSpec,
  name: string,
): { userId: string | undefined; stream: Stream; startTime: Date; part: number } | undefined {
  const { userPattern, userOf, afterUser, beforePart } = namings[spec.fileNaming]
  const prefix = prefixOf(spec)
  const pattern = new RegExp(
    `^(${userPattern}|${cutUserPattern})${afterUser}(main|aux)_(\\d{4})(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d{3})(?:~[0-9a-f]{8})?(${beforePart}\\d+)?\\.mp[34]$`,
  )
  const match = pattern.exec(name.slice(prefix.length))
  if (!name.startsWith(prefix) || match === null) return undefined
  const [, user, stream, year, month, day, hour, minute, second, millis, part = '-1'] = match as unknown as string[]
  const startTime = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`)
  return Number.isNaN(startTime.getTime())
    ? undefined
    : { userId: isCutUser(user!) ? undefined : userOf(user!), stream: stream as Stream, startTime, part: Number(part.slice(1)) }
}

/** With the UID of the Recording, so that one of the same name later does not overwrite it. By hand there is none: names are the caller's then. */
export const manifestKey = (job: VolumeOfJob) => `${wholeKey(job)}.manifest.json`

/** The page lies beside the files, so that it finds them. */
export const replayKey = (job: VolumeOfJob) => `${wholeKey(job)}.replay.html`

/** What is made of the whole recording lies beside its files, too. `of`: what it is, with its extension, such as `pair.wav`. */
export const outputKey = (job: VolumeOfJob, of: string) => `${wholeKey(job)}.${of}`

/** The same of one user. */
export const userOutputKey = (job: VolumeOfJob, userId: string, of: string) =>
  keyPrefix(job.spec.cos.path) +
  nameOfUser(namings[job.spec.fileNaming].user(userId), (written) => `${wholeName(job)}.${written}.${of}`)

/** What a part of spec.live stores of one stream has a folder of its own. */
export const liveKey = (
  job: VolumeOfJob,
  { userId, stream, part }: { userId: string; stream: Stream; part: string },
  name: string,
) => `${userOutputKey(job, userId, `${stream}.${part}`)}/${name}`

type VolumeOfJob = Pick<RecorderJob, 'recording' | 'spec' | 'volume'>

/** With the volume from the second one on: two may be uploaded from at the same time, and each knows its own files only. */
const wholeName = ({ recording: { name, uid }, volume }: VolumeOfJob) =>
  `${name}${uid === '' ? '' : `_${uid}`}${volume === 1 ? '' : `_v${volume}`}`

const wholeKey = (job: VolumeOfJob) => keyPrefix(job.spec.cos.path) + wholeName(job)
