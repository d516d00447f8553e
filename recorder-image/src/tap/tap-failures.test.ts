import { expect, test } from 'vitest'
import { TapFailures } from './tap-failures.ts'

test('frames that fail one after the other are told together, by subscription, and once', () => {
  const failures = new TapFailures()
  for (let n = 1; n <= 1000; n++) failures.add({ ssrc: n <= 600 ? 7 : 8, frames: 1, bytes: 10 }, new Error(`number ${n}`))
  expect(failures.tell()).toEqual([
    { ssrc: 7, frames: 600, bytes: 6000, message: 'Error: number 600' },
    { ssrc: 8, frames: 400, bytes: 4000, message: 'Error: number 1000' },
  ])
  expect(failures.tell()).toEqual([])
})
