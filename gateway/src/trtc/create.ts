import { type Recording, taskIdAnnotation } from '@trtc-recorder/api'
import { type Caller, type Grant, grantFor, type Substitute } from '../callers/caller.ts'
import { type FieldProblem, invalid, RefusedRequest } from '../errors.ts'
import type { Gateway } from '../http/call.ts'
import { annotate, isUnderWay, listRecordings } from '../recordings/find.ts'
import {
  expiresAnnotation,
  fingerprint,
  fingerprintAnnotation,
  identityLabel,
  isExpired,
  labelFrom,
  requestIdFrom,
  requestIdOf,
  streamTypeAnnotation,
  substitutedAnnotation,
} from '../recordings/names.ts'
import type { SpecInput } from '../recordings/spec.ts'
import { startRecording } from '../recordings/start.ts'
import type { Answer } from '../tencent/answers.ts'
import { TencentError } from '../tencent/codes.ts'
import { readFields, type Values } from './read.ts'
import { listFieldOf, type StreamType, subscribeOf } from './subscribe.ts'

const storage = 'StorageParams.CloudStorage'
/** RecordMode: everybody in one file. */
const mixed = 2

/** Starts a task; of one that is under way for the same application, room and user it gives the TaskId. */
export async function createCloudRecording(
  gateway: Gateway,
  caller: Caller,
  body: unknown,
): Promise<Answer<'CreateCloudRecording'>> {
  const grant = grantOf(caller, body)
  const values = readFields('CreateCloudRecording', body, mayStand(grant, body))
  const { spec, substituted, streamType } = specOf(values, grant)
  const prefixes = (values.get(`${storage}.FileNamePrefix`) as string[] | undefined) ?? []
  const said = fingerprint({ ...spec, prefixes })
  const identity = identityOf(spec)
  const former = await newestOf(gateway, caller, identity)
  const hours = (values.get('ResourceExpiredHour') as number | undefined) ?? 72
  // Who ended a task and starts anew means a new one; that waits until the former has left the room.
  if (former !== undefined && isUnderWay(former)) return sameTask(gateway, former, { said, hours })
  // Replicas that are asked at the same moment see the same newest task, choose the same id, and one of them makes it.
  const TaskId = requestIdFrom('TRTC', caller.name, identity, former?.metadata.uid ?? '')
  await startRecording(gateway.client, {
    ...{ requestId: TaskId, contract: 'TRTC', caller, grant, fingerprint: said },
    spec: { ...spec, cos: { ...(spec.cos as object), path: `/${[...prefixes, TaskId].join('/')}` } },
    secrets: {
      userSig: String(values.get('UserSig')),
      cos: { secretId: String(values.get(`${storage}.AccessKey`)), secretKey: String(values.get(`${storage}.SecretKey`)) },
    },
    labels: { [identityLabel]: identity },
    annotations: {
      [expiresAnnotation]: expiry(gateway.now().getTime(), hours),
      [streamTypeAnnotation]: String(streamType),
      [taskIdAnnotation]: TaskId,
      ...(substituted.length === 0 ? {} : { [substitutedAnnotation]: substituted.join(',') }),
    },
    fieldOf,
    keepSeconds: gateway.keepSeconds,
    admit: () => gateway.quota.admit(caller),
  })
  return { TaskId }
}

function grantOf(caller: Caller, body: unknown): Grant {
  const sdkAppId = typeof body === 'object' && body !== null ? (body as { SdkAppId?: unknown }).SdkAppId : undefined
  // What is no number at all, the table refuses in its own words.
  if (typeof sdkAppId !== 'number') return caller.grants[0]!
  const grant = grantFor(caller, sdkAppId)
  if (grant === undefined) throw new RefusedRequest('Forbidden', `SdkAppId: this key may not record application ${sdkAppId}`)
  return grant
}

const has = (grant: Grant, substitute: Substitute) => grant.substitutes.includes(substitute)

/** What is made where HLS, or HLS and MP4, is meant; undefined where the grant lets nothing stand for it. Of a mix there is none. */
function insteadOfHls(grant: Grant, isMixed: boolean): 'MP4ForHLS' | 'CMAFForTS' | undefined {
  if (has(grant, 'MP4ForHLS')) return 'MP4ForHLS'
  return has(grant, 'CMAFForTS') && !isMixed ? 'CMAFForTS' : undefined
}

