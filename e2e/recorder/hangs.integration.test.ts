import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Control, subscribeSchema } from '@trtc-recorder/api'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Pace } from './pace.ts'
import { processTree, type RunningProcess } from './processes.ts'
import type { RecorderProcess } from './recorder-process.ts'
import { World } from './world.ts'

/** How long a machine stands still, which then goes on. `HANGS=20` for another length, in seconds, and of more. */
const seconds = Number(process.env.HANGS ?? 6)
/** From when to when the page that hangs then came into the room. */
const started = { from: 0, to: 0 }
/**
 * From whatever stood still to another page in the room: 2.5 s of silence, and its start, which no machine does more quickly than the first one; one that has more
 * to do since then is slower by what it is slower in something else.
 */
async function replacedMillis(since: number, until: number): Promise<number> {
  const startMillis = started.to - started.from
  const slower = startMillis > 0 ? (await pace.between(since, until)) / (await pace.between(started.from, started.to)) : 1
  return Math.max(5000, 2500 + 1.5 * startMillis * Math.max(1, slower))
}

let world: World
let pace: Pace
beforeAll(async () => {
  pace = new Pace()
  world = await World.start()
})
afterAll(async () => {
  await world.close()
  await pace.close()
})
beforeEach(() => world.reset())
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(world.output)
})

const tell = (desiredState: 'Running' | 'Paused') =>
  world.control({ version: 1, desiredState, subscribe: subscribeSchema.parse({}) } satisfies Control)

async function becomes(recorder: RecorderProcess, state: string): Promise<void> {
  while ((await recorder.status()).state !== state) await sleep(20)
}

/** Everything of a recorder, as on a machine that is suspended, or its own process alone. */
async function standStill(recorder: RecorderProcess, what: 'machine' | 'Node'): Promise<void> {
  const all = (await processTree(recorder.pid)).map(({ pid }) => pid)
  const pids = what === 'machine' ? all : [recorder.pid]
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await sleep(seconds * 1000)
  for (const pid of pids) process.kill(pid, 'SIGCONT')
}

const whatHangs = process.env.HANGS === undefined ? (['machine'] as const) : (['machine', 'Node'] as const)

test.each(whatHangs)('a %s that stands still: the files go on, and nothing is lost', async (what) => {
  for (const userId of ['alice', 'bob']) await world.publish(userId, { audio: true, video: true })
  const recorder = await world.recordFromNow()
  for (const userId of ['alice', 'bob']) await recorder.logged({ msg: 'Media arrived', userId, kind: 'video' })
  await sleep(2500)
  await standStill(recorder, what)
  await sleep(3000)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', losses: { frames: 0, stretches: 0 } })
  expect(result!.files.map(({ userId, status }) => `${userId} ${status}`).sort()).toEqual(['alice 1', 'bob 1'])
  for (const file of result!.files) expect(await world.findings(file, { mode: '02' })).toEqual([])
})

/** Chromium’s processes: the browser, in which network and graphics are threads, and the page. */
async function chromium(recorder: RecorderProcess): Promise<{ browser: RunningProcess[]; page: RunningProcess[] }> {
  const all = await processTree(recorder.pid)
  const browser = all.filter(({ commandLine }) => commandLine.includes('--user-data-dir=') && !commandLine.includes('--type='))
  return { browser, page: all.filter(({ commandLine }) => commandLine.includes('--type=renderer')) }
}

function signal(processes: readonly RunningProcess[], name: NodeJS.Signals): void {
  expect(processes).not.toEqual([])
  for (const { pid } of processes) process.kill(pid, name)
}

/** The n-th time. */
async function logged(recorder: RecorderProcess, msg: string, n: number): Promise<void> {
  while (recorder.logs.filter((line) => line.msg === msg).length < n) {
    const ended = await Promise.race([recorder.ended, sleep(10)])
    if (ended) throw new Error(`The recorder ended before it said “${msg}” ${n} times`)
  }
}

/** By way of a debugging port, which the tests' recorders open beside the pipe that they use themselves. */
async function evaluate(recorder: RecorderProcess, expression: string, { ends }: { ends: boolean }): Promise<void> {
  const { browser } = await chromium(recorder)
  const profile = /--user-data-dir=([^\0]+)/.exec(browser[0]!.commandLine)![1]!
  const [port] = (await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n')
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
    type: string
    webSocketDebuggerUrl: string
  }[]
  const socket = new WebSocket(targets.find(({ type }) => type === 'page')!.webSocketDebuggerUrl)
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
  if (ends) await new Promise((resolve) => socket.addEventListener('message', resolve))
}

