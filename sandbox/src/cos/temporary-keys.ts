import { randomBytes } from 'node:crypto'
import type { CosAccount } from './signature.ts'

/** Temporary keys as STS hands them out. */
export interface TemporaryKeys {
  secretId: string
  secretKey: string
  token: string
}

/** Makes keys that COS takes until they run out, and then refuses as ExpiredToken. */
export function issueKeys(accounts: Map<string, CosAccount>, expiresAt: number): TemporaryKeys {
  const keys = {
    secretId: `AKIDtmp${randomBytes(16).toString('hex')}`,
    secretKey: randomBytes(16).toString('hex'),
    token: randomBytes(48).toString('base64url'),
  }
  accounts.set(keys.secretId, { ...keys, expiresAt })
  return keys
}
