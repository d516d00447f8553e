import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Ledger } from '../ledger/ledger.ts'
import type { EncodedFrame } from '../tap/frame.ts'
import { AppendFile } from './append-file.ts'
import { readMediaIndex } from './media-index.ts'
import { silentOpusPacket } from './opus.ts'
import { readRecords } from './records.ts'
import { newDirectory } from './testing/new-directory.ts'
import { openFile } from './testing/recording.ts'
import { epochMicros } from './testing/sender.ts'

afterEach(() => vi.restoreAllMocks())

const options = { audioCodec: 'Opus', batchMs: 20, ffmpegPath: '/nowhere/ffmpeg' } as const
const packet: EncodedFrame = {
  ...{ slot: 1, kind: 'audio', ssrc: 1, key: true, rtpTimestamp: 0, sequenceNumber: 0, receiveTimeMicros: epochMicros },
  ...{ mimeType: 'audio/opus', data: silentOpusPacket(960) },
}

test('sound that waits in the journal survives the loss of the machine, though nothing more comes', async () => {
  const synced = vi.spyOn(AppendFile.prototype, 'sync')
  const file = openFile('02', await newDirectory(), options)
  file.write(packet)
  const isJournal = (one: unknown) => one instanceof AppendFile && one.path.endsWith('.opus') && one.written > 0
  await expect.poll(() => synced.mock.contexts.some(isJournal), { timeout: 5000 }).toBe(true)
  await file.finish()
})

describe('pictures of a file', () => {
  const picture = (n: number): EncodedFrame => ({
    ...{ slot: 2, kind: 'video', ssrc: 2, key: n % 100 === 0, rtpTimestamp: n * 6000, sequenceNumber: null },
    ...{ receiveTimeMicros: epochMicros + Math.round((n * 1e6) / 15), mimeType: 'video/VP8' },
    data: Buffer.from(n % 100 === 0 ? '1002009d012a100010000047' : '310100', 'hex'),
  })

  test('go on with a key frame where its volume was full, and took nothing, for a while', async () => {
    let isFull = false
    const flush = AppendFile.prototype.flush
    vi.spyOn(AppendFile.prototype, 'flush').mockImplementation(async function (this: AppendFile) {
      if (isFull) this.error ??= Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      await flush.call(this)
    })
    const ledger = new Ledger()
    const file = openFile('01', await newDirectory(), { ...options, ledger })
    let n = 0
    const next = () => file.write(picture(n++))
    while (n < 5) expect(next()).toBe(true)
    expect(await file.safe()).toBe(true)
    isFull = true
    next()
    const safe = file.safe()
    await expect.poll(next, { interval: 20 }).toBe(false)
    isFull = false
    expect(await safe).toBe(true)
    expect(next()).toBe(false)
    expect(ledger.losses.map(({ reason }) => reason)).toEqual(['DiskFull', 'NoKeyFrame'])
    for (n = 100; n < 105; ) expect(next()).toBe(true)
    expect(await file.safe()).toBe(true)
    const index = await readMediaIndex(file.bodyPath.replace(/body$/, 'index'))
    const recorded = Array.from(index.video.rtpTimestamps.values, (rtp) => rtp / 6000)
    const before = recorded.filter((number) => number < 100)
    expect(before).toEqual(before.map((_, at) => at))
    expect(recorded.slice(before.length)).toEqual([100, 101, 102, 103, 104])
    await file.finish()
  })

  test('that were held when a machine was lost are counted once, whichever record is the last that it kept', async () => {
    const directory = await newDirectory()
    const file = openFile('01', directory, options)
    // The key frame comes behind two that refer to it.
    for (const pictures of [[1, 2], [0, 3], [4]]) {
      for (const n of pictures) file.write(picture(n))
      expect(await file.safe()).toBe(true)
    }
    const path = file.bodyPath.replace(/body$/, 'index')
    const bytes = await readFile(path)
    const ends: number[] = []
    for await (const records of readRecords(path)) ends.push(...records.map(({ end }) => end))
    const counts = new Set<string>()
    for (const end of ends) {
      await writeFile(join(directory, 'lost.index'), bytes.subarray(0, end))
      const { came, columns, leftOut } = (await readMediaIndex(join(directory, 'lost.index'))).pictures
      if (came === undefined) continue
      const there = columns.bytes.length + leftOut.length
      counts.add(`of ${came.received} that came ${came.lost} are lost, ${there} are there`)
    }
    expect([...counts]).toEqual([
      'of 2 that came 2 are lost, 0 are there',
      'of 4 that came 0 are lost, 4 are there',
      'of 5 that came 0 are lost, 5 are there',
    ])
    await file.finish()
  })
})

test('it is known when what a file was given is safe, and when it never will be', async () => {
  const file = openFile('02', await newDirectory(), options)
  file.write(packet)
  expect(await file.safe()).toBe(true)
  // Nothing came since.
  expect(await file.safe()).toBe(true)
  const nowhere = openFile('02', join(await newDirectory(), 'not there'), options)
  nowhere.write(packet)
  expect(await nowhere.safe()).toBe(false)
  await Promise.all([file.finish(), nowhere.finish()])
  expect(await file.safe()).toBe(true)
})