const hangs: Record<string, (recorder: RecorderProcess) => Promise<void>> = {
  'page is stopped': async (recorder) => signal((await chromium(recorder)).page, 'SIGSTOP'),
  'browser is stopped': async (recorder) => signal((await chromium(recorder)).browser, 'SIGSTOP'),
  // Its worker and the network go on.
  'page runs in circles': (recorder) => evaluate(recorder, 'for (;;);', { ends: false }),
  'connection for media neither brings anything nor answers': async (recorder) => {
    await evaluate(recorder, 'RTCPeerConnection.prototype.getStats = () => new Promise(() => {})', { ends: true })
    await world.killMediaPath()
  },
  'page is killed': async (recorder) => signal((await chromium(recorder)).page, 'SIGKILL'),
  'browser is killed': async (recorder) => signal((await chromium(recorder)).browser, 'SIGKILL'),
}

async function recordAlice(): Promise<RecorderProcess> {
  await world.publish('alice', { audio: true, video: true })
  started.from = performance.now()
  const recorder = await world.recordFromNow({ chromiumArgs: ['--remote-debugging-port=0'] })
  started.to = performance.now()
  await recorder.logged({ msg: 'Media arrived', userId: 'alice', kind: 'video' })
  await sleep(1500)
  return recorder
}

async function recordAliceUntilPaused(): Promise<RecorderProcess> {
  await tell('Running')
  const recorder = await recordAlice()
  await tell('Paused')
  await becomes(recorder, 'paused')
  return recorder
}

/** That another page is in the room in time, or in so many times that. */
async function isInAgain(recorder: RecorderProcess, since: number, times = 1): Promise<void> {
  await logged(recorder, 'Room entered', 2)
  const until = performance.now()
  const millis = Math.round(until - since)
  const most = Math.round(times * (await replacedMillis(since, until)))
  console.log(`another page is in the room after ${millis} ms, of ${most} at most`)
  expect(millis).toBeLessThan(most)
}

/** Ends a recorder whose page was replaced, and finds each file as it was sent, and what is missing between them in the ledger. */
async function endsWell(recorder: RecorderProcess, files: number): Promise<void> {
  await sleep(2500)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ attempt: 1, outcome: 'Completed' })
  expect(result!.files.map(({ userId, status }) => `${userId} ${status}`)).toEqual(Array(files).fill('alice 1'))
  for (const file of result!.files) expect(await world.findings(file, { mode: '02' })).toEqual([])
  const { losses } = await world.manifest()
  const away = losses.filter(({ reason }) => reason === 'RoomAway').map(({ medium }) => medium)
  expect(away.sort()).toEqual(
    Array.from({ length: files - 1 }, () => ['audio', 'video'])
      .flat()
      .sort(),
  )
}

describe('another page is in the room within 5 s, and files go on as the next ones', () => {
  test.each(Object.keys(hangs))('when the %s', async (what) => {
    const recorder = await recordAlice()
    const since = performance.now()
    await hangs[what]!(recorder)
    await isInAgain(recorder, since)
    await logged(recorder, 'File opened', 2)
    const until = performance.now()
    expect(until - since).toBeLessThan((await replacedMillis(since, until)) + 3000)
    await endsWell(recorder, 2)
  })

  test('when the next one hangs too, as soon as it starts: within 5 s more, in which its start is waited for', async () => {
    const recorder = await recordAlice()
    const first = (await chromium(recorder)).browser.map(({ pid }) => pid)
    await hangs['page is stopped']!(recorder)
    const others = async () => (await chromium(recorder)).browser.filter(({ pid }) => !first.includes(pid))
    let second = await others()
    for (; second.length === 0; second = await others()) await sleep(5)
    signal(second, 'SIGSTOP')
    const since = performance.now()
    await isInAgain(recorder, since, 2)
    await logged(recorder, 'File opened', 2)
    await endsWell(recorder, 2)
  })

  test('when it hangs while the SDK fights for its signalling', async () => {
    const recorder = await recordAlice()
    await world.dropSignalling()
    await recorder.logged({ msg: 'Connection to the room lost; the SDK tries to come back' })
    const since = performance.now()
    await hangs['page is stopped']!(recorder)
    await isInAgain(recorder, since)
    await logged(recorder, 'File opened', 2)
    await endsWell(recorder, 2)
  })

  test.each(['browser', 'page'] as const)('when its %s is stopped before it was in the room', async (what) => {
    await world.publish('alice', { audio: true, video: true })
    const recorder = await world.record()
    while ((await chromium(recorder))[what].length === 0) await sleep(5)
    // A Chromium that has not answered yet may be read from a slow disk: that is waited for.
    if (what === 'browser') while ((await chromium(recorder)).page.length === 0) await sleep(5)
    const since = performance.now()
    signal((await chromium(recorder))[what], 'SIGSTOP')
    await recorder.logged({ msg: 'Room entered' })
    // Each step of the start is given 5 s, and a second passes before the next one starts.
    const until = performance.now()
    expect(until - since).toBeLessThan(2 * (await replacedMillis(since, until)))
    await logged(recorder, 'File opened', 1)
    await endsWell(recorder, 1)
  })
})

