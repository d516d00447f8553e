import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newDirectory } from '../media/testing/new-directory.ts'
import { PcmFile } from './pcm-file.ts'

async function written(channels: 1 | 2, samples: number, add: (pcm: PcmFile) => Promise<void>): Promise<number[]> {
  const path = join(await newDirectory(), 'all.pcm')
  const pcm = await PcmFile.create(path, { channels, rate: 8000 }, samples)
  await add(pcm)
  await pcm.close()
  const bytes = await readFile(path)
  return [...new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)]
}

test('two who are loud at once are as loud as a sample can be, and no crack', async () => {
  const all = await written(1, 3, async (pcm) => {
    await pcm.add(0, { at: 0, samples: Int16Array.of(30_000, -30_000, 5) })
    await pcm.add(0, { at: 0, samples: Int16Array.of(30_000, -30_000, 6) })
  })
  expect(all).toEqual([32_767, -32_768, 11])
})

test('each channel has its own sound at its place, and silence where there is none', async () => {
  const all = await written(2, 4, async (pcm) => {
    await pcm.add(0, { at: 1, samples: Int16Array.of(1, 2) })
    await pcm.add(1, { at: 2, samples: Int16Array.of(3, 4) })
  })
  expect(all).toEqual([0, 0, 1, 0, 2, 3, 0, 4])
})

test('what lies before the beginning or after the end is left out', async () => {
  const all = await written(1, 3, async (pcm) => {
    await pcm.add(0, { at: -2, samples: Int16Array.of(1, 2, 3) })
    await pcm.add(0, { at: 2, samples: Int16Array.of(4, 5) })
    await pcm.add(0, { at: 9, samples: Int16Array.of(6) })
    await pcm.add(0, { at: -9, samples: Int16Array.of(7) })
  })
  expect(all).toEqual([3, 0, 4])
})
