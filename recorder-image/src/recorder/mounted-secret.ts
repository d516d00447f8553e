import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { secretValue } from '@trtc-recorder/api'
import { RecorderFailure } from './failure.ts'

/**
 * Keys of one Secret as Kubernetes mounts it: a file per key, behind a link that it turns to a new folder when the Secret changes. All keys are
 * read from the same folder, so that they belong together. Empty ones and those that are not there are left out.
 */
export async function readMountedKeys(root: string, name: string, keys: readonly string[]): Promise<Record<string, string>> {
  const read = async () => {
    const folder = await realpath(join(root, name, '..data')).catch(() => join(root, name))
    const values = await Promise.all(keys.map((key) => fileOf(join(folder, key), name, key)))
    return Object.fromEntries(keys.map((key, at) => [key, values[at]]).filter(([, value]) => value !== undefined))
  }
  const found = await read()
  // The folder may have been swapped, and removed, in between.
  return Object.keys(found).length === keys.length ? found : read()
}

/** Throws SecretNotFound, which names the key. */
export async function readMountedKey(root: string, name: string, key: string): Promise<string> {
  return presentKey(await readMountedKeys(root, name, [key]), name, key)
}

export function presentKey(keys: Record<string, string>, name: string, key: string): string {
  const value = keys[key]
  if (value === undefined) {
    throw new RecorderFailure(
      'SecretNotFound',
      `Secret ${name} has no key ${key}, or is not mounted; create it, and recording goes on`,
    )
  }
  return value
}

async function fileOf(path: string, name: string, key: string): Promise<string | undefined> {
  try {
    const value = Buffer.from(secretValue(await readFile(path))).toString('utf8')
    return value === '' ? undefined : value
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw new RecorderFailure('SecretNotFound', `Key ${key} of Secret ${name} cannot be read: ${(error as Error).message}`)
  }
}
