import { z } from 'zod'
import { address, callbackUrlSchema, hostPort } from './addresses.ts'
import { cosSchema } from './cos.ts'
import { idleProblems } from './idle-fields.ts'
import { type Live, liveNeedsSound, livePicturesRule, liveSchema, liveSoundRule } from './live.ts'
import { needPictures, needSound, type Outputs, outputsSchema, picturesRule, soundRule } from './outputs.ts'
import {
  nodeSelectorSchema,
  objectName,
  resourcesSchema,
  sameResources,
  sameTolerations,
  secretKeyRef,
  tolerationsSchema,
} from './placement.ts'
import { atLeast, atMost, mostBytes } from './quantity.ts'
import { halves, matching, ruled } from './rules.ts'
import { sameAddress, sameHost } from './same.ts'
import { type RecordingStatus, recordingStatusSchema } from './status.ts'
import { userLists } from './user-patterns.ts'

export const group = 'trtc-recorder.dev'
export const version = 'v1alpha1'
export const apiVersion = `${group}/${version}`
export const kind = 'Recording'
export const plural = 'recordings'

/** Keeps a Recording until it is finalised, uploaded and its callback delivered. */
export const recordingFinalizer = `${group}/recording`
/** Keeps a recorder Pod until its result stands in the Recording's status. */
export const podFinalizer = `${group}/result`

/**
 * `.meta({ immutable: true })` freezes a field: the generator turns it into CEL rules that name the field. What `same.ts` has for it, or for what is in
 * it, may be written differently.
 * Every string and list has a maximum, or the API server refuses the CEL rules as too expensive.
 */
const frozen = { immutable: true }

/** A size in other words is no change: who applied `1024Mi` may apply `1Gi`; and none is the 10Gi that earlier releases wrote down for it. */
const sameStorage = [
  "has(self.size) ? has(oldSelf.size) && quantity(self.size).compareTo(quantity(oldSelf.size)) == 0 : !has(oldSelf.size) || quantity(oldSelf.size).compareTo(quantity('10Gi')) == 0",
  '!has(self.retention) || self.retention == oldSelf.retention',
  "(has(self.storageClassName) ? self.storageClassName : '') == (has(oldSelf.storageClassName) ? oldSelf.storageClassName : '')",
]
  .map((part) => `(${part})`)
  .join(' && ')

const seconds = (least: number) => z.int().min(least).max(31_536_000)

export const modeSchema = z.enum(['00', '01', '02'])
export type Mode = z.infer<typeof modeSchema>

export const audioCodecSchema = z.enum(['AAC', 'Opus'])
export type AudioCodec = z.infer<typeof audioCodecSchema>

export const gapsSchema = z.enum(['Keep', 'Cut'])
/** What becomes of time in which a user sent nothing. */
export type Gaps = z.infer<typeof gapsSchema>

export const pauseSchema = z.enum(['Silence', 'Cut'])
/** What becomes of time in which the recording was paused. */
export type PausedTime = z.infer<typeof pauseSchema>

export const fileNamingSchema = z.enum(['Default', 'TRTC'])
export type FileNaming = z.infer<typeof fileNamingSchema>

export const networkProxySchema = z
  .object({
    unifiedProxy: hostPort('proxy.example:443')
      .meta({ same: sameHost })
      .describe('host:port that serves schedule, signalling and logs.')
      .optional(),
    websocketProxy: address('wss?', 'wss://proxy.example/ws')
      .meta({ same: sameAddress })
      .describe('wss:// address for signalling.')
      .optional(),
    scheduleProxy: hostPort('proxy.example:443').meta({ same: sameHost }).describe('host:port for scheduling.').optional(),
    loggerProxy: address('https?', 'https://proxy.example/logger')
      .meta({ same: sameAddress })
      .describe('https:// address for the SDK’s logs.')
      .optional(),
    turnServer: z
      .object({
        url: hostPort('turn.example:3478').meta({ same: sameHost }).describe('TURN server, host:port.'),
        username: matching(
          z.string().min(1).max(128),
          new RegExp(`^[^${String.raw`\p{Cc}`}${halves}]+$`, 'u'),
          'must have neither control characters nor halves of characters (U+FFFD stands for one)',
        ).describe('TURN user name.'),
        credentialSecretRef: secretKeyRef('credential', 'the password of the TURN user'),
      })
      .optional()
      .describe('TURN server for media.'),
    iceTransportPolicy: z
      .enum(['all', 'relay'])
      .optional()
      .meta({ absent: "'all'" })
      .describe('`relay` sends media through turnServer only, which has to be set then.'),
  })
  .describe('The members of the SDK’s own network proxy, for private networks. Leave it out to reach TRTC directly.')

