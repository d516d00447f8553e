import { expect, it } from 'vitest'
import { leftMillis, sleep, timeoutSignal } from './timers.ts'

it.each([0, 0.4, -5, 7999.857675, 2 ** 40])('timeoutSignal takes %d ms', (millis) => {
  expect(timeoutSignal(millis).aborted).toBe(false)
})

it('sleep ends with its signal, also with one that is aborted already', async () => {
  const stop = new AbortController()
  const sleeping = sleep(3_600_000, stop.signal)
  stop.abort()
  await sleeping
  await sleep(3_600_000, stop.signal)
})

it.each([
  ['is not due yet', 1000, 4000],
  ['is due', 6000, 0],
  ['has been due for long', 86_400_000, 0],
  ['was noted by a clock that has been set back since', -1, 0],
])('what comes 5 s after a moment %s', (_, nowMillis, left) => {
  expect(leftMillis(5000, 5000, nowMillis)).toBe(left)
})
