import { readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hls, Stream } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { type OnDamagedFile, readLinesNow, unreadableFileNow } from '../../disk/durable-lines.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { LiveObjects } from '../live-objects.ts'
import { contentTypes } from './playlist.ts'
import { Published, type PublishedLine, playlistOptions } from './published.ts'

const ending = '.hls.jsonl'
/** Of the source that has this file. */
export const journalName = (file: string) => `${file}${ending}`

/** Playlists of an attempt that was killed: they are not ended. */
export interface LeftPlaylists {
  userId: string
  stream: Stream
  folder: string
  /** Where their journal is on the volume, and what it has. */
  journalPath: string
  lines: readonly PublishedLine[]
}

export interface LeftPlaylistsOptions {
  objects: Pick<LiveObjects, 'replace' | 'keyOf'>
  /** Folder on the volume with the journals. */
  directory: string
  /** Told of lines of theirs that the disk has changed, and of journals that cannot be read. */
  onDamagedLines: OnDamagedFile
  ledger: Ledger
  log: Logger
}

/** What attempts that were killed left, the earliest first. Never throws. */
export function readLeftPlaylists({
  directory,
  onDamagedLines,
  log,
}: Omit<LeftPlaylistsOptions, 'objects' | 'ledger'>): LeftPlaylists[] {
  return namesIn(directory).flatMap((name) => {
    const journalPath = join(directory, name)
    try {
      const lines = readLinesNow<PublishedLine | SegmentOfBefore>(journalPath, onDamagedLines).map(asNow)
      const source = lines.find((line) => line.is === 'source')
      // Nobody is told whose it is, so nobody plays it.
      if (source === undefined) return []
      const { userId, stream, folder } = source
      return [{ userId, stream, folder, journalPath, lines }]
    } catch (error) {
      log.warn({ file: name, error: (error as Error).message }, 'Playlists of an earlier attempt could not be read')
      onDamagedLines(unreadableFileNow(journalPath))
      return []
    }
  })
}

/** Ends playlists that nobody goes on with: a player waits for more otherwise. They name what had got to COS; what was being made is named as lost with the objects. Never rejects. */
export async function endLeftPlaylists(left: LeftPlaylists, spec: Hls, options: LeftPlaylistsOptions): Promise<void> {
  const { objects, log } = options
  try {
    if (await isEnded(left, spec, objects)) await rm(left.journalPath)
    else tellNotEnded(left, 'COS did not take them', options)
  } catch (error) {
    const about = { folder: left.folder, error: (error as Error).message }
    log.warn(about, 'Playlists of an earlier attempt could not be ended')
    tellNotEnded(left, about.error, options)
  }
}

/** Whoever plays them waits for more. */
export function tellNotEnded(
  { userId, stream, folder }: Pick<LeftPlaylists, 'userId' | 'stream' | 'folder'>,
  why: string,
  { ledger }: Pick<LeftPlaylistsOptions, 'ledger'>,
): void {
  const of = { userId, stream, medium: 'video' as const, frames: null, bytes: null, file: null }
  const detail = `hls: the playlists in ${folder} are not ended: ${why}`
  ledger.addNow({ ...of, reason: 'LiveOutputLost', detail })
}

/** Whether nothing is left to do. */
async function isEnded(left: LeftPlaylists, spec: Hls, objects: LeftPlaylistsOptions['objects']): Promise<boolean> {
  const published = new Published(playlistOptions(spec), left.lines)
  if (published.isEnded) return true
  published.add({ is: 'ended' })
  const stored = await Promise.all(
    published
      .playlists()
      .map(([name, text]) =>
        objects.replace(objects.keyOf('hls', left, `${left.folder}/${name}`), Buffer.from(text), contentTypes.playlist),
      ),
  )
  return stored.every(Boolean)
}

type Segment = Extract<PublishedLine, { is: 'segment' }>
/** As the release before wrote it. */
type SegmentOfBefore = Omit<Segment, 'segment'> & { segment: Omit<Segment['segment'], 'changes'> & { isAnother: boolean } }

function asNow(line: PublishedLine | SegmentOfBefore): PublishedLine {
  if (line.is !== 'segment' || 'changes' in line.segment) return line as PublishedLine
  const { isAnother, ...segment } = line.segment
  return { ...line, segment: { ...segment, changes: isAnother ? 1 : 0 } }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(ending))
      .sort()
  } catch {
    return []
  }
}
