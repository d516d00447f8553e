import { describe, expect, test } from 'vitest'
import { KeyFrameRequests } from './key-frame-requests.ts'

/** Asks every 200 ms, as the worker does, and returns when the answer was yes. */
function requestsBetween(requests: KeyFrameRequests, fromMillis: number, toMillis: number): number[] {
  const asked: number[] = []
  for (let now = fromMillis; now <= toMillis; now += 200) if (requests.isDue(now)) asked.push(now)
  return asked
}

function framesEvery(requests: KeyFrameRequests, intervalMillis: number, toMillis: number): void {
  for (let now = 0; now <= toMillis; now += intervalMillis) requests.frameArrived(now, false)
}

describe('key frame requests', () => {
  test('none before the first frame: there is nothing to repair', () => {
    expect(requestsBetween(new KeyFrameRequests(), 0, 10_000)).toEqual([])
  })

  test('a third of a second after frames stop, then once a second, three times at most', () => {
    const requests = new KeyFrameRequests()
    framesEvery(requests, 33, 3000)
    expect(requestsBetween(requests, 3000, 12_000)).toEqual([3400, 4400, 5400])
  })

  test('again in the next gap', () => {
    const requests = new KeyFrameRequests()
    framesEvery(requests, 33, 3000)
    requestsBetween(requests, 3000, 8000)
    requests.frameArrived(8000, true)
    expect(requestsBetween(requests, 8000, 9000)).toEqual([8400])
  })

  test('never more than one a second, however often frames come and go', () => {
    const requests = new KeyFrameRequests()
    framesEvery(requests, 33, 3000)
    expect(requests.isDue(3600)).toBe(true)
    requests.frameArrived(3650, false)
    expect(requests.isDue(4200)).toBe(false)
    expect(requests.isDue(4600)).toBe(true)
  })

  test('a slow screen share is not a gap', () => {
    const requests = new KeyFrameRequests()
    for (let now = 0; now <= 60_000; now += 1000) {
      requests.frameArrived(now, false)
      if (now >= 20_000) expect(requestsBetween(requests, now, now + 800)).toEqual([])
    }
  })

  test('at once when the recorder left pictures out, and each second until a key frame comes, though others do', () => {
    const requests = new KeyFrameRequests()
    framesEvery(requests, 33, 3000)
    requests.need()
    const asked: number[] = []
    for (let now = 3000; now <= 5500; now += 100) {
      requests.frameArrived(now, now === 5200)
      if (requests.isDue(now)) asked.push(now)
    }
    expect(asked).toEqual([3000, 4000, 5000])
  })

  test('is watched only as long as it may still ask', () => {
    const requests = new KeyFrameRequests()
    expect(requests.isWatching).toBe(false)
    requests.frameArrived(0, true)
    expect(requests.isWatching).toBe(true)
    requestsBetween(requests, 0, 10_000)
    expect(requests.isWatching).toBe(false)
  })
})
