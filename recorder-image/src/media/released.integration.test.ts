import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { punchHole } from '../disk/holes.ts'
import { Ledger } from '../ledger/ledger.ts'
import { leftMediaFiles, salvageMediaFile } from './salvage.ts'
import { makeClip } from './testing/clip.ts'
import { newDirectory } from './testing/new-directory.ts'
import { openFile, silentLog } from './testing/recording.ts'
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
