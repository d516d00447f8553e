import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

/**
 * Append-only files of self-delimiting records: `payload length (u32 LE) · type (u8) · payload · CRC-32 of all before (u32 LE)`.
 * A writer that is killed leaves a torn last record; a reader stops there and says how much was whole. Where a disk has changed a byte in the middle, it
 * goes on at the next record: length, type and checksum together are found again as surely as a mark would be.
 */
export interface MediaRecord {
  /** From 1 to `maxType`. */
  type: number
  payload: Buffer
  /** Where it ends in the file. */
  end: number
  /** Bytes right before it that cannot be read. */
  damagedBytes: number
}

const headBytes = 5
const overheadBytes = headBytes + 4
/** No record is larger; a length beyond it is garbage. */
const maxPayloadBytes = 8 * 1024 * 1024
const readBytes = 1024 * 1024
const maxType = 31
/** What is looked at to find the next record, checksums of what is none included: of random bytes one in five thousand looks like the head of one. */
const maxSearchedBytes = 512 * 1024 * 1024

export function encodeRecord(type: number, payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(payload.length + overheadBytes)
  record.writeUInt32LE(payload.length, 0)
  record[4] = type
  record.set(payload, headBytes)
  record.writeUInt32LE(crc32(record.subarray(0, headBytes + payload.length)), headBytes + payload.length)
  return record
}

/** Lets records that end there count as damaged: what they speak of is not there any more. */
export async function voidRecords(path: string, ends: readonly number[]): Promise<void> {
  if (ends.length === 0) return
  const file = await open(path, 'r+')
  try {
    for (const end of ends) {
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, end - 4)
      await file.write(Buffer.from(buffer.map((byte) => byte ^ 0xff)), 0, 4, end - 4)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
}

/**
 * The whole records of a file between two of its bytes, at which records begin, in batches as they are read. Returns up to which byte there are any.
 */
export async function* readRecords(
  path: string,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<MediaRecord[], number> {
  const file = await open(path, 'r')
  try {
    const stop = Math.min(end, (await file.stat()).size)
    /** Where the last record ends, where the next one begins, and what was read from there on. */
    let whole = start
    let next = start
    let data: Buffer = Buffer.alloc(0)
    for (;;) {
      const at = next + data.length
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(readBytes), 0, Math.min(readBytes, stop - at), at)
      data = Buffer.concat([data, buffer.subarray(0, bytesRead)])
      const { records, used, torn } = parseRecords(data, next, whole)
      next += used
      data = data.subarray(used)
      whole = records.at(-1)?.end ?? whole
      if (records.length > 0) yield records
      if (!torn && bytesRead > 0) continue
      const found = await findRecord(file, next + 1, stop)
      if (found === undefined) return whole
      next = found
      data = Buffer.alloc(0)
    }
  } finally {
    await file.close()
  }
}

/** Of bytes that begin at `start`. The last record before them ended at `whole`. */
function parseRecords(data: Buffer, start: number, whole: number): { records: MediaRecord[]; used: number; torn: boolean } {
  const records: MediaRecord[] = []
  let at = 0
  let wholeEnd = whole
  while (at + overheadBytes <= data.length) {
    const length = data.readUInt32LE(at)
    if (length > maxPayloadBytes) return { records, used: at, torn: true }
    const end = at + headBytes + length
    if (end + 4 > data.length) break
    if (crc32(data.subarray(at, end)) !== data.readUInt32LE(end)) return { records, used: at, torn: true }
    const [type, payload] = [data[at + 4]!, data.subarray(at + headBytes, end)]
    records.push({ type, payload, end: start + end + 4, damagedBytes: start + at - wholeEnd })
    at = end + 4
    wholeEnd = start + at
  }
  return { records, used: at, torn: false }
}

/** Where the first whole record begins, from a byte on; undefined where there is none, or it takes too long to tell. */
async function findRecord(file: FileHandle, from: number, stop: number): Promise<number | undefined> {
  let searched = 0
  for (let at = from; at + overheadBytes <= stop; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(readBytes), 0, Math.min(readBytes, stop - at), at)
    if (bytesRead < overheadBytes) return undefined
    searched += bytesRead
    let here = 0
    for (; here + overheadBytes <= bytesRead; here++) {
      const type = buffer[here + 4]!
      if (type === 0 || type > maxType) continue
      const length = buffer.readUInt32LE(here) + overheadBytes
      if (length > maxPayloadBytes + overheadBytes || at + here + length > stop) continue
      searched += length
      if (searched > maxSearchedBytes) return undefined
      const record =
        here + length <= bytesRead
          ? buffer.subarray(here, here + length)
          : (await file.read(Buffer.allocUnsafe(length), 0, length, at + here)).buffer
      if (crc32(record.subarray(0, length - 4)) === record.readUInt32LE(length - 4)) return at + here
    }
    at += here
  }
  return undefined
}
