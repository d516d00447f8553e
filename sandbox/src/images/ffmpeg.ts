import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, contentHash, projectDirectory } from '../cluster/paths.ts'
import { onScreen, type Report } from '../progress.ts'
import { baseReference, ensureBase } from './base.ts'
import { buildStaged } from './context.ts'

const sources = ['recorder-image/Dockerfile', 'recorder-image/ffmpeg/build.sh']

const directoryOf = (base: string) =>
  join(cacheDirectory(), `ffmpeg-${contentHash([base, ...sources.map((path) => readFileSync(join(projectDirectory, path)))])}`)

/** Path of the ffmpeg that the recorder's image has, where it is in the cache. */
export function builtFfmpeg(): string | undefined {
  try {
    const file = join(directoryOf(baseReference()), 'ffmpeg')
    return existsSync(file) ? file : undefined
  } catch {
    // apt here has no source of what images are made of, so none has been made.
    return undefined
  }
}

/** The ffmpeg that the recorder's image has, as a file of this machine; built by the image's own Dockerfile where it is not in the cache yet. */
export async function ensureFfmpeg(report: Report = onScreen): Promise<string> {
  const base = await ensureBase(report)
  const directory = directoryOf(base)
  const file = join(directory, 'ffmpeg')
  if (existsSync(file)) return file

  const step = report('Building the ffmpeg of the recorder image')
  const partial = `${directory}.${process.pid}`
  mkdirSync(partial, { recursive: true })
  try {
    await buildStaged('recorder', base, ['--target', 'ffmpeg-files', '--output', partial], (line) => step.update(line))
    renameSync(partial, directory)
    step.done()
  } catch (error) {
    step.failed('buildah failed')
    throw error
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return file
}
