import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Clock } from '../clock/clock.ts'
import type { DamagedFile } from '../disk/durable-lines.ts'
import { noLog } from '../recorder/testing.ts'
import { EventLog } from './event-log.ts'

let root: string
let damaged: DamagedFile[]
beforeEach(async () => {
  damaged = []
  root = await mkdtemp(join(tmpdir(), 'events-'))
})
afterEach(() => rm(root, { recursive: true }))

const anAttempt = (isWanted = true) =>
  EventLog.open(join(root, 'events'), {
    ...{ volume: 2, isWanted, onDamagedLines: (damage: DamagedFile) => damaged.push(damage), clock: new Clock(), log: noLog },
  })
const types = (log: EventLog, after: number) => log.after(after).events.map(({ id, type }) => `${id} ${type}`)

test('events are counted on over attempts, and given to whoever asks for those after one, as often as they ask', async () => {
  const first = await anAttempt()
  first.add('recordingStarted')
  first.add('recordingPaused')
  await first.settled()
  expect(types(first, 0)).toEqual(['1 recordingStarted', '2 recordingPaused'])
  expect(types(first, 1)).toEqual(['2 recordingPaused'])
  expect(types(first, 0)).toHaveLength(2)
  await first.told(1)
  const second = await anAttempt()
  second.add('recordingResumed')
  await second.settled()
  expect(types(second, 1)).toEqual(['2 recordingPaused', '3 recordingResumed'])
  expect(second.after(3)).toEqual({ volume: 2, events: [], last: 3 })
  await second.told(1)
})

test('an event that the disk has changed is told of, and its number goes to no other', async () => {
  const first = await anAttempt()
  for (const type of ['recordingStarted', 'recordingPaused', 'recordingResumed'] as const) first.add(type)
  await first.settled()
  const path = join(root, 'events', '0.jsonl')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('recordingResumed', 'recordingRusumed'))
  const second = await anAttempt()
  second.add('recordingStopped')
  await second.settled()
  expect(types(second, 0)).toEqual(['1 recordingStarted', '2 recordingPaused', '4 recordingStopped'])
  expect(damaged).toMatchObject([{ file: 'events/0.jsonl', lines: 1 }])
})

test('one answer has 200, and 5000 are kept', async () => {
  const log = await anAttempt()
  for (let n = 0; n < 5600; n++) log.add('sliceStored')
  await log.settled()
  expect(log.after(5300).events).toHaveLength(200)
  expect(log.after(0).events[0]!.id).toBe(601)
  await log.told(1)
  const next = await anAttempt()
  expect(next.after(5599).events.map(({ id }) => id)).toEqual([5600])
  expect(next.after(0).events[0]!.id).toBeLessThanOrEqual(1001)
})

test('the end waits for whoever asks until they have all, and for nobody where nobody asks', async () => {
  const log = await anAttempt()
  log.add('recordingStarted')
  await log.told(60_000)
  log.after(0)
  log.add('recordingStopped')
  let isTold = false
  const told = log.told(60_000).then(() => {
    isTold = true
  })
  log.after(1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(isTold).toBe(false)
  // Who asks for what was never there has nothing.
  log.after(99)
  await new Promise((resolve) => setImmediate(resolve))
  expect(isTold).toBe(false)
  log.after(2)
  await told
})

test('nobody is given what a kill could give to something else: it is on the volume first', async () => {
  const log = await anAttempt()
  for (let n = 0; n < 600; n++) log.add('sliceStored')
  expect(log.after(0).events).toEqual([])
  await log.settled()
  expect(log.after(0).events).toHaveLength(200)
  log.add('recordingStopped')
  expect(
    log
      .after(500)
      .events.map(({ id }) => id)
      .at(-1),
  ).toBe(600)
  await log.settled()
  expect(log.after(599).events.map(({ id }) => id)).toEqual([600, 601])
})

test('that nobody wants are not kept', async () => {
  const log = await anAttempt(false)
  log.add('recordingStarted')
  expect(log.after(0)).toEqual({ volume: 2, events: [], last: 0 })
})
