import { isInZone } from './zone.ts'

/*
 * The one kind of DNS message that is needed (RFC 1035): a query for one name, answered with one IPv4 address. A name has a length before each of
 * its labels and a zero behind the last one.
 */
const headerBytes = 12
const typeA = 1
const classInternet = 1
const ttlSeconds = 60
const noSuchName = 3

/** The answer to a query: the address for every name of the zone, no such name for all others. Undefined for what is not a query. */
export function answer(query: Buffer, address: string): Buffer | undefined {
  const isQuery = query.length > headerBytes && (query[2]! & 0x80) === 0 && query.readUInt16BE(4) === 1
  const question = isQuery ? questionOf(query) : undefined
  if (question === undefined) return undefined
  const { name, type, end } = question
  const known = isInZone(name)
  const records = known && type === typeA ? [addressRecord(address)] : []
  const header = Buffer.from(query.subarray(0, headerBytes))
  // Response, authoritative, recursion as desired and available.
  header[2] = 0x84 | (query[2]! & 0x01)
  header[3] = 0x80 | (known ? 0 : noSuchName)
  header.writeUInt16BE(records.length, 6)
  header.writeUInt32BE(0, 8)
  return Buffer.concat([header, query.subarray(headerBytes, end), ...records])
}

function questionOf(query: Buffer): { name: string; type: number; end: number } | undefined {
  const labels: string[] = []
  let at = headerBytes
  for (;;) {
    const length = query[at]
    if (length === undefined || length > 63) return undefined
    at += 1
    if (length === 0) break
    labels.push(query.toString('latin1', at, at + length))
    at += length
  }
  if (at + 4 > query.length) return undefined
  return { name: labels.join('.'), type: query.readUInt16BE(at), end: at + 4 }
}

function addressRecord(address: string): Buffer {
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc000 | headerBytes, 0) // the name of the question
  record.writeUInt16BE(typeA, 2)
  record.writeUInt16BE(classInternet, 4)
  record.writeUInt32BE(ttlSeconds, 6)
  record.writeUInt16BE(4, 10)
  Buffer.from(address.split('.').map(Number)).copy(record, 12)
  return record
}
