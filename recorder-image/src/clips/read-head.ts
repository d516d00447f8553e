/** A finished file, wherever it is. */
export interface RangeReader {
  readonly bytes: number
  /** These bytes, all of them, or it rejects. */
  read(start: number, end: number): Promise<Buffer>
}

/** Enough for ftyp and the header of moov. */
const frontBytes = 64
const largestHeadBytes = 256 * 1024 * 1024

/** ftyp and moov, which are in front of all that this recorder makes. */
export async function readMp4Head(file: RangeReader): Promise<Buffer> {
  const front = await file.read(0, Math.min(frontBytes, file.bytes))
  const moovAt = front.readUInt32BE(0)
  const isOurs = front.toString('latin1', 4, 8) === 'ftyp' && front.toString('latin1', moovAt + 4, moovAt + 8) === 'moov'
  if (!isOurs) throw new Error('it is no MP4 with its index in front, as the recorder makes them')
  const headBytes = moovAt + front.readUInt32BE(moovAt)
  if (headBytes > Math.min(file.bytes, largestHeadBytes)) throw new Error(`its index of ${headBytes} bytes cannot be right`)
  return Buffer.concat([front, await file.read(front.length, headBytes)])
}
