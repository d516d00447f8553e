import { describe, expect, it } from 'vitest'
import type { EncodedFrame } from '../tap/frame.ts'
import { opusSamples, silentOpusPacket } from './opus.ts'
import { readRed } from './red.ts'
import { SoundReader } from './sound-reader.ts'

const opus = (n: number) => Uint8Array.of(0xfc, n, n, n)

function packet(number: number, data: Uint8Array, mimeType = 'audio/opus'): EncodedFrame {
  return {
    ...{ slot: 1, kind: 'audio', ssrc: 7, key: true, rtpTimestamp: number * 960, sequenceNumber: number & 0xffff },
    ...{ receiveTimeMicros: number * 20_000, mimeType, data },
  }
}

/** A packet that carries those before it along. */
function red(number: number, ...blocks: Uint8Array[]): EncodedFrame {
  const headers = blocks.slice(0, -1).map((block, at) => {
    const bits = (((blocks.length - 1 - at) * 960) << 10) | block.length
    return Buffer.from([0x80 | 111, bits >> 16, (bits >> 8) & 0xff, bits & 0xff])
  })
  return packet(number, Buffer.concat([...headers, Buffer.from([111]), ...blocks]), 'audio/red')
}

function reader() {
  const losses: string[] = []
  const sound = new SoundReader((frame, reason, detail) => losses.push(`${frame.sequenceNumber} ${reason} ${detail}`))
  return { losses, read: (frame: EncodedFrame) => sound.read(frame) }
}

describe('sound', () => {
  it('that is Opus passes as it is', () => {
    const { read, losses } = reader()
    const frame = packet(1, opus(1))
    expect(read(frame)).toEqual([frame])
    expect(losses).toEqual([])
  })

  it.each([120, 480, 960, 1920, 2880, 5760])(
    'that no decoder would take becomes silence as long as its neighbour, %d samples',
    (samples) => {
      const { read, losses } = reader()
      read(packet(1, silentOpusPacket(samples)))
      const [silence] = read(packet(2, Uint8Array.of(0xff, 0)))
      expect(opusSamples(silence!.data)).toBe(samples)
      expect(silence).toMatchObject({ sequenceNumber: 2, rtpTimestamp: 1920 })
      expect(losses).toEqual(['2 EncoderRefused it is no Opus packet'])
    },
  )

  it('with redundancy is what it carries, each once, and what was lost on the way is repaired', () => {
    const { read, losses } = reader()
    const numbers = [red(65535, opus(0), opus(1)), red(65536, opus(1), opus(2)), red(65538, opus(3), opus(4))].flatMap((frame) =>
      read(frame).map(({ sequenceNumber, rtpTimestamp, data }) => [sequenceNumber, rtpTimestamp / 960, data[1]]),
    )
    expect(numbers).toEqual([
      [65535, 65535, 1],
      [0, 65536, 2],
      [1, 65537, 3],
      [2, 65538, 4],
    ])
    expect(losses).toEqual([])
  })

  it('with redundancy that is cut is silence', () => {
    const { read, losses } = reader()
    const [silence] = read(packet(1, Uint8Array.of(0x80 | 111, 0, 3, 0xff, 111, 1, 2), 'audio/red'))
    expect(opusSamples(silence!.data)).toBe(960)
    expect(losses).toHaveLength(1)
  })

  it('of another codec is told to the ledger', () => {
    const { read, losses } = reader()
    expect(read(packet(1, opus(1), 'audio/PCMU'))).toEqual([])
    expect(losses).toEqual(['1 UnsupportedCodec audio/PCMU'])
  })
})

describe('redundancy', () => {
  it('is read to the last block', () => {
    const blocks = readRed(red(9, opus(1), opus(2), opus(3)).data)!
    expect(blocks.map(({ earlierBy, data }) => [earlierBy, data[1]])).toEqual([
      [1920, 1],
      [960, 2],
      [0, 3],
    ])
  })

  it('that ends early is none', () => {
    const whole = red(9, opus(1), opus(2)).data
    for (let length = 1; length < 9; length++) expect(readRed(whole.subarray(0, length))).toBeUndefined()
  })
})
