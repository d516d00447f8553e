import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { ManifestFile } from '@trtc-recorder/api'
import { holesOf } from '../disk/holes.ts'
import { type MediaPaths, mediaPaths } from '../media/media-paths.ts'

/** A finished file as the volume has it: head and body, one after the other. */
export interface FileContent {
  head: Buffer
  bodyBytes: number
  paths: MediaPaths
}

/** Rejects with what a person should read where the volume has not got all of it any more. */
export async function contentOf(file: ManifestFile, mediaDirectory: string): Promise<FileContent> {
  const paths = mediaPaths(mediaDirectory, file.path.split('/').at(-1)!)
  const head = await readFile(paths.head).catch(() => undefined)
  const there = await stat(paths.body).catch(() => undefined)
  if (head === undefined || there === undefined) throw new Error(`${file.path} is not on the volume any more`)
  if (there.size < file.bytes - head.length) throw new Error(`the volume has not got all of ${file.path}`)
  if (holesOf(paths.body).length > 0) throw new Error(`parts of ${file.path} were given back to the volume while it was recorded`)
  return { head, bodyBytes: file.bytes - head.length, paths }
}

/** All its bytes. */
export async function* bytesOf({ head, bodyBytes, paths }: FileContent): AsyncGenerator<Uint8Array> {
  yield head
  yield* bodyOf({ bodyBytes, paths })
}

export async function* bodyOf({ bodyBytes, paths }: Pick<FileContent, 'bodyBytes' | 'paths'>): AsyncGenerator<Uint8Array> {
  if (bodyBytes > 0) yield* createReadStream(paths.body, { end: bodyBytes - 1, highWaterMark: 256 * 1024 })
}
