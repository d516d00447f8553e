import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hls } from '@trtc-recorder/api'
import type { Logger } from 'pino'
import { readLines } from '../../disk/durable-lines.ts'
import type { LiveObjects } from '../live-objects.ts'
import { contentTypes } from './playlist.ts'
import { Published, type PublishedLine, playlistOptions } from './published.ts'

const ending = '.hls.jsonl'
/** Of the source that has this file. */
export const journalName = (file: string) => `${file}${ending}`

export interface LeftPlaylistsOptions {
  objects: Pick<LiveObjects, 'replace' | 'keyOf'>
  /** Folder on the volume with the journals. */
  directory: string
  log: Logger
}

/**
 * Ends the playlists of attempts that were killed: a player waits for more otherwise. They name what had got to COS by then; what was being made is named as
 * lost with the objects. Never rejects.
 */
export async function endLeftPlaylists(spec: Hls, { objects, directory, log }: LeftPlaylistsOptions): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  await Promise.all(
    names
      .filter((name) => name.endsWith(ending))
      .map(async (name) => {
        const path = join(directory, name)
        try {
          if (await endPlaylists(await readLines<PublishedLine>(path), spec, objects)) await rm(path)
        } catch (error) {
          log.warn({ file: name, error: (error as Error).message }, 'Playlists of an earlier attempt could not be ended')
        }
      }),
  )
}

/** Whether nothing is left to do. */
async function endPlaylists(
  lines: readonly PublishedLine[],
  spec: Hls,
  objects: LeftPlaylistsOptions['objects'],
): Promise<boolean> {
  const source = lines.find((line) => line.is === 'source')
  const published = new Published(playlistOptions(spec), lines)
  if (source === undefined || published.isEnded) return true
  published.add({ is: 'ended' })
  const stored = await Promise.all(
    published
      .playlists()
      .map(([name, text]) =>
        objects.replace(objects.keyOf('hls', source, `${source.folder}/${name}`), Buffer.from(text), contentTypes.playlist),
      ),
  )
  return stored.every(Boolean)
}
