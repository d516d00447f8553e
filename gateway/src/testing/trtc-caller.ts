import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { afterEach, beforeEach } from 'vitest'
import { gatewayFor, school, sdkAppId, studio } from './harness.ts'

/** Tencent’s own SDK, with nothing changed but the endpoint. */
export function sdk(
  port: number,
  version = '2019-07-22',
  credential = { secretId: 'AKIDschool', secretKey: 'school-secret-key-0001' },
) {
  const httpProfile = { endpoint: `127.0.0.1:${port}`, protocol: 'http://' }
  return new CommonClient('trtc.tencentcloudapi.com', version, { credential, region: 'ap-guangzhou', profile: { httpProfile } })
}

export const cosKeys = { AccessKey: 'AKIDcos-secret-id', SecretKey: 'cos-secret-key' }

/** A task as small as it can be without a substitute. */
export const task = {
  SdkAppId: sdkAppId,
  RoomId: '43474',
  UserId: 'robot',
  UserSig: 'eJwtzM0KgkAUhuF7mXW-the-signature',
  RecordParams: { RecordMode: 1, OutputFormat: 3, AvMerge: 1 },
  StorageParams: {
    CloudStorage: { Vendor: 0, Region: 'ap-shanghai', Bucket: 'lessons-1250000000', ...cosKeys, FileNamePrefix: ['a', 'b'] },
  },
}

export let gateway: ReturnType<typeof gatewayFor>
export let port: number
export async function start(callers: object[] = [school, studio]) {
  await gateway?.server.close()
  gateway = gatewayFor(callers)
  gateway.clock.now = new Date()
  await gateway.server.listen({ host: '127.0.0.1', port: 0 })
  port = (gateway.server.server.address() as { port: number }).port
}
/** Called once by each test file: each of its tests has a gateway of its own. */
export function eachWithAGateway(): void {
  beforeEach(() => start())
  afterEach(() => gateway.server.close())
}

type Answer = Record<string, unknown> & { RequestId: string; TaskId: string }
export const call = (action: string, body: object) => sdk(port).request(action, body) as Promise<Answer>
export const refusal = (action: string, body: object) =>
  call(action, body).then(
    () => ({ code: 'none', message: '', requestId: '' }),
    ({ code, message, requestId }) => ({ code, message, requestId }),
  )
export const spec = () => gateway.cluster.recordings[0]!.spec

/** `a.b` set in a copy. */
export function withField(object: object, field: string, value: unknown): object {
  const [name = '', ...rest] = field.split('.')
  const inner = (object as Record<string, unknown>)[name]
  const next = rest.length === 0 ? value : withField((inner as object) ?? {}, rest.join('.'), value)
  return { ...object, [name]: next }
}
