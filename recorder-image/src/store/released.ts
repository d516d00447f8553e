import { holesOf, touchesHole } from '../disk/holes.ts'
import { StoreError } from './upload.ts'

/** Code of the StoreError for bytes that COS had confirmed, that were given back to the volume, and that would have to be sent again. */
const code = 'BodyReleased'
const advice = 'See whether a lifecycle rule of the bucket ends multipart uploads early.'

/** Whether bytes would have to be sent that neither COS nor the volume has. */
export const isReleased = (error: unknown): error is StoreError => error instanceof StoreError && error.code === code

/** Throws where some of these bytes of a body are not on the volume any more: they would read as zeros. */
export function refuseHoles({ path, start, end }: { path: string; start: number; end: number }): void {
  if (!touchesHole(holesOf(path), start, end)) return
  const what = `Bytes ${start} to ${end} of ${path} were given back to the volume after COS had confirmed them`
  throw new StoreError('refused', code, `${what}, and cannot be sent again. ${advice}`)
}

/** Throws where an upload cannot be begun anew, because not all of its body is on the volume any more. */
export function refuseBeginningAnew({ key, bodyPath }: { key: string; bodyPath: string }, reason: string): void {
  const holes = holesOf(bodyPath)
  if (holes.length === 0) return
  const start = Math.min(...holes.map((hole) => hole.start))
  const end = Math.max(...holes.map((hole) => hole.end))
  const what = `COS lost what it had confirmed of ${key}, and bytes ${start} to ${end} of it had been given back so that the volume would not fill up`
  throw new StoreError('refused', code, `${what}: ${reason} What there is stays on the volume. ${advice}`)
}
