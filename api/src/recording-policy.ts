import { z } from 'zod'
import { idleFields } from './idle-fields.ts'
import { liveNeedsSound, livePicturesRule, liveSoundRule } from './live.ts'
import { needPictures, needSound, picturesRule, soundRule } from './outputs.ts'
import { secretKeyRef } from './placement.ts'
import { type apiVersion, type ObjectMeta, opusMessage, recordingSpecSchema } from './recording.ts'
import { type CelRule, matching, ruled } from './rules.ts'
import { scheduleSchema } from './schedule.ts'
import { excludesAll, excludesAllRule, type Lists, userIdPattern } from './user-patterns.ts'
import { word } from './word.ts'

export const policyKind = 'RecordingPolicy'
export const policyPlural = 'recordingpolicies'

/** Events older than this are not acted on: TRTC repeats one for a minute, clocks differ, and a signature has no time. */
export const oldestEventSeconds = 300
/** A finished Recording is what keeps late events of its room from making another one. */
const leastTtlSeconds = 2 * oldestEventSeconds

const roomCharacters = String.raw`[A-Za-z0-9 !#$%&()+\-:;<=.>?@[\]^_{}|~,]`
const roomPattern = matching(
  z.string().min(1).max(67),
  new RegExp(String.raw`^(${roomCharacters}{1,64}(\.\*\$)?|\.\*\$)$`),
  'must be a room, or a prefix followed by .*$ and nothing else',
)

/** Up to the largest number of a room, 4294967294. */
const number = [
  ...['[1-9][0-9]{0,8}', '[1-3][0-9]{9}', '4[01][0-9]{8}', '42[0-8][0-9]{7}', '429[0-3][0-9]{6}', '4294[0-8][0-9]{5}'],
  ...['42949[0-5][0-9]{4}', '429496[0-6][0-9]{3}', '4294967[01][0-9]{2}', '42949672[0-8][0-9]', '429496729[0-4]'],
].join('|')
const numberPattern = new RegExp(`^(${number})?(\\.\\*\\$)?$`)
const numbersOnly = (list: 'include' | 'exclude') => ({
  rule: `!has(self.type) || self.type != 'Number' || !has(self.${list}) || self.${list}.all(p, p.matches(${JSON.stringify(numberPattern.source)}))`,
  message: 'must be numbers, or the beginning of numbers followed by .*$, where type is Number',
  fieldPath: `.${list}`,
})
const isOfType = (type: string, patterns: readonly string[]) =>
  type !== 'Number' || patterns.every((pattern) => numberPattern.test(pattern))

/** Of whom, or of which rooms, none would ever be meant. */
const leavesSome = <Schema extends z.ZodType<Lists>>(schema: Schema): Schema =>
  ruled(schema, (lists) => !excludesAll(lists), {
    rule: `!(${excludesAllRule('self')})`,
    message: 'has nothing that exclude does not have, too, and what is excluded is not meant even if included',
    fieldPath: '.include',
  })

const roomsSchema = ruled(
  ruled(
    leavesSome(
      z.object({
        type: z
          .enum(['Any', 'Number', 'String'])
          .default('Any')
          .describe('Rooms with a number, rooms with a name, or both: room 123 and room "123" are different rooms.'),
        include: z
          .array(roomPattern)
          .max(32)
          .default([])
          .describe('Rooms to record: each a room, or a prefix followed by `.*$`. Empty: every room.'),
        exclude: z.array(roomPattern).max(32).default([]).describe('Rooms never recorded, even if included.'),
      }),
    ),
    ({ type, include }) => isOfType(type, include),
    numbersOnly('include'),
  ),
  ({ type, exclude }) => isOfType(type, exclude),
  numbersOnly('exclude'),
)

const { sdkAppId, roomId: _, strRoomId: __, userId, userSigSecretRef: ___, desiredState: ____, ...of } = recordingSpecSchema.shape

const bareTemplateSchema = z.object({
  ...of,
  appSecretKeyRef: secretKeyRef('secretKey', 'the secret key of the TRTC application').describe(
    'Where the secret key of the TRTC application is kept. The recorder signs its UserSig with it, for each room.',
  ),
  ttlSecondsAfterFinished: z
    .int()
    .min(leastTtlSeconds)
    .max(31_536_000)
    .optional()
    .describe(
      'Deletes each Recording this long after it is over and told of. At least ten minutes: until then late events of its room may come, and the Recording is what says that it was recorded.',
    ),
})

