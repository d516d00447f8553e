import { createHash } from 'node:crypto'
import { statfsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { firstNode } from './addresses.ts'

/** The checkout. */
export const projectDirectory = resolve(import.meta.dirname, '../../..')

/** State of the running sandbox of this checkout; git-ignored, gone after `sandbox down`. */
export const stateDirectory = join(projectDirectory, '.sandbox')

/** What takes long to make and is the same for every checkout: Go commands, image layers. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.TRTC_RECORDER_CACHE) return resolve(environment.TRTC_RECORDER_CACHE)
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'trtc-recorder')
}

/** Where a node's images live, across clusters and checkouts. */
export const containerdRoot = (node = firstNode) =>
  join(cacheDirectory(), node === firstNode ? 'containerd' : `containerd-${node.name}`)

/** Overlay mounts do not stack: inside a container whose own root is an overlay, layers are copied instead. */
export function snapshotter(): 'overlayfs' | 'native' {
  const overlayMagic = 0x794c7630
  return statfsSync(containerdRoot()).type === overlayMagic ? 'native' : 'overlayfs'
}

/** First 12 hex digits of the SHA-256 of the parts, each preceded by its length so that ("a","bc") and ("ab","c") differ. */
export function contentHash(parts: Iterable<string | Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex').slice(0, 12)
}
