import { expect, it } from 'vitest'
import { elapsed } from './progress.ts'

it.each([
  [0, '0.0 s'],
  [4_240, '4.2 s'],
  [59_999, '60.0 s'],
  [60_000, '1 min 00 s'],
  [187_900, '3 min 07 s'],
])('says %i ms as a person would: %s', (milliseconds, text) => {
  expect(elapsed(milliseconds)).toBe(text)
})