type Template = z.output<typeof bareTemplateSchema>
interface TemplateRule extends CelRule {
  holds(template: Template): boolean
}

/** As a Recording is judged, so that none is admitted whose Recordings would be refused. */
const templateRules: readonly TemplateRule[] = [
  {
    holds: ({ audioCodec, mode }) => audioCodec !== 'Opus' || mode === '02',
    rule: "!has(self.audioCodec) || self.audioCodec == 'AAC' || (has(self.mode) && self.mode == '02')",
    message: opusMessage,
    fieldPath: '.audioCodec',
  },
  { holds: ({ mode, outputs }) => mode !== '01' || !needSound(outputs), ...soundRule },
  { holds: ({ mode, outputs }) => mode !== '00' || !needPictures(outputs), ...picturesRule },
  { holds: ({ mode, live }) => mode !== '01' || !liveNeedsSound(live), ...liveSoundRule },
  { holds: ({ mode, live }) => mode !== '00' || live.stills === undefined, ...livePicturesRule },
  ...idleFields.map(({ isIdle, rule, message, fieldPath }) => ({
    ...{ holds: (template: Template) => !isIdle(template), rule, message },
    ...(fieldPath === undefined ? {} : { fieldPath }),
  })),
]

/** What a Recording's spec has, without what comes from event and policy. */
const templateSchema = templateRules.reduce((schema, { holds, ...rule }) => ruled(schema, holds, rule), bareTemplateSchema)

export const recordingPolicySpecSchema = ruled(
  z.object({
    sdkAppId: sdkAppId.describe('TRTC application (SDKAppID) whose rooms are recorded.'),
    suspend: z.boolean().default(false).describe('True: nothing new is recorded. What is being recorded goes on.'),
    rooms: roomsSchema.prefault({}).describe('Which rooms.'),
    enters: leavesSome(
      z.object({
        role: z
          .enum(['Anchor', 'Anyone'])
          .default('Anchor')
          .describe('`Anchor`: somebody who may publish has to be in the room. `Anyone`: an audience member is enough.'),
        include: z.array(userIdPattern).max(32).default([]).describe('Users of whom one has to enter. Empty: anybody will do.'),
        exclude: z.array(userIdPattern).max(32).default([]).describe('Users with whom nothing begins, even if included.'),
      }),
    )
      .prefault({})
      .describe('Whose entering begins a recording. Never that of a recorder of a policy.'),
    schedule: scheduleSchema
      .optional()
      .describe('When recordings may begin. At any time, where it is not set. What has begun goes on to its end.'),
    limits: z
      .object({
        activeRecordings: z
          .int()
          .min(1)
          .max(10_000)
          .default(100)
          .describe('Recordings of this policy at once. What would be more is not made, and the condition Ready says so.'),
      })
      .prefault({})
      .describe('How much.'),
    recorderUserId: userId.describe(
      'The recorder’s own user id in each room. Nobody else may use it, and no other policy for the same rooms: TRTC removes the earlier of two.',
    ),
    template: templateSchema.describe(
      'The spec of each Recording that is made, as in [recording.md](recording.md), but for sdkAppId, roomId, strRoomId, userId, userSigSecretRef and desiredState.',
    ),
  }),
  ({ recorderUserId, enters }) => !enters.include.includes(recorderUserId),
  {
    rule: '!has(self.enters) || !has(self.enters.include) || !(self.recorderUserId in self.enters.include)',
    message: 'must be somebody else than recorderUserId: a recorder that enters begins nothing',
    fieldPath: '.enters.include',
  },
)
/** What keeps a policy from recording something. Without one of these a CRD of an earlier release would have rooms or people recorded that are not to be. */
export const neededPolicySpecFields = [
  'suspend',
  'rooms.type',
  'rooms.include',
  'rooms.exclude',
  'enters.role',
  'enters.include',
  'enters.exclude',
  'schedule.timeZone',
  'schedule.windows.days',
  'schedule.windows.from',
  'schedule.windows.to',
  'limits.activeRecordings',
  'template.subscribe.include',
  'template.subscribe.exclude',
  'template.subscribe.audio.include',
  'template.subscribe.audio.exclude',
  'template.subscribe.video.include',
  'template.subscribe.video.exclude',
] as const
export type RecordingPolicySpec = z.infer<typeof recordingPolicySpecSchema>

