import { z } from 'zod'
import { callbackUrlSchema } from './addresses.ts'
import { callbackBodySchema } from './callback.ts'
import { cosSchema } from './cos.ts'
import { streamSchema } from './files.ts'
import { keyPrefix } from './object-names.ts'
import { objectName, secretKeyRef } from './placement.ts'
import type { apiVersion, ObjectMeta } from './recording.ts'
import { matching, ruled } from './rules.ts'
import { sameAddress, sameSet } from './same.ts'
import { callbackStatusSchema, handledSchema } from './status.ts'
import { userIdPattern } from './user-patterns.ts'
import { word } from './word.ts'

export const clipKind = 'RecordingClip'
export const clipPlural = 'recordingclips'

const frozen = { immutable: true }

/** As the CRD of Recordings has it. */
const longestRecordingName = 52

/** What is cut lies on the disk of a node until it is stored. */
const longestHours = 3

/** Days that there are: what is none is refused by its field, and means the same to the API server and to JavaScript, which has a 30 February. */
const datePattern = [
  String.raw`[12]\d{3}-(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])`,
  String.raw`[12]\d{3}-(0[469]|11)-(0[1-9]|[12]\d|30)`,
  String.raw`[12]\d{3}-02-(0[1-9]|1\d|2[0-8])`,
  String.raw`([12]\d(0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29`,
].join('|')
const hourMinute = String.raw`([01]\d|2[0-3]):[0-5]\d`
const timePattern = String.raw`(${datePattern})T${hourMinute}:[0-5]\d(\.\d{1,9})?(Z|[+-]${hourMinute})`
/** Of no more digits than the API server counts: of hours it knows 2562047. */
const offsetPattern = String.raw`(\d{1,5}(\.\d+)?h|\d{1,7}(\.\d+)?m|\d{1,9}(\.\d+)?(s|ms))+`
const momentPattern = new RegExp(`^(${timePattern}|${offsetPattern})$`)
const moment = (what: string) =>
  matching(
    z.string().min(1).max(40),
    momentPattern,
    'must be a time such as 2026-03-01T09:30:00Z, or an offset from the start of the recording such as 90s or 1h2m3.5s',
  ).describe(what)

const isTime = (moment: string) => moment.includes('T')

const unitMillis = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const

/** Milliseconds since 1970 of a time, or since the start of the recording of an offset; NaN for anything else. */
function millisOf(moment: string): number {
  if (isTime(moment)) return Date.parse(moment)
  let millis = 0
  for (const [, count, unit] of moment.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) millis += Number(count) * unitMillis[unit as 'h']
  return millis
}

/** A time in another zone or with a fraction of nothing, an offset in other units. What an earlier release admitted may be no moment. */
const sameMoment = (() => {
  const areMoments = ['self', 'oldSelf'].map((value) => `${value}.matches(${JSON.stringify(momentPattern.source)})`)
  const areOfOneKind = "self.contains('T') == oldSelf.contains('T')"
  const of = (type: string) => `${type}(self) == ${type}(oldSelf)`
  const isSame = `(self.contains('T') ? ${of('timestamp')} : ${of('duration')})`
  return [...areMoments, areOfOneKind, isSame].join(' && ')
})()
const frozenMoment = { ...frozen, same: sameMoment }

/** The wall-clock time that a moment of a clip is. */
export const clipTime = (moment: string, recordingStart: Date): Date =>
  new Date(Math.round(isTime(moment) ? millisOf(moment) : recordingStart.getTime() + millisOf(moment)))

const sameKind = "self.from.contains('T') == self.to.contains('T')"
/** What is no moment is told by its own field; to reckon with it would be an error of the rule, which names no field. */
const areMoments = ['from', 'to'].map((field) => `self.${field}.matches(${JSON.stringify(momentPattern.source)})`).join(' && ')
const reckoned = (rule: string) => `!(${sameKind}) || !(${areMoments}) || ${rule}`
const span = "(self.from.contains('T') ? timestamp(self.to) - timestamp(self.from) : duration(self.to) - duration(self.from))"

