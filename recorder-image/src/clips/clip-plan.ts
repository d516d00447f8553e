import { type ClipJob, isListed, type Manifest, type ManifestFile } from '@trtc-recorder/api'

/** A file of the recording, and what of it is in the clip. */
export interface Cutting {
  file: ManifestFile
  /** Times in the file, in seconds. */
  fromSeconds: number
  toSeconds: number
  /** Wall time of the first instant. */
  startTime: Date
}

/** What is to be cut: each file of who is asked for that has something between the two times, in the order of their beginning. Pure. */
export function cuttingsOf(manifests: readonly Manifest[], { from, to, users, streams }: ClipJob): Cutting[] {
  const [fromMillis, toMillis] = [Date.parse(from), Date.parse(to)]
  return manifests
    .flatMap(({ files }) => files)
    .filter(({ userId, stream }) => streams.includes(stream) && isListed({ include: users, exclude: [] }, userId))
    .flatMap((file) => {
      const begin = Math.max(fromMillis, Date.parse(file.startTime))
      const fromSeconds = mediaSecondsAt(file, begin)
      const toSeconds = mediaSecondsAt(file, Math.min(toMillis, Date.parse(file.endTime)))
      return begin < toMillis && toSeconds > fromSeconds ? [{ file, fromSeconds, toSeconds, startTime: new Date(begin) }] : []
    })
    .sort((a, b) => a.file.startTime.localeCompare(b.file.startTime) || a.file.path.localeCompare(b.file.path))
}

/** Where a wall-clock time lies in a file. One that was taken out of it lies where that was. */
export function mediaSecondsAt({ startTime, durationSeconds, times }: ManifestFile, millis: number): number {
  let before = { mediaSeconds: 0, millis: Date.parse(startTime) }
  for (const point of times) {
    const after = { mediaSeconds: point.mediaSeconds, millis: Date.parse(point.time) }
    if (after.millis > millis) {
      const share = after.millis === before.millis ? 0 : (millis - before.millis) / (after.millis - before.millis)
      return before.mediaSeconds + Math.max(0, share) * (after.mediaSeconds - before.mediaSeconds)
    }
    before = after
  }
  return Math.min(durationSeconds, before.mediaSeconds + Math.max(0, millis - before.millis) / 1000)
}