/** Every condition that a policy can have. */
export const policyConditionTypes = {
  Ready: 'True: rooms are recorded as the policy says. False: something keeps them from it, or kept the last Recording from it.',
} as const

/** Every reason that the condition `Ready` of a policy can have. */
export const policyReasons = {
  Listening: 'Events of the application are heard, and recordings begin with them.',
  Suspended: 'spec.suspend is true, so nothing begins, as is meant.',
  ApplicationUnknown:
    'The gateway has no callback key of this application for this namespace, so no event can reach the policy. Its administrator can add one.',
  RecordingRefused: 'The last Recording that was to be made was refused; the message is the API server’s answer.',
  LimitReached: 'The last Recording that was to be made would have been one more than limits.activeRecordings or a quota allows.',
  SecretNotFound: 'The last Recording waits for a Secret; the message names it.',
  RoomRefused: 'TRTC refused the recorder of the last Recording: application, key or user are not right.',
  CrdOutdated:
    'The CRD of policies is older than the gateway, and would drop what keeps a policy from recording something; the message names it. Nothing is begun meanwhile.',
} as const
export type PolicyReason = keyof typeof policyReasons

/** What the reader can do about each reason. */
export const policyReasonRemedies: Record<PolicyReason, string> = {
  Listening:
    'Nothing. If nothing is recorded all the same, see [when nothing is recorded](auto-record.md#when-nothing-is-recorded).',
  Suspended: 'Set spec.suspend to false, and the next event begins a recording. What is being recorded goes on.',
  ApplicationUnknown:
    'Have the application, with the key of its callbacks, named for this namespace in the Secret of gateway.policies.applicationsSecret; it is read again within two minutes.',
  RecordingRefused:
    'Mend what the answer in the message names: a field of spec.template, a policy or a webhook of the cluster. It stays until a Recording is made again, or the policy is changed.',
  LimitReached:
    'Raise spec.limits.activeRecordings or the ResourceQuota, or end Recordings; rooms that were not recorded are with the next event of theirs.',
  SecretNotFound:
    'Make the Secret, or the key in it, that the message names: the Recording begins by itself, and so do all that follow.',
  RoomRefused:
    'Compare spec.sdkAppId, the key in spec.template.appSecretKeyRef and spec.recorderUserId with the application; the code of TRTC in the message says more.',
  CrdOutdated:
    'Apply the CRDs of the gateway’s release, and then the policies again: what was dropped of them may be gone. It is noticed within seconds.',
}

const time = z.iso.datetime()

export const policyConditionSchema = z.object({
  type: word<keyof typeof policyConditionTypes>().describe('`Ready`.'),
  status: word<'True' | 'False'>().describe('`True` or `False`.'),
  reason: word<PolicyReason>().describe('One word.'),
  message: z.string().max(1024).describe('The same for a person.'),
  observedGeneration: z.int().min(0).describe('Generation of the spec it is about.'),
  lastTransitionTime: time.describe('When the status last changed.'),
})

export const recordingPolicyStatusSchema = z.object({
  observedGeneration: z.int().optional().describe('Generation of the spec that was last looked at.'),
  conditions: z.array(policyConditionSchema).max(8).optional().describe('`Ready`: whether it records what it should.'),
  recordingsMade: z.int().min(0).optional().describe('How many Recordings it has made.'),
  lastRecording: z.string().max(253).optional().describe('The Recording that was made last.'),
  lastEventTime: time
    .optional()
    .describe('Time of an event that met the policy lately: written with the rest, and every five minutes.'),
})
export type RecordingPolicyStatus = z.infer<typeof recordingPolicyStatusSchema>

export interface RecordingPolicy {
  apiVersion: typeof apiVersion
  kind: typeof policyKind
  metadata: ObjectMeta
  spec: RecordingPolicySpec
  status?: RecordingPolicyStatus
}
