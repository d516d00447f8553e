import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  audioBatchRecord,
  identityRecord,
  indexVersion,
  picturesRecord,
  recordTypes,
  videoConfigRecord,
} from './index-records.ts'
import { IndexReading, type MediaIndex, readMediaIndex } from './media-index.ts'
import { encodeRecord } from './records.ts'
import { newDirectory } from './testing/new-directory.ts'

const batches = 40
const perBatch = 5
const picturesPerKey = 10
const pictureBytes = 100
const framesPerBatch = 12
const frameBytes = 30

/** The record of each batch of pictures and of sound by turns, behind the identity and the configuration. */
function records(): Buffer[] {
  const all = [
    ...[identityRecord({ name: 'file.mp4' }), identityRecord({ name: 'file.mp4' })],
    videoConfigRecord({ number: 0, codec: 'vp8', width: 16, height: 16, units: [] }),
  ]
  let offset = 0
  for (let batch = 0; batch < batches; batch++) {
    const first = batch * perBatch
    const pictures = Array.from({ length: perBatch }, (_, n) => ({
      kind: 'inOrder' as const,
      sample: {
        ...{ bytes: pictureBytes, setBytes: 0, config: 0, key: (first + n) % picturesPerKey === 0, leads: false, ssrc: 1 },
        ...{ rtpTimestamp: first + n, receiveTimeMicros: (first + n) * 1000 },
      },
    }))
    const chunks = pictures.map(() => Buffer.alloc(pictureBytes))
    all.push(picturesRecord(offset, chunks, { picturesBefore: first, firstWaiting: 0, pictures }))
    offset += perBatch * pictureBytes
    const sizes = new Array<number>(framesPerBatch).fill(frameBytes)
    const frames = sizes.map((size) => Buffer.alloc(size))
    all.push(audioBatchRecord(offset, frames, sizes, batch * framesPerBatch))
    offset += framesPerBatch * frameBytes
  }
  return all
}

let path: string
beforeEach(async () => {
  path = join(await newDirectory(), 'file.index')
})

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

describe('an index in which a bit has changed', () => {
  const all = records()
  const whole = Buffer.concat(all)
  const ends = all.map((_, n) => Buffer.concat(all.slice(0, n + 1)).length)

  test('loses the pictures of one batch, up to the next key frame, or the sound of one, and says which and how much', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (byte, bit) => {
        const changed = Buffer.from(whole)
        changed[byte]! ^= 1 << bit
        await writeFile(path, changed)
        const index = await readMediaIndex(path)
        const hit = ends.findIndex((end) => end > byte)
        expect(index.identity).toEqual({ name: 'file.mp4' })
        const there = Array.from(index.video.rtpTimestamps.values)
        const batch = Math.floor((hit - 3) / 2)
        const isPictures = hit > 2 && (hit - 3) % 2 === 0
        // Without its configuration nothing can be decoded.
        const from = batch * perBatch
        if (hit === 2) {
          expect(there).toEqual([])
          return
        }
        // Of the last one it does not show: the file is as if it had been killed before.
        if (batch === batches - 1 && isPictures) {
          expect(there).toEqual(range(0, from))
          return
        }
        const lost = isPictures ? range(from, Math.ceil((from + perBatch) / picturesPerKey) * picturesPerKey) : []
        expect(there).toEqual(range(0, batches * perBatch).filter((number) => !lost.includes(number)))
        expect(index.pictures.losses.map(({ frames, bytes }) => [frames, bytes])).toEqual(
          lost.length === 0 ? [] : [[lost.length, lost.length * pictureBytes]],
        )
        const isSound = hit > 2 && !isPictures
        const isLast = batch === batches - 1
        const missing =
          isSound && !isLast
            ? [{ firstFrame: batch * framesPerBatch, frames: framesPerBatch, bytes: framesPerBatch * frameBytes }]
            : []
        expect(index.missingSound).toEqual(missing)
        // Frames behind it keep their numbers, by which they have their times.
        expect(index.audio.sizes.length).toBe((batches - (isSound && isLast ? 1 : 0)) * framesPerBatch)
        expect(index.audio.offsets.at(batches * framesPerBatch - framesPerBatch - 1)).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 300 },
    )
  })

  test('and that an earlier release wrote, which does not count, is read up to there', async () => {
    const identity = encodeRecord(recordTypes.identity, Buffer.from(JSON.stringify({ version: 3, identity: { name: 'a' } })))
    const config = videoConfigRecord({ number: 0, codec: 'vp8', width: 16, height: 16, units: [] })
    const batch = (first: number) => {
      const payload = Buffer.alloc(16 + 26)
      payload.writeUIntLE(first * 10, 0, 6)
      payload.writeUIntLE(10, 6, 6)
      payload.writeUInt32LE(10, 16)
      payload.writeUInt32LE(first, 16 + 13)
      payload[16 + 25] = 1
      return encodeRecord(recordTypes.videoBatch, payload)
    }
    const old = Buffer.concat([identity, config, batch(0), batch(1), batch(2)])
    await writeFile(path, old)
    const index = await readMediaIndex(path)
    expect(indexVersion).toBeGreaterThan(3)
    expect(Array.from(index.video.rtpTimestamps.values)).toEqual([0, 1, 2])
    expect(Array.from(index.video.offsets.values)).toEqual([0, 10, 20])
    old[identity.length + config.length + batch(0).length + 20]! ^= 1
    await writeFile(path, old)
    const upTo = await readMediaIndex(path)
    expect(Array.from(upTo.video.rtpTimestamps.values)).toEqual([0])
    expect(upTo.wholeBytes).toBe(identity.length + config.length + batch(0).length)
  })
})

describe('an index that is read while it grows', () => {
  const whole = Buffer.concat(records())
  const said = ({ video, audio, bodyBytes, wholeBytes, damagedBytes, identity, configs }: MediaIndex) => ({
    ...{ bodyBytes, wholeBytes, damagedBytes, identity, configs },
    pictures: [video.bytes.values, video.offsets.values, video.rtpTimestamps.values, video.keys.values],
    sound: [audio.sizes.values, audio.offsets.values],
  })

  test('says the same as one that is read when all is there, wherever it ended meanwhile', async () => {
    await writeFile(path, whole)
    const expected = said(await readMediaIndex(path))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 5 }), async (ends) => {
        const reading = new IndexReading(path)
        for (const end of [...ends.sort((a, b) => a - b), whole.length]) {
          await writeFile(path, whole.subarray(0, end))
          await reading.goOn()
        }
        expect(said(reading.end())).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  test('nor does it matter what the device had dropped of it meanwhile, and was written again', async () => {
    await writeFile(path, whole)
    const expected = said(await readMediaIndex(path))
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), fc.nat(whole.length), async (from, to, end) => {
        const reading = new IndexReading(path)
        const dropped = Buffer.from(whole).fill(0, Math.min(from, to), Math.max(from, to))
        await writeFile(path, dropped.subarray(0, end))
        await reading.prepare()
        await writeFile(path, whole)
        await reading.goOn()
        expect(said(reading.end())).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })
})
