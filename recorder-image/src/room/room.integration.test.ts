import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findChromium } from './chromium.ts'
import type { RoomEvent } from './events.ts'
import { openRoom, type Room, type RoomOptions } from './room.ts'

/** Accepts connections and never says a word: entering goes on until somebody ends it. */
let silence: Server
let temporary: string
let room: Room | undefined
let tmpBefore: string | undefined
beforeEach(async () => {
  silence = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silence, 'listening')
  temporary = await mkdtemp(join(tmpdir(), 'room-test-'))
  tmpBefore = process.env.TMPDIR
  process.env.TMPDIR = temporary
})
afterEach(async () => {
  await room?.close()
  room = undefined
  silence.close()
  if (tmpBefore === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = tmpBefore
  await rm(temporary, { recursive: true, force: true })
})

const options = (port = (silence.address() as AddressInfo).port): RoomOptions => ({
  chromium: { path: findChromium(process.env), args: [] },
  enter: {
    type: 'enter',
    sdkAppId: 1400000001,
    userId: 'recorder',
    userSig: 'top-secret-signature',
    roomId: 1,
    networkProxy: { unifiedProxy: `127.0.0.1:${port}` },
  },
})

/** Opens the room and hands out its events one after the other. */
async function open(port?: number) {
  const events: RoomEvent[] = []
  let wake = () => {}
  room = await openRoom(options(port), {
    onEvent(event) {
      events.push(event)
      wake()
    },
    onFrame: () => {},
    onWarning: () => {},
  })
  const next = async () => {
    while (events.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return events.shift()!
  }
  return next
}

/** Processes whose command line holds the profile's folder, which only this test uses. */
const chromiumProcesses = async () => {
  const found: { pid: number; commandLine: string }[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const commandLine = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    if (commandLine.includes(temporary) && commandLine.includes('--user-data-dir'))
      found.push({ pid: Number(entry), commandLine })
  }
  return found
}

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
    expect(await next()).toMatchObject({ type: 'ended', reason: 'BrowserFailed' })
    expect(seconds(since)).toBeLessThan(2)
  })

  test('a Chromium that hangs is noticed within 5 s', async () => {
    const next = await open()
    const since = performance.now()
    for (const { pid } of await chromiumProcesses()) process.kill(pid, 'SIGSTOP')
    expect(await next()).toMatchObject({ type: 'ended', reason: 'BrowserFailed', message: 'The page has not answered for 4 s' })
    expect(seconds(since)).toBeLessThan(5.5)
  })

  test('closing leaves no process and no profile', async () => {
    await open()
    expect((await chromiumProcesses()).length).toBeGreaterThan(1)
    await room!.close()
    expect(await chromiumProcesses()).toEqual([])
    expect(await readdir(temporary)).toEqual([])
  })

  test('the UserSig is in no command line', async () => {
    await open()
    for (const { commandLine } of await chromiumProcesses()) expect(commandLine).not.toContain('top-secret-signature')
  })

  test('a recorder that is killed leaves no Chromium behind', async () => {
    const script = `
      const { openRoom } = await import(${JSON.stringify(new URL('./room.ts', import.meta.url).href)})
      await openRoom(${JSON.stringify(options())}, { onEvent() {}, onFrame() {}, onWarning() {} })
      console.log('open')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const pids = (await chromiumProcesses()).map(({ pid }) => pid)
    expect(pids.length).toBeGreaterThan(1)
    child.kill('SIGKILL')
    // Ends as soon as the last of them has ended; a process that stays is the test's time-out.
    for (const pid of pids) execFileSync('tail', ['--pid', String(pid), '-s', '0.1', '-f', '/dev/null'], { timeout: 10_000 })
  })
})