/** What is made where everybody in one file is meant; undefined where the grant lets nothing stand for it. A mix has sound, so of pictures alone there is none. */
function insteadOfMix(grant: Grant, streamType: StreamType): 'MP3ForMix' | 'MP4ForMix' | undefined {
  const substitute = ({ 0: 'MP4ForMix', 1: 'MP3ForMix', 2: undefined } as const)[streamType]
  return substitute !== undefined && has(grant, substitute) ? substitute : undefined
}

/** HLS where the grant says what will do; a mix where it does, of sound also as AAC. What goes with what is judged when all is known. */
function mayStand(grant: Grant, body: unknown) {
  const { RecordMode, StreamType } =
    (body as { RecordParams?: { RecordMode?: unknown; StreamType?: unknown } } | null)?.RecordParams ?? {}
  const isMixed = RecordMode === mixed
  return (field: string, value: unknown): boolean => {
    if (field === 'RecordParams.RecordMode') return value === mixed && (has(grant, 'MP3ForMix') || has(grant, 'MP4ForMix'))
    if (field !== 'RecordParams.OutputFormat') return false
    return value === 4 ? isMixed && StreamType === 1 : (value === 0 || value === 1) && insteadOfHls(grant, isMixed) !== undefined
  }
}

function specOf(values: Values, grant: Grant): { spec: SpecInput; substituted: Substitute[]; streamType: StreamType } {
  const streamType = (values.get('RecordParams.StreamType') as StreamType | undefined) ?? 0
  const format = values.get('RecordParams.OutputFormat') ?? 0
  const isApart = streamType === 0 && (values.get('RecordParams.AvMerge') ?? 0) === 0
  const isMixed = values.get('RecordParams.RecordMode') === mixed
  const mix = isMixed ? insteadOfMix(grant, streamType) : undefined
  const hls = format === 0 || format === 1 ? insteadOfHls(grant, isMixed) : undefined
  const unsupported = (field: string, message: string): FieldProblem => ({ field, kind: 'unsupported', message })
  const problems = [
    ...(isMixed && mix === undefined ? [unsupported('RecordParams.RecordMode', noMixOf[streamType])] : []),
    ...(format === 0 && hls === undefined
      ? [
          unsupported(
            'RecordParams.OutputFormat',
            isMixed
              ? 'without it HLS (0) is meant, and of a mix none is made here: give 3 or 4'
              : 'without it HLS (0) is meant, and the key’s grant has neither CMAFForTS nor MP4ForHLS among its substitutes: give 3 (MP4)',
          ),
        ]
      : []),
    ...(isApart && !has(grant, 'OneFileForTwo')
      ? [
          unsupported(
            'RecordParams.AvMerge',
            'without it files apart (0) are meant, and audio and video go into one file here: give 1',
          ),
        ]
      : []),
    ...prefixProblems(values),
  ]
  if (problems.length > 0) throw invalid(problems)
  const spec = {
    sdkAppId: values.get('SdkAppId'),
    ...roomOf(values),
    userId: values.get('UserId'),
    mode: streamType === 2 ? '01' : '02',
    fileNaming: 'TRTC',
    // Where the grant says who is to be told: there, that is set in the console for the whole application.
    callback: { format: 'TRTC' },
    subscribe: subscribeOf(values, 'RecordParams.', streamType),
    ...(mix === undefined ? {} : { outputs: { mix: true, mixFormat: mix === 'MP4ForMix' ? 'Mp4' : 'Mp3' } }),
    ...(hls === 'CMAFForTS' ? { live: { hls: {} } } : {}),
    limits: { idleTimeoutSeconds: values.get('RecordParams.MaxIdleTime') ?? 30 },
    cos: { region: values.get(`${storage}.Region`), bucket: values.get(`${storage}.Bucket`) },
  }
  return {
    spec,
    streamType,
    substituted: [
      ...(hls === undefined ? [] : [hls]),
      ...(isApart ? ['OneFileForTwo' as const] : []),
      ...(mix === undefined ? [] : [mix]),
    ],
  }
}

