import { expect, test } from 'vitest'
import { isSubscribed } from './subscription.ts'

test.each([
  [{ include: [], exclude: [] }, 'alice', true],
  [{ include: ['bob'], exclude: [] }, 'alice', false],
  [{ include: ['al.*$'], exclude: [] }, 'alice', true],
  [{ include: ['al.*$'], exclude: ['alice'] }, 'alice', false],
  [{ include: [], exclude: ['al.*$'] }, 'bob', true],
  [{ include: ['a.c'], exclude: [] }, 'abc', false],
  [{ include: ['.*$'], exclude: [] }, 'anyone', true],
])('with subscribe %j, %s is recorded: %s', (subscribe, userId, expected) =>
  expect(isSubscribed(subscribe, userId)).toBe(expected),
)
