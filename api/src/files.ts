import { z } from 'zod'
import type { RecorderJob } from './job.ts'

export const streamSchema = z.enum(['main', 'aux'])
/** `main`: camera and microphone. `aux`: the sub stream, a shared screen. */
export type Stream = z.infer<typeof streamSchema>

export const recordedFileSchema = z.object({
  userId: z.string().describe('Whose stream it is.'),
  stream: streamSchema.describe('`main`: camera and microphone; `aux`: the sub stream (screen).'),
  path: z.string().describe('Key of the object in the bucket, without a leading slash.'),
  url: z.string().describe('COS URL of the file.'),
  status: z.union([z.literal(0), z.literal(1)]).describe('1: in COS, with the right size and checksum, and it decodes. 0: not.'),
  message: z.string().max(512).describe('`ok`, or the step that failed and why.'),
  bytes: z.int().min(0).describe('Size in bytes.'),
  durationSeconds: z.number().min(0).describe('Length in seconds, to the millisecond.'),
  startTime: z.iso.datetime().describe('Wall-clock time of the first instant of the file.'),
  attempt: z.int().min(1).describe('Attempt that recorded it.'),
  video: z
    .object({ codec: z.string(), width: z.int(), height: z.int() })
    .optional()
    .describe('Codec string (RFC 6381) and size of the first picture, in pixels.'),
  audio: z
    .object({ codec: z.string(), sampleRate: z.int(), channels: z.int() })
    .optional()
    .describe('Codec string, sampling rate in Hz, and number of channels.'),
})
export type RecordedFile = z.infer<typeof recordedFileSchema>

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

/** Whether a user is to be recorded. A pattern is a user id, or a prefix followed by `.*$`. */
export function isSubscribed(subscribe: RecorderJob['spec']['subscribe'], userId: string): boolean {
  const matches = (pattern: string) => (pattern.endsWith('.*$') ? userId.startsWith(pattern.slice(0, -3)) : userId === pattern)
  if (subscribe.exclude.some(matches)) return false
  return subscribe.include.length === 0 || subscribe.include.some(matches)
}
