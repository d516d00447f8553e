import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pauseImage } from '../cluster/configuration.ts'
import { cacheDirectory, projectDirectory } from '../cluster/paths.ts'
import type { Report } from '../progress.ts'
import { hasImage } from './base.ts'
import { buildah } from './buildah.ts'
import { importImage, isImported } from './import.ts'

/** Sees to it that the running cluster has the image without which no Pod starts. */
export async function ensurePause(binary: string, report: Report): Promise<void> {
  if (await isImported(pauseImage)) return
  const step = report('Making the pause image')
  if (!(await hasImage(pauseImage))) {
    const context = join(cacheDirectory(), `pause-${process.pid}`)
    mkdirSync(context, { recursive: true })
    copyFileSync(binary, join(context, 'pause'))
    copyFileSync(join(projectDirectory, 'sandbox/cluster/pause/Dockerfile'), join(context, 'Dockerfile'))
    try {
      await buildah(['bud', '--isolation', 'chroot', '--tag', pauseImage, context])
    } finally {
      rmSync(context, { recursive: true, force: true })
    }
  }
  await importImage(pauseImage)
  step.done()
}