export const recordingClipSpecSchema = [
  {
    holds: ({ from, to }: Moments) => isTime(from) === isTime(to),
    rule: sameKind,
    message: 'from and to must both be times, or both be offsets from the start of the recording',
    fieldPath: '.to',
  },
  {
    // Half a microsecond for what a sum of fractions is off.
    holds: ({ from, to }: Moments) => isTime(from) !== isTime(to) || millisOf(to) - millisOf(from) > 0.9995,
    rule: reckoned(`${span} >= duration('1ms')`),
    message: 'must be later than from, by a millisecond or more',
    fieldPath: '.to',
  },
  {
    holds: ({ from, to }: Moments) => isTime(from) !== isTime(to) || millisOf(to) - millisOf(from) <= longestHours * unitMillis.h,
    rule: reckoned(`${span} <= duration('${longestHours}h')`),
    message: `must be at most ${longestHours} hours after from`,
    fieldPath: '.to',
  },
].reduce(
  (schema, { holds, ...rule }) => ruled(schema, holds, rule),
  z.object({
    recordingRef: z
      .object({ name: objectName(longestRecordingName).describe('Name of a Recording in the namespace of the clip.') })
      .meta(frozen)
      .describe('The Recording to cut from. It need not exist yet.'),
    from: moment(
      'Where the clip begins: a time such as 2026-03-01T09:30:00Z, or an offset from the start of the recording (its status.startTime) such as 90s or 1h2m3.5s.',
    ).meta(frozenMoment),
    to: moment('Where it ends: a time or an offset, as `from`. At most 3 hours later.').meta(frozenMoment),
    users: z
      .array(userIdPattern)
      .max(32)
      .default([])
      .meta({ ...frozen, same: sameSet })
      .describe('Whose: each a user id, or a prefix followed by `.*$`. Empty: everybody who was there then.'),
    streams: z
      .array(streamSchema)
      .min(1)
      .max(2)
      .default(['main', 'aux'])
      .meta({ ...frozen, same: sameSet })
      .describe('Which streams: `main` is camera and microphone, `aux` the sub stream (screen).'),
    exact: z
      .boolean()
      .default(false)
      .meta(frozen)
      .describe(
        'For players that do not heed edit lists: the pictures from `from` to the next key frame are encoded anew, so that none before them is in the file, and sound begins within a frame of it. Of H.264 only; status.files[].exactness says of each file whether it is so.',
      ),
    callback: z
      .object({
        url: callbackUrlSchema.meta({ same: sameAddress }).describe('http or https address that gets the result by POST.'),
        signingKeySecretRef: secretKeyRef('signingKey', 'the key that signs callbacks').optional(),
      })
      .optional()
      .meta(frozen)
      .describe('Who is told what became of it, with the headers, the signature and the patience of a Recording’s callback.'),
    ttlSecondsAfterFinished: z
      .int()
      .min(0)
      .max(31_536_000)
      .optional()
      .describe(
        'Deletes the RecordingClip this long after it is over and its callback was delivered or given up; its files stay in COS. Never, where it is not set.',
      ),
  }),
)
export type RecordingClipSpec = z.infer<typeof recordingClipSpecSchema>
interface Moments {
  from: string
  to: string
}

/** What became of `exact` in a file. */
export const clipExactness = {
  Exact:
    'No picture before the first is in it: a player that heeds no edit list shows the same, and its sound begins within a frame of that.',
  CodecNotEncoded:
    'Its pictures are VP8, VP9, AV1 or H.265, of which none are encoded anew. Those before the first are in the file, hidden by an edit list, as without `exact`; so it is with all that follow.',
  TookTooLong: 'To encode the pictures up to the next key frame would have taken more than a quarter of an hour.',
  EncodingFailed: 'The pictures up to the next key frame could not all be decoded, or not be encoded.',
  NoEncoder: 'The ffmpeg of the recorder has no encoder of H.264; that of the image has.',
} as const
export type ClipExactness = keyof typeof clipExactness

