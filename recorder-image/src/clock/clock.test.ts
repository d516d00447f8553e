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

test('a wall clock that is set an hour back makes nothing longer or shorter, and no time that is told goes back', () => {
  const { clock, pass } = aClock()
  pass(1000)
  const [before, told] = [clock.micros(), clock.told()]
  pass(500, -3_600_000)
  clock.look()
  pass(500)
  expect(clock.look()).toEqual({
    toldMicros: 1_700_000_001_500_000,
    beforeMicros: 1_700_000_001_500_000,
    afterMicros: 1_699_996_401_500_000,
  })
  expect(clock.micros() - before).toBe(1_000_000)
  expect(clock.told() - told).toBe(1_000_000)
  expect(clock.look()).toBeUndefined()
})

test('times that are told follow a wall clock that is set ahead, from then on', () => {
  const { clock, pass } = aClock()
  const before = clock.micros()
  pass(1000, 3_600_000)
  clock.look()
  expect(clock.look()).toMatchObject({ afterMicros: 1_700_003_601_000_000 })
  expect(clock.told()).toBe(1_700_003_601_000_000)
  expect(clock.date().toISOString()).toBe('2023-11-14T23:13:21.000Z')
  expect(clock.told(before)).toBe(before)
  expect(clock.micros() - before).toBe(1_000_000)
  expect(clock.addedMicros).toBe(3_600_000_000)
})

test('a step is told from where the one before it led, and only what leads ahead of all before is followed', () => {
  const { clock, pass } = aClock()
  const told: number[] = []
  for (const step of [10_000, -4_000, 3_000, 600, 500]) {
    pass(100, step)
    clock.look()
    const { beforeMicros, afterMicros } = clock.look()!
    expect(afterMicros - beforeMicros).toBe(step * 1000)
    told.push((clock.told() - clock.micros()) / 1_000)
  }
  expect(told).toEqual([10_000, 10_000, 10_000, 10_000, 10_000])
  pass(100, 900)
  clock.look()
  clock.look()
  expect(clock.addedMicros).toBe(11_000_000)
})

test('a reading that was held up is no step', () => {
  const { clock, machine } = aClock()
  machine.wall += 80
  expect(clock.look()).toBeUndefined()
  machine.wall -= 80
  expect(clock.look()).toBeUndefined()
  expect(clock.look()).toBeUndefined()
  expect(clock.told()).toBe(clock.micros())
})