const subscribeLists = (user?: z.ZodString) =>
  z.object({
    ...userLists('to record', user),
    audio: z
      .object(userLists('whose sound to record', user))
      .prefault({})
      .describe('Of those who are recorded, whose sound is. What is left out is not even received.'),
    video: z
      .object(userLists('whose picture to record', user))
      .prefault({})
      .describe('Of those who are recorded, whose picture is, camera and screen. What is left out is not even received.'),
  })

export const subscribeSchema = subscribeLists()
/** What was admitted is not judged again on its way to the recorder: another release may judge otherwise, and then not even a stop would get there. */
export const admittedSubscribeSchema = subscribeLists(z.string())

export const limitsSchema = z.object({
  idleTimeoutSeconds: seconds(5).default(300).describe('Stops when no anchor has been in the room for this long.'),
  maxDurationSeconds: seconds(5).optional().describe('Stops this long after the room was first entered, over all attempts.'),
  reconnectWindowSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(0)
    .describe(
      'A user who stops publishing and publishes again within this time goes on in the same file; the time between is a gap in it.',
    ),
  startTimeoutSeconds: seconds(5).default(60).describe('How long one attempt may take to enter the room.'),
})

/** Everything a recorder needs to know: the part of the spec that goes into its job. */
export const roomSpecShape = {
  sdkAppId: z.int().min(1).max(4_294_967_295).meta(frozen).describe('TRTC application (SDKAppID).'),
  roomId: z
    .int()
    .min(1)
    .max(4_294_967_294)
    .optional()
    .meta(frozen)
    .describe('Number of the room. Exactly one of roomId and strRoomId; room 123 and room "123" are different rooms.'),
  strRoomId: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9 !#$%&()+\-:;<=.>?@[\]^_{}|~,]+$/)
    .optional()
    .meta(frozen)
    .describe('Name of a string room. Exactly one of roomId and strRoomId.'),
  userId: z
    .string()
    .min(1)
    .max(32)
    .regex(/^[A-Za-z0-9_-]+$/)
    .meta(frozen)
    .describe('The recorder’s own user id in the room. Nobody else may use it: TRTC removes the earlier of two.'),
  userSigSecretRef: secretKeyRef('userSig', 'the UserSig of spec.userId')
    .optional()
    .meta(frozen)
    .describe(
      'Where the UserSig of spec.userId is kept. Exactly one of userSigSecretRef and appSecretKeyRef. It has to outlive the recording: with one that ran out TRTC does not let the recorder come back.',
    ),
  appSecretKeyRef: secretKeyRef('secretKey', 'the secret key of the TRTC application')
    .optional()
    .meta(frozen)
    .describe(
      'Where the secret key of the TRTC application is kept. With it the recorder signs its UserSig itself, each time it enters the room.',
    ),
  mode: modeSchema
    .default('00')
    .meta(frozen)
    .describe('`00` audio as MP3; `01` video as MP4, without sound; `02` audio and video as MP4.'),
  audioCodec: audioCodecSchema
    .default('AAC')
    .meta(frozen)
    .describe(
      'Sound of mode 02. `AAC` plays everywhere. `Opus` is what the user sent, untouched: no CPU and no quality is lost, and Chromium, Firefox and ffmpeg play it in MP4, but not every editor does.',
    ),
  gaps: gapsSchema
    .default('Keep')
    .meta(frozen)
    .describe(
      'Time in which a user sent nothing: microphone and camera muted, away within limits.reconnectWindowSeconds, a network that brought nothing. `Keep`: it stays in the file, silent and with its picture held, so that files of one room line up by their start. `Cut`: 2 s of it and more are taken out of the file, sound and picture alike.',
    ),
  pause: pauseSchema
    .default('Silence')
    .meta(frozen)
    .describe(
      'Time in which desiredState was `Paused`. `Silence`: it stays in the file, silent and with its picture held. `Cut`: it is taken out of the file. Nothing of it is recorded either way.',
    ),
  subscribe: subscribeSchema.prefault({}).describe('Whom to record. May be changed while it records: within a second it is so.'),
  fileNaming: fileNamingSchema
    .default('Default')
    .meta(frozen)
    .describe(
      '`Default`: `<sdkAppId>_<room>_<base64url userId>_<main|aux>_<start>`. `TRTC`: as TRTC’s own recording service names files of single streams, `<sdkAppId>_<room>__UserId_s_<base64 userId>__UserId_e_<main|aux>_<start>`; what is the number of a part there is the time of the start here. In a name that would be longer than 200 bytes the user is cut, `<beginning>~<hash>`; the manifest says whose it is. While another Recording has files of the room in the same folder, `~` and the first eight characters of the UID stand behind the time: two recorders may begin a file within one millisecond.',
    ),
  cos: cosSchema.meta(frozen).describe('Where the files go.'),
  outputs: outputsSchema.prefault({}).meta(frozen).describe('What is made of the recording when it is over, beside its files.'),
  live: liveSchema
    .prefault({})
    .meta(frozen)
    .describe('What is made of it while it records, beside its files. Nothing, where it is left out.'),
  limits: limitsSchema.prefault({}).meta(frozen).describe('When to stop without being asked.'),
  networkProxy: networkProxySchema.optional().meta({ ...frozen, absent: '{}' }),
}

