import { z } from 'zod'
import { merged, specProblems, unknownMembers } from '../recordings/spec.ts'

/**
 * Who may call, with what, where and how much. One document (YAML or JSON) in a Secret that is mounted into the gateway. Nobody who does not stand in
 * it may call, and nothing that is not granted can be done.
 */

const label = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/, 'must be a DNS label of at most 40 characters')
const secret = (least: number) => z.string().min(least).max(512)

export const credentialSchema = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('KeyPair'),
      secretId: z
        .string()
        .regex(/^[A-Za-z0-9_-]{4,128}$/)
        .describe('SecretId, as the SDKs of Tencent Cloud have it.'),
      secretKey: secret(16).describe('SecretKey to it. Signs requests (TC3-HMAC-SHA256), and is the password of HTTP Basic.'),
    })
    .describe('A key pair: for Tencent Cloud’s SDKs, and as user and password in a URL.'),
  z
    .strictObject({ type: z.literal('BearerToken'), token: secret(16).describe('`Authorization: Bearer <token>`.') })
    .describe('A token of your own making.'),
  z
    .strictObject({
      type: z.literal('KubernetesUser'),
      username: z
        .string()
        .min(1)
        .max(512)
        .describe('Whom the API server says a token belongs to: system:serviceaccount:<namespace>:<name>.'),
    })
    .describe('A token of Kubernetes, judged by TokenReview. Needs the gateway’s tokenReview setting.'),
  z
    .strictObject({ type: z.literal('Anonymous') })
    .describe('Everybody who can reach the gateway and shows no credentials at all. For networks where that is few.'),
])
export type Credential = z.infer<typeof credentialSchema>

/** What a request always says, so that the rest can be checked when it is read. */
const anyRequest = {
  sdkAppId: 1,
  roomId: 1,
  userId: 'recorder',
  userSigSecretRef: { name: 'request' },
  cos: { region: 'ap-guangzhou', bucket: 'bucket-1' },
}
/** What would be overwritten by each request, or would make every one of them senseless. */
const ofRequests = ['sdkAppId', 'roomId', 'strRoomId', 'userId', 'userSigSecretRef', 'desiredState'] as const
/** A grant may give every Recording a signing key; the address is each request's own. */
const anyCallback = { callback: { url: 'https://receiver.example' } }

const recordingDefaults = z
  .looseObject({})
  .default({})
  .superRefine((defaults, { addIssue }) => {
    const whole = merged(defaults, { ...anyRequest, ...('callback' in defaults ? anyCallback : {}) })
    for (const { field, message } of specProblems(whole)) addIssue({ code: 'custom', message: `${field}: ${message}` })
    for (const field of ofRequests)
      if (field in defaults) addIssue({ code: 'custom', message: `${field}: is each request’s own, and no grant’s` })
    if ('ttlSecondsAfterFinished' in defaults)
      addIssue({ code: 'custom', message: 'ttlSecondsAfterFinished: is said for all requests, by the gateway’s keepHours' })
    for (const field of unknownMembers(whole))
      addIssue({ code: 'custom', message: `${field}: is no field of a Recording’s spec` })
  })

/** What may be made instead of what a request of TRTC’s API means. */
export const substituteSchema = z.enum(['CMAFForTS', 'MP4ForHLS', 'OneFileForTwo', 'MP3ForMix', 'MP4ForMix'])
export type Substitute = z.infer<typeof substituteSchema>

export const grantSchema = z.strictObject({
  namespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a name of a namespace')
    .describe('Where its Recordings are made.'),
  applications: z
    .union([z.literal('Any'), z.array(z.int().min(1).max(4_294_967_295)).min(1)])
    .describe('SDKAppIDs that it may record, or `Any`.'),
  substitutes: z
    .array(substituteSchema)
    .default(['OneFileForTwo', 'CMAFForTS'])
    .describe(
      'Of TRTC’s API: `CMAFForTS` takes OutputFormat 0 and 1 (HLS, the default there) and makes HLS of fragmented MP4 (CMAF), beside MP4; `MP4ForHLS` takes them as 3 (MP4), and no HLS is made; `OneFileForTwo` takes AvMerge 0 (audio and video apart, the default there) as 1; `MP3ForMix` takes RecordMode 2 (mixed) of sound alone, and makes one MP3 of everybody beside each user’s own file; `MP4ForMix` takes it of pictures and sound, and makes one MP4 of everybody, of 1280x720, beside them.',
    ),
  recording: recordingDefaults.describe(
    'What every Recording of this grant has beside what the request says: a part of a Recording’s spec, such as resources, networkProxy, cos.endpoint, callback.signingKeySecretRef or, for requests without COS keys, cos.credentialsSecretRef. The request wins.',
  ),
})
export type Grant = z.output<typeof grantSchema>

export const callerLimitsSchema = z.strictObject({
  requestsPerSecond: z
    .number()
    .positive()
    .max(10_000)
    .default(20)
    .describe('Requests a second, of each replica, in the long run.'),
  burst: z.int().min(1).max(100_000).default(40).describe('Requests at once, of each replica.'),
  activeRecordings: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe('Recordings that are not over yet. Not limited, where it is not set; a ResourceQuota of the namespace is exact.'),
})

export const callerSchema = z.strictObject({
  name: label.describe('Who it is, in the audit log and in the label trtc-recorder.dev/caller of its Recordings.'),
  credentials: z.array(credentialSchema).min(1),
  grants: z.array(grantSchema).min(1).describe('The first one that has the application of a request is the one that counts.'),
  limits: callerLimitsSchema.prefault({}),
})
export type Caller = z.output<typeof callerSchema>

export const callersSchema = z.strictObject({ callers: z.array(callerSchema) }).superRefine(({ callers }, { addIssue }) => {
  const taken = new Map<string, string>()
  const claim = (what: string, value: string, path: (string | number)[]) => {
    const owner = taken.get(`${what} ${value}`)
    if (owner !== undefined) addIssue({ code: 'custom', path, message: `is that of ${owner} too` })
    taken.set(`${what} ${value}`, path.slice(0, 2).join('.'))
  }
  callers.forEach(({ name, credentials }, index) => {
    claim('name', name, ['callers', index, 'name'])
    credentials.forEach((credential, number) => {
      const path = (member: string) => ['callers', index, 'credentials', number, member]
      switch (credential.type) {
        case 'KeyPair':
          claim('secretId', credential.secretId, path('secretId'))
          break
        case 'BearerToken':
          claim('token', credential.token, path('token'))
          break
        case 'KubernetesUser':
          claim('username', credential.username, path('username'))
          break
        case 'Anonymous':
          claim('anonymous', '', path('type'))
          break
      }
    })
  })
})

/** The grant under which a caller may record an application; undefined where it may not. */
export const grantFor = (caller: Caller, sdkAppId: number): Grant | undefined =>
  caller.grants.find(({ applications }) => applications === 'Any' || applications.includes(sdkAppId))

/** Namespaces in which a caller's Recordings can be, each once. */
export const namespacesOf = (caller: Caller): string[] => [...new Set(caller.grants.map(({ namespace }) => namespace))]
