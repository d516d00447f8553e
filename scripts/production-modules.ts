/**
 * Copies what a workspace needs at run time from node_modules, following package-lock.json:
 *
 *     node scripts/production-modules.ts <workspace> <target> [--with-build]
 *
 * `npm ci --omit=dev` does the same, but needs npm, the registry and its configuration inside an image build. `--with-build` adds the
 * workspace's own devDependencies (the bundler) and Node.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

interface LockedPackage {
  resolved?: string
  link?: boolean
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}
export type LockedPackages = Readonly<Record<string, LockedPackage>>

/** Everybody imports the shared words, by the name npm links into node_modules. */
const sharedWorkspace = 'node_modules/@trtc-recorder/api'

/** Places in the lock file (`node_modules/…`) of everything that the workspace needs. */
export function requiredPlaces(packages: LockedPackages, workspace: string, options: { withBuild: boolean }): string[] {
  if (!(workspace in packages)) throw new Error(`package-lock.json has no workspace ${workspace}`)
  const found = new Set<string>()
  const follow = (from: string, place: string, names: object | undefined, optional: boolean) => {
    for (const name of Object.keys(names ?? {})) {
      const dependency = resolvePlace(packages, place, name)
      if (dependency !== undefined) visit(dependency)
      else if (!optional) throw new Error(`package-lock.json has no ${name}, which ${from} needs. Run: npm install`)
    }
  }
  const visit = (place: string) => {
    if (found.has(place)) return
    found.add(place)
    const locked = packages[place]!
    const source = locked.link ? locked.resolved! : place
    followAll(source)
  }
  const followAll = (source: string) => {
    const locked = packages[source]!
    follow(source, source, locked.dependencies, false)
    follow(source, source, locked.optionalDependencies, true)
    follow(source, source, locked.peerDependencies, true)
  }
  visit(sharedWorkspace)
  followAll(workspace)
  if (options.withBuild) {
    follow(workspace, workspace, packages[workspace]!.devDependencies, false)
    follow('the checkout', '', { node: '' }, false)
  }
  return [...found].sort()
}

/** The way Node looks for a package: in its own node_modules, then in those of each folder above. */
function resolvePlace(packages: LockedPackages, from: string, name: string): string | undefined {
  for (let place = from; ; place = parent(place)) {
    const candidate = `${place === '' ? '' : `${place}/`}node_modules/${name}`
    if (candidate in packages) return candidate
    if (place === '') return undefined
  }
}

function parent(place: string): string {
  const nested = place.lastIndexOf('/node_modules/')
  return nested === -1 ? '' : place.slice(0, nested)
}

/** Source maps and type declarations are for developers. */
const needless = /\.(map|d\.ts|d\.cts|d\.mts)$/

/** Copies node_modules of the workspace into `target/node_modules`, replacing what is there. */
export function copyModules(checkout: string, workspace: string, target: string, options: { withBuild: boolean }): void {
  const { packages } = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as { packages: LockedPackages }
  rmSync(join(target, 'node_modules'), { recursive: true, force: true })
  for (const place of requiredPlaces(packages, workspace, options)) {
    const locked = packages[place]!
    const to = join(target, place)
    mkdirSync(dirname(to), { recursive: true })
    if (locked.link) {
      symlinkSync(relative(dirname(to), join(target, locked.resolved!)), to)
      continue
    }
    const from = join(checkout, place)
    // A package for another system is in the lock file and not on the disk.
    if (!existsSync(from)) continue
    const nested = join(from, 'node_modules')
    cpSync(from, to, { recursive: true, preserveTimestamps: true, filter: (path) => !needless.test(path) && path !== nested })
  }
}

if (process.argv[1] === import.meta.filename) {
  const [workspace, target, flag] = process.argv.slice(2)
  if (workspace === undefined || target === undefined) {
    console.error('Usage: node scripts/production-modules.ts <workspace> <target> [--with-build]')
    process.exit(2)
  }
  copyModules(resolve(import.meta.dirname, '..'), workspace, resolve(target), { withBuild: flag === '--with-build' })
}
