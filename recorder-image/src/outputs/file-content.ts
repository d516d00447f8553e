import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { ManifestFile } from '@trtc-recorder/api'
import { holesOf } from '../disk/holes.ts'
import { mediaPaths } from '../media/media-paths.ts'

/** Head and body of a file, one after the other. Rejects with what a person should read where the volume has not got all of it any more. */
export async function contentOf(file: ManifestFile, mediaDirectory: string): Promise<AsyncGenerator<Uint8Array>> {
  const { head: headPath, body } = mediaPaths(mediaDirectory, file.path.split('/').at(-1)!)
  const head = await readFile(headPath).catch(() => undefined)
  const there = await stat(body).catch(() => undefined)
  if (head === undefined || there === undefined) throw new Error(`${file.path} is not on the volume any more`)
  if (holesOf(body).length > 0) throw new Error(`parts of ${file.path} were given back to the volume while it was recorded`)
  const bodyBytes = file.bytes - head.length
  return (async function* () {
    yield head
    if (bodyBytes > 0) yield* createReadStream(body, { end: bodyBytes - 1, highWaterMark: 256 * 1024 })
  })()
}
