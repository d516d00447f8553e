import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { standInPicture } from './stand-in.ts'

/** Twice the same picture, as a decoder gets them, without a container where the codec has a form of its own. */
function stream(mimeType: string): Buffer {
  const picture = Buffer.from(standInPicture(mimeType)!)
  const fourcc = { 'video/VP8': 'VP80', 'video/VP9': 'VP90', 'video/AV1': 'AV01' }[mimeType]
  if (fourcc === undefined) return Buffer.concat([picture, picture])
  const head = Buffer.alloc(32)
  head.write(`DKIF\0\0\x20\0${fourcc}`, 'latin1')
  for (const [at, value] of [16, 16, 30, 0, 1, 0, 2, 0].entries()) head.writeUInt16LE(value, 12 + 2 * at)
  const frame = (n: number) => {
    const header = Buffer.alloc(12)
    header.writeUInt32LE(picture.length, 0)
    header.writeUInt32LE(n, 4)
    return Buffer.concat([header, picture])
  }
  return Buffer.concat([head, frame(0), frame(1)])
}

describe('the stand-in for the decoder', () => {
  test.each([
    ['video/H264', 'h264'],
    ['video/H265', 'hevc'],
    ['video/VP8', 'ivf'],
    ['video/VP9', 'ivf'],
    ['video/AV1', 'ivf'],
  ])('is a picture of 16x16 in %s, again and again', (mimeType, format) => {
    const directory = mkdtempSync(join(tmpdir(), 'stand-in-test-'))
    try {
      const path = join(directory, 'pictures')
      writeFileSync(path, stream(mimeType))
      const frames = execFileSync(
        'ffprobe',
        ['-v', 'error', '-f', format, '-show_entries', 'frame=width,height', '-of', 'csv=p=0', path],
        { encoding: 'utf8' },
      )
      expect(frames.trim().split('\n')).toEqual(['16,16', '16,16'])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('is not there for codecs that are not recorded', () => {
    expect(standInPicture('video/Theora')).toBeUndefined()
    expect(standInPicture(undefined)).toBeUndefined()
  })

  test('is in memory of its own each time, which Chromium takes away', () => {
    const first = standInPicture('video/H264')!
    structuredClone(first, { transfer: [first] })
    expect(standInPicture('video/H264')!.byteLength).toBeGreaterThan(40)
  })
})
