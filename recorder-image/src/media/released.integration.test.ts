import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { punchHole } from '../disk/holes.ts'
import { Ledger } from '../ledger/ledger.ts'
import { leftMediaFiles, salvageMediaFile } from './salvage.ts'
import { makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { finishAndPlay, openFile, type Recorded, type Recording, silentLog } from './testing/recording.ts'
import { send } from './testing/sender.ts'

const hole = { start: 8192, end: 24_576 }

/** A file of six seconds, some of which COS has, so that its bytes were given back to the volume. */
async function recordAndRelease(mode: '00' | '02', directory: string) {
  const clip = await makeClip({ seconds: 12 })
  const file = openFile(mode, directory)
  for (const frame of send({ clip, from: 0, to: 6, atSeconds: 0 })) file.write(frame)
  await expect.poll(() => file.bodyBytes).toBeGreaterThan(hole.end)
  await punchHole(file.bodyPath, hole)
  return file
}

it.each(['00', '02'] as const)(
  'mode %s: a file of which a part was given back to the volume is whole, and says what was not decoded again',
  async (mode) => {
    const directory = await newDirectory()
    const file = await recordAndRelease(mode, directory)
    expect((await readFile(file.bodyPath)).subarray(hole.start, hole.end).every((byte) => byte === 0)).toBe(true)
    const finished = await file.finish()
    expect(finished.problem).toBeUndefined()
    expect(finished.check).toMatchObject({ result: 'Unchecked', detail: expect.stringContaining('given back to the volume') })
    await file.discard()
    expect(await leftMediaFiles(directory)).toEqual([])
  },
)

it('salvage takes what was given back for whole', async () => {
  const directory = await newDirectory()
  const { bodyBytes } = await recordAndRelease('02', directory)
  const [name] = await leftMediaFiles(directory)
  const left = await salvageMediaFile(directory, name!, { log: silentLog, ledger: new Ledger() })
  expect(left!.bodyBytes).toBeGreaterThanOrEqual(bodyBytes)
  expect((await left!.finish()).problem).toBeUndefined()
})

describe.each([
  ['00', 'AAC'],
  ['02', 'Opus'],
] as const)('mode %s, %s: sound that is encoded and was given back as it arrived', (mode, audioCodec) => {
  const seconds = 75
  const blocksOf = async (path: string) => (await stat(path)).blocks * 512

  async function recordAndReleaseSound(directory: string, deps: Recording = {}) {
    const clip = await makeClip({ seconds, fps: 5 })
    const file = openFile(mode, directory, { audioCodec, ...deps })
    const frames = send({ clip, from: 0, to: seconds, atSeconds: 0 })
    for (const frame of frames.slice(0, -100)) file.write(frame)
    let released = 0
    await expect.poll(async () => (released = await file.release()), { timeout: 30_000 }).toBeGreaterThan(256 * 1024)
    const journal = file.bodyPath.replace(/body$/, 'opus')
    expect(await blocksOf(journal)).toBeLessThan((await stat(journal)).size - released + 8192)
    return { file, rest: frames.slice(-100) }
  }

  function expectAll({ finished, playback }: Recorded) {
    expect(finished.problem).toBeUndefined()
    expect(playback.complaints).toBe('')
    expect(playback.beeps).toHaveLength(seconds)
    for (const [second, beep] of playback.beeps.entries()) expect(Math.abs(beep - second)).toBeLessThan(0.002)
  }

  it('is not needed any more: neither by what goes on nor by what a kill leaves', async () => {
    const directory = await newDirectory()
    const { file, rest } = await recordAndReleaseSound(directory)
    for (const frame of rest) file.write(frame)
    const { bodyBytes } = file
    await expect.poll(() => file.bodyBytes).toBeGreaterThan(bodyBytes)
    const left = await newDirectory()
    for (const name of await readdir(directory)) await copyFile(join(directory, name), join(left, name))
    expectAll(await finishAndPlay(file))

    const [name] = await leftMediaFiles(left)
    const salvaged = await salvageMediaFile(left, name!, { log: silentLog, ledger: new Ledger() })
    expectAll(await finishAndPlay(salvaged!))
  })

  it.runIf(audioCodec === 'AAC')('is not needed by an encoder that takes over from one that died', async () => {
    const directory = await newDirectory()
    const ffmpegPath = join(directory, 'ffmpeg')
    await writeFile(ffmpegPath, `#!/bin/sh\ncase "$*" in *pipe:0*) echo $$ > ${directory}/pid;; esac\nexec ffmpeg "$@"\n`, {
      mode: 0o755,
    })
    const { file, rest } = await recordAndReleaseSound(directory, { ffmpegPath })
    process.kill(Number(await readFile(join(directory, 'pid'), 'utf8')), 'SIGKILL')
    for (const frame of rest) file.write(frame)
    expectAll(await finishAndPlay(file))
  })
})
