import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { insideCluster } from '../cluster/namespaces.ts'
import { cacheDirectory, containerdRoot, snapshotter } from '../cluster/paths.ts'
import { buildah, command } from './buildah.ts'

/** Whether the running cluster's containerd has the image. */
export async function isImported(reference: string): Promise<boolean> {
  return (await ctr(['images', 'list', '-q', `name==${reference}`])).trim() !== ''
}

/** Copies an image from the build cache into the running cluster. Layers that containerd has already are not handed over again. */
export async function importImage(reference: string, onLine: (line: string) => void = () => {}): Promise<void> {
  const layout = join(cacheDirectory(), `layout-${process.pid}`)
  const present = join(containerdRoot(), 'io.containerd.content.v1.content/blobs/sha256')
  const remove = () => rmSync(layout, { recursive: true, force: true, maxRetries: 3 })
  mkdirSync(layout, { recursive: true })
  // A gigabyte that nobody would look for, if this process ends in the middle.
  process.once('exit', remove)
  try {
    await buildah(['push', '--quiet', '--disable-compression', reference, `oci:${layout}:${reference}`], onLine)
    for (const blob of readdirSync(join(layout, 'blobs/sha256'))) {
      if (existsSync(join(present, blob))) rmSync(join(layout, 'blobs/sha256', blob))
    }
    const load = insideCluster(['ctr', '--namespace', 'k8s.io', 'images', 'import', '--snapshotter', snapshotter(), '-'])
    await command('sh', ['-c', 'tar --create --directory "$1" . | { shift; "$@"; }', 'sh', layout, ...load], onLine)
  } finally {
    remove()
    process.off('exit', remove)
  }
}

/** Removes the images of this name but for one, from the cache and the running cluster. Layers in use by others stay. */
export async function removeOthers(reference: string): Promise<void> {
  const repository = reference.slice(0, reference.lastIndexOf(':') + 1)
  const old = (all: string) => all.split('\n').filter((name) => name.startsWith(repository) && name !== reference)
  const imported = old(await ctr(['images', 'list', '-q']))
  if (imported.length > 0) await ctr(['images', 'remove', ...imported])
  const built = old(await buildah(['images', '--format', '{{.Name}}:{{.Tag}}']))
  if (built.length > 0) await buildah(['rmi', ...built])
}

function ctr(args: readonly string[]): Promise<string> {
  const [name, ...rest] = insideCluster(['ctr', '--namespace', 'k8s.io', ...args])
  return command(name!, rest)
}
