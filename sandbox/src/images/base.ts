import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, contentHash } from '../cluster/paths.ts'
import type { Report } from '../progress.ts'
import { aptOptions, aptSources, release } from './apt-sources.ts'
import { buildah, command } from './buildah.ts'

const packages = ['ca-certificates']
const excluded = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*']

/** Reference of the base image, whether or not it has been made. */
export const baseReference = () =>
  `localhost/trtc-recorder/base:${release}-${contentHash([...aptSources(), ...aptOptions(), ...packages, ...excluded])}`

/** The same, made from Debian packages where it is not in the cache yet: the sandbox has no registry to pull it from. */
export async function ensureBase(report: Report): Promise<string> {
  const sources = aptSources()
  const options = aptOptions()
  const reference = baseReference()
  if (await hasImage(reference)) return reference

  const step = report(`Making the base image of Debian ${release}`)
  const work = join(cacheDirectory(), `base-${process.pid}`)
  mkdirSync(work, { recursive: true })
  try {
    const args = [
      ...['--mode=root', '--variant=minbase', '--format=tar', `--include=${packages.join(',')}`],
      ...options.map((option) => `--aptopt=${option}`),
      ...excluded.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...['--dpkgopt=path-include=/usr/share/doc/*/copyright', release, join(work, 'base.tar')],
    ]
    writeFileSync(join(work, 'sources.list'), `${sources.join('\n')}\n`)
    await command('mmdebstrap', [...args, join(work, 'sources.list')], (line) => step.update(line))
    step.update('writing the image')
    writeFileSync(join(work, 'Dockerfile'), 'FROM scratch\nADD base.tar /\nCMD ["/bin/sh"]\n')
    await buildah(['bud', '--isolation', 'chroot', '--tag', reference, work], (line) => step.update(line))
    step.done()
  } catch (error) {
    step.failed('mmdebstrap or buildah failed')
    throw error
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return reference
}

export async function hasImage(reference: string): Promise<boolean> {
  return (await buildah(['images', '--quiet', '--filter', `reference=${reference}`])).trim() !== ''
}
