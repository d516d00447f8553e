import { describe, expect, it } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { belongsInFile } from './split.ts'

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
const sound = { kind: 'audio', key: true, mimeType: 'audio/opus' } as const

describe('the next file of a stream begins', () => {
  it.each([
    ['not before 12 hours', at(11.99, { key: true }), 'h264', true],
    ['with a key frame after 12 hours', at(12.001, { key: true }), 'h264', false],
    ['not in the middle of a group of pictures', at(12.001), 'h264', true],
    ['not with sound while there are pictures', at(12.001, sound), 'h264', true],
    ['with sound where there are none', at(12.001, sound), undefined, false],
    ['with anything if no key frame comes for a minute', at(12.02), 'h264', false],
    ['with a key frame of another codec', at(1, { key: true, mimeType: 'video/VP8' }), 'h264', false],
    ['not with the rest of another codec', at(1, { mimeType: 'video/VP8' }), 'h264', true],
    ['not with what cannot be recorded in any file', at(1, { key: true, mimeType: 'video/Theora' }), 'h264', true],
  ] as const)('%s', (_, frame, codec, belongs) => {
    expect(belongsInFile(frame, opened, codec)).toBe(belongs)
  })
})
