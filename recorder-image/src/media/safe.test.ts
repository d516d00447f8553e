import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { AppendFile } from './append-file.ts'
import { silentOpusPacket } from './opus.ts'
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
