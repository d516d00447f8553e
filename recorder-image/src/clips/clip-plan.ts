import { type ClipJob, isListed, type ManifestFile } from '@trtc-recorder/api'

/** What has to be known of a file to cut from it. */
export type SourceFile = Pick<
  ManifestFile,
  'userId' | 'stream' | 'path' | 'status' | 'message' | 'bytes' | 'startTime' | 'endTime' | 'durationSeconds' | 'times'
>

/** A file of the recording, and what of it is in the clip. */
export interface Cutting<File extends SourceFile = SourceFile> {
  file: File
  /** Times in the file, in seconds. */
  fromSeconds: number
  toSeconds: number
  /** Wall time of the first instant. */
  startTime: Date
}

/** What is to be cut: each file of who is asked for that has something between the two times, in the order of their beginning. Pure. */
export function cuttingsOf<File extends SourceFile>(
  files: readonly File[],
  { from, to, users, streams }: Pick<ClipJob, 'from' | 'to' | 'users' | 'streams'>,
): Cutting<File>[] {
  const [fromMillis, toMillis] = [Date.parse(from), Date.parse(to)]
  return files
    .filter(({ userId, stream }) => streams.includes(stream) && isListed({ include: users, exclude: [] }, userId))
    .flatMap((file) => {
      const begin = Math.max(fromMillis, Date.parse(file.startTime))
      const fromSeconds = mediaSecondsAt(file, begin)
      const toSeconds = mediaSecondsAt(file, Math.min(toMillis, Date.parse(file.endTime)))
      const startTime = new Date(goesOnAt(file, fromSeconds, begin))
      return begin < toMillis && toSeconds > fromSeconds ? [{ file, fromSeconds, toSeconds, startTime }] : []
    })
    .sort((a, b) => a.file.startTime.localeCompare(b.file.startTime) || a.file.path.localeCompare(b.file.path))
}

/** When what lies at a place in a file was, which is `millis` or, where time was taken out there, the end of that. */
const goesOnAt = ({ times }: SourceFile, mediaSeconds: number, millis: number): number =>
  Math.max(millis, ...times.filter((point) => point.mediaSeconds === mediaSeconds).map(({ time }) => Date.parse(time)))

/** Where a wall-clock time lies in a file. One that was taken out of it lies where that was. */
export function mediaSecondsAt({ startTime, durationSeconds, times }: SourceFile, millis: number): number {
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
