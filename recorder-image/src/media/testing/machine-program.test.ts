import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { complaintsIn, machineProgram } from './machine-program.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'programs-'))
})
afterAll(() => rm(directory, { recursive: true }))

test('the recorder’s own ffmpeg, which has no ffprobe beside it, makes and judges nothing', async () => {
  expect(machineProgram('ffmpeg', {})).toBe('ffmpeg')
  const FFMPEG_BIN = join(directory, 'ffmpeg')
  expect(machineProgram('ffmpeg', { FFMPEG_BIN })).toBe('ffmpeg')
  expect(machineProgram('ffprobe', { FFMPEG_BIN })).toBe('ffprobe')
  await writeFile(join(directory, 'ffprobe'), '')
  expect(machineProgram('ffmpeg', { FFMPEG_BIN })).toBe(FFMPEG_BIN)
  expect(machineProgram('ffprobe', { FFMPEG_BIN })).toBe(join(directory, 'ffprobe'))
})

test('of all that ffmpeg says, warnings and worse are complaints', () => {
  const said = [
    '[info] Input #0, mov, from file.mp4:',
    '[Parsed_showinfo_1 @ 0x5] [info] n:0 pts:0 pts_time:0',
    '[swscaler @ 0x6] [warning] deprecated pixel format used, make sure you did set range correctly',
    '[rawvideo @ 0x6] [error] Application provided invalid, non monotonically increasing dts to muxer in stream 0: 1 >= 1',
    '[h264 @ 0x7] [error] error while decoding MB 3 4',
    '[null @ 0x8] [warning] Application provided invalid, non monotonically increasing dts',
  ]
  expect(complaintsIn(`${said.join('\n')}\n`)).toBe(`${said[4]}\n${said[5]}\n`)
})
