import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeWhole } from './write-whole.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whole-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a file is replaced, or nothing of what should have replaced it stays', async () => {
  for (const text of ['one', 'two']) await writeWhole(join(folder, 'a'), Buffer.from(text))
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('two')
  await mkdir(join(folder, 'b'))
  await expect(writeWhole(join(folder, 'b'), Buffer.from('three'))).rejects.toThrow('EISDIR')
  expect(await readdir(folder)).toEqual(['a', 'b'])
})
