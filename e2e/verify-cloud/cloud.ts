import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import type { Settings } from './settings.ts'

/** Keys for a part of the bucket, for a while. */
export interface TemporaryKeys {
  secretId: string
  secretKey: string
  token: string
}

const keysSeconds = 1800

/** What is asked of Tencent Cloud's API, by its own SDK. Rejects with the API's code in front. */
export function cloudApi({ sdkAppId, secretId, secretKey, region, bucket, endpoints }: Settings) {
  const client = (host: string, version: string) =>
    new CommonClient(host, version, {
      credential: { secretId, secretKey },
      region,
      profile: endpoints === undefined ? {} : { httpProfile: { endpoint: endpoints.api, protocol: 'http://' } },
    })
  const trtc = client('trtc.tencentcloudapi.com', '2019-07-22')
  const sts = client('sts.tencentcloudapi.com', '2018-08-13')
  return {
    removeUser: (roomId: number, userId: string) =>
      told(trtc.request('RemoveUser', { SdkAppId: sdkAppId, RoomId: roomId, UserIds: [userId] })),
    dismissRoom: (roomId: number) => told(trtc.request('DismissRoom', { SdkAppId: sdkAppId, RoomId: roomId })),

    /** For what is below a folder of the bucket, and no more. */
    async temporaryKeys(folder: string): Promise<TemporaryKeys> {
      const appId = bucket.slice(bucket.lastIndexOf('-') + 1)
      const resource = [`qcs::cos:${region}:uid/${appId}:${bucket}/${folder}/*`, `qcs::cos:${region}:uid/${appId}:${bucket}/`]
      const policy = { version: '2.0', statement: [{ effect: 'allow', action: ['name/cos:*'], resource }] }
      const answer = (await told(
        sts.request('GetFederationToken', {
          Name: 'trtc-recorder-verify',
          Policy: encodeURIComponent(JSON.stringify(policy)),
          DurationSeconds: keysSeconds,
        }),
      )) as { Credentials?: { Token?: string; TmpSecretId?: string; TmpSecretKey?: string } }
      const { Token, TmpSecretId, TmpSecretKey } = answer.Credentials ?? {}
      if (!Token || !TmpSecretId || !TmpSecretKey)
        throw new NotAsDocumented('the answer has no Token, TmpSecretId or TmpSecretKey')
      return { secretId: TmpSecretId, secretKey: TmpSecretKey, token: Token }
    },
  }
}
export type CloudApi = ReturnType<typeof cloudApi>

/** It was answered, and otherwise than documented. */
export class NotAsDocumented extends Error {
  override readonly name = 'NotAsDocumented'
}

/** Refused with a code of the API; others are failures on the way. */
export class RefusedByApi extends Error {
  override readonly name = 'RefusedByApi'
  readonly code: string

  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

async function told<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: Error & { code?: string }) => {
    throw error.code ? new RefusedByApi(error.code, error.message) : error
  })
}
