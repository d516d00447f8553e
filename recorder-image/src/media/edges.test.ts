import { CustomSource, EncodedPacketSink, Input, MP4 } from 'mediabunny'
import { describe, expect, it } from 'vitest'
import { soundKind } from './audio-format.ts'
import { MediaIndex } from './media-index.ts'
import { buildMp3Head } from './mp3-head.ts'
import { buildMp4Head } from './mp4-head.ts'
import { compareTables } from './mp4-tables.ts'
import { mp4Tracks } from './mp4-tracks.ts'

const sps = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f1832480', 'hex')
const pps = Buffer.from('68ce3c80', 'hex')

/** An index of pictures alone, each of so many bytes, one after the other, a key frame every two seconds. */
function indexOf(pictures: number, pictureBytes: number): MediaIndex {
  const index = new MediaIndex()
  index.configs.push({ number: 0, codec: 'h264', width: 1280, height: 720, units: [sps, pps] })
  const { bytes, setBytes, configs, offsets, keys } = index.video
  for (let at = 0; at < pictures; at++) {
    bytes.push(pictureBytes)
    setBytes.push(0)
    configs.push(0)
    offsets.push(index.bodyBytes)
    keys.push(at % 60 === 0 ? 1 : 0)
    index.bodyBytes += pictureBytes
  }
  return index
}

/** A file of pictures at so many ticks of 90 kHz, read back by a demuxer that is not ours. */
async function fileOf(index: MediaIndex, ticks: Float64Array) {
  const samples = Uint32Array.from(ticks, (_, at) => at)
  const presentation = {
    startMicros: 0,
    endMicros: 0,
    gaps: [],
    clockErrorMicros: 0,
    video: { startMicros: 0, samples, ticks, decodeTicks: ticks, lastTicks: 3000, pieces: [], movedMicros: 0 },
  }
  const tracks = mp4Tracks(presentation, index, soundKind({ mode: '02', audioCodec: 'AAC' }))
  const { bodyBytes } = index
  const head = buildMp4Head({ creationTime: new Date(0), bodyBytes, tracks })
  const read = (start: number, end: number) => {
    const bytes = new Uint8Array(end - start)
    bytes.set(head.subarray(Math.min(start, head.length), Math.min(end, head.length)))
    return bytes
  }
  const input = new Input({ formats: [MP4], source: new CustomSource({ getSize: () => head.length + bodyBytes, read }) })
  const track = (await input.getPrimaryVideoTrack())!
  return { head, tracks, problems: compareTables(head, bodyBytes, tracks), sink: new EncodedPacketSink(track), input }
}

describe('a file', () => {
  it('of 24 hours, 86,400 chunks and 13 GB is whole to its last picture', async () => {
    const pictures = 24 * 3600 * 10
    const index = indexOf(pictures, 15_000)
    const { head, problems, sink, input } = await fileOf(
      index,
      Float64Array.from({ length: pictures }, (_, at) => at * 9000),
    )
    expect(problems).toEqual([])
    expect(head.indexOf('co64')).toBeGreaterThan(0)
    expect(head.readUInt32BE(head.indexOf('co64') + 8)).toBeGreaterThan(62_000)
    const last = await sink.getPacket(86_400, { metadataOnly: true })
    expect(last).toMatchObject({ byteLength: 15_000 })
    expect(last!.timestamp).toBeCloseTo(86_400 - 0.1, 3)
    expect(await input.computeDuration()).toBeCloseTo(86_400 - 0.1 + 1 / 30, 3)
  })

  it.each([
    ['five hours', 5, 90_000],
    ['a day', 24, 9000],
    ['ten days', 240, 1000],
  ])('in which a picture is held for %s has the next one at its time', async (_, hours, timescale) => {
    const { tracks, problems, sink } = await fileOf(
      indexOf(3, 100),
      Float64Array.of(0, hours * 3600 * 90_000, hours * 3600 * 90_000 + 3000),
    )
    expect(problems).toEqual([])
    expect(tracks[0]!.timescale).toBe(timescale)
    const packet = await sink.getPacket(hours * 3600 + 0.01, { metadataOnly: true })
    expect(packet!.timestamp).toBeCloseTo(hours * 3600, 3)
    // No step that a reader with signed numbers takes for a negative one.
    expect(hours * 3600 * timescale).toBeLessThan(2 ** 31)
  })

  it('of MP3 of four days says how long it is, and nothing that does not fit', () => {
    const frames = (4 * 86_400 * 48_000) / 1152
    const head = buildMp3Head(frames, frames * 1152 - 1105)
    const info = head.subarray(36)
    expect(head).toHaveLength(384)
    expect(info.readUInt32BE(4)).toBe(0b1101)
    expect(info.readUInt32BE(8)).toBe(frames)
    // Behind the seek table, where it begins without a number of bytes in front of it.
    expect(info.toString('latin1', 116, 125)).toBe('LAME3.100')
  })
})
