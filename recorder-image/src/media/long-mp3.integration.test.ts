import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { mp3, mp3FrameBytes } from './audio-format.ts'
import { buildMp3Head } from './mp3-head.ts'
import { maxFileMicros } from './split.ts'
import { machineProgram } from './testing/machine-program.ts'
import { newDirectory } from './testing/new-directory.ts'
import { play } from './testing/playback.ts'

const run = promisify(execFile)
const framesPerSecond = 48_000 / mp3.samplesPerFrame

/** A minute of frames with a beep each second, as the recorder's encoder makes them. */
let minute: Buffer
beforeAll(async () => {
  const beep = "aevalsrc='0.5*sin(2*PI*2000*t)*lt(mod(t\\,1)\\,0.1)':s=48000:d=60"
  const options = { encoding: 'buffer' as const, maxBuffer: 1e8 }
  const stereo = ['-f', 'lavfi', '-i', beep, '-ac', '2', ...mp3.ffmpegArguments, '-']
  const { stdout } = await run(machineProgram('ffmpeg'), ['-v', 'error', ...stereo], options)
  minute = stdout.subarray(0, 60 * framesPerSecond * mp3FrameBytes)
})

/** A file of so many whole minutes, of which only the first and the last are on the disk: what lies between is a hole. */
async function fileOf(minutes: number): Promise<string> {
  const path = join(await newDirectory(), 'long.mp3')
  const frames = minutes * 60 * framesPerSecond
  const file = await open(path, 'w')
  const head = buildMp3Head(frames, frames * mp3.samplesPerFrame - mp3.primingSamples)
  await file.write(head, 0, head.length, 0)
  await file.write(minute, 0, minute.length, head.length)
  await file.write(minute, 0, minute.length, head.length + (frames - 60 * framesPerSecond) * mp3FrameBytes)
  await file.close()
  return path
}

describe('MP3', () => {
  it.each([
    ['as long as a file becomes', maxFileMicros / 60e6 + 1],
    ['of four days, which is more than 4 GiB', 4 * 24 * 60],
  ])('%s is as long as it says, and is played near its end where it is looked for', async (_, minutes) => {
    const path = await fileOf(minutes)
    const from = minutes * 60 - 20.5
    // As players do: straight to where the bit rate says, not through all that lies before.
    const { durationSeconds, beeps } = await play(path, ['-fflags', '+fastseek', '-ss', String(from)])
    expect(durationSeconds).toBeCloseTo(minutes * 60, 1)
    expect(beeps).toHaveLength(20)
    expect(Math.max(...beeps.map((beep, n) => Math.abs(beep - n - 0.5))), `${beeps}`).toBeLessThan(0.03)
  })
})
