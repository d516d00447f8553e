import { z } from 'zod'
import { type RecordingStatus, recordingStatusSchema } from './status.ts'

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
 * `.meta({ immutable: true })` freezes a field: the generator turns it into CEL rules that name the field.
 * Every string and list has a maximum, or the API server refuses the CEL rules as too expensive.
 */
const frozen = { immutable: true }

const secretName = z.string().min(1).max(253).describe('Name of a Secret in the namespace of the Recording.')
const secretKeyRef = (defaultKey: string, what: string) =>
  z
    .object({
      name: secretName,
      key: z.string().min(1).max(253).default(defaultKey).describe(`Key of the Secret that holds ${what}.`),
    })
    .describe(`Where ${what} is kept. Secrets are only ever referred to, never written into a Recording.`)

const userIdPattern = z
  .string()
  .min(1)
  .max(64)
  .describe('A user id, or a prefix followed by TRTC’s wildcard `.*$`: `student_.*$` is everyone whose id begins with student_.')

const seconds = (least: number) => z.int().min(least).max(31_536_000)

const host = (what: string) => z.string().min(1).max(512).describe(what)

export const modeSchema = z.enum(['00', '01', '02'])
export type Mode = z.infer<typeof modeSchema>

export const cosSchema = z.object({
  region: z.string().min(1).max(64).describe('COS region, such as ap-guangzhou.'),
  bucket: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9-]+-[0-9]+$/)
    .describe('Bucket with its APPID suffix, such as lessons-1250000000.'),
  path: z.string().max(512).default('/').describe('Folder in the bucket, such as /lessons. `/` is the root.'),
  credentialsSecretRef: z
    .object({ name: secretName })
    .describe('Secret with keys `secretId` and `secretKey`, and for temporary credentials `token`.'),
  endpoint: z
    .string()
    .max(512)
    .regex(/^https?:\/\/([A-Za-z0-9-]+\.)*[A-Za-z][A-Za-z0-9-]*(:[0-9]{1,5})?$/)
    .optional()
    .describe(
      'Another domain of COS than the region’s own, such as https://cos-internal.ap-guangzhou.tencentcos.cn, https://cos.accelerate.myqcloud.com or that of a private line: scheme, domain and, if need be, port, without the bucket. The bucket is put in front of it, `<bucket>.<domain>`, and that name has to resolve; COS takes no bucket in the path, so an IP address cannot work.',
    ),
  storageClass: z
    .enum(['STANDARD', 'STANDARD_IA', 'MAZ_STANDARD', 'MAZ_STANDARD_IA', 'INTELLIGENT_TIERING'])
    .optional()
    .describe('COS storage class of the files. The bucket’s default where it is not set.'),
})

export const networkProxySchema = z
  .object({
    unifiedProxy: host('host:port that serves schedule, signalling and logs.').optional(),
    websocketProxy: host('wss:// address for signalling.').optional(),
    scheduleProxy: host('host:port for scheduling.').optional(),
    loggerProxy: host('https:// address for the SDK’s logs.').optional(),
    turnServer: z
      .object({
        url: host('TURN server, host:port.'),
        username: z.string().max(128).optional().describe('TURN user name.'),
      })
      .optional()
      .describe('TURN server for media.'),
    iceTransportPolicy: z.enum(['all', 'relay']).optional().describe('`relay` sends media through the TURN server only.'),
  })
  .describe('The members of the SDK’s own network proxy, for private networks. Leave it out to reach TRTC directly.')

export const subscribeSchema = z.object({
  include: z.array(userIdPattern).max(32).default([]).describe('Users to record. Empty: everyone.'),
  exclude: z.array(userIdPattern).max(32).default([]).describe('Users never to record, even if included.'),
})

