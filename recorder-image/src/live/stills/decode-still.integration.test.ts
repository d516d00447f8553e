import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { findFfmpeg } from '../../media/ffmpeg.ts'
import { pictureReader } from '../../media/read-picture.ts'
import { makeClip } from '../../media/testing/clip.ts'
import { machineProgram } from '../../media/testing/machine-program.ts'
import { newDirectory } from '../../media/testing/new-directory.ts'
import { videoCodecs } from '../../media/video-codec.ts'
import { decodeStill, type StillSource } from './decode-still.ts'
import { alone, LastingDecoder } from './lasting-decoder.ts'
import { StillDecoder } from './still-decoder.ts'

const run = promisify(execFile)

/** The last of its NAL units, which holds the picture, has half of its bytes. */
function cutShort(sample: Uint8Array): Uint8Array {
  const view = new DataView(sample.buffer, sample.byteOffset, sample.length)
  let last = 0
  for (let at = 0; at < sample.length; at += 4 + view.getUint32(at)) last = at
  const bytes = Math.floor(view.getUint32(last) / 2)
  const cut = Buffer.from(sample.subarray(0, last + 4 + bytes))
  cut.writeUInt32BE(bytes, last)
  return cut
}

describe('a still', () => {
  test.each(videoCodecs)('is a JPEG of a key frame of %s', async (codec) => {
    const { mimeType, pictures } = await makeClip({ seconds: 0.2, size: '320x180', codec })
    const { config, data } = pictureReader(mimeType)!.read(pictures[0]!.data, undefined)
    const jpeg = await decodeStill({ config: config!, sample: data }, findFfmpeg())
    const path = join(await newDirectory(), 'still.jpeg')
    await writeFile(path, jpeg)
    const scaled = ['-vf', 'scale=1:1', '-pix_fmt', 'gray', '-f', 'rawvideo', '-']
    const { stdout, stderr } = await run(machineProgram('ffmpeg'), ['-v', 'error', '-i', path, ...scaled], { encoding: 'buffer' })
    expect(stderr.toString()).toBe('')
    // The first picture of a clip is white, in the full range of a JPEG.
    expect(stdout[0]).toBeGreaterThan(250)
    expect(jpeg.subarray(0, 3)).toEqual(Buffer.of(0xff, 0xd8, 0xff))
  })

  test('of H.264 is the same, whoever the decoder made stills of before, and whatever was wrong with them', async () => {
    const { mimeType, pictures } = await makeClip({ seconds: 3, size: '320x180', fps: 10, toneHertz: 0 })
    const other = await makeClip({ seconds: 0.2, size: '480x272', encoder: ['-profile:v', 'high'] })
    const keys = [...pictures.filter(({ key }) => key), other.pictures[0]!]
    const stills = keys.map(({ data: bytes }) => {
      const { config, data } = pictureReader(mimeType)!.read(bytes, undefined)
      return { config: config!, sample: data }
    })
    const [first, second] = stills as [StillSource, StillSource]
    const torn = { ...first, sample: cutShort(first.sample) }
    const alike = await Promise.all(stills.map((still) => decodeStill(still, findFfmpeg())))
    const decoder = new StillDecoder(findFfmpeg())
    for (let round = 0; round < 2; round++) {
      for (const [at, still] of stills.entries()) expect((await decoder.decode(still)).equals(alike[at]!)).toBe(true)
      await decoder.decode(torn).catch(() => {})
    }
    decoder.end()
    const lasting = new LastingDecoder(findFfmpeg(), 60_000)
    expect((await lasting.decode(alone(first)!)).equals(alike[0]!)).toBe(true)
    expect((await lasting.decode(alone(second)!)).equals(alike[1]!)).toBe(true)
    await expect(lasting.decode(alone(torn)!)).rejects.toThrow()
    lasting.end()
  })

  test('of what is no picture says why there is none', async () => {
    const { mimeType, pictures } = await makeClip({ seconds: 0.2, size: '320x180' })
    const { config } = pictureReader(mimeType)!.read(pictures[0]!.data, undefined)
    await expect(decodeStill({ config: config!, sample: Buffer.alloc(200, 7) }, findFfmpeg())).rejects.toThrow(/ffmpeg|picture/)
  })
})
