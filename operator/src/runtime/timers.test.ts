import { expect, it } from 'vitest'
import { sleep, timeoutSignal } from './timers.ts'

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
