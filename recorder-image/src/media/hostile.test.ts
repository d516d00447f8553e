import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchWriter, readBatch } from '../tap/wire.ts'
import { annexBOf } from './annexb.ts'
import { mp3 } from './audio-format.ts'
import { readAv1 } from './av1.ts'
import { UnreadableError } from './bit-reader.ts'
import { readH264 } from './h264.ts'
import { readH265 } from './h265.ts'
import { OggOpusWriter } from './ogg.ts'
import { opusSamples } from './opus.ts'
import { encodeRecord, readRecords } from './records.ts'
import { readRed } from './red.ts'
import { newDirectory } from './testing/new-directory.ts'
import { VideoTrack } from './video-track.ts'
import { readVp8, readVp9 } from './vpx.ts'

/** Runs a property with a seed that is in the message when it fails. */
const holds = (property: fc.IRawProperty<never> | fc.IRawProperty<unknown>) =>
  fc.assert(property as fc.IRawProperty<unknown>, { numRuns: 2000 })

/** Either it is understood, or it is refused by name; nothing else. */
function understoodOrRefused(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
  }
}

const bytes = (maxLength = 300) => fc.uint8Array({ maxLength })
/** Exp-Golomb numbers of any size, as bits. */
const golomb = fc.bigInt({ min: 0n, max: 2n ** 34n }).map((value) => {
  const bits = (value + 1n).toString(2)
  return '0'.repeat(bits.length - 1) + bits
})
const packed = (bits: string) => Uint8Array.from(bits.match(/.{1,8}/g) ?? [], (byte) => Number.parseInt(byte.padEnd(8, '0'), 2))

/** Of x265, with B pictures that lead their key frame. */
const h265Sets = [
  '40010c01ffff01600000030090000003000003001e959809',
  '42010101600000030090000003000003001ea014206165959a4932bc05a020000003002000000303c1',
  '4401c172b46240',
].map((unit) => Buffer.from(unit, 'hex'))