const noMixOf: Record<StreamType, string> = {
  0: '2 with StreamType 0 is taken where the key’s grant has MP4ForMix among its substitutes, which it has not',
  1: '2 with StreamType 1 is taken where the key’s grant has MP3ForMix among its substitutes, which it has not',
  2: '2 is taken with StreamType 0 (audio and video) or 1 (audio): a mix here has sound',
}

function roomOf(values: Values): SpecInput {
  const room = String(values.get('RoomId'))
  if (values.get('RoomIdType') === 0) return { strRoomId: room }
  const roomId = /^[1-9]\d{0,9}$/.test(room) ? Number(room) : 0
  if (roomId < 1 || roomId > 4_294_967_294) {
    const message = 'must be a number from 1 to 4294967294, as text; a room with a name needs RoomIdType 0'
    throw invalid([{ field: 'RoomId', kind: 'range', message }])
  }
  return { roomId }
}

function prefixProblems(values: Values): FieldProblem[] {
  const field = `${storage}.FileNamePrefix`
  const isRight = ((values.get(field) as string[] | undefined) ?? []).every((part) => /^[A-Za-z0-9_-]+$/.test(part))
  return isRight ? [] : [{ field, kind: 'range', message: 'each must have letters, digits, _ and - only' }]
}

const identityOf = ({ sdkAppId, roomId, strRoomId, userId }: SpecInput) =>
  labelFrom(String(sdkAppId), roomId === undefined ? 'name' : 'number', String(roomId ?? strRoomId), String(userId))

async function newestOf({ client }: Gateway, caller: Caller, identity: string): Promise<Recording | undefined> {
  let newest: Recording | undefined
  for await (const recording of listRecordings(client, caller, `${identityLabel}=${identity}`)) {
    if (newest === undefined || isNewer(recording, newest)) newest = recording
  }
  return newest
}

/** One that is under way counts as the newest. */
function isNewer(one: Recording, other: Recording): boolean {
  if (isUnderWay(one) !== isUnderWay(other)) return isUnderWay(one)
  const [made, otherMade] = [one, other].map(({ metadata }) => Date.parse(metadata.creationTimestamp))
  return made! > otherMade! || (made === otherMade && one.metadata.uid > other.metadata.uid)
}

const expiry = (fromMillis: number, hours: number) => new Date(fromMillis + hours * 3_600_000).toISOString()
/** By how much the clocks of gateway and API server may differ. */
const clockMillis = 60_000

/**
 * The task that there is, known for as long as the longest that was said. One that has expired would be an answer that nobody can do anything with, so
 * it is known anew, from now on.
 */
async function sameTask(
  { client, now }: Gateway,
  former: Recording,
  { said, hours }: { said: string; hours: number },
): Promise<Answer<'CreateCloudRecording'>> {
  const TaskId = requestIdOf(former)
  const { annotations = {}, creationTimestamp } = former.metadata
  if (annotations[fingerprintAnnotation] === said) {
    const isOver = isExpired(former, now())
    const expires = expiry(isOver ? now().getTime() : Date.parse(creationTimestamp), hours)
    const isLonger = isOver || Date.parse(expires) > Date.parse(annotations[expiresAnnotation] ?? '') + clockMillis
    if (isLonger) await annotate(client, former, { [expiresAnnotation]: expires })
    return { TaskId }
  }
  throw new TencentError(
    'FailedOperation.TaskExist',
    `Task ${TaskId} records this room with this UserId, and was asked for otherwise`,
  )
}

/** The request's word for a path of the spec. */
function fieldOf(path: string): string | undefined {
  const exact: Record<string, string> = {
    ...{ sdkAppId: 'SdkAppId', roomId: 'RoomId', strRoomId: 'RoomId', userId: 'UserId', userSigSecretRef: 'UserSig' },
    ...{ 'cos.region': `${storage}.Region`, 'cos.bucket': `${storage}.Bucket`, 'cos.path': `${storage}.FileNamePrefix` },
    'limits.idleTimeoutSeconds': 'RecordParams.MaxIdleTime',
  }
  return exact[path] ?? listFieldOf(path, 'RecordParams.')
}
