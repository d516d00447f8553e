import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { removeHoles } from '../disk/holes.ts'
import { timesPath } from './sound-journal.ts'

export interface MediaPaths {
  body: string
  index: string
  journal: string
  head: string
}

export const indexExtension = '.index'

export function mediaPaths(directory: string, name: string): MediaPaths {
  const path = join(directory, name)
  return { body: `${path}.body`, index: `${path}${indexExtension}`, journal: `${path}.opus`, head: `${path}.head` }
}

/** The index goes last: without it nobody would know what the rest was. */
export async function removeMedia(paths: MediaPaths): Promise<void> {
  await rm(paths.head, { force: true })
  await rm(paths.journal, { force: true })
  await rm(timesPath(paths.journal), { force: true })
  await rm(paths.body, { force: true })
  await removeHoles(paths.body)
  await rm(paths.index, { force: true })
}
