import { readFile, writeFile } from 'node:fs/promises'
import type { FinishedHead } from './media-file.ts'

/** Lays a head down beside its body, so that heads of many hours and many files need no memory while they wait to be stored. */
export async function writeHead(path: string, data: Uint8Array): Promise<FinishedHead> {
  try {
    await writeFile(path, data, { mode: 0o640 })
    return { kind: 'onVolume', path, bytes: data.length }
  } catch {
    // A full volume must not cost the file its head.
    return { kind: 'inMemory', data, bytes: data.length }
  }
}

/** The bytes of a head. Throws where the volume lost it. */
export async function readHead(head: FinishedHead): Promise<Uint8Array> {
  switch (head.kind) {
    case 'onVolume': {
      const data = await readFile(head.path)
      if (data.length !== head.bytes) throw new Error(`${head.path} has ${data.length} bytes instead of ${head.bytes}`)
      return data
    }
    case 'inMemory':
      return head.data
  }
}
