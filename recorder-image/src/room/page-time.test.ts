import { expect, test } from 'vitest'
import { Clock } from '../clock/clock.ts'
import { PageTime } from './page-time.ts'

test('times of a page whose clock is an hour late are told by the recorder’s clock, by the quickest answer', () => {
  let millis = 1000
  const clock = new Clock({ monotonicMillis: () => millis, wallMillis: () => 1_700_000_000_000 + millis })
  const pageMicros = () => clock.micros() - 3_600_000_000
  const time = new PageTime(clock)
  let measured = false
  for (const [there, back] of [
    [40, 0],
    [9, 1],
    [0.1, 0.3],
    [0, 20],
    [5, 5],
  ] as const) {
    expect(measured).toBe(false)
    time.ask()
    millis += there
    const answer = pageMicros()
    millis += back
    measured = time.answered(answer)
  }
  expect(measured).toBe(true)
  expect(Math.abs(time.toMicros(pageMicros()) - clock.micros())).toBeLessThanOrEqual(200)
})