const resultCallbackSchema = ruled(
  z.object({
    url: callbackUrlSchema.meta({ same: sameAddress }).describe('http or https address that gets the result by POST.'),
    signingKeySecretRef: secretKeyRef('signingKey', 'the key that signs callbacks').optional(),
    format: z
      .enum(['Result', 'TRTC'])
      .default('Result')
      .describe(
        '`Result`: the result, once, as the serverless template has it. `TRTC`: as TRTC’s own recording service tells it, event group 3 with header SdkAppId: 301, 302, 303, 305, 306 and 308 while it goes on, each tried for a minute; 304 and 307 of HLS (live.hls), tried as events are; and 310 with the files at the end, tried as long as a result is.',
      ),
    outputs: z
      .boolean()
      .optional()
      .meta({ absent: 'false' })
      .describe(
        'True: the result also has what was made of spec.outputs, of which there has to be something, as `Outputs`. `TRTC` has no word for it, and refuses it.',
      ),
    events: z
      .boolean()
      .optional()
      .meta({ absent: 'false' })
      .describe(
        'True: what happens while it records is told to url, too: files and slices that are in COS, pauses, its start and stop; every two seconds, those since the last time in one POST. `TRTC` has events of its own, and refuses it.',
      ),
  }),
  ({ format, outputs }) => format !== 'TRTC' || outputs !== true,
  {
    rule: "!has(self.outputs) || !self.outputs || !has(self.format) || self.format != 'TRTC'",
    message: 'TRTC’s own events have no word for outputs; leave format out, or outputs',
    fieldPath: '.outputs',
  },
)

export const callbackSchema = ruled(resultCallbackSchema, ({ format, events }) => format !== 'TRTC' || events !== true, {
  rule: "!has(self.events) || !self.events || !has(self.format) || self.format != 'TRTC'",
  message: 'format TRTC tells TRTC’s own events; leave format out, or events',
  fieldPath: '.events',
})

