import { expect, it } from 'vitest'
import { Clock } from './clock.ts'

it('runs at its speed from where it is, and stands where it is paused', () => {
  const clock = new Clock(1000, 61_000)
  clock.play(0)
  expect(clock.at(500)).toBe(1500)
  clock.setRate(2, 500)
  expect(clock.at(1500)).toBe(3500)
  clock.pause(2000)
  expect(clock.at(9000)).toBe(4500)
})

it('is held while media is on its way, and goes on from there', () => {
  const clock = new Clock(0, 10_000)
  clock.play(0)
  clock.hold(true, 100)
  expect(clock.at(5000)).toBe(100)
  expect([clock.isPlaying, clock.isRunning]).toEqual([true, false])
  clock.hold(false, 5000)
  expect(clock.at(5100)).toBe(200)
})

it('ends at the end, and begins anew from there', () => {
  const clock = new Clock(0, 1000)
  clock.play(0)
  expect(clock.at(5000)).toBe(1000)
  clock.pause(5000)
  clock.play(6000)
  expect(clock.at(6100)).toBe(100)
})

it('stays within the recording', () => {
  const clock = new Clock(100, 1000)
  clock.seek(5000, 0)
  expect(clock.at(0)).toBe(1000)
  clock.seek(-5000, 0)
  expect(clock.at(0)).toBe(100)
})
