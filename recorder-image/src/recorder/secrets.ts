import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RecorderJob, secretValue } from '@trtc-recorder/api'
import { RecorderFailure } from './failure.ts'

export interface Secrets {
  userSig: string
  cos: { secretId: string; secretKey: string; token?: string }
  /** Password of the TURN user, where the network proxy names a TURN server. */
  turnCredential?: string
}

/** Reads the Secrets a job names, as Kubernetes mounts them: a folder per Secret, a file per key. */
export async function readSecrets(root: string, spec: RecorderJob['spec']): Promise<Secrets> {
  const { userSigSecretRef, cos, networkProxy } = spec
  const turn = networkProxy?.turnServer?.credentialSecretRef
  const name = cos.credentialsSecretRef.name
  const [userSig, secretId, secretKey, token, turnCredential] = await Promise.all([
    secretKeyOf(root, userSigSecretRef.name, userSigSecretRef.key),
    secretKeyOf(root, name, 'secretId'),
    secretKeyOf(root, name, 'secretKey'),
    optionalKeyOf(root, name, 'token'),
    turn === undefined ? undefined : secretKeyOf(root, turn.name, turn.key),
  ])
  return {
    userSig,
    cos: { secretId, secretKey, ...(token === undefined ? {} : { token }) },
    ...(turnCredential === undefined ? {} : { turnCredential }),
  }
}

async function secretKeyOf(root: string, name: string, key: string): Promise<string> {
  const value = await optionalKeyOf(root, name, key)
  if (value === undefined) {
    throw new RecorderFailure(
      'SecretNotFound',
      `Secret ${name} has no key ${key}, or is not mounted; create it, and recording goes on`,
    )
  }
  return value
}

async function optionalKeyOf(root: string, name: string, key: string): Promise<string | undefined> {
  try {
    const value = Buffer.from(secretValue(await readFile(join(root, name, key)))).toString('utf8')
    return value === '' ? undefined : value
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new RecorderFailure('SecretNotFound', `Key ${key} of Secret ${name} cannot be read: ${(error as Error).message}`)
  }
}
