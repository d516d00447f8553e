import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Clock } from '../clock/clock.ts'
import { findChromium } from './chromium.ts'
import type { PageEvent } from './events.ts'
import type { RoomOptions } from './room.ts'
import { beginRoomPage, type RoomPage } from './room-page.ts'

/** Accepts connections and never says a word: entering goes on until somebody ends it. */
let silence: Server
let temporary: string
let page: RoomPage | undefined
let tmpBefore: string | undefined
beforeEach(async () => {
  silence = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silence, 'listening')
  temporary = await mkdtemp(join(tmpdir(), 'room-test-'))
  tmpBefore = process.env.TMPDIR
  process.env.TMPDIR = temporary
})
afterEach(async () => {
  await page?.discard()
  page = undefined
  silence.close()
  if (tmpBefore === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = tmpBefore
  await rm(temporary, { recursive: true, force: true })
})

const userSig = 'top-secret-signature'
const patience = { launchMillis: 20_000, startMillis: 20_000, answerMillis: 2500 }

const options = (port = (silence.address() as AddressInfo).port): RoomOptions => ({
  chromium: { path: findChromium(process.env), args: [] },
  clock: new Clock(),
  startTimeoutMillis: 60_000,
  enter: {
    type: 'enter',
    sdkAppId: 1400000001,
    userId: 'recorder',
    roomId: 1,
    networkProxy: { unifiedProxy: `127.0.0.1:${port}` },
  },
  userSig: async () => userSig,
})

/** Opens one page, tells it to enter, and hands out what it says one after the other. */
async function open(port?: number) {
  const said: (PageEvent | { type: 'failed'; why: string })[] = []
  let wake = () => {}
  const tell = (what: (typeof said)[number]) => {
    said.push(what)
    wake()
  }
  const ready = Promise.withResolvers<void>()
  const { chromium, clock, enter } = options(port)
  page = beginRoomPage({ chromium, clock }).take(
    {
      onReady: ready.resolve,
      onDoubt: () => {},
      onEvent: tell,
      onFailed: (why) => tell({ type: 'failed', why }),
      onFrame: () => {},
      onPath: () => {},
      onHole: () => {},
      onOverflow: () => {},
      onTapFailed: () => {},
      onWarning: () => {},
    },
    patience,
  )
  await ready.promise
  page.send({ ...enter, userSig })
  return async () => {
    while (said.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return said.shift()!
  }
}

/** The process group of the Chromium whose profile is in this test's folder: browser, renderer, network service. */
const chromiumProcesses = async () => {
  const all: { pid: number; group: number; commandLine: string }[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const [stat, commandLine] = await Promise.all(
      ['stat', 'cmdline'].map((name) => readFile(`/proc/${entry}/${name}`, 'utf8').catch(() => '')),
    )
    // Of a zombie only its exit code is left.
    const [state, , group] = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
    if (state !== 'Z') all.push({ pid: Number(entry), group: Number(group), commandLine: commandLine! })
  }
  const groups = new Set(
    all.filter(({ commandLine }) => commandLine.includes(`--user-data-dir=${temporary}`)).map(({ group }) => group),
  )
  return all.filter(({ group }) => groups.has(group))
}

/** Returns when a process has ended; throws when it stays. */
const awaitEnd = (pid: number) =>
  execFileSync('tail', ['--pid', String(pid), '-s', '0.1', '-f', '/dev/null'], { timeout: 10_000 })

const seconds = (since: number) => (performance.now() - since) / 1000

describe('the room page in Chromium', () => {
  test('is refused without a code when nothing can be reached', async () => {
    const next = await open(1)
    const event = await next()
    expect(event).toMatchObject({ type: 'refused', message: expect.stringContaining('schedule') })
    expect(event).not.toHaveProperty('trtcCode')
  })

  test('a Chromium that is killed is noticed at once', async () => {
    const next = await open()
    const since = performance.now()
    for (const { pid } of await chromiumProcesses()) process.kill(pid, 'SIGKILL')
    expect(await next()).toMatchObject({ type: 'failed' })
    expect(seconds(since)).toBeLessThan(2)
  })

  test.each([
    ['Chromium', () => true],
    ['page', (commandLine: string) => commandLine.includes('--type=renderer')],
  ])('a %s that hangs is noticed within 4 s', async (_, isMeant) => {
    const next = await open()
    const since = performance.now()
    for (const { pid, commandLine } of await chromiumProcesses()) if (isMeant(commandLine)) process.kill(pid, 'SIGSTOP')
    expect(await next()).toEqual({ type: 'failed', why: 'The page has not answered for 2.5 s' })
    expect(seconds(since)).toBeLessThan(4)
  })

  test('closing leaves no process and no profile', async () => {
    await open()
    expect((await chromiumProcesses()).some(({ commandLine }) => commandLine.includes('--type=renderer'))).toBe(true)
    const pids = (await chromiumProcesses()).map(({ pid }) => pid)
    await page!.discard()
    for (const pid of pids) awaitEnd(pid)
    expect(await readdir(temporary)).toEqual([])
  })

  test('the UserSig is in no command line', async () => {
    await open()
    for (const { commandLine } of await chromiumProcesses()) expect(commandLine).not.toContain('top-secret-signature')
  })

  test('a recorder that is killed leaves no Chromium behind', async () => {
    const script = `
      const { beginRoomPage } = await import(${JSON.stringify(new URL('./room-page.ts', import.meta.url).href)})
      const { Clock } = await import(${JSON.stringify(new URL('../clock/clock.ts', import.meta.url).href)})
      const options = { chromium: ${JSON.stringify(options().chromium)}, clock: new Clock() }
      const handlers = { onReady: () => console.log('open') }
      beginRoomPage(options).take(handlers, ${JSON.stringify(patience)})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const pids = (await chromiumProcesses()).map(({ pid }) => pid)
    expect(pids.length).toBeGreaterThan(1)
    child.kill('SIGKILL')
    for (const pid of pids) awaitEnd(pid)
    expect(await readdir(temporary)).toHaveLength(1)
    await open()
    await page!.discard()
    expect(await readdir(temporary)).toEqual([])
  })
})
