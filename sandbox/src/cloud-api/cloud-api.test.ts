import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cosControl, type RunningCos, startCos } from '../cos/index.ts'
import { identities } from '../identities.ts'
import { type RunningRoom, startRoomServer } from '../room/index.ts'
import { type RunningCloudApi, startCloudApi } from './server.ts'

let home: string
let room: RunningRoom
let cos: RunningCos
let api: RunningCloudApi
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cloud-api-test-'))
  ;[room, cos] = await Promise.all([
    startRoomServer({ stateDir: join(home, 'room') }),
    startCos({ address: '127.0.0.1', port: 0, dir: join(home, 'cos') }),
  ])
  api = await startCloudApi({ room: room.control, cos: cosControl(cos.controlUrl) })
})
afterAll(async () => {
  await Promise.all([api.close(), room.close(), cos.close()])
  await rm(home, { recursive: true, force: true })
})

const { sdkAppId } = identities.trtc
const { secretId, secretKey } = identities.cos

/** By Tencent's own SDK: the answer, or the code of the refusal. */
async function call(action: string, body: object, over: { version?: string; secretId?: string; secretKey?: string } = {}) {
  const { version = '2019-07-22', ...keys } = over
  const client = new CommonClient('trtc.tencentcloudapi.com', version, {
    credential: { secretId, secretKey, ...keys },
    region: 'ap-guangzhou',
    profile: { httpProfile: { endpoint: api.endpoint, protocol: 'http://' } },
  })
  return client.request(action, body).catch((error: { code: string }) => error.code)
}

const policy = encodeURIComponent(
  JSON.stringify({ version: '2.0', statement: [{ effect: 'allow', action: ['name/cos:*'], resource: ['*'] }] }),
)

test.each([
  ['a room that is not there', 'DismissRoom', { SdkAppId: sdkAppId, RoomId: 5 }, {}, 'FailedOperation.RoomNotExist'],
  [
    'a room by text in a call for numbers',
    'RemoveUser',
    { SdkAppId: sdkAppId, RoomId: '5', UserIds: ['a'] },
    {},
    'InvalidParameter.RoomId',
  ],
  ['eleven users', 'RemoveUser', { SdkAppId: sdkAppId, RoomId: 5, UserIds: [...'abcdefghijk'] }, {}, 'InvalidParameter.UserIds'],
  ['nobody', 'RemoveUser', { SdkAppId: sdkAppId, RoomId: 5 }, {}, 'MissingParameter'],
  ['a field that is none', 'DismissRoom', { SdkAppId: sdkAppId, RoomId: 5, Why: '' }, {}, 'UnknownParameter'],
  ['another action', 'CreateCloudRecording', {}, {}, 'InvalidAction'],
  ['another version', 'DismissRoom', { SdkAppId: sdkAppId, RoomId: 5 }, { version: '2018-08-13' }, 'NoSuchVersion'],
  ['a wrong key', 'DismissRoom', { SdkAppId: sdkAppId, RoomId: 5 }, { secretKey: 'x' }, 'AuthFailure.SignatureFailure'],
  ['an unknown SecretId', 'DismissRoom', { SdkAppId: sdkAppId, RoomId: 5 }, { secretId: 'x' }, 'AuthFailure.SecretIdNotFound'],
  [
    'a policy that is none',
    'GetFederationToken',
    { Name: 'x', Policy: '{}' },
    { version: '2018-08-13' },
    'InvalidParameter.StrategyFormatError',
  ],
])('%s is refused as documented', async (_, action, body, over, code) => {
  expect(await call(action, body, over)).toBe(code)
})

test('temporary keys come with a token and an end', async () => {
  const body = { Name: 'x', Policy: policy, DurationSeconds: 60 }
  expect(await call('GetFederationToken', body, { version: '2018-08-13' })).toMatchObject({
    Credentials: { Token: expect.any(String), TmpSecretId: expect.any(String), TmpSecretKey: expect.any(String) },
    ExpiredTime: expect.any(Number),
  })
})

test('told to do nothing it says that all is well; told to refuse it refuses', async () => {
  api.misbehave('DismissRoom', { is: 'idle' })
  expect(await call('DismissRoom', { SdkAppId: sdkAppId, RoomId: 5 })).toMatchObject({ RequestId: expect.any(String) })
  api.misbehave('DismissRoom', { is: 'refusing', code: 'InternalError', message: 'broken' })
  expect(await call('DismissRoom', { SdkAppId: sdkAppId, RoomId: 5 })).toBe('InternalError')
})
