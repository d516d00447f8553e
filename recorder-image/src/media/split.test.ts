import { describe, expect, it } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { belongsInFile, canBeginFile, isCameraOff } from './split.ts'
import { newDirectory } from './testing/new-directory.ts'
import { openFile } from './testing/recording.ts'
import { maxConfigs } from './video-track.ts'

const opened = 1_000_000
const at = (hours: number, more: Partial<EncodedFrame> = {}): EncodedFrame => ({
  ...{
    slot: 1,
    kind: 'video',
    ssrc: 1,
    key: false,
    rtpTimestamp: 0,
    sequenceNumber: null,
    mimeType: 'video/H264',
    data: new Uint8Array(),
  },
  ...{ receiveTimeMicros: opened + hours * 3.6e9, ...more },
})
const h265 = (type: number) => ({ key: true, mimeType: 'video/H265', data: Uint8Array.of(0, 0, 1, type << 1, 1, 0x80) })
const [cra, idr] = [h265(21), h265(20)]
const sound = { kind: 'audio', key: true, mimeType: 'audio/opus' } as const

describe('the next file of a stream begins', () => {
  it.each([
    ['not before 12 hours', at(11.99, { key: true }), 'h264', true],
    ['with a key frame after 12 hours', at(12.001, { key: true }), 'h264', false],
    ['not in the middle of a group of pictures', at(12.001), 'h264', true],
    ['not with sound while there are pictures', at(12.001, sound), 'h264', true],
    ['with sound where there are none', at(12.001, sound), undefined, false],
    ['with anything if no key frame comes for a minute', at(12.02), 'h264', false],
    ['with a key frame of H.265 that no picture refers across', at(12.001, idr), 'h265', false],
    ['not with one that some may', at(12.001, cra), 'h265', true],
    ['with one that some may, if no other comes for half a minute', at(12.009, cra), 'h265', false],
    ['with a key frame of another codec', at(1, { key: true, mimeType: 'video/VP8' }), 'h264', false],
    ['not with the rest of another codec', at(1, { mimeType: 'video/VP8' }), 'h264', true],
    ['not with what cannot be recorded in any file', at(1, { key: true, mimeType: 'video/Theora' }), 'h264', true],
  ] as const)('%s', (_, frame, codec, belongs) => {
    expect(belongsInFile(frame, opened, codec)).toBe(belongs)
  })

  it('at the next key frame where the one before it is to end soon, but not with one that pictures may refer across', () => {
    expect(canBeginFile(at(1), 'h265', 0)).toBe(false)
    expect(canBeginFile(at(1, idr), 'h265', 0)).toBe(true)
    expect(canBeginFile(at(1, cra), 'h265', 0)).toBe(false)
    expect(canBeginFile(at(1, cra), 'h265', 30_000_000)).toBe(true)
    expect(canBeginFile(at(1, { key: true }), 'h264', 0)).toBe(true)
    // What cannot be read is lost in either.
    const endless = Buffer.concat(new Array(5000).fill(Buffer.of(0, 0, 1, 0x2a, 1)))
    expect(canBeginFile(at(1, { ...cra, data: endless }), 'h265', 0)).toBe(true)
  })
})

it('a file that is to end soon ends with sound, too, once its user has turned the camera off', () => {
  const last = opened + 9e6
  expect(isCameraOff(at(18 / 3600, sound), last)).toBe(false)
  expect(isCameraOff(at(20 / 3600, sound), last)).toBe(true)
  expect(isCameraOff(at(20 / 3600), last)).toBe(false)
})

it('a file that has no room for another size of its pictures goes on as the next one, and not every moment', async () => {
  const file = openFile('01', await newDirectory(), { ffmpegPath: '/nowhere/ffmpeg' })
  const size = (width: number, seconds: number): EncodedFrame => ({
    ...at(0, { key: true, mimeType: 'video/VP8', rtpTimestamp: seconds * 90_000 }),
    receiveTimeMicros: opened + seconds * 1e6,
    data: Uint8Array.of(0x10, 2, 0, 0x9d, 1, 0x2a, width, 0, 16, 0, 0, 0),
  })
  // A window that is made larger.
  for (let width = 1; width <= maxConfigs; width++) {
    expect(file.takes(size(width, width / 10))).toBe(true)
    expect(file.write(size(width, width / 10))).toBe(true)
  }
  expect(file.takes(size(100, 9.9))).toBe(true)
  expect(file.takes({ ...size(100, 10.2), key: false })).toBe(true)
  expect(file.takes(size(100, 10.3))).toBe(false)
  await file.finish()
})
