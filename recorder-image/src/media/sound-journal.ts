import { open, stat } from 'node:fs/promises'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Hole, makeHole } from '../disk/holes.ts'
import type { Arrival } from '../timeline/pieces.ts'
import { opusSamples } from './opus.ts'
import { encodeRecord, type MediaRecord, readRecords } from './records.ts'

/** Records of the sound as it arrived (`<name>.opus`), and of what is left of those that were given back (`<name>.opus.times`). */
const recordTypes = { unnumberedOpusPacket: 7, opusPacket: 8, times: 14 } as const

/** An Opus packet as it arrived. `sequenceNumber`: null where the browser did not tell. */
export interface JournalPacket extends Arrival {
  sequenceNumber: number | null
  /** Length at 48 kHz. */
  samples: number
  /** Empty where it was given back to the volume: what was made of it is in the body. */
  data: Uint8Array
}

export function opusPacketRecord({
  ssrc,
  rtpTimestamp,
  receiveTimeMicros,
  sequenceNumber,
  data,
}: Omit<JournalPacket, 'samples'>): Buffer {
  const headBytes = sequenceNumber === null ? 16 : 18
  const payload = Buffer.allocUnsafe(headBytes + data.length)
  payload.writeUInt32LE(ssrc >>> 0, 0)
  payload.writeUInt32LE(rtpTimestamp >>> 0, 4)
  payload.writeDoubleLE(receiveTimeMicros, 8)
  if (sequenceNumber !== null) payload.writeUInt16LE(sequenceNumber, 16)
  payload.set(data, headBytes)
  return encodeRecord(sequenceNumber === null ? recordTypes.unnumberedOpusPacket : recordTypes.opusPacket, payload)
}

function readOpusPacket({ type, payload }: MediaRecord): JournalPacket {
  const isNumbered = type === recordTypes.opusPacket
  const data = payload.subarray(isNumbered ? 18 : 16)
  return {
    ssrc: payload.readUInt32LE(0),
    rtpTimestamp: payload.readUInt32LE(4),
    receiveTimeMicros: payload.readDoubleLE(8),
    sequenceNumber: isNumbered ? payload.readUInt16LE(16) : null,
    samples: opusSamples(data),
    data,
  }
}

export const timesPath = (journalPath: string) => `${journalPath}.times`

/** Bytes of a journal that cannot be read, between packets that arrived at these times; undefined where there is none. */
export interface JournalDamage {
  bytes: number
  fromMicros: number | undefined
  toMicros: number | undefined
}

/**
 * The packets of a journal, in batches, in the order in which they arrived. Returns after how many bytes of it there are none. `onDamage` is told, between
 * two batches, of what cannot be read.
 */
export async function* readJournal(
  path: string,
  onDamage: (damage: JournalDamage) => void = () => {},
): AsyncGenerator<JournalPacket[], number> {
  let from = 0
  let last: JournalPacket | undefined
  const damaged = (bytes: number, next: JournalPacket | undefined) => {
    if (bytes > 0) onDamage({ bytes, fromMicros: last?.receiveTimeMicros, toMicros: next?.receiveTimeMicros })
  }
  for await (const { start, end, packets } of readTimes(path)) {
    // What was given back twice was told of already.
    if (start < from) continue
    damaged(start - from, packets[0])
    from = end
    last = packets.at(-1) ?? last
    yield packets
  }
  const reader = readRecords(path, from)
  try {
    for (let next = await reader.next(); ; next = await reader.next()) {
      if (next.done === true) return next.value
      let batch: JournalPacket[] = []
      for (const record of next.value) {
        const packet = readOpusPacket(record)
        if (record.damagedBytes > 0) {
          yield batch
          batch = []
          damaged(record.damagedBytes, packet)
        }
        batch.push(packet)
        last = packet
      }
      yield batch
    }
  } finally {
    await reader.return(0)
  }
}

/**
 * Gives a stretch of a journal back to the volume, the first or the next after those that were. What is known of its packets but their sound is kept
 * beside it, so that they are laid on the axis as before. Rejects where there is no room for that, or the file system cannot do it; then nothing is lost.
 */
export async function releaseJournal(path: string, hole: Hole): Promise<void> {
  const packets: JournalPacket[] = []
  const reader = readRecords(path, hole.start, hole.end)
  for await (const records of reader) packets.push(...records.map(readOpusPacket))
  const times = await open(timesPath(path), 'a', 0o640)
  try {
    const { size } = await times.stat()
    try {
      await times.appendFile(timesRecord(hole, packets))
      await times.datasync()
    } catch (error) {
      await times.truncate(size)
      throw error
    }
  } finally {
    await times.close()
  }
  await makeHole(path, hole)
}

const timesHeadBytes = 12
/** `SSRC u32 · RTP time u32 · arrival f64 · samples u16 · sequence number i32, -1 for none`, in columns, which deflate well. */
const columns = [
  { bytes: 4, write: (b: Buffer, p: JournalPacket, at: number) => b.writeUInt32LE(p.ssrc >>> 0, at) },
  { bytes: 4, write: (b: Buffer, p: JournalPacket, at: number) => b.writeUInt32LE(p.rtpTimestamp >>> 0, at) },
  { bytes: 8, write: (b: Buffer, p: JournalPacket, at: number) => b.writeDoubleLE(p.receiveTimeMicros, at) },
  { bytes: 2, write: (b: Buffer, p: JournalPacket, at: number) => b.writeUInt16LE(p.samples, at) },
  { bytes: 4, write: (b: Buffer, p: JournalPacket, at: number) => b.writeInt32LE(p.sequenceNumber ?? -1, at) },
] as const
const packetBytes = 22

function timesRecord({ start, end }: Hole, packets: readonly JournalPacket[]): Buffer {
  const head = Buffer.alloc(timesHeadBytes)
  head.writeUIntLE(start, 0, 6)
  head.writeUIntLE(end, 6, 6)
  const body = Buffer.alloc(packets.length * packetBytes)
  let at = 0
  for (const { bytes, write } of columns) {
    for (const packet of packets) {
      write(body, packet, at)
      at += bytes
    }
  }
  return encodeRecord(recordTypes.times, Buffer.concat([head, deflateRawSync(body)]))
}

async function* readTimes(path: string): AsyncGenerator<Hole & { packets: JournalPacket[] }> {
  if ((await sizeOf(timesPath(path))) === 0) return
  for await (const records of readRecords(timesPath(path))) {
    for (const { payload } of records) {
      const body = inflateRawSync(payload.subarray(timesHeadBytes))
      const count = body.length / packetBytes
      const packets = Array.from({ length: count }, (_, n) => ({
        ssrc: body.readUInt32LE(n * 4),
        rtpTimestamp: body.readUInt32LE(count * 4 + n * 4),
        receiveTimeMicros: body.readDoubleLE(count * 8 + n * 8),
        samples: body.readUInt16LE(count * 16 + n * 2),
        sequenceNumber: numberOf(body.readInt32LE(count * 18 + n * 4)),
        data: new Uint8Array(),
      }))
      yield { start: payload.readUIntLE(0, 6), end: payload.readUIntLE(6, 6), packets }
    }
  }
}

const numberOf = (sequenceNumber: number) => (sequenceNumber === -1 ? null : sequenceNumber)

/** 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
