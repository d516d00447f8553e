import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyModules } from '../../../scripts/production-modules.ts'
import { contentHash, projectDirectory, stateDirectory } from '../cluster/paths.ts'
import { withLock } from '../lock.ts'
import { buildah } from './buildah.ts'

/** The project's images, named after their workspaces' roles. */
export const imageSources = { recorder: 'recorder-image', operator: 'operator', gateway: 'gateway' } as const
export type ImageName = keyof typeof imageSources

/** What each is made of beside its own workspace. */
const sharedSources: Record<ImageName, readonly string[]> = {
  recorder: ['api', 'replay'],
  operator: ['api', 'kube'],
  gateway: ['api', 'kube'],
}

const sharedFiles = ['package.json', 'package-lock.json', 'scripts/production-modules.ts', 'scripts/sbom.ts', '.dockerignore']

/** Files of the checkout that an image is made of, node_modules aside: those are what package-lock.json says. */
export function sourceFiles(image: ImageName): string[] {
  const workspaces = [...sharedSources[image], imageSources[image]]
  const files = workspaces.flatMap((workspace) => globSync(`${workspace}/**/*`, { cwd: projectDirectory, withFileTypes: true }))
  return [
    ...sharedFiles,
    ...files
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(projectDirectory.length + 1))
      .filter((path) => !/(^|\/)(node_modules|dist|testdata|testing)\//.test(path) && !/(\.test|\/testing)\.ts$/.test(path)),
  ].sort()
}

/** Tag of the image as its sources are now. The same sources on the same base have the same tag. */
export function sourceTag(image: ImageName, base: string): string {
  return contentHash([base, ...sourceFiles(image).flatMap((path) => [path, readFileSync(join(projectDirectory, path))])])
}

/**
 * A build context with the sources of one image and the part of node_modules that it needs: what a Dockerfile copies from a checkout, without
 * sending half a gigabyte of tools through it. Kept between builds; node_modules is copied again only when package-lock.json has changed.
 */
function stageContext(image: ImageName): string {
  const context = join(stateDirectory, 'images', image)
  const marker = join(context, '.modules-of')
  const lock = contentHash(
    ['package-lock.json', 'scripts/production-modules.ts'].map((name) => readFileSync(join(projectDirectory, name))),
  )
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== lock) {
    rmSync(context, { recursive: true, force: true })
    mkdirSync(context, { recursive: true })
    copyModules(projectDirectory, imageSources[image], context, { withBuild: true })
    writeFileSync(marker, lock)
  }
  for (const stale of ['api', 'kube', 'replay', 'scripts', imageSources[image]])
    rmSync(join(context, stale), { recursive: true, force: true })
  for (const path of sourceFiles(image)) {
    cpSync(join(projectDirectory, path), join(context, path), { preserveTimestamps: true })
  }
  return context
}

/** Builds an image, or a stage of it. One build at a time works in a context: a second `make` waits instead of clearing it under the first. */
export async function buildStaged(
  image: ImageName,
  base: string,
  args: readonly string[],
  onLine: (line: string) => void,
): Promise<void> {
  const how = ['bud', '--layers', '--isolation', 'chroot', '--network', 'host', '--build-arg', `BASE_IMAGE=${base}`]
  const file = ['--file', join(projectDirectory, imageSources[image], 'Dockerfile')]
  await withLock(`image-${image}`, () => buildah([...how, ...file, ...args, stageContext(image)], onLine))
}
