import { expect, test } from 'vitest'
import { copyOf } from './copy.ts'

test('a copy shares nothing with what it is of, and is the same', () => {
  const status = Object.freeze({ files: Object.freeze([Object.freeze({ path: 'a', lost: undefined })]), at: null, count: 3 })
  const copy = copyOf(status)
  expect(copy).toStrictEqual(status)
  for (const part of [copy, copy.files, copy.files[0]!]) expect(Object.isFrozen(part)).toBe(false)
})
