import { open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

/**
 * Append-only files of self-delimiting records: `payload length (u32 LE) · type (u8) · payload · CRC-32 of all before (u32 LE)`.
 * A writer that is killed leaves a torn last record; a reader stops there and says how much was whole.
 */
export interface MediaRecord {
  type: number
  payload: Buffer
}

const headBytes = 5
const overheadBytes = headBytes + 4
/** No record is larger; a length beyond it is garbage. */
const maxPayloadBytes = 8 * 1024 * 1024
const readBytes = 1024 * 1024

export function encodeRecord(type: number, payload: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(payload.length + overheadBytes)
  record.writeUInt32LE(payload.length, 0)
  record[4] = type
  record.set(payload, headBytes)
  record.writeUInt32LE(crc32(record.subarray(0, headBytes + payload.length)), headBytes + payload.length)
  return record
}

/**
 * The whole records of a file between two of its bytes, at which records begin, in batches as they are read. Returns up to which byte they are whole.
 */
export async function* readRecords(
  path: string,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<MediaRecord[], number> {
  const file = await open(path, 'r')
  try {
    let whole = start
    let rest: Buffer = Buffer.alloc(0)
    while (true) {
      const at = whole + rest.length
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(readBytes), 0, Math.min(readBytes, end - at), at)
      if (bytesRead === 0) return whole
      const data = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const { records, used, torn } = parseRecords(data)
      whole += used
      rest = data.subarray(used)
      if (records.length > 0) yield records
      if (torn) return whole
    }
  } finally {
    await file.close()
  }
}

function parseRecords(data: Buffer): { records: MediaRecord[]; used: number; torn: boolean } {
  const records: MediaRecord[] = []
  let at = 0
  while (at + overheadBytes <= data.length) {
    const length = data.readUInt32LE(at)
    if (length > maxPayloadBytes) return { records, used: at, torn: true }
    const end = at + headBytes + length
    if (end + 4 > data.length) break
    if (crc32(data.subarray(at, end)) !== data.readUInt32LE(end)) return { records, used: at, torn: true }
    records.push({ type: data[at + 4]!, payload: data.subarray(at + headBytes, end) })
    at = end + 4
  }
  return { records, used: at, torn: false }
}
