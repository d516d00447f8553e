import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/** Writes the final file as it is stored: head, then the first `bodyBytes` bytes of the body. */
export async function joinFile(head: Uint8Array, bodyPath: string, outPath: string, bodyBytes?: number): Promise<void> {
  const out = createWriteStream(outPath)
  out.write(head)
  if (bodyBytes === 0) {
    await new Promise<void>((resolve) => out.end(resolve))
    return
  }
  await pipeline(createReadStream(bodyPath, bodyBytes === undefined ? {} : { end: bodyBytes - 1 }), out)
}
