import { expect, test } from 'vitest'
import { Clock } from './clock.ts'

const aClock = () => {
  const machine = { monotonic: 5_000, wall: 1_700_000_000_000 }
  const clock = new Clock({ monotonicMillis: () => machine.monotonic, wallMillis: () => machine.wall })
  const pass = (millis: number, steppedMillis = 0) => {
    machine.monotonic += millis
    machine.wall += millis + steppedMillis
  }
  return { clock, pass, machine }
}

test('times are wall time, in microseconds', () => {
  const { clock, pass } = aClock()
  expect(clock.micros()).toBe(1_700_000_000_000_000)
  pass(1500)
  expect(clock.micros()).toBe(1_700_000_001_500_000)
  expect(clock.millisOf(clock.micros())).toBe(clock.now())
})

test('a wall clock that is set an hour back makes nothing longer or shorter, and both times of it are told', () => {
  const { clock, pass } = aClock()
  pass(1000)
  const before = clock.micros()
  pass(500, -3_600_000)
  expect(clock.micros() - before).toBe(500_000)
  clock.look()
  expect(clock.look()).toEqual({ beforeMicros: 1_700_000_001_500_000, afterMicros: 1_699_996_401_500_000 })
  expect(clock.micros() - before).toBe(500_000)
  expect(clock.micros() + clock.steppedMicros).toBe(1_699_996_401_500_000)
  expect(clock.look()).toBeUndefined()
})

test('a second step is told from where the first one led', () => {
  const { clock, pass } = aClock()
  for (const step of [10_000, -4_000]) {
    pass(100, step)
    clock.look()
    const { beforeMicros, afterMicros } = clock.look()!
    expect(afterMicros - beforeMicros).toBe(step * 1000)
  }
  expect(clock.steppedMicros).toBe(6_000_000)
})

test('a reading that was held up is no step', () => {
  const { clock, machine } = aClock()
  machine.wall += 80
  expect(clock.look()).toBeUndefined()
  machine.wall -= 80
  expect(clock.look()).toBeUndefined()
  expect(clock.look()).toBeUndefined()
  expect(clock.steppedMicros).toBe(0)
})
