import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { type Hole, holesOf, touchesHole } from '../disk/holes.ts'
import { type BodyBatch, batchTypes, countingVersion, readBatchHead } from './index-records.ts'
import type { MediaPaths } from './media-paths.ts'
import { readRecords, voidRecords } from './records.ts'
import { sizeOf } from './sound-journal.ts'

/** So much of the body is compared with the index, from its end back; of what came before COS has most by now, or will be sent in the same moment. */
const checkedBytes = 256 * 1024 * 1024

/** Up to where body and index agree. */
export interface WholeBatches {
  bodyBytes: number
  indexBytes: number
}

/**
 * Compares the body with what its index says of it. Behind the last batch that is there nothing is: a lost machine may have kept less of the body than of the
 * index. One before it that is not there was changed by the disk: its record is made void, so that it is lost as one that is damaged itself, and no more than it.
 * `all` where all are there up to the end.
 */
export async function wholeBatches(paths: MediaPaths, version: number | undefined): Promise<WholeBatches | 'all'> {
  const bodySize = await sizeOf(paths.body)
  let whole: WholeBatches = { bodyBytes: 0, indexBytes: 0 }
  let hasBatches = false
  /** Where the records end of those that are not there, before the last that is, and behind it. */
  const changed: number[] = []
  let beyond: number[] = []
  const body = bodySize > 0 ? await open(paths.body, 'r') : undefined
  const reader = readRecords(paths.index)
  try {
    const holes = holesOf(paths.body)
    const counts = (version ?? countingVersion) >= countingVersion
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
      for (const { type, payload, end, damagedBytes } of next.value) {
        // Versions before do not count what came before a batch: nobody knows what it took along.
        if (!counts && (damagedBytes > 0 || beyond.length > 0)) return beyond.length > 0 ? whole : 'all'
        if (!batchTypes.has(type)) {
          if (!hasBatches) whole = { bodyBytes: 0, indexBytes: end }
          continue
        }
        hasBatches = true
        const batch = readBatchHead(payload)
        if (await isThere(body, batch, { bodySize, holes })) {
          changed.push(...beyond)
          beyond = []
          whole = { bodyBytes: batch.offset + batch.bytes, indexBytes: end }
        } else beyond.push(end)
      }
    }
  } finally {
    await reader.return(0)
    await body?.close()
  }
  await voidRecords(paths.index, changed)
  return beyond.length === 0 ? 'all' : whole
}

/** What was given back to the volume was whole: COS confirmed it. */
async function isThere(
  body: FileHandle | undefined,
  { offset, bytes, crc32: told }: BodyBatch,
  { bodySize, holes }: { bodySize: number; holes: readonly Hole[] },
): Promise<boolean> {
  if (offset + bytes > bodySize) return false
  if (bytes === 0 || offset < bodySize - checkedBytes || touchesHole(holes, offset, offset + bytes)) return true
  const { buffer, bytesRead } = await body!.read(Buffer.allocUnsafe(bytes), 0, bytes, offset)
  return bytesRead === bytes && crc32(buffer) === told
}
