import type { Manifest, ManifestFile, Replay, Speech } from '@trtc-recorder/api'
import { type Lane, lanesOf, recordingSpan, type TimeSpan } from './timeline.ts'

/** A recording as the page shows it. Times in milliseconds since 1970. */
export interface Recording {
  name: string
  span: TimeSpan
  people: Person[]
  pauses: TimeSpan[]
  speech: readonly Speech[] | null
}

/** One user's stream: a lane of the time line and a tile of the stage. */
export interface Person {
  id: string
  userId: string
  isScreen: boolean
  lane: Lane
  speech: TimeSpan[]
  files: ManifestFile[]
}

/** Undefined where nothing was recorded. */
export function recordingOf({ manifest, speech }: Replay): Recording | undefined {
  const span = playedSpan(manifest)
  if (span === undefined) return undefined
  return {
    name: manifest.recording.name,
    span,
    people: lanesOf(manifest)
      .filter(({ files, presence }) => files.length > 0 || presence.some(({ state }) => state === 'there'))
      .map((lane) => ({
        id: `${lane.userId}/${lane.stream}`,
        userId: lane.userId,
        isScreen: lane.stream === 'aux',
        lane,
        speech: lane.stream === 'main' ? (speech ?? []).filter(({ userId }) => userId === lane.userId) : [],
        files: lane.files.toSorted((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime)),
      })),
    pauses: manifest.pauses.map(({ from, to }) => ({ start: Date.parse(from), end: to === null ? span.end : Date.parse(to) })),
    speech,
  }
}

/** From the first file's beginning to the last one's end: nobody waits for a room to fill. */
function playedSpan(manifest: Manifest): TimeSpan | undefined {
  const { files } = manifest
  if (files.length === 0) return recordingSpan(manifest)
  return {
    start: Math.min(...files.map(({ startTime }) => Date.parse(startTime))),
    end: Math.max(...files.map(({ endTime }) => Date.parse(endTime))),
  }
}

/** Where a file lies seen from the page: both are keys below one prefix. */
export function relativePath(path: string, folder: string): string {
  const from = folder.split('/').slice(0, -1)
  const to = path.split('/')
  let common = 0
  while (common < from.length && common < to.length - 1 && from[common] === to[common]) common++
  return [...from.slice(common).map(() => '..'), ...to.slice(common)].map(encodeURIComponent).join('/')
}
