import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecorderJob } from '@trtc-recorder/api'
import { RecorderFailure } from './failure.ts'

export interface Secrets {
  userSig: string
  cos: { secretId: string; secretKey: string; token?: string }
}

/** Reads the Secrets a job names, as Kubernetes mounts them: a folder per Secret, a file per key. */
export async function readSecrets(root: string, spec: RecorderJob['spec']): Promise<Secrets> {
  const { userSigSecretRef, cos } = spec
  const name = cos.credentialsSecretRef.name
  const [userSig, secretId, secretKey, token] = await Promise.all([
    secretKeyOf(root, userSigSecretRef.name, userSigSecretRef.key),
    secretKeyOf(root, name, 'secretId'),
    secretKeyOf(root, name, 'secretKey'),
    optionalKeyOf(root, name, 'token'),
  ])
  return { userSig, cos: { secretId, secretKey, ...(token === undefined ? {} : { token }) } }
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

/** Whoever makes a Secret from a file easily gets a line feed at the end; none of these values can have one. */
async function optionalKeyOf(root: string, name: string, key: string): Promise<string | undefined> {
  try {
    const value = (await readFile(join(root, name, key), 'utf8')).trim()
    return value === '' ? undefined : value
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new RecorderFailure('SecretNotFound', `Key ${key} of Secret ${name} cannot be read: ${(error as Error).message}`)
  }
}
