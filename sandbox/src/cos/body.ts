import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Crc64 } from './crc64.ts'

/** Bytes on disk with the checksums COS reports for them. */
export interface Body {
  file: string
  bytes: number
  md5: string
  /** CRC-64/XZ, decimal. */
  crc64: string
}

/** Writes a stream to a new file in `dir`; nothing stays behind when the stream breaks. */
export async function receive(dir: string, source: AsyncIterable<Uint8Array>): Promise<Body> {
  await mkdir(dir, { recursive: true })
  const file = join(dir, randomUUID())
  const handle = await open(file, 'wx')
  const md5 = createHash('md5')
  const crc64 = new Crc64()
  let bytes = 0
  try {
    for await (const chunk of source) {
      md5.update(chunk)
      crc64.update(chunk)
      bytes += chunk.length
      await handle.write(chunk)
    }
  } catch (error) {
    await handle.close()
    await rm(file, { force: true })
    throw error
  }
  await handle.close()
  return { file, bytes, md5: md5.digest('hex'), crc64: crc64.digest() }
}

/** Bytes start to end, end included, of several bodies that follow each other. */
export async function* bytesOf(bodies: readonly Body[], start: number, end: number): AsyncGenerator<Uint8Array> {
  let offset = 0
  for (const { file, bytes } of bodies) {
    const range = { start: Math.max(0, start - offset), end: Math.min(bytes - 1, end - offset) }
    offset += bytes
    if (range.start <= range.end) yield* createReadStream(file, { ...range, highWaterMark: 1 << 18 })
  }
}