/** One file of a clip. */
export const clipFileSchema = z.object({
  userId: z.string().max(64).describe('Whose stream it is.'),
  stream: streamSchema.describe('`main`: camera and microphone; `aux`: the sub stream (screen).'),
  source: z.string().max(1024).describe('Key of the file of the recording that it is cut from.'),
  path: z.string().max(1024).describe('Its object key.'),
  url: z.string().max(2048).describe('Its address in COS; empty if it is not there.'),
  status: z.int().min(0).max(1).describe('1: in COS, with the right size and checksum, and it decodes. 0: not.'),
  message: z.string().max(512).describe('`ok`, or what went wrong, or why it is not exact.'),
  exactness: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('Where `spec.exact` is true and it is in COS: `Exact`, or else in one word why not.') as unknown as z.ZodOptional<
    z.ZodType<ClipExactness, ClipExactness>
  >,
  bytes: z.int().min(0).describe('Size in bytes.'),
  readBytes: z.int().min(0).describe('What was read of the file of the recording for it, in bytes.'),
  durationSeconds: z.number().min(0).describe('Length in seconds.'),
  startTime: z.iso.datetime().describe('Wall-clock time of its first instant.'),
})
export type ClipFile = z.infer<typeof clipFileSchema>

export const maxClipFiles = 256

/** What the Pod that cuts says when it ends: its last log line, and, where it fits, its termination message. A recorder that was asked says the same. */
export const clipOutcomes = {
  Completed: { exitCode: 0, meaning: 'Every file of the clip is stored.' },
  NotExact: { exitCode: 0, meaning: 'Every file of the clip is stored, and at least one is not exact, as was asked for.' },
  NothingThere: { exitCode: 0, meaning: 'Nobody who is asked for was recorded in that time.' },
  FilesFailed: { exitCode: 1, meaning: 'At least one file could not be cut or stored; its message says why.' },
  StorageRefused: { exitCode: 1, meaning: 'COS refused: the recording is not there, or access is denied.' },
  StorageUnavailable: { exitCode: 1, meaning: 'COS did not answer in time. It is tried again.' },
} as const
export type ClipOutcome = keyof typeof clipOutcomes

export const clipResultSchema = z.object({
  version: z.literal(1),
  outcome: word<ClipOutcome>(),
  message: z.string().max(1024).describe('For a person: what happened, on what, and what to do.'),
  files: z.array(clipFileSchema),
  filesOmitted: z
    .int()
    .min(1)
    .optional()
    .describe('Number of files left out because the message would exceed 4096 bytes; the log has them.'),
})
export type ClipResult = z.infer<typeof clipResultSchema>

/** What is to be cut, as the Pod that cuts is told. */
export const clipJobSchema = z.object({
  clip: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  manifests: z.array(z.string().min(1)).min(1).describe('Object keys of the manifests of the recording.'),
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  users: z.array(z.string()),
  streams: z.array(streamSchema),
  // An operator of an earlier release asks for none.
  exact: z.boolean().default(false),
  cos: cosSchema,
})
export type ClipJob = z.infer<typeof clipJobSchema>

/** Environment in which a recorder cuts a clip instead of recording: the job, one JSON value. */
export const clipJobEnv = 'TRTC_RECORDER_CLIP'

/** With the UID of the clip, so that one of the same name later does not overwrite it. `source`: key of the file that it is cut from. */
export const clipKey = ({ clip: { name, uid }, cos }: Pick<ClipJob, 'clip' | 'cos'>, source: string) =>
  `${keyPrefix(cos.path)}${name}_${uid}.${source.split('/').at(-1)}`

