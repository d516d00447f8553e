import { type CosSpec, recorderEnv } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { type CosCredentials, type CredentialProvider, expiryOf } from '../store/credentials.ts'
import { metadataCredentials, webIdentityCredentials, webIdentityOf } from '../store/role-credentials.ts'
import { temporaryCredentials } from '../store/temporary-credentials.ts'
import { StoreError } from '../store/upload.ts'
import { presentKey, readMountedKeys } from './mounted-secret.ts'

export interface CosKeysOptions {
  /** Folder of mounted Secrets. */
  root: string
  cos: CosSpec
  environment: NodeJS.ProcessEnv
  log: Logger
  /** Told of every key as soon as it is known. */
  onSecret(value: string): void
}

/** Keys of a Secret that say when they run out are warned of so long before. */
const warnBeforeMillis = 15 * 60_000

/** The keys for COS: of the Secret that is named, or of the role that the Pod has by its service account, or else by its node. */
export function cosKeys(options: CosKeysOptions): CredentialProvider {
  const { cos, environment, log } = options
  const { credentialsSecretRef } = cos
  if (credentialsSecretRef !== undefined) return told(secretKeys(options, credentialsSecretRef.name), options)
  const identity = webIdentityOf(environment)
  const source =
    identity === undefined
      ? metadataCredentials(environment[recorderEnv.metadataUrl])
      : webIdentityCredentials(identity, environment[recorderEnv.stsUrl])
  return told(temporaryCredentials(source, log), options)
}

/**
 * Read again before every request: three small files beside megabytes. With a namespace go its Secrets, and the kubelet takes them out of a Pod that still
 * uploads; and somebody may delete one by mistake. COS takes the keys all the same, so those that were there last are used on.
 */
function secretKeys({ root, log }: CosKeysOptions, name: string): CredentialProvider {
  let warnedOf: string | undefined
  let last: CosCredentials | undefined
  let isGone = false
  const read = async (): Promise<CosCredentials> => {
    const keys = await readMountedKeys(root, name, ['secretId', 'secretKey', 'token', 'expiredTime']).catch(missing)
    const { token, expiredTime } = keys
    const expiresAt = expiryOf(expiredTime)
    const warning = expiredTime === undefined || expiredTime === warnedOf ? undefined : warningOf(expiresAt)
    if (warning !== undefined) {
      warnedOf = expiredTime
      log.warn({ secret: name, expiresAt }, warning)
    }
    return {
      secretId: present(keys, name, 'secretId'),
      secretKey: present(keys, name, 'secretKey'),
      ...(token === undefined ? {} : { token }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }
  }
  return {
    async current() {
      try {
        last = await read()
        isGone = false
        return last
      } catch (error) {
        if (last === undefined) throw error
        if (!isGone)
          log.warn(
            { err: error, secret: name },
            'Keys for COS are gone from their Secret; those that were there last are used on',
          )
        isGone = true
        return last
      }
    },
    refused: () => undefined,
  }
}

function warningOf(expiresAt: Date | undefined): string | undefined {
  if (expiresAt === undefined)
    return 'When keys for COS run out cannot be read; expiredTime of their Secret is seconds since 1970, or a time of ISO 8601'
  if (expiresAt.getTime() - Date.now() >= warnBeforeMillis) return undefined
  return 'Keys for COS run out; put fresh ones into their Secret'
}

function present(keys: Record<string, string>, name: string, key: string): string {
  try {
    return presentKey(keys, name, key)
  } catch (error) {
    return missing(error)
  }
}

/** To an upload a Secret that is missing is what wrong keys are: somebody has to mend it, and then it goes on. */
function missing(cause: unknown): never {
  throw new StoreError('unavailable', 'SecretNotFound', cause instanceof Error ? cause.message : String(cause), { cause })
}

/** Tells of keys before they are used for the first time. */
function told(provider: CredentialProvider, { onSecret }: CosKeysOptions): CredentialProvider {
  let last: CosCredentials | undefined
  return {
    async current() {
      const keys = await provider.current()
      if (keys.secretId !== last?.secretId || keys.secretKey !== last.secretKey || keys.token !== last.token) {
        last = keys
        for (const value of [keys.secretId, keys.secretKey, keys.token]) if (value !== undefined) onSecret(value)
      }
      return keys
    },
    refused: (keys) => provider.refused(keys),
  }
}
