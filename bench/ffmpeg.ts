import { ensureFfmpeg } from '../sandbox/src/images/index.ts'
import type { Results } from './results.ts'

/** The ffmpeg to measure with: the given one, that of the image, or the machine's (no path) where that cannot be made. */
export async function recorderFfmpeg(given: string | undefined): Promise<{ path: string | undefined; from: Results['ffmpeg'] }> {
  if (given !== undefined) return { path: given, from: 'given' }
  try {
    return { path: await ensureFfmpeg(), from: 'image' }
  } catch (error) {
    console.log(`The machine's ffmpeg is measured: that of the image could not be made.\n${(error as Error).message}`)
    return { path: undefined, from: 'machine' }
  }
}
