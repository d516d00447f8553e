import { clusterStatus } from '../cluster/index.ts'
import { onScreen, type Report } from '../progress.ts'
import { ensureBase, hasImage } from './base.ts'
import { buildStaged, type ImageName, imageSources, sourceTag } from './context.ts'
import { importImage, isImported, removeOthers } from './import.ts'

export { builtFfmpeg, ensureFfmpeg } from './ffmpeg.ts'

/** References of the images, as Helm values and Pods name them. */
export type Images = Record<ImageName, string>

/**
 * Builds the images of the sources as they are and, if the cluster is up, imports them. The tag is a hash of the sources: what is built is
 * not built again, what is imported is not imported again.
 */
export async function images(report: Report = onScreen): Promise<Images> {
  const base = await ensureBase(report)
  const references = {} as Images
  for (const image of Object.keys(imageSources) as ImageName[]) {
    const reference = `localhost/trtc-recorder/${image}:${sourceTag(image, base)}`
    references[image] = reference
    if (!(await hasImage(reference))) await build(image, reference, base, report)
    if ((await clusterStatus()).state === 'up') await ensureImported(image, reference, report)
  }
  return references
}

async function build(image: ImageName, reference: string, base: string, report: Report): Promise<void> {
  const step = report(`Building the ${image} image`)
  try {
    await buildStaged(image, base, ['--tag', reference], (line) => step.update(line))
    step.done(reference)
  } catch (error) {
    step.failed('buildah failed')
    throw error
  }
}

async function ensureImported(image: ImageName, reference: string, report: Report): Promise<void> {
  if (await isImported(reference)) return
  const step = report(`Importing the ${image} image into the cluster`)
  try {
    await importImage(reference, (line) => step.update(line))
    await removeOthers(reference)
    step.done()
  } catch (error) {
    step.failed('containerd did not take it')
    throw error
  }
}