export const limitsSchema = z.object({
  idleTimeoutSeconds: seconds(5).default(300).describe('Stops when no anchor has been in the room for this long.'),
  maxDurationSeconds: seconds(5).optional().describe('Stops this long after the room was first entered, over all attempts.'),
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
  userSigSecretRef: secretKeyRef('userSig', 'the UserSig of spec.userId').meta(frozen),
  mode: modeSchema
    .default('00')
    .meta(frozen)
    .describe('`00` audio as MP3; `01` video as MP4, without sound; `02` audio and video as MP4.'),
  subscribe: subscribeSchema.prefault({}).meta(frozen).describe('Whom to record.'),
  cos: cosSchema.meta(frozen).describe('Where the files go.'),
  limits: limitsSchema.prefault({}).meta(frozen).describe('When to stop without being asked.'),
  networkProxy: networkProxySchema.optional().meta(frozen),
}

const quantity = z
  .string()
  .max(32)
  .regex(/^[0-9]+(\.[0-9]+)?(m|[kKMGTPE]i?)?$/)

export const recordingSpecSchema = z.object({
  ...roomSpecShape,
  callback: z
    .object({
      url: z
        .string()
        .max(2048)
        .regex(/^https?:\/\/[^\s/?#]+[^\s]*$/)
        .describe('http or https address that gets the result by POST.'),
      signingKeySecretRef: secretKeyRef('signingKey', 'the key that signs callbacks').optional(),
    })
    .optional()
    .meta(frozen)
    .describe('Who is told of the result.'),
  storage: z
    .object({
      size: quantity.default('10Gi').describe('Size of the volume that holds the recording until it is in COS.'),
      storageClassName: z
        .string()
        .max(253)
        .optional()
        .describe('StorageClass of the volume. The cluster’s default where it is not set.'),
      retention: z
        .enum(['DeleteWhenStored', 'Retain'])
        .default('DeleteWhenStored')
        .describe('`DeleteWhenStored` deletes the volume once every file is verified in COS; `Retain` leaves it to you.'),
    })
    .prefault({})
    .meta(frozen)
    .describe('The volume the recorder works on.'),
  desiredState: z
    .enum(['Running', 'Stopped'])
    .default('Running')
    .describe('Set to Stopped to end the recording: files are finished, uploaded and reported. There is no way back to Running.'),
  resources: z
    .object({
      requests: z.record(z.string().max(63), quantity).optional().describe('What the recorder is sure to get.'),
      limits: z.record(z.string().max(63), quantity).optional().describe('What the recorder may use at most.'),
    })
    .optional()
    .meta(frozen)
    .describe('CPU and memory of the recorder Pod. The chart’s recorder.resources where it is not set.'),
  nodeSelector: z
    .record(z.string().max(316), z.string().max(63))
    .optional()
    .meta(frozen)
    .describe('Labels of the nodes to record on.'),
  tolerations: z
    .array(
      z.object({
        key: z.string().max(316).optional().describe('Taint key.'),
        operator: z.enum(['Exists', 'Equal']).optional().describe('How key and value are compared.'),
        value: z.string().max(63).optional().describe('Taint value.'),
        effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional().describe('Taint effect.'),
        tolerationSeconds: z.int().min(0).max(31_536_000).optional().describe('How long a NoExecute taint is tolerated.'),
      }),
    )
    .max(16)
    .optional()
    .meta(frozen)
    .describe('Taints the recorder Pod tolerates.'),
  priorityClassName: z.string().max(253).optional().meta(frozen).describe('PriorityClass of the recorder Pod.'),
  serviceAccountName: z
    .string()
    .max(253)
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

/** A Recording as a user writes it, in a file. */
export const recordingManifestSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  metadata: z.looseObject({
    name: z.string().min(1).max(52),
    namespace: z.string().max(63).default('default'),
    uid: z.string().default(''),
  }),
  spec: recordingSpecSchema.refine((spec) => (spec.roomId === undefined) !== (spec.strRoomId === undefined), {
    path: ['roomId'],
    message: 'exactly one of roomId and strRoomId must be set',
  }),
  status: recordingStatusSchema.optional(),
})
export type RecordingManifest = z.infer<typeof recordingManifestSchema>
