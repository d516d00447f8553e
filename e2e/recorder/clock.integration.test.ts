import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { lookUpHere } from '../../sandbox/src/names/look-up-here.ts'
import { test } from './test-in-world.ts'

const hour = 3_600_000
/** The wall clock of Node says another time from each signal on. */
const settable = `
  const steps = [${-hour}, ${2 * hour}]
  const RealDate = Date
  let offset = 0
  process.on('SIGUSR2', () => { offset += steps.shift() ?? 0 })
  globalThis.Date = class extends RealDate {
    constructor(...values) { super(...(values.length === 0 ? [RealDate.now() + offset] : values)) }
    static now() { return RealDate.now() + offset }
  }`

test('a wall clock that is set back an hour, and then ahead two: everything is recorded, told by times that never go back, and the manifest says so', async ({
  world,
}) => {
  await world.publish('alice', { audio: true, video: true })
  const environment = { NODE_OPTIONS: `${lookUpHere.NODE_OPTIONS} --import=data:text/javascript,${encodeURIComponent(settable)}` }
  const recorder = await world.recordFromNow({ environment })
  await recorder.logged({ msg: 'Media arrived', userId: 'alice', kind: 'video' })
  await sleep(2000)
  const set = async (steps: number) => {
    recorder.kill('SIGUSR2')
    while (recorder.logs.filter(({ msg }) => msg.startsWith('The wall clock was set')).length < steps) await sleep(50)
  }
  await set(1)
  await world.publish('bob', { audio: true, video: true })
  await recorder.logged({ msg: 'Media arrived', userId: 'bob', kind: 'video' })
  await sleep(1000)
  await set(2)
  while (recorder.logs.filter(({ msg }) => msg === 'File opened').length < 4) await sleep(50)
  await sleep(2500)
  recorder.kill('SIGTERM')
  const { result } = await recorder.ended
  expect(result).toMatchObject({ outcome: 'Completed', losses: { frames: 0, stretches: 0 } })
  expect(result!.files.filter(({ status, message }) => status !== 1 || message !== 'ok')).toEqual([])
  const manifest = await world.manifest()
  const parts = manifest.files.map(({ userId, part }) => `${userId} ${part}`)
  expect(parts.toSorted()).toEqual(['alice 1', 'alice 2', 'bob 1', 'bob 2'])
  const [back, ahead] = manifest.clockSteps.map(({ before, after }) => Date.parse(after) - Date.parse(before))
  expect(Math.abs(back! + hour)).toBeLessThan(100)
  expect(Math.abs(ahead! - 2 * hour)).toBeLessThan(100)
  const rising = [manifest.startTime!, ...manifest.clockSteps.map(({ time }) => time), manifest.endTime!]
  expect(rising).toEqual(rising.toSorted())
  for (const { userId, part, startTime, endTime, durationSeconds } of manifest.files) {
    expect(Date.parse(endTime) - Date.parse(startTime)).toBeCloseTo(durationSeconds * 1000, -2)
    // By the clock before it was set back, and by the one after it was set ahead of that.
    const sinceMillis = Date.parse(startTime) - Date.parse(manifest.startTime!) - (part === 2 ? hour : 0)
    expect(sinceMillis, `${userId} ${part}`).toBeGreaterThan(-1000)
    expect(sinceMillis, `${userId} ${part}`).toBeLessThan(60_000)
  }
  for (const { time } of manifest.events) expect(Date.parse(time)).toBeGreaterThanOrEqual(Date.parse(manifest.startTime!) - 1000)
  for (const file of result!.files.filter(({ path }) => !path.includes('-2.'))) {
    expect(await world.findings(file, { mode: '02' })).toEqual([])
  }
})
