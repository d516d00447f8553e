import type { Stream } from './files.ts'
import type { RecorderJob } from './job.ts'

/** The COS key prefix of a Recording: no leading slash, one trailing slash unless it is the root. */
export function keyPrefix(path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? '' : `${trimmed}/`
}

/** String room ids and user ids may hold characters that are unsafe in a key or a file name. */
const base64url = (text: string) => Buffer.from(text, 'utf8').toString('base64url')

/** yyyymmddhhmmssSSS in UTC. */
export const compactTime = (time: Date) => time.toISOString().replace(/[-:TZ.]/g, '')

const roomPrefix = ({ sdkAppId, roomId, strRoomId }: RecorderJob['spec']) =>
  `${sdkAppId}_${roomId !== undefined ? String(roomId) : base64url(strRoomId ?? '')}_`

/**
 * Name of a file without its folder: `<sdkAppId>_<room>_<base64url userId>_<main|aux>_<yyyymmddhhmmssSSS>.<mp3|mp4>`. Where one file cannot
 * hold all of a stream, the second one has `-2` before its extension, and so on.
 */
export function fileName(spec: RecorderJob['spec'], userId: string, stream: Stream, startTime: Date, part = 1): string {
  const extension = spec.mode === '00' ? 'mp3' : 'mp4'
  const number = part === 1 ? '' : `-${part}`
  return `${roomPrefix(spec)}${base64url(userId)}_${stream}_${compactTime(startTime)}${number}.${extension}`
}

/** Whose a file of this recording is, and when it was begun, read back from its name; undefined for any other name. */
export function readFileName(
  spec: RecorderJob['spec'],
  name: string,
): { userId: string; stream: Stream; startTime: Date; part: number } | undefined {
  const prefix = roomPrefix(spec)
  const match = /^([A-Za-z0-9_-]+)_(main|aux)_(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})(-\d+)?\.mp[34]$/.exec(
    name.slice(prefix.length),
  )
  if (!name.startsWith(prefix) || match === null) return undefined
  const [, user, stream, year, month, day, hour, minute, second, millis, part = '-1'] = match as unknown as string[]
  const startTime = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`)
  const userId = Buffer.from(user!, 'base64url').toString('utf8')
  return Number.isNaN(startTime.getTime())
    ? undefined
    : { userId, stream: stream as Stream, startTime, part: Number(part.slice(1)) }
}

/** With the UID of the Recording, so that one of the same name later does not overwrite it. By hand there is none: names are the caller's then. */
export const manifestKey = (job: VolumeOfJob) => `${wholeKey(job)}.manifest.json`

/** The page lies beside the files, so that it finds them. */
export const replayKey = (job: VolumeOfJob) => `${wholeKey(job)}.replay.html`

type VolumeOfJob = Pick<RecorderJob, 'recording' | 'spec' | 'volume'>

/** With the volume from the second one on: two may be uploaded from at the same time, and each knows its own files only. */
const wholeKey = ({ recording: { name, uid }, spec, volume }: VolumeOfJob) =>
  `${keyPrefix(spec.cos.path)}${name}${uid === '' ? '' : `_${uid}`}${volume === 1 ? '' : `_v${volume}`}`
