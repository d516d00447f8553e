import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { comesAsComplete, HoleWatch } from '../tap/hole-watch.ts'
import { picturesRecord, videoConfigRecord, wouldFollowRecord } from './index-records.ts'
import { readMediaIndex } from './media-index.ts'
import { newDirectory } from './testing/new-directory.ts'
import { seeded } from './testing/sender.ts'
import { VideoTrack } from './video-track.ts'

const picturesPerKey = 20
const startCode = Buffer.from([0, 0, 0, 1])
const units = (...hex: (string | Buffer)[]) =>
  Buffer.concat(hex.flatMap((unit) => [startCode, Buffer.from(unit as string, 'hex')]))
/** 16x16 of x264, whose pictures have numbers of four bits. */
const sets = ['6742c00ada7b011000000300100000030320f1226a', '68ce3c80'] as const
const slice = (nal: number, number: number) => Buffer.from([nal, 0xe1 | ((number % 16) << 1), 0x80, 0x80])

const codecs = {
  'video/VP8': (n: number) => Buffer.from(n % picturesPerKey === 0 ? '1002009d012a100010000047' : '310100', 'hex'),
  'video/H264': (n: number) =>
    n % picturesPerKey === 0 ? units(...sets, slice(0x65, 0)) : units(slice(0x41, n % picturesPerKey)),
}

interface Line {
  mimeType: keyof typeof codecs
  seed: number
  late: number
  lateMillis: number
  /** The sender leaves something out here and there. */
  rests: number
  killedAtShare: number
}

/** 15 pictures a second, 10 s, in order of arrival. */
function arrivals({ mimeType, seed, late, lateMillis, rests }: Line): { number: number; frame: EncodedFrame }[] {
  const random = seeded(seed)
  let seconds = 0
  const sent = Array.from({ length: 150 }, (_, number) => {
    seconds += (random() < rests ? 2 : 1) / 15
    const key = number % picturesPerKey === 0
    // Of H.264 Chromium hands out nothing out of order but key frames.
    const mayBeLate = comesAsComplete(mimeType) ? !key : number % picturesPerKey > picturesPerKey - 5
    const arrival = seconds + (mayBeLate && random() < late ? (lateMillis / 1000) * random() : 0)
    const frame: EncodedFrame = {
      ...{ slot: 1, kind: 'video', ssrc: 7, key, rtpTimestamp: Math.round(seconds * 90_000) >>> 0, sequenceNumber: null },
      ...{ receiveTimeMicros: Math.round(arrival * 1e6), mimeType, data: codecs[mimeType](number) },
    }
    return { number, frame }
  })
  if (!comesAsComplete(mimeType)) {
    // What follows one that is missing is held until that comes, or a key frame.
    for (let at = 1; at < sent.length; at++) {
      const { frame } = sent[at]!
      const heldUntil = Math.min(sent[at - 1]!.frame.receiveTimeMicros, nextKeyAt(sent, at) + 1)
      if (!frame.key) frame.receiveTimeMicros = Math.max(frame.receiveTimeMicros, heldUntil)
    }
  }
  const watch = new HoleWatch()
  const arrived = sent.toSorted((a, b) => a.frame.receiveTimeMicros - b.frame.receiveTimeMicros)
  for (const { frame } of arrived) if (watch.before(frame, frame.key || comesAsComplete(mimeType)) > 0) frame.mayFollowHole = true
  return arrived
}

const nextKeyAt = (sent: readonly { frame: EncodedFrame }[], at: number) =>
  sent.slice(at).find(({ frame }) => frame.key)?.frame.receiveTimeMicros ?? Number.POSITIVE_INFINITY

const batchMicros = 250_000

/** What is on the volume when the recorder is killed right after a batch, with nobody having said what is missing; and what it had told the ledger. */
function recordAndKill(arrived: readonly { frame: EncodedFrame }[], untilMicros: number) {
  const lost: number[] = []
  const track = new VideoTrack(
    ({ rtpTimestamp }) => lost.push(rtpTimestamp),
    () => {},
  )
  const records: Buffer[] = []
  let offset = 0
  let next = batchMicros
  const write = () => {
    const batch = track.takeBatch()
    if (batch === undefined) return
    for (const config of batch.configs) records.push(videoConfigRecord(config))
    records.push(picturesRecord(offset, batch.chunks, batch))
    if (batch.wouldFollow.length > 0) records.push(wouldFollowRecord(batch.wouldFollow))
    offset += batch.chunks.reduce((sum, { length }) => sum + length, 0)
  }
  for (const { frame } of arrived) {
    if (frame.receiveTimeMicros > untilMicros) break
    for (; next <= frame.receiveTimeMicros; next += batchMicros) write()
    track.push(frame)
  }
  write()
  return { index: Buffer.concat(records), lost }
}

let path: string
beforeEach(async () => {
  path = join(await newDirectory(), 'file.index')
})

const line = (mimeType: keyof typeof codecs): fc.Arbitrary<Line> =>
  fc.record({
    mimeType: fc.constant(mimeType),
    seed: fc.nat(),
    late: fc.constantFrom(0, 0.05, 0.3),
    lateMillis: fc.integer({ min: 50, max: 1800 }),
    rests: fc.constantFrom(0, 0.02, 0.2),
    killedAtShare: fc.double({ min: 0.05, max: 1, noNaN: true }),
  })

describe('a recorder that is killed while pictures wait', () => {
  test.each(Object.keys(codecs) as (keyof typeof codecs)[])(
    'has every picture of %s that came, once, or had told why not (300 cases)',
    { timeout: 60_000 },
    async (mimeType) => {
      await fc.assert(
        fc.asyncProperty(line(mimeType), async (how) => {
          const arrived = arrivals(how)
          const untilMicros = how.killedAtShare * 11e6
          const came = arrived.filter(({ frame }) => frame.receiveTimeMicros <= untilMicros)
          const { index: bytes, lost } = recordAndKill(arrived, untilMicros)
          await writeFile(path, bytes)
          const index = await readMediaIndex(path)
          const there = Array.from(index.video.rtpTimestamps.values)
          const leftOut = index.pictures.leftOut.map(({ picture }) => picture.sample.rtpTimestamp)
          expect([...there, ...leftOut, ...lost].sort((a, b) => a - b)).toEqual(
            came.map(({ frame }) => frame.rtpTimestamp).sort((a, b) => a - b),
          )
          // Each of H.264 behind the one it refers to, unless that is in front of its key frame's.
          const numbers = new Map(arrived.map(({ number, frame }) => [frame.rtpTimestamp, number]))
          const order = there.map((rtp) => numbers.get(rtp)!)
          for (const group of Map.groupBy(order, (number) => Math.floor(number / picturesPerKey)).values()) {
            if (mimeType === 'video/H264') expect(group).toEqual(Array.from(group, (_, at) => group[0]! + at))
          }
          // Of those that come as each is complete none is lost that came.
          if (mimeType === 'video/VP8') expect(leftOut).toEqual([])
          expect(index.pictures.losses).toEqual([])
        }),
        { numRuns: 300 },
      )
    },
  )
})
