import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Clock } from '../clock/clock.ts'
import { type BegunPage, beginRoomPage, type PageHandlers, type RoomPage } from './room-page.ts'

let directory: string
let page: RoomPage | undefined
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'room-page-'))
})
afterEach(async () => {
  await page?.discard()
  await rm(directory, { recursive: true })
})

/** A stand-in for Chromium: its page says that it lives for so long, and sends a frame every 100 ms without end. What it hangs at it never does. */
async function aBrowser(aliveForMillis: number, hangsAt = '-'): Promise<string> {
  const path = join(directory, 'browser')
  const testing = fileURLToPath(new URL('./testing/browser.ts', import.meta.url))
  await writeFile(
    path,
    `#!/bin/sh\nexec ${process.execPath} ${testing} ${aliveForMillis} ${hangsAt} ${join(directory, 'lives')} "$@"\n`,
  )
  await chmod(path, 0o755)
  return path
}

const begin = (path: string) => beginRoomPage({ chromium: { path, args: [] }, clock: new Clock() })

function take(begun: BegunPage, patience = { launchMillis: 20_000, startMillis: 20_000, answerMillis: 2500 }) {
  const failed = Promise.withResolvers<string>()
  const frames = { count: 0 }
  const doubts: boolean[] = []
  const ready = Promise.withResolvers<void>()
  const handlers: PageHandlers = {
    onReady: ready.resolve,
    onDoubt: (doubted) => doubts.push(doubted),
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
  }
  page = begun.take(handlers, patience)
  return { ready: ready.promise, failed: failed.promise, frames, doubts }
}

test('a page that does not say that it lives is dead, though media flows on through it', async () => {
  const { ready, failed, frames, doubts } = take(begin(await aBrowser(1000)))
  await ready
  const since = performance.now()
  expect(await failed).toBe('The page has not answered for 2.5 s')
  expect(performance.now() - since).toBeGreaterThan(2500)
  expect(performance.now() - since).toBeLessThan(6000)
  expect(frames.count).toBeGreaterThan(15)
  expect(doubts).toEqual([true])
})

test('a browser that cannot be started is said to have failed', async () => {
  const { failed } = take(begin(join(directory, 'nowhere')))
  expect(await failed).toMatch(/could not be started/)
})

test.each([
  ['Target.createTarget', 0.75, { launchMillis: 750, startMillis: 500 }],
  ['Runtime.evaluate', 0.5, { launchMillis: 60_000, startMillis: 500 }],
  ['ready', 0.5, { launchMillis: 60_000, startMillis: 500 }],
])('a browser that hangs at %s while it starts has failed after %d s', async (hangsAt, seconds, starting) => {
  const patience = { ...starting, answerMillis: 2500 }
  const { failed } = take(begin(await aBrowser(60_000, hangsAt)), patience)
  expect(await failed).toBe(`Chromium, which is starting, has not answered for ${seconds} s`)
})

test('one that was ready before it is taken says so then', async () => {
  const begun = begin(await aBrowser(60_000))
  await expect.poll(() => existsSync(join(directory, 'lives')), { timeout: 15_000 }).toBe(true)
  await take(begun).ready
})