describe('a hostile sender', () => {
  it('cannot break the reading of pictures with any bytes', () => {
    for (const read of [readH264, readH265, readVp8, readVp9, readAv1]) {
      holds(fc.property(bytes(), (data) => understoodOrRefused(() => read(data))))
      holds(fc.property(bytes(), (data) => understoodOrRefused(() => read(Uint8Array.from([0, 0, 1, ...data])))))
    }
  })

  it('cannot break the reading of parameter sets with numbers of any size', () => {
    const profiles = fc.constantFrom(66, 77, 100, 244)
    holds(
      fc.property(profiles, fc.array(golomb, { maxLength: 40 }), (profile, numbers) => {
        const sps = Uint8Array.from([0x67, profile, 0, 31, ...packed(numbers.join(''))])
        understoodOrRefused(() => {
          const { config } = readH264(annexBOf([sps, Uint8Array.of(0x68, 0xce, 0x3c, 0x80), Uint8Array.of(0x65, 0x88)]))
          // What is understood fits into the fields of a file.
          expect(config!.width).toBeLessThan(65536)
          expect(config!.height).toBeLessThan(65536)
        })
      }),
    )
    holds(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.array(golomb, { maxLength: 40 }), (layers, numbers) => {
        const sps = Uint8Array.from([0x42, 0x01, layers, ...new Array(12).fill(0x11), ...packed(numbers.join(''))])
        const others = [Uint8Array.of(0x40, 0x01, 0x0c), Uint8Array.of(0x44, 0x01, 0xc0)]
        understoodOrRefused(() => readH265(annexBOf([...others, sps])))
      }),
    )
  })

  it('cannot make pictures of H.265 that refer to anything, in whatever order, be neither kept nor lost', () => {
    const bit = fc.constantFrom('0', '1')
    const types = fc.constantFrom(0, 1, 6, 7, 8, 9, 16, 19, 20, 21, 21, 31)
    const picture = fc.record({
      type: types,
      numbers: fc.oneof(fc.array(golomb, { maxLength: 12 }), fc.array(bit, { minLength: 60, maxLength: 200 })),
      ticks: fc.integer({ min: -40_000, max: 60_000 }),
    })
    const read = new Set<string>()
    fc.assert(
      fc.property(fc.array(picture, { maxLength: 60 }), (pictures) => {
        let lost = 0
        const track = new VideoTrack(
          () => lost++,
          () => {},
        )
        let rtp = 2 ** 31
        pictures.forEach(({ type, numbers, ticks }, at) => {
          rtp += ticks
          const isKey = type >= 16 && type <= 21
          // First slice, and of key frames one bit more; then the picture parameter set, which there is.
          const slice = Uint8Array.from([type << 1, 1, ...packed(`1${isKey ? '0' : ''}1${numbers.join('')}`)])
          const data = annexBOf([...(isKey ? h265Sets : []), slice])
          const times = { rtpTimestamp: rtp >>> 0, receiveTimeMicros: 1e15 + at * 33_000 }
          const about = { slot: 1, kind: 'video', ssrc: 7, sequenceNumber: null, mimeType: 'video/H265' } as const
          track.push({ ...about, ...times, key: isKey, data })
          understoodOrRefused(() => {
            const { leads, number } = readH265(data, readH265(annexBOf(h265Sets)).config)
            if (number !== undefined) read.add(leads ?? 'none')
          })
        })
        track.end()
        expect((track.take()?.samples.length ?? 0) + lost + track.withoutPicture).toBe(pictures.length)
      }),
      { numRuns: 500 },
    )
    // It is not all refused.
    expect(read).toEqual(new Set(['none', 'fromKey', 'acrossKey']))
  })

  it('cannot make one number of 2^32 cost time', () => {
    // As many offsets for each picture order count cycle.
    const numbers = ['1', '010', '1', '1', '1', '0'.repeat(32) + '1'.repeat(33)]
    const sps = Uint8Array.from([0x67, 66, 0, 31, ...packed(numbers.join(''))])
    const started = performance.now()
    expect(() => readH264(annexBOf([sps, Uint8Array.of(0x68, 0xce, 0x3c, 0x80)]))).toThrow(UnreadableError)
    expect(performance.now() - started).toBeLessThan(1000)
  })

  it('gets sizes refused that a file cannot say', () => {
    const golombOf = (value: number) => '0'.repeat((value + 1).toString(2).length - 1) + (value + 1).toString(2)
    const sps = (width: number) =>
      Uint8Array.from([
        0x67,
        66,
        0,
        31,
        ...packed(['1', '1', '1', '1', '010', '0', golombOf(width), golombOf(44), '1', '1', '0'].join('')),
      ])
    const read = (width: number) => readH264(annexBOf([sps(width), Uint8Array.of(0x68, 0xce, 0x3c, 0x80)])).config
    expect(read(79)).toMatchObject({ width: 1280, height: 720 })
    expect(() => read(4095)).toThrow('pictures of 65536x720 are none')
    expect(() => read(100_000)).toThrow(/4095 at most/)
  })

  it('cannot fill the memory with units, in whatever kind of flood', () => {
    const sei = Uint8Array.of(0x06, 0x05, 0x01, 0x00)
    const sps = Uint8Array.from(Buffer.from('6742c01fd9005005bb0110000003001000000303c0f1832480', 'hex'))
    for (const unit of [sei, sps, Uint8Array.of(0x41)]) {
      expect(() => readH264(annexBOf(new Array(100_000).fill(unit)))).toThrow(UnreadableError)
    }
    expect(readH264(Buffer.alloc(1_000_000)).data).toHaveLength(0)
    // Units without content: one start code after the other.
    expect(readH264(annexBOf(new Array(100_000).fill(new Uint8Array()))).data).toHaveLength(0)
    expect(() => readH264(annexBOf([new Uint8Array(70_000).fill(0x67), Uint8Array.of(0x68, 0xce)]))).toThrow(
      /parameter set has 70000 bytes/,
    )
  })

  it('gets no packet of sound longer than 120 ms past the reader, nor one that is not what it says', () => {
    holds(
      fc.property(bytes(), (packet) => {
        readRed(packet)
        const samples = opusSamples(packet)
        expect(samples % 120).toBe(0)
        expect(samples).toBeLessThanOrEqual(5760)
      }),
    )
  })
})