export const recordingSpecSchema = z.object({
  ...roomSpecShape,
  callback: callbackSchema.optional().meta(frozen).describe('Who is told of the result.'),
  storage: z
    .object({
      size: atMost(atLeast('64Mi'), mostBytes)
        .optional()
        .describe(
          'Size of the volume that holds the recording until it is in COS. The chart’s recorder.storageSize where it is not set, which is 10Gi unless somebody changed it.',
        ),
      storageClassName: objectName()
        .optional()
        .describe('StorageClass of the volume. The cluster’s default where it is not set.'),
      retention: z
        .enum(['DeleteWhenStored', 'Retain'])
        .default('DeleteWhenStored')
        .describe('`DeleteWhenStored` deletes the volume once every file is verified in COS; `Retain` leaves it to you.'),
    })
    .prefault({})
    .meta({ ...frozen, same: sameStorage })
    .describe('The volume the recorder works on.'),
  desiredState: z
    .enum(['Running', 'Paused', 'Stopped'])
    .default('Running')
    .describe(
      '`Paused`: within a second nothing of anybody is taken or written any more, until it is `Running` again and goes on in the same files, in which that time is what spec.pause says. `Stopped` ends the recording: files are finished, uploaded and reported. What it says after that is ignored, so that what was applied before can be applied again. A Recording that is made with `Stopped` is over at once, and none that begins later.',
    ),
  ttlSecondsAfterFinished: z
    .int()
    .min(0)
    .max(31_536_000)
    .optional()
    .describe(
      'Deletes the Recording this long after it is over and its callback was delivered or given up; its files stay in COS. One whose volume holds, or held, what is not in COS stays. Never, where it is not set: an object that deletes itself fights GitOps.',
    ),
  resources: resourcesSchema
    .optional()
    .meta({ ...frozen, same: sameResources })
    .describe('CPU and memory of the recorder Pod. The chart’s recorder.resources where it is not set.'),
  nodeSelector: nodeSelectorSchema.optional().meta(frozen).describe('Labels of the nodes to record on.'),
  tolerations: tolerationsSchema
    .optional()
    .meta({ ...frozen, same: sameTolerations })
    .describe('Taints the recorder Pod tolerates.'),
  priorityClassName: objectName().optional().meta(frozen).describe('PriorityClass of the recorder Pod.'),
  serviceAccountName: objectName()
    .optional()
    .meta(frozen)
    .describe(
      'ServiceAccount of the recorder Pod; its token is never mounted. The one that the chart’s recorder.serviceAccount says where it is not set.',
    ),
})

export type RecordingSpec = z.infer<typeof recordingSpecSchema>

export interface ObjectMeta {
  name: string
  namespace: string
  uid: string
  resourceVersion: string
  generation: number
  creationTimestamp: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  finalizers?: string[]
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

export interface Recording {
  apiVersion: typeof apiVersion
  kind: typeof kind
  metadata: ObjectMeta
  spec: RecordingSpec
  status?: RecordingStatus
}

/** Of these, exactly one. */
const choices = [
  ['roomId', 'strRoomId'],
  ['userSigSecretRef', 'appSecretKeyRef'],
] as const

/** What is wrong with the choices a spec has made, each with the field it is about. CEL says the same (`api/generate/rules.ts`). */
export function choiceProblems(
  spec: { [name in (typeof choices)[number][number]]?: unknown } & {
    mode: Mode
    audioCodec: AudioCodec
    outputs: Outputs
    live: Live
  },
) {
  const problems: { path: string; message: string }[] = choices
    .filter(([one, other]) => (spec[one] === undefined) === (spec[other] === undefined))
    .map(([one, other]) => ({ path: one, message: `exactly one of ${one} and ${other} must be set` }))
  if (spec.audioCodec === 'Opus' && spec.mode !== '02') problems.push({ path: 'audioCodec', message: opusMessage })
  if (spec.mode === '01' && liveNeedsSound(spec.live)) problems.push({ path: 'live', message: liveSoundRule.message })
  if (spec.mode === '00' && spec.live.stills !== undefined) problems.push({ path: 'live', message: livePicturesRule.message })
  if (spec.mode === '01' && needSound(spec.outputs)) problems.push({ path: 'outputs', message: soundRule.message })
  if (spec.mode === '00' && needPictures(spec.outputs)) problems.push({ path: 'outputs', message: picturesRule.message })
  return problems
}
/** Said by the API server, too. */
export const opusMessage = 'Opus is for mode 02: mode 00 is MP3, and mode 01 has no sound'

/** What there may be in the cluster: an earlier release admitted fields that mean nothing where they stand. */
export const admittedSpecSchema = recordingSpecSchema.superRefine((spec, { addIssue }) => {
  for (const { path, message } of choiceProblems(spec)) addIssue({ code: 'custom', path: [path], message })
})

/** A Recording as a user writes it, in a file. */
export const recordingManifestSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  metadata: z.looseObject({
    name: z.string().min(1).max(52),
    namespace: z.string().max(63).default('default'),
    uid: z.string().default(''),
  }),
  spec: admittedSpecSchema.superRefine((spec, { addIssue }) => {
    for (const { path, message } of idleProblems(spec)) addIssue({ code: 'custom', path: path.split('.'), message })
  }),
  status: recordingStatusSchema.optional(),
})
export type RecordingManifest = z.infer<typeof recordingManifestSchema>
