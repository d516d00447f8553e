import { describe, expect, test } from 'vitest'
import type { EncodedFrame } from './frame.ts'
import { BatchWriter, readBatch, type TapRecord } from './wire.ts'

/** Mulberry32: the same records for the same seed, so that a failure can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function randomRecord(random: () => number): TapRecord {
  const upTo = (max: number) => Math.floor(random() * (max + 1))
  if (random() < 0.2) {
    return {
      type: 'report',
      report: { type: 'anchorEntered', userId: ['alice', '鲍勃', '"\\', ''][upTo(3)], timeMicros: upTo(2e9) },
    }
  }
  const kind = random() < 0.5 ? 'audio' : 'video'
  const frame: EncodedFrame = {
    slot: upTo(65535),
    kind,
    ssrc: upTo(0xffffffff),
    key: kind === 'audio' || random() < 0.1,
    rtpTimestamp: upTo(0xffffffff),
    sequenceNumber: kind === 'audio' && random() < 0.9 ? upTo(0xffff) : null,
    receiveTimeMicros: 1.7e15 + upTo(1e12),
    mimeType: ['audio/opus', 'video/H264', 'video/VP8', 'audio/red', 'x/未知'][upTo(4)]!,
    data: Uint8Array.from({ length: upTo(2000) }, () => upTo(255)),
  }
  if (random() < 0.3) Object.assign(frame, { width: upTo(7680), height: upTo(4320) })
  if (random() < 0.3) Object.assign(frame, { mayFollowHole: true })
  return { type: 'frame', frame }
}

const write = (writer: BatchWriter, record: TapRecord) =>
  record.type === 'report' ? writer.report(record.report) : writer.frame(record.frame, record.frame.data)

describe('tap wire format', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => seed))('gives back every record it was given, in order (seed %i)', (seed) => {
    const random = randomFrom(seed)
    const records = Array.from({ length: 1 + Math.floor(random() * 60) }, () => randomRecord(random))
    const writer = new BatchWriter(16)
    for (const record of records) write(writer, record)
    expect([...readBatch(writer.take().slice())]).toEqual(records)
  })

  test('starts the next batch empty', () => {
    const writer = new BatchWriter()
    writer.report({ n: 1 })
    writer.take()
    writer.report({ n: 2 })
    expect([...readBatch(writer.take())]).toEqual([{ type: 'report', report: { n: 2 } }])
    expect(writer.byteLength).toBe(0)
  })

  test('refuses a batch that was cut short', () => {
    const writer = new BatchWriter()
    const random = randomFrom(1)
    for (let i = 0; i < 5; i++) write(writer, randomRecord(random))
    const batch = writer.take().slice()
    expect(() => [...readBatch(batch.subarray(0, batch.length - 1))]).toThrow(RangeError)
  })

  test('refuses a record it does not know', () => {
    expect(() => [...readBatch(Uint8Array.of(9, 0, 0))]).toThrow('Unknown record 9')
  })
})
