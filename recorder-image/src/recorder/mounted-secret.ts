import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { secretValue } from '@trtc-recorder/api'
import { RecorderFailure } from './failure.ts'

/**
 * Keys of one Secret as Kubernetes mounts it: a file per key, behind a link that it turns to a new folder when the Secret changes. All keys are
 * read from the same folder, so that they belong together. Empty ones and those that are not there are left out. It is asked for with every request to COS, and a few
 * small files of a file system in memory are read sooner than somebody else is asked to: so it waits for them.
 */
export async function readMountedKeys(root: string, name: string, keys: readonly string[]): Promise<Record<string, string>> {
  for (;;) {
    const link = linkOf(join(root, name, '..data'))
    const folder = resolve(root, name, link ?? '')
    const names = namesIn(folder, name)
    const values = keys.filter((key) => names.includes(key)).map((key) => [key, fileOf(join(folder, key), name, key)] as const)
    // The folder may have been swapped, and removed, in between.
    if (linkOf(join(root, name, '..data')) !== link) continue
    return Object.fromEntries(values.filter((one): one is [string, string] => one[1] !== undefined))
  }
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

function fileOf(path: string, name: string, key: string): string | undefined {
  try {
    const value = Buffer.from(secretValue(readFileSync(path))).toString('utf8')
    return value === '' ? undefined : value
  } catch (error) {
    if (isNotThere(error)) return undefined
    throw new RecorderFailure('SecretNotFound', `Key ${key} of Secret ${name} cannot be read: ${(error as Error).message}`)
  }
}

function namesIn(folder: string, name: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isNotThere(error)) return []
    throw new RecorderFailure('SecretNotFound', `Secret ${name} cannot be read: ${(error as Error).message}`)
  }
}

/** Where a link leads; undefined of what is none. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

const isNotThere = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
