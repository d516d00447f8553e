import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { Crc64 } from './crc64.ts'
import { refuseHoles } from './released.ts'
import { StoreError } from './upload.ts'

/** Bytes to be sent: some from memory, then a slice of a file. Opened anew for every try. */
export interface Content {
  head?: Uint8Array
  file?: { path: string; start: number; end: number }
}

export const contentBytes = ({ head, file }: Content) => (head?.length ?? 0) + (file ? file.end - file.start : 0)

/** A stream of the content that also takes its checksum on the way, so that nothing is read twice. */
export function openContent(content: Content): { stream: Readable; crc64: Crc64 } {
  const crc64 = new Crc64()
  return { stream: Readable.from(chunks(content, crc64), { objectMode: false, highWaterMark: readBytes }), crc64 }
}

const readBytes = 256 * 1024

async function* chunks({ head, file }: Content, crc64: Crc64): AsyncGenerator<Uint8Array> {
  if (head && head.length > 0) {
    crc64.update(head)
    yield head
  }
  if (!file || file.end === file.start) return
  refuseHoles(file)
  let left = file.end - file.start
  try {
    const stream = createReadStream(file.path, { start: file.start, end: file.end - 1, highWaterMark: readBytes })
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      crc64.update(chunk)
      left -= chunk.length
      yield chunk
    }
  } catch (cause) {
    const { code = 'EIO', message } = cause as NodeJS.ErrnoException
    throw new StoreError('refused', code, `Reading ${file.path} failed: ${message}. Check the volume.`, { cause })
  }
  // Without this COS would wait for the rest until it times out, again and again.
  if (left > 0) {
    throw new StoreError('refused', 'BodyTruncated', `${file.path} ends ${left} bytes before byte ${file.end}. Check the volume.`)
  }
}

/** All of a content that is small enough to hold. */
export async function readContent(content: Content): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of openContent(content).stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
