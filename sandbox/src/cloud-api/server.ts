/**
 * The calls of Tencent Cloud's API that end a recording from outside (TRTC, 2019-07-22: RemoveUser, RemoveUserByStrRoomId, DismissRoom,
 * DismissRoomByStrRoomId) and that hand out temporary keys (STS, 2018-08-13: GetFederationToken), for the official SDKs with another endpoint.
 * Strict: a signature, a version or a parameter that is not as documented is refused with the documented code.
 */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import type { CosControl } from '../cos/index.ts'
import { identities } from '../identities.ts'
import type { RoomControl, RoomName } from '../room/index.ts'
import { ApiError, checkSignature } from './tc3.ts'

export interface CloudApiOptions {
  room: RoomControl
  cos: CosControl
  address?: string
  port?: number
}

/** What it does in place of what it should. */
export type Misbehaviour = { is: 'idle' } | { is: 'refusing'; code: string; message: string }

export interface RunningCloudApi {
  /** host:port, plain HTTP. */
  endpoint: string
  /** From now on this action is answered well and nothing is done, or refused. */
  misbehave(action: CloudAction, how: Misbehaviour): void
  close(): Promise<void>
}

const sdkAppId = z.int().min(1).max(4294967295)
const numberRoom = z.int().min(1).max(4294967295)
const stringRoom = z.string().min(1).max(64)
const users = z.array(z.string().min(1)).min(1).max(10)
const longestKeysSeconds = 7200

const parameters = {
  RemoveUser: z.strictObject({ SdkAppId: sdkAppId, RoomId: numberRoom, UserIds: users }),
  RemoveUserByStrRoomId: z.strictObject({ SdkAppId: sdkAppId, RoomId: stringRoom, UserIds: users }),
  DismissRoom: z.strictObject({ SdkAppId: sdkAppId, RoomId: numberRoom }),
  DismissRoomByStrRoomId: z.strictObject({ SdkAppId: sdkAppId, RoomId: stringRoom }),
  GetFederationToken: z.strictObject({
    Name: z.string().regex(/^[\w.-]{1,128}$/),
    Policy: z.string().max(2048),
    DurationSeconds: z.int().min(1).max(longestKeysSeconds).default(1800),
  }),
} as const
export type CloudAction = keyof typeof parameters

const versions: Record<CloudAction, string> = {
  RemoveUser: '2019-07-22',
  RemoveUserByStrRoomId: '2019-07-22',
  DismissRoom: '2019-07-22',
  DismissRoomByStrRoomId: '2019-07-22',
  GetFederationToken: '2018-08-13',
}

/** The least that an access policy is (598/10603). */
const policySchema = z.strictObject({
  version: z.literal('2.0'),
  statement: z
    .array(
      z.strictObject({
        effect: z.enum(['allow', 'deny']),
        action: z.array(z.string()).min(1),
        resource: z.array(z.string()).min(1),
      }),
    )
    .min(1),
})