/** Every condition that a clip can have. */
export const clipConditionTypes = {
  Succeeded:
    'True: every file is stored. False: the clip is over and something is missing, or there was nothing. Unknown: before that.',
  CallbackDelivered:
    'True when the callback was answered with 2xx. False: still being tried, or given up. Unknown: the clip is not over. Absent without spec.callback.',
  Reconciling: 'True while the clip is worked on, or waits for what comes by itself. Absent otherwise.',
  Stalled: 'True when only a person can help. Absent otherwise.',
} as const

/** Every reason that the conditions of a clip can have. */
export const clipReasons = {
  RecordingNotFound: 'There is no Recording of that name in the namespace. The clip waits for one.',
  RecordingDeleted:
    'The Recording that the clip is of was deleted before it was cut; status.recordingUid says which that was. A later one of the same name is another one.',
  RecordingUnderWay:
    'The recording still goes on, or its files are not all stored yet, and the clip cannot be cut now; the message says why. It is cut as soon as it can be, at the latest when the recording is over.',
  RecordingUnusable:
    'What the Recording says of its start, its manifests or its bucket cannot be understood; the message says what. Such a status is of another release, or was written by hand.',
  Cutting: 'The recorder is asked for the clip, or, when the recording is over, a Pod cuts it.',
  QuotaExceeded:
    'A ResourceQuota of the namespace does not allow the Pod that cuts now. It is asked for again when there is room, and at status.nextAttemptTime.',
  PodRejected:
    'The Pod that cuts was refused by the API server; the message is its answer. It is asked for again at status.nextAttemptTime.',
  Unschedulable: 'No node has room for the Pod that cuts.',
  ImagePullFailed: 'The image of the Pod that cuts cannot be pulled.',
  ContainerNotStarted: 'The kubelet cannot make or start the container that cuts; the message is its answer.',
  Retrying: 'The last try, or the last delivery of the callback, failed; the message says why. Another one begins shortly.',
  Completed: 'Every file of the clip is in COS, and decodes.',
  NotExact:
    'Every file of the clip is in COS, and decodes; but of at least one the pictures before the first are only hidden, though `exact` was asked for. status.files[].exactness says of which, and why.',
  NothingThere: 'Nobody who is asked for was recorded in that time.',
  FilesFailed: 'At least one file could not be cut or stored; its message in status.files says why.',
  StorageRefused: 'COS refused: the recording is not there, or access is denied. The message has its answer.',
  AttemptsExhausted: 'It failed too often; the message says how the last time.',
  // CallbackDelivered
  Waiting: 'The clip is not over yet, or its callback is about to be sent.',
  Delivered: 'The receiver answered with 2xx.',
  GivenUp:
    'The receiver did not answer with 2xx within callback.giveUpSeconds of the chart, a day by default; the message says what it answered the last time.',
} as const
export type ClipReason = keyof typeof clipReasons

/** What the reader can do about what becomes of the callback of a clip. About all else: the table of troubles. */
export const clipCallbackRemedies = {
  Waiting: 'Nothing.',
  Delivered: 'Nothing.',
  Retrying:
    'Look at status.callback.lastError. The receiver has callback.giveUpSeconds of the chart to get well; an address that may not be called has to be allowed in callback.allow.',
  GivenUp:
    'Mend the receiver, and annotate the clip with `redeliver-callback`; its files are in COS all the same, and stand in status.files.',
} as const satisfies Partial<Record<ClipReason, string>>

const time = z.iso.datetime()

export const clipConditionSchema = z.object({
  type: word<keyof typeof clipConditionTypes>().describe('`Succeeded`, `CallbackDelivered`, `Reconciling` or `Stalled`.'),
  status: word<'True' | 'False' | 'Unknown'>().describe('`True`, `False` or `Unknown`.'),
  reason: word<ClipReason>().describe('One word.'),
  message: z.string().max(1024).describe('The same for a person.'),
  observedGeneration: z.int().min(0).describe('Generation of the spec it is about.'),
  lastTransitionTime: time.describe('When the status last changed.'),
})
export type ClipCondition = z.infer<typeof clipConditionSchema>

