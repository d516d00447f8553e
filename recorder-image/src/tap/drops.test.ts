import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Drops } from './drops.ts'

const frame = (key: boolean, ssrc = 1) => ({ key, ssrc, bytes: 10 })

test('what finds no room takes along everything up to the next key frame', () => {
  const drops = new Drops()
  expect(drops.takes(frame(false), true)).toBe(true)
  expect(drops.takes(frame(false), false)).toBe(false)
  expect(drops.takes(frame(false), true)).toBe(false)
  expect(drops.takes(frame(true), true)).toBe(true)
  expect(drops.takes(frame(false), true)).toBe(true)
  expect(drops.tell()).toEqual([{ ssrc: 1, frames: 2, bytes: 20 }])
  expect(drops.tell()).toEqual([])
})

test('it is told though nothing comes after it, and though it was told in the middle of it', () => {
  const drops = new Drops()
  drops.takes(frame(false), false)
  expect(drops.tell()).toEqual([{ ssrc: 1, frames: 1, bytes: 10 }])
  expect(drops.takes(frame(false), true)).toBe(false)
  expect(drops.tell()).toEqual([{ ssrc: 1, frames: 1, bytes: 10 }])
})

test('whatever comes, every frame is taken or told, under its own subscription', () => {
  const step = fc.record({ key: fc.boolean(), ssrc: fc.constantFrom(1, 2), fits: fc.boolean(), tells: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const drops = new Drops()
      const counts = new Map([
        [1, 0],
        [2, 0],
      ])
      const told = () => {
        for (const { ssrc, frames } of drops.tell()) counts.set(ssrc, counts.get(ssrc)! + frames)
      }
      for (const { key, ssrc, fits, tells } of steps) {
        if (drops.takes(frame(key, ssrc), fits)) counts.set(ssrc, counts.get(ssrc)! + 1)
        if (tells) told()
      }
      told()
      for (const ssrc of [1, 2]) expect(counts.get(ssrc)).toBe(steps.filter((one) => one.ssrc === ssrc).length)
    }),
  )
})