export async function startCloudApi({ room, cos, address = '127.0.0.1', port = 0 }: CloudApiOptions): Promise<RunningCloudApi> {
  const keys = new Map([[identities.cos.secretId, identities.cos.secretKey]])
  const misbehaviours = new Map<CloudAction, Misbehaviour>()
  const server = createServer(async (request, response) => {
    const answer = await act(request).catch((error: Error) => {
      const code = error instanceof ApiError ? error.code : 'InternalError'
      return { Error: { Code: code, Message: error.message } }
    })
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ Response: { ...answer, RequestId: randomUUID() } }))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve))
  return {
    endpoint: `${address}:${(server.address() as AddressInfo).port}`,
    misbehave: (action, how) => void misbehaviours.set(action, how),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  async function act(request: IncomingMessage): Promise<object> {
    const { headers } = request
    const body = await text(request)
    if (request.method !== 'POST' || request.url !== '/') throw new ApiError('InvalidRequest', 'Only POST / is taken.')
    if (headers['content-type']?.split(';')[0] !== 'application/json')
      throw new ApiError('InvalidRequest', 'Content-Type must be application/json.')
    checkSignature(headers, body, keys, Date.now() / 1000)
    const action = String(headers['x-tc-action'])
    if (!isAction(action)) throw new ApiError('InvalidAction', `The action ${action} is not known.`)
    if (headers['x-tc-version'] !== versions[action])
      throw new ApiError('NoSuchVersion', `The version of ${action} is ${versions[action]}.`)
    if (!headers['x-tc-region']) throw new ApiError('MissingParameter', 'X-TC-Region is needed.')
    const how = misbehaviours.get(action)
    if (how?.is === 'refusing') throw new ApiError(how.code, how.message)
    return perform(action, json(body), how?.is === 'idle')
  }

  async function perform(action: CloudAction, body: unknown, isIdle: boolean): Promise<object> {
    switch (action) {
      case 'RemoveUser': {
        const { SdkAppId, RoomId, UserIds } = read(action, body)
        if (!isIdle) for (const userId of UserIds) await inRoom(room.removeUser({ sdkAppId: SdkAppId, roomId: RoomId, userId }))
        return {}
      }
      case 'RemoveUserByStrRoomId': {
        const { SdkAppId, RoomId, UserIds } = read(action, body)
        for (const userId of isIdle ? [] : UserIds)
          await inRoom(room.removeUserByStrRoomId({ sdkAppId: SdkAppId, roomId: RoomId, userId }))
        return {}
      }
      case 'DismissRoom': {
        const { SdkAppId, RoomId } = read(action, body)
        return isIdle ? {} : dismiss({ sdkAppId: SdkAppId, roomId: RoomId })
      }
      case 'DismissRoomByStrRoomId': {
        const { SdkAppId, RoomId } = read(action, body)
        return isIdle ? {} : dismiss({ sdkAppId: SdkAppId, strRoomId: RoomId })
      }
      case 'GetFederationToken': {
        const { Policy, DurationSeconds } = read(action, body)
        if (!isPolicy(Policy)) throw new ApiError('InvalidParameter.StrategyFormatError', 'Policy is not a URL-encoded policy.')
        const { secretId, secretKey, token } = await cos.temporaryKeys(DurationSeconds)
        const ExpiredTime = Math.floor(Date.now() / 1000) + DurationSeconds
        const Credentials = { Token: token, TmpSecretId: secretId, TmpSecretKey: secretKey }
        return { Credentials, ExpiredTime, Expiration: new Date(ExpiredTime * 1000).toISOString() }
      }
    }
  }

  async function dismiss(name: RoomName): Promise<object> {
    await inRoom(room.dismissRoom({ room: name }))
    return {}
  }
}

const isAction = (name: string): name is CloudAction => Object.hasOwn(parameters, name)

function read<Action extends CloudAction>(action: Action, body: unknown): z.infer<(typeof parameters)[Action]> {
  const { data, error } = parameters[action].safeParse(body)
  if (data !== undefined) return data as z.infer<(typeof parameters)[Action]>
  const [issue] = error!.issues
  if (issue?.code === 'unrecognized_keys') throw new ApiError('UnknownParameter', `${issue.keys.join(', ')} is not recognized.`)
  const [field] = issue?.path ?? []
  const isMissing = field !== undefined && !Object.hasOwn((body ?? {}) as object, field)
  throw new ApiError(
    isMissing ? 'MissingParameter' : `InvalidParameter${field === undefined ? '' : `.${String(field)}`}`,
    `${String(field ?? '')} ${issue?.message}`,
  )
}

function json(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new ApiError('InvalidParameter', 'The body is not JSON.')
  }
}

function isPolicy(written: string): boolean {
  try {
    return policySchema.safeParse(JSON.parse(decodeURIComponent(written))).success
  } catch {
    return false
  }
}

/** Rooms and users that are not there have one code. */
async function inRoom(done: Promise<void>): Promise<void> {
  await done.catch((error: Error) => {
    throw new ApiError('FailedOperation.RoomNotExist', error.message)
  })
}
