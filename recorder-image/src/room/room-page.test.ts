import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Clock } from '../clock/clock.ts'
import { openRoomPage, type RoomPage } from './room-page.ts'

let directory: string
let page: RoomPage | undefined
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'room-page-'))
})
afterEach(async () => {
  await page?.discard()
  await rm(directory, { recursive: true })
})

/** A stand-in for Chromium: its page says that it lives for so long, and sends a frame every 100 ms without end. */
async function aBrowser(aliveForMillis: number): Promise<string> {
  const path = join(directory, 'browser')
  const testing = fileURLToPath(new URL('./testing/browser.ts', import.meta.url))
  await writeFile(path, `#!/bin/sh\nexec ${process.execPath} ${testing} ${aliveForMillis} "$@"\n`)
  await chmod(path, 0o755)
  return path
}

function open(path: string) {
  const failed = Promise.withResolvers<string>()
  const frames = { count: 0 }
  const ready = Promise.withResolvers<void>()
  page = openRoomPage(
    { chromium: { path, args: [] }, clock: new Clock() },
    {
      onReady: ready.resolve,
      onFailed: failed.resolve,
      onFrame: () => {
        frames.count += 1
      },
      onEvent: () => {},
      onPath: () => {},
      onHole: () => {},
      onOverflow: () => {},
      onTapFailed: () => {},
      onWarning: () => {},
    },
  )
  return { ready: ready.promise, failed: failed.promise, frames }
}

test('a page that does not say that it lives is dead, though media flows on through it', async () => {
  const { ready, failed, frames } = open(await aBrowser(1000))
  await ready
  const since = performance.now()
  expect(await failed).toBe('The page has not answered for 2.5 s')
  expect(performance.now() - since).toBeGreaterThan(2500)
  expect(performance.now() - since).toBeLessThan(6000)
  expect(frames.count).toBeGreaterThan(15)
})

test('a browser that cannot be started is said to have failed', async () => {
  const { failed } = open(join(directory, 'nowhere'))
  expect(await failed).toMatch(/could not be started/)
})
