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

/** Name of a file without its folder: `<sdkAppId>_<room>_<base64url userId>_<main|aux>_<yyyymmddhhmmssSSS>.<mp3|mp4>`. */
export function fileName(spec: RecorderJob['spec'], userId: string, stream: Stream, startTime: Date): string {
  const room = spec.roomId !== undefined ? String(spec.roomId) : base64url(spec.strRoomId ?? '')
  const extension = spec.mode === '00' ? 'mp3' : 'mp4'
  return `${spec.sdkAppId}_${room}_${base64url(userId)}_${stream}_${compactTime(startTime)}.${extension}`
}

export const manifestKey = (job: RecorderJob) => `${keyPrefix(job.spec.cos.path)}${job.recording.name}.manifest.json`