describe('a page that hangs while the recording is paused', () => {
  test('is replaced, and takes nothing: it goes on in the next file when it is told to', async () => {
    const recorder = await recordAliceUntilPaused()
    await sleep(500)
    const since = performance.now()
    await hangs['page is stopped']!(recorder)
    await isInAgain(recorder, since)
    await sleep(1000)
    expect(await world.received()).toEqual({})
    expect((await recorder.status()).state).toBe('paused')
    await tell('Running')
    await logged(recorder, 'File opened', 2)
    await sleep(2500)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', files: [{ status: 1 }, { status: 1 }] })
    const { pauses, losses } = await world.manifest()
    expect(pauses).toHaveLength(1)
    expect(losses).toEqual([])
  })

  test('is replaced although it was told to go on meanwhile, and what is missed since then is told', async () => {
    const recorder = await recordAliceUntilPaused()
    await sleep(500)
    const since = performance.now()
    await hangs['page is stopped']!(recorder)
    await tell('Running')
    await becomes(recorder, 'recording')
    await isInAgain(recorder, since)
    await logged(recorder, 'File opened', 2)
    await sleep(2500)
    recorder.kill('SIGTERM')
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', files: [{ status: 1 }, { status: 1 }] })
    const { pauses, losses, files } = await world.manifest()
    expect(pauses).toHaveLength(1)
    expect(losses.map(({ medium, reason }) => `${medium} ${reason}`).sort()).toEqual(['audio RoomAway', 'video RoomAway'])
    // One microsecond is told as two milliseconds, by rounding it and by not.
    for (const { from } of losses) expect(Math.abs(Date.parse(from) - Date.parse(pauses[0]!.to!))).toBeLessThanOrEqual(1)
    expect(Date.parse(files[1]!.startTime)).toBeGreaterThan(Date.parse(pauses[0]!.to!))
  })
})

test('a recording that stops while its page hangs says what it did not get', async () => {
  const recorder = await recordAlice()
  await hangs['page is stopped']!(recorder)
  await sleep(1000)
  const stoppedAt = Date.now()
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', stopReason: 'Terminated', files: [{ userId: 'alice', status: 1 }] })
  const { losses, files } = await world.manifest()
  expect(losses.map(({ medium, reason }) => `${medium} ${reason}`).sort()).toEqual(['audio RoomAway', 'video RoomAway'])
  for (const { from, to } of losses) {
    expect(Date.parse(from)).toBeLessThanOrEqual(Date.parse(files[0]!.endTime) + 100)
    // Each of two processes has placed a clock on the same wall time, in whole milliseconds.
    expect(Date.parse(to)).toBeGreaterThanOrEqual(stoppedAt - 2)
  }
})

describe('who is sent out while it is paused', () => {
  const ways = {
    DuplicateUser: () => world.recordFromNow({ name: 'other' }),
    RoomDismissed: () => world.dismissRoom(),
    RemovedByApi: () => world.removeRecorder(),
  }
  test.each(Object.keys(ways) as (keyof typeof ways)[])('ends, and the pause with it: %s', async (stopReason) => {
    const recorder = await recordAliceUntilPaused()
    await ways[stopReason]()
    const { result } = await recorder.ended
    expect(result).toMatchObject({ outcome: 'Completed', stopReason, files: [{ userId: 'alice', status: 1 }] })
    const { pauses, losses, endTime } = await world.manifest()
    expect(pauses).toEqual([{ from: expect.any(String), to: endTime }])
    expect(losses).toEqual([])
  })
})
