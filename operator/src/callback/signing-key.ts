import { secretValue } from '@trtc-recorder/api'
import type { KubeClient } from '@trtc-recorder/kube'
import { isForbidden, isNotFound, resources } from '@trtc-recorder/kube'
import type { Told } from './told.ts'

export type SigningKey =
  | { is: 'notWanted' }
  | { is: 'found'; key: Uint8Array }
  /** Names what is missing. */
  | { is: 'missing'; message: string }

/** Reads the one Secret that the operator ever reads. Its value goes into the signature and nowhere else. */
export async function signingKey(client: KubeClient, told: Told, signal: AbortSignal): Promise<SigningKey> {
  const ref = told.spec.callback?.signingKeySecretRef
  if (ref === undefined) return { is: 'notWanted' }
  const { namespace } = told.metadata
  const secret = `Secret ${namespace}/${ref.name}`
  try {
    const { data } = await client.get(resources.secrets, { namespace, name: ref.name }, { signal })
    const value = data?.[ref.key]
    if (value === undefined)
      return { is: 'missing', message: `${secret}, named by callback.signingKeySecretRef, has no key ${ref.key}` }
    const key = secretValue(Buffer.from(value, 'base64'))
    if (key.length === 0)
      return { is: 'missing', message: `${secret}, named by callback.signingKeySecretRef, has an empty key ${ref.key}` }
    return { is: 'found', key }
  } catch (error) {
    if (isNotFound(error)) return { is: 'missing', message: `${secret}, named by callback.signingKeySecretRef, does not exist` }
    if (isForbidden(error)) {
      return {
        is: 'missing',
        message: `${secret}, named by callback.signingKeySecretRef, may not be read by the operator: set callback.signing.enabled in its Helm values`,
      }
    }
    throw error
  }
}