export const recordingClipStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that was last looked at.'),
  conditions: z
    .array(clipConditionSchema)
    .max(8)
    .optional()
    .describe(
      '`Succeeded`: True when every file is stored, False when something is missing, Unknown before that. `CallbackDelivered`: True when the callback was answered with 2xx, False while it is tried again or was given up, Unknown before; absent without spec.callback. `Reconciling`: True while it is worked on or waited for. `Stalled`: True when only a person can help.',
    ),
  recordingUid: z
    .string()
    .max(64)
    .optional()
    .describe(
      'UID of the Recording that it is cut from, once there was one of that name. A later one of the same name is not it.',
    ),
  startTime: time.optional().describe('Wall-clock time where the clip begins.'),
  endTime: time.optional().describe('Wall-clock time where it ends.'),
  attempts: z.int().min(0).optional().describe('How many Pods were made to cut it; 0 where the recorder did.'),
  attemptsBefore: z
    .int()
    .min(0)
    .optional()
    .describe('How many there had been when it was last begun anew; five more may be made.'),
  nextAttemptTime: time.optional().describe('When the next one is made, where the last one failed or was refused.'),
  refusedTimes: z.int().min(0).optional().describe('How often in a row the API server would not have the next Pod.'),
  refusedTime: time.optional().describe('When it last would not.'),
  completionTime: time.optional().describe('When it was over.'),
  fileCount: z.int().min(0).optional().describe('Number of files.'),
  files: z
    .array(clipFileSchema)
    .max(maxClipFiles)
    .optional()
    .describe('One for each file of the recording that has something in that time.'),
  callback: callbackStatusSchema.optional().describe('Delivery of the callback.'),
  handled: handledSchema,
})
/** What the operator decides by, as with a Recording: without one of these it would cut the same for ever or from another Recording, or heed an annotation again and again. */
export const neededClipStatusFields = ['attempts', 'completionTime', 'handled', 'recordingUid'] as const

export type RecordingClipStatus = z.infer<typeof recordingClipStatusSchema>

export interface RecordingClip {
  apiVersion: typeof apiVersion
  kind: typeof clipKind
  metadata: ObjectMeta
  spec: RecordingClipSpec
  status?: RecordingClipStatus
}

/** The body of the callback of a clip. Files are told as those of a Recording are. */
export const clipCallbackBodySchema = z.object({
  ClipName: z.string().describe('Name of the RecordingClip.'),
  RecordingName: z.string().describe('Name of the Recording that it is cut from.'),
  StartTime: z.string().describe('Wall-clock time where it begins; empty where that never came to be known.'),
  EndTime: z.string().describe('Wall-clock time where it ends; empty likewise.'),
  Result: z.string().describe('Reason of the condition Succeeded: `Completed` where all of it is there.'),
  Message: z.string().describe('The same for a person.'),
  Files: callbackBodySchema.shape.Files,
})
export type ClipCallbackBody = z.infer<typeof clipCallbackBodySchema>

export function clipCallbackBody({ metadata, spec, status = {} }: RecordingClip): ClipCallbackBody {
  const succeeded = status.conditions?.find(({ type }) => type === 'Succeeded')
  const { files = [], fileCount = files.length } = status
  const others = fileCount - files.length
  return {
    ClipName: metadata.name,
    RecordingName: spec.recordingRef.name,
    StartTime: status.startTime ?? '',
    EndTime: status.endTime ?? '',
    Result: succeeded?.reason ?? '',
    Message: [succeeded?.message, others > 0 ? `${others} more files are not listed` : ''].filter(Boolean).join('. '),
    Files: files.map(({ userId, url, status, message }) => ({
      ...{ UserId: userId, RecordFile: url, Status: status === 1 ? (1 as const) : (0 as const), Message: message },
    })),
  }
}
