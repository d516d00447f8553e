import { idempotencyHeader } from '@trtc-recorder/api'
import { stringify } from 'yaml'
import { recordingName, requestIdFrom } from '../../gateway/src/recordings/names.ts'
import { identities } from '../../sandbox/src/identities.ts'
import { userSigFor } from '../../sandbox/src/user-sig.ts'
import { forwarded } from '../system/forwarded.ts'
import { operatorNamespace, release } from '../system/operator.ts'
import type { World } from '../system/world.ts'

/** The Recording of the demo that nobody applies: a POST to the gateway makes it, as the template's callers do. */

const caller = 'demo'
const token = 'demo-bearer-token-0001'
const idempotencyKey = 'lesson-audio'

/** Its name follows from who asked and with which key. */
export const nameByHttp = recordingName(requestIdFrom('Template', caller, idempotencyKey))
export const callersSecret = 'gateway-callers'

/** The gateway's callers.yaml. What the template's body has no words for, its grant says. */
export function callers(world: World, namespace: string, excluded: readonly string[]): string {
  const recording = {
    subscribe: { exclude: excluded },
    cos: { endpoint: world.cosEndpoint },
    callback: { signingKeySecretRef: { name: 'callback-signing' } },
    storage: { size: '1Gi' },
    networkProxy: { unifiedProxy: world.unifiedProxy },
  }
  const grants = [{ namespace, applications: [identities.trtc.sdkAppId], recording }]
  return stringify({ callers: [{ name: caller, credentials: [{ type: 'BearerToken', token }], grants }] })
}

/** Starts it: mode 00, the template's own. Gives when it was sent, in milliseconds since 1970. */
export async function startByHttp(world: World, { roomId, userId }: { roomId: number; userId: string }): Promise<number> {
  const { secretId, secretKey, bucket, region } = identities.cos
  const body = {
    SdkAppId: identities.trtc.sdkAppId,
    RoomId: roomId,
    UserId: userId,
    UserSig: userSigFor(identities.trtc, userId),
    CosConfig: { SecretId: secretId, SecretKey: secretKey, Region: region, Bucket: bucket, Path: '/demo/lesson-audio' },
    Callback: `${world.callbackUrl}/signed?recording=lesson-audio`,
    Mode: '00',
  }
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', [idempotencyHeader]: idempotencyKey }
  return forwarded(operatorNamespace, `service/${release}-gateway`, 80, async (url) => {
    const sent = Date.now()
    const answer = await fetch(`${url}/release/single_stream_record`, { method: 'POST', headers, body: JSON.stringify(body) })
    const said = await answer.text()
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}: ${said}`)
    return sent
  })
}
