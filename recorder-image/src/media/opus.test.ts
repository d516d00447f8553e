import { describe, expect, it } from 'vitest'
import { OggOpusWriter } from './ogg.ts'
import { opusSamples, opusSilence } from './opus.ts'

describe('Opus packets', () => {
  it.each([
    // RFC 6716, table 2 and section 3.2.
    ['SILK 20 ms', [1 << 3], 960],
    ['SILK 60 ms', [3 << 3], 2880],
    ['hybrid 10 ms', [12 << 3], 480],
    ['CELT 2.5 ms', [16 << 3], 120],
    ['CELT 20 ms', [31 << 3], 960],
    ['two frames of 20 ms', [(31 << 3) | 1], 1920],
    ['two of 20 ms, of different lengths', [(31 << 3) | 2, 1, 7, 8, 9], 1920],
    ['three of 20 ms', [(31 << 3) | 3, 3], 2880],
    ['six of 20 ms, with their lengths', [(31 << 3) | 3, 0x86, 1, 0, 0, 0, 2, 7, 8, 9], 5760],
    ['forty-eight of 2.5 ms', [(28 << 3) | 3, 48], 5760],
    ['two of 20 ms and a byte of padding', [(31 << 3) | 3, 0x42, 1, 7, 8, 0], 1920],
    ['nothing', [], 0],
    ['two frames that cannot be equally long', [(31 << 3) | 1, 7, 8, 9], 0],
    ['a first frame that is longer than both', [(31 << 3) | 2, 200, 1], 0],
    ['no frame', [(31 << 3) | 3, 0], 0],
    ['140 ms', [(31 << 3) | 3, 7], 0],
    ['more padding than there is', [(31 << 3) | 3, 0x41, 255, 255], 0],
  ])('of %s are as long as they say', (_, bytes, samples) => {
    expect(opusSamples(Uint8Array.from(bytes))).toBe(samples)
  })

  it('of silence fill a gap down to 2.5 ms', () => {
    for (const samples of [0, 119, 120, 1000, 48_000]) {
      const packets = opusSilence(samples)
      const filled = packets.reduce((sum, packet) => sum + packet.samples, 0)
      expect(filled).toBe(samples - (samples % 120))
      for (const packet of packets) expect(opusSamples(packet.data)).toBe(packet.samples)
    }
  })
})

describe('Ogg pages', () => {
  it('carry packets whole, of any size, with granule positions at their ends', () => {
    const writer = new OggOpusWriter()
    const header = writer.header(312)
    expect(header.readUInt16LE(28 + 10)).toBe(312)
    const sizes = [0, 1, 254, 255, 256, 510, 1275, ...new Array(300).fill(100)]
    const file = writer.pages(sizes.map((size) => ({ data: Buffer.alloc(size, 7), samples: 960 })))
    const found: number[] = []
    const granules: number[] = []
    let part = 0
    for (let page = 0; page < file.length; ) {
      expect(file.subarray(page, page + 4).toString()).toBe('OggS')
      const lacing = file.subarray(page + 27, page + 27 + file[page + 26]!)
      for (const bytes of lacing) {
        part += bytes
        if (bytes === 255) continue
        found.push(part)
        part = 0
      }
      granules.push(Number(file.readBigInt64LE(page + 6)) / 960)
      expect(granules.at(-1)).toBe(found.length)
      page += 27 + lacing.length + lacing.reduce((sum, bytes) => sum + bytes, 0)
    }
    expect(granules.length).toBeGreaterThan(1)
    expect(found).toEqual(sizes)
  })
})
