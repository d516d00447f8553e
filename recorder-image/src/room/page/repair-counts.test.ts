import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RepairHistory } from './repair-counts.ts'

const ssrc = 100
/** Missing of the stream at a time, in milliseconds from the beginning, by what Chromium counts. */
let missing: (millis: number) => number
/** What came of it, likewise. */
let received: (millis: number) => number
let beganMillis: number
let looks: number
let history: RepairHistory
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'performance'] })
  beganMillis = performance.now()
  looks = 0
  received = (millis) => millis
  history = new RepairHistory(async () => {
    looks++
    const millis = performance.now() - beganMillis
    return new Map([[ssrc, { lost: missing(millis), received: received(millis), quietMillis: 7 }]])
  })
  history.start()
})
afterEach(() => {
  vi.useRealTimers()
})

const at = async (millis: number) => {
  await vi.advanceTimersByTimeAsync(beganMillis + millis - performance.now())
}

/** Of a hole of 200 ms that ended so long after the beginning; and how long it took to tell. */
function askedAt(millis: number) {
  const asked = performance.now()
  expect(asked - beganMillis).toBe(millis)
  const repair = history.since(ssrc, 200).then((repair) => ({ ...repair, millis: performance.now() - asked }))
  repair.catch(() => {})
  return repair
}
async function told(millis = 25_000) {
  await at(millis)
  const repair = askedAt(millis)
  await vi.advanceTimersByTimeAsync(10_000)
  return repair
}

describe('what is missing since a hole', () => {
  test('is nothing, and known at once, where nothing was missing meanwhile', async () => {
    missing = () => 3
    expect(await told()).toEqual({ lost: 0, cameTooLate: false, isUnsure: false, millis: 60 })
  })

  test('is what nobody brought again', async () => {
    missing = (millis) => (millis < 24_900 ? 3 : 5)
    expect(await told()).toMatchObject({ lost: 2, cameTooLate: false, isUnsure: false })
  })

  test('is nothing where it was repaired in time: the camera had paused', async () => {
    missing = (millis) => (millis < 24_900 || millis > 25_300 ? 0 : 2)
    expect(await told()).toMatchObject({ lost: 0, cameTooLate: false, millis: 350 })
  })

  test('is nothing any more, but may have been given up, where it was repaired a second later', async () => {
    missing = (millis) => (millis < 24_900 || millis > 26_000 ? 0 : 2)
    expect(await told()).toMatchObject({ lost: 0, cameTooLate: true, millis: 1360 })
  })

  test('is nothing where something else is on its way nearly always', async () => {
    missing = (millis) => (millis < 24_900 || millis % 1000 > 900 ? 0 : 2)
    expect(await told()).toMatchObject({ lost: 0 })
  })

  test('is not less for what was on its way at the look before', async () => {
    missing = (millis) => (millis < 20_010 && millis > 19_990 ? 4 : millis < 24_900 ? 1 : 2)
    expect(await told()).toMatchObject({ lost: 1 })
  })

  test('is not what was lost in a hole before, since the last look that was due', async () => {
    missing = (millis) => (millis < 21_900 ? 0 : 3)
    await at(22_000)
    const first = askedAt(22_000)
    await at(25_000)
    const second = askedAt(25_000)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await first).toMatchObject({ lost: 3, isUnsure: false })
    expect(await second).toMatchObject({ lost: 0, cameTooLate: false })
  })

  test('may be that of another hole where the two are close', async () => {
    missing = (millis) => (millis < 24_850 ? 0 : 3)
    await at(25_000)
    const first = askedAt(25_000)
    await at(25_100)
    const second = askedAt(25_100)
    await vi.advanceTimersByTimeAsync(10_000)
    expect([await first, await second]).toMatchObject([
      { lost: 3, isUnsure: true },
      { lost: 3, isUnsure: true },
    ])
  })

  test('cannot be told where the stream is received anew, and counted from 0 again', async () => {
    missing = (millis) => (millis < 24_900 ? 9 : 2)
    received = (millis) => (millis < 24_900 ? millis : millis - 24_900)
    await at(25_000)
    const refused = expect(askedAt(25_000)).rejects.toThrow('of SSRC 100 is not counted any more')
    await vi.advanceTimersByTimeAsync(100)
    await refused
  })

  test('is what was known of it when the stream is received anew meanwhile', async () => {
    missing = (millis) => (millis < 24_900 ? 3 : millis < 25_500 ? 5 : 0)
    received = (millis) => (millis < 25_500 ? millis : millis - 25_500)
    expect(await told()).toMatchObject({ lost: 2, cameTooLate: false, isUnsure: true, millis: 650 })
  })

  test('is counted from 0 for a stream that is younger than the looks', async () => {
    missing = (millis) => (millis < 2900 ? 0 : 3)
    expect(await told(3000)).toMatchObject({ lost: 3 })
  })

  test('is what was lost in a hole of minutes, and not before it', async () => {
    missing = (millis) => (millis < 60_000 ? 0 : 40)
    for (let millis = 61_000; millis < 400_000; millis += 500) {
      await at(millis)
      await history.untilNow(ssrc, 1000)
    }
    const repair = history.since(ssrc, 330_000)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await repair).toMatchObject({ lost: 0 })
  })

  test('cannot be told of a stream that is not received any more', async () => {
    missing = () => 0
    const refused = expect(history.since(101, 200)).rejects.toThrow('of SSRC 101 is not counted any more')
    await vi.advanceTimersByTimeAsync(100)
    await refused
  })

  test('costs a look where all is well', async () => {
    missing = () => 0
    await at(25_000)
    const before = looks
    const known = history.since(ssrc, 200)
    await vi.advanceTimersByTimeAsync(100)
    await known
    expect(looks - before).toBe(1)
  })

  test('is told at once, whatever is on its way, where the stream may end', async () => {
    missing = (millis) => (millis < 24_900 ? 3 : 5)
    await at(25_000)
    const asked = performance.now()
    expect(await history.untilNow(ssrc, 200)).toEqual({ lost: 2, quietMillis: 7 })
    expect(performance.now()).toBe(asked)
  })

  test('is told before it is said that all is told', async () => {
    missing = () => 5
    await at(25_000)
    let told = false
    const last = history.untilNow(ssrc, 200).then(() => {
      told = true
    })
    await history.end()
    expect(told).toBe(true)
    await last
  })

  test('is told at once where nothing more is recorded, by what is known then', async () => {
    missing = (millis) => (millis < 24_900 ? 3 : 5)
    await at(25_000)
    const lost = askedAt(25_000)
    await vi.advanceTimersByTimeAsync(100)
    await history.end()
    expect(await lost).toMatchObject({ lost: 2, millis: 100 })
  })
})
