import type { FileHandle } from 'node:fs/promises'

/** From the beginning of a FLAC file: behind `fLaC`, the head of a block, sizes of blocks and frames, rate, channels and bits (RFC 9639, 8.2). */
const totalAt = 21
const md5At = 26

/**
 * Writes into STREAMINFO how many samples each channel has (36 bits), and the MD5 of them all: a decoder needs neither, but one that is told checks what it
 * decodes, and knows how long it is. Rejects where the file is no FLAC.
 */
export async function putFlacTotals(file: FileHandle, { samples, md5 }: { samples: number; md5: Buffer }): Promise<void> {
  const head = Buffer.alloc(md5At + 16)
  const { bytesRead } = await file.read(head, 0, head.length, 0)
  if (bytesRead < head.length || head.toString('latin1', 0, 4) !== 'fLaC') throw new Error('the encoder did not write FLAC')
  head[totalAt] = (head[totalAt]! & 0xf0) | Math.floor(samples / 2 ** 32)
  head.writeUInt32BE(samples % 2 ** 32, totalAt + 1)
  md5.copy(head, md5At)
  await file.write(head, 0, head.length, 0)
}
