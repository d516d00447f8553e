import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { findFfmpeg } from '../../media/ffmpeg.ts'
import { pictureReader } from '../../media/read-picture.ts'
import { makeClip } from '../../media/testing/clip.ts'
import { newDirectory } from '../../media/testing/new-directory.ts'
import { videoCodecs } from '../../media/video-codec.ts'
import { decodeStill } from './decode-still.ts'

const run = promisify(execFile)

describe('a still', () => {
  test.each(videoCodecs)('is a JPEG of a key frame of %s', async (codec) => {
    const { mimeType, pictures } = await makeClip({ seconds: 0.2, size: '320x180', codec })
    const { config, data } = pictureReader(mimeType)!.read(pictures[0]!.data, undefined)
    const jpeg = await decodeStill({ config: config!, sample: data }, findFfmpeg())
    const path = join(await newDirectory(), 'still.jpeg')
    await writeFile(path, jpeg)
    const scaled = ['-vf', 'scale=1:1', '-pix_fmt', 'gray', '-f', 'rawvideo', '-']
    const { stdout, stderr } = await run(findFfmpeg(), ['-v', 'error', '-i', path, ...scaled], { encoding: 'buffer' })
    expect(stderr.toString()).toBe('')
    // The first picture of a clip is white, in the full range of a JPEG.
    expect(stdout[0]).toBeGreaterThan(250)
    expect(jpeg.subarray(0, 3)).toEqual(Buffer.of(0xff, 0xd8, 0xff))
  })

  test('of what is no picture says why there is none', async () => {
    const { mimeType, pictures } = await makeClip({ seconds: 0.2, size: '320x180' })
    const { config } = pictureReader(mimeType)!.read(pictures[0]!.data, undefined)
    await expect(decodeStill({ config: config!, sample: Buffer.alloc(200, 7) }, findFfmpeg())).rejects.toThrow(/ffmpeg|picture/)
  })
})