describe('what comes between processes, or from the disk', () => {
  it('is a batch, or is refused', () => {
    holds(
      fc.property(bytes(2000), (batch) => {
        try {
          for (const record of readBatch(batch))
            if (record.type === 'frame') expect(record.frame.data.length).toBeLessThanOrEqual(batch.length)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })

  it('is refused when it was cut anywhere', () => {
    const writer = new BatchWriter()
    const header = {
      slot: 1,
      kind: 'video',
      ssrc: 1,
      key: true,
      rtpTimestamp: 2,
      sequenceNumber: null,
      receiveTimeMicros: 3,
      mimeType: 'video/H264',
    } as const
    writer.frame({ ...header, width: 4, height: 5 }, Uint8Array.of(1, 2, 3))
    const batch = writer.take().slice()
    for (let length = 1; length < batch.length; length++) expect(() => [...readBatch(batch.subarray(0, length))]).toThrow()
  })

  it('is read on behind what is damaged, whatever the damage', async () => {
    const path = join(await newDirectory(), 'records')
    const records = Array.from({ length: 20 }, (_, n) => encodeRecord(n + 1, Buffer.alloc((n + 1) * 7, n)))
    const whole = Buffer.concat(records)
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Buffer.from(whole)
        damaged[at]! ^= change
        await writeFile(path, damaged)
        const read: number[] = []
        let damagedBytes = 0
        const reader = readRecords(path)
        let next = await reader.next()
        for (; next.done !== true; next = await reader.next())
          for (const record of next.value) {
            if (record.payload.length === record.type * 7) read.push(record.type)
            damagedBytes += record.damagedBytes
          }
        const ends = records.map((_, n) => Buffer.concat(records.slice(0, n + 1)).length)
        const hit = ends.findIndex((end) => end > at)
        expect(read).toEqual(records.map((_, n) => n + 1).filter((type) => type !== hit + 1))
        const isLast = hit === records.length - 1
        expect(next.value).toBe(isLast ? ends.at(-2) : whole.length)
        expect(damagedBytes).toBe(isLast ? 0 : records[hit]!.length)
      }),
      { numRuns: 100 },
    )
  })

  it('is Ogg that gives back each packet, whatever is in it', () => {
    const packets = fc.array(
      bytes(1500).map((data) => ({ data, samples: 960 })),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(packets, (packets) => {
        const pages = new OggOpusWriter().pages(packets)
        expect(packetsIn(pages)).toEqual(packets.map(({ data }) => Buffer.from(data).toString('hex')))
      }),
      { numRuns: 50 },
    )
  })

  it('is MP3, or is refused', () => {
    holds(
      fc.property(bytes(10), (data) => {
        try {
          expect([undefined, 384]).toContain(mp3.frameAt(data)?.bytes)
        } catch (error) {
          expect((error as Error).message).toMatch(/not MP3/)
        }
      }),
    )
  })
})

function packetsIn(pages: Buffer): string[] {
  const packets: string[] = []
  let part: Buffer[] = []
  for (let at = 0; at < pages.length; ) {
    const lacing = pages.subarray(at + 27, at + 27 + pages[at + 26]!)
    at += 27 + lacing.length
    for (const bytes of lacing) {
      part.push(pages.subarray(at, at + bytes))
      at += bytes
      if (bytes === 255) continue
      packets.push(Buffer.concat(part).toString('hex'))
      part = []
    }
  }
  return packets
}
