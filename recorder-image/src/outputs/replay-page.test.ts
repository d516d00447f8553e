import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { newDirectory } from '../media/testing/new-directory.ts'
import { findReplayPage } from './replay-page.ts'

const source = join(import.meta.dirname, '..')

test('by hand the replay page is where the command puts it that is named where there is none', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(source, '../../replay/build.ts')])
  const page = findReplayPage({}, source)
  expect(stdout).toBe(`Wrote ${page}\n`)
  expect(await readFile(page, 'utf8')).toContain('id="recording"')
})

test('in the image it is beside the program, and anywhere where somebody says so', async () => {
  const directory = await newDirectory()
  const beside = join(directory, 'replay.html')
  await writeFile(beside, '')
  expect(findReplayPage({}, directory)).toBe(beside)
  expect(findReplayPage({ TRTC_RECORDER_REPLAY_PAGE: '/page.html' }, directory)).toBe('/page.html')
})
