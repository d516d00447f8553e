import { CustomSource, EncodedPacketSink, Input, MP4 } from 'mediabunny'
import { describe, expect, it } from 'vitest'
import { aacConfig } from './audio-format.ts'
import { buildMp4Head, type Mp4Track, mp4a } from './mp4-head.ts'

/** Sound of `count` frames of `bytes` bytes that lie one after the other from `offset` on. */
function track(
  count: number,
  options: { bytes?: number; offset?: number; samplesPerFrame?: number; delay?: number } = {},
): Mp4Track {
  const { bytes = 100, offset = 0, samplesPerFrame = 1024, delay = 0 } = options
  return {
    ...{ kind: 'audio', timescale: 48_000, sampleEntries: [mp4a(2, 48_000, aacConfig, 128_000)], width: 0, height: 0 },
    sizes: new Uint32Array(count).fill(bytes),
    offsets: Float64Array.from({ length: count }, (_, n) => offset + n * bytes),
    starts: Float64Array.from({ length: count }, (_, n) => n * samplesPerFrame),
    end: count * samplesPerFrame,
    edit: { delay, mediaTime: 0, duration: count * samplesPerFrame },
  }
}

function boxes(data: Buffer): string[] {
  const types: string[] = []
  for (let at = 0; at + 8 <= data.length; at += data.readUInt32BE(at) || 8) {
    types.push(data.subarray(at + 4, at + 8).toString())
    if (data.readUInt32BE(at) === 1) break
  }
  return types
}

/** Demuxes head and an imagined body; says which bytes of the body were asked for. */
async function demux(head: Buffer, bodyBytes: number) {
  const asked: [number, number][] = []
  const read = (start: number, end: number) => {
    if (end > head.length) asked.push([start - head.length, end - head.length])
    const bytes = new Uint8Array(end - start)
    bytes.set(head.subarray(Math.min(start, head.length), Math.min(end, head.length)))
    return bytes
  }
  const input = new Input({ formats: [MP4], source: new CustomSource({ getSize: () => head.length + bodyBytes, read }) })
  const [found] = await input.getTracks()
  return { input, found: found!, asked }
}

describe('the head of an MP4', () => {
  it('is ftyp, moov and the start of mdat, in this order', () => {
    const head = buildMp4Head({ creationTime: new Date(0), bodyBytes: 300, tracks: [track(3)] })
    expect(boxes(head)).toEqual(['ftyp', 'moov', 'mdat'])
    expect(head.subarray(-4).toString()).toBe('mdat')
    expect(head.readUInt32BE(head.length - 8)).toBe(308)
  })

  it('finds samples beyond 4 GiB', async () => {
    const bodyBytes = 6 * 2 ** 30
    const late = track(3, { offset: bodyBytes - 300 })
    const head = buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks: [late] })
    expect(head.subarray(-16, -8).toString('hex')).toBe('000000016d646174')
    expect(head.readBigUInt64BE(head.length - 8)).toBe(BigInt(bodyBytes + 16))
    const { found, asked } = await demux(head, bodyBytes)
    const packet = await new EncodedPacketSink(found).getFirstPacket()
    expect(packet?.byteLength).toBe(100)
    expect(asked.at(-1)![0]).toBe(bodyBytes - 300)
  })

  it('finds samples just below 4 GiB, where the head makes the difference', async () => {
    const bodyBytes = 0xffff_0000 - 1
    const head = buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks: [track(3, { offset: bodyBytes - 300 })] })
    const { found, asked } = await demux(head, bodyBytes)
    await new EncodedPacketSink(found).getFirstPacket()
    expect(asked.at(-1)![0]).toBe(bodyBytes - 300)
  })

  it('finds them there where the head is so large that their offsets need 64 bits', async () => {
    const bodyBytes = 0xffff_0000 - 1
    const offset = bodyBytes - 20_000 * 100
    const head = buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks: [track(20_000, { offset })] })
    expect(head.indexOf('co64')).toBeGreaterThan(0)
    const { found, asked } = await demux(head, bodyBytes)
    await new EncodedPacketSink(found).getFirstPacket()
    expect(asked.at(-1)![0]).toBe(offset)
  })

  it('lasts days, beyond what 32 bits hold', async () => {
    const days = 3
    const long = track(1000, { samplesPerFrame: (days * 86_400 * 48_000) / 1000 })
    const head = buildMp4Head({ creationTime: new Date(), bodyBytes: 100_000, tracks: [long] })
    const { input } = await demux(head, 100_000)
    expect(await input.computeDuration()).toBeCloseTo(days * 86_400, 3)
  })

  it('begins a track later by an empty edit', async () => {
    const head = buildMp4Head({ creationTime: new Date(), bodyBytes: 1000, tracks: [track(10, { delay: 72_000 })] })
    const { found } = await demux(head, 1000)
    expect(await found.getFirstTimestamp()).toBeCloseTo(1.5, 4)
  })

  it('starts a chunk each second and wherever samples do not touch', () => {
    const split = track(100)
    split.offsets.forEach((offset, n) => {
      if (n >= 50) split.offsets[n] = offset + 7
    })
    const head = buildMp4Head({ creationTime: new Date(), bodyBytes: 10_007, tracks: [split] })
    const stco = head.indexOf('stco')
    const offsets = Array.from(
      { length: head.readUInt32BE(stco + 8) },
      (_, n) => head.readUInt32BE(stco + 12 + n * 4) - head.length,
    )
    // 47 frames are the first not to be within a second of the first.
    expect(offsets).toEqual([0, 4700, 5007, 9707])
  })
})
