import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RepairHistory } from './repair-counts.ts'

const ssrc = 100
/** What Chromium counts of the stream at a time, in milliseconds from the beginning. */
let count: (millis: number) => { lost: number; asked: number }
let beganMillis: number
let looks: number
let history: RepairHistory
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'performance'] })
  beganMillis = performance.now()
  looks = 0
  history = new RepairHistory(async () => {
    looks++
    return new Map([[ssrc, count(performance.now() - beganMillis)]])
  })
  history.start()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Of a hole of 200 ms that ended 25 s after the beginning; and how long it took to tell. */
async function told() {
  await vi.advanceTimersByTimeAsync(25_000)
  const asked = performance.now()
  const counts = history.since(ssrc, 200).then((counts) => ({ ...counts, millis: performance.now() - asked }))
  counts.catch(() => {})
  await vi.advanceTimersByTimeAsync(10_000)
  return counts
}

describe('what is missing since a hole', () => {
  test('is nothing, and known at once, where nothing was missing meanwhile', async () => {
    count = () => ({ lost: 3, asked: 7 })
    expect(await told()).toMatchObject({ lost: 0, asked: 0, millis: 60 })
  })

  test('is what nobody brought again', async () => {
    count = (millis) => (millis < 24_900 ? { lost: 3, asked: 7 } : { lost: 5, asked: 29 })
    expect(await told()).toMatchObject({ lost: 2, asked: 22 })
  })

  test('is nothing where something else is on its way nearly always', async () => {
    count = (millis) => (millis < 24_900 ? { lost: 0, asked: 0 } : { lost: millis % 1000 < 900 ? 2 : 0, asked: 10 })
    expect(await told()).toMatchObject({ lost: 0, asked: 10 })
  })

  test('is not less for what was on its way at the look before', async () => {
    count = (millis) => ({
      lost: millis < 20_010 && millis > 19_990 ? 4 : millis < 24_900 ? 1 : 2,
      asked: millis < 24_900 ? 5 : 9,
    })
    expect(await told()).toMatchObject({ lost: 1 })
  })

  test('cannot be told of a stream that is not received any more', async () => {
    count = () => ({ lost: 0, asked: 0 })
    const refused = expect(history.since(101, 200)).rejects.toThrow('nothing is counted of SSRC 101')
    await vi.advanceTimersByTimeAsync(100)
    await refused
  })

  test('costs a look where all is well', async () => {
    count = () => ({ lost: 0, asked: 0 })
    await vi.advanceTimersByTimeAsync(25_000)
    const before = looks
    const known = history.since(ssrc, 200)
    await vi.advanceTimersByTimeAsync(100)
    await known
    expect(looks - before).toBe(1)
  })

  test('is told at once, whatever is on its way, where the stream may end', async () => {
    count = (millis) => (millis < 24_900 ? { lost: 3, asked: 7 } : { lost: 5, asked: 29 })
    await vi.advanceTimersByTimeAsync(25_000)
    const asked = performance.now()
    expect(await history.untilNow(ssrc, 200)).toEqual({ lost: 2, asked: 22 })
    expect(performance.now()).toBe(asked)
  })
})
