import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { holesOf, holesPath, punchHole } from '../disk/holes.ts'
import { Ledger } from '../ledger/ledger.ts'
import { leftMediaFiles, salvageMediaFile } from './salvage.ts'
import { makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { finishAndPlay, openFile, type Recorded, type Recording, silentLog } from './testing/recording.ts'
import { send } from './testing/sender.ts'

const hole = { start: 8192, end: 24_576 }

/** A file of six seconds, some of which COS has, so that its bytes were given back to the volume. */
async function recordAndRelease(mode: '00' | '02', directory: string, ledger = new Ledger()) {
  const clip = await makeClip({ seconds: 12 })
  const file = openFile(mode, directory, { ledger })
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

describe('where nothing says any more what was given back', () => {
  /** Two lines that a lost machine has torn, so that zeros are in their place. */
  const tear = async (bodyPath: string) => {
    const lines = await readFile(holesPath(bodyPath))
    const [first = 0, second = 0] = [lines.indexOf('start'), lines.lastIndexOf('start')]
    for (const at of [first, second]) lines.fill(0, at, at + 12)
    await writeFile(holesPath(bodyPath), lines)
    expect(() => holesOf(bodyPath)).toThrow('is damaged')
  }
  const told = (ledger: Ledger) => ledger.losses.map(({ reason, detail }) => `${reason}: ${detail}`)
  const damage = 'DiskDamaged: 2 lines of '

  it('salvage takes it from the body, and the ledger has that it was damaged', async () => {
    const directory = await newDirectory()
    const { bodyPath, bodyBytes } = await recordAndRelease('02', directory)
    await tear(bodyPath)
    const ledger = new Ledger()
    const [name] = await leftMediaFiles(directory)
    const left = await salvageMediaFile(directory, name!, { log: silentLog, ledger })
    expect(left!.bodyBytes).toBeGreaterThanOrEqual(bodyBytes)
    // A byte of media beside it may be a zero.
    const [found] = holesOf(bodyPath)
    expect([Math.round(found!.start / 64) * 64, Math.round(found!.end / 64) * 64]).toEqual([hole.start, hole.end])
    const finished = await left!.finish()
    expect(finished.problem).toBeUndefined()
    expect(finished.check).toMatchObject({ result: 'Unchecked', detail: expect.stringContaining('given back to the volume') })
    expect(told(ledger)).toContainEqual(expect.stringContaining(damage))
  })

  it('so does a file that is finished by the recorder that made it', async () => {
    const ledger = new Ledger()
    const file = await recordAndRelease('02', await newDirectory(), ledger)
    await tear(file.bodyPath)
    expect((await file.finish()).problem).toBeUndefined()
    expect(told(ledger)).toEqual([expect.stringContaining(damage)])
  })
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
