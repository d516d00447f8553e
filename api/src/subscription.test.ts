import { expect, test } from 'vitest'
import { subscribeSchema } from './recording.ts'
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
  expect(isSubscribed(subscribeSchema.parse(subscribe), userId)).toBe(expected),
)

test.each([
  [{ video: { include: ['alice'] } }, 'alice', true, true],
  [{ video: { include: ['alice'] } }, 'bob', true, false],
  [{ audio: { exclude: ['bob'] } }, 'bob', false, true],
  [{ exclude: ['bob'], audio: { include: ['bob'] } }, 'bob', false, false],
  [{ include: ['alice'], video: { exclude: ['.*$'] } }, 'alice', true, false],
])('with subscribe %j, of %s sound is recorded: %s, pictures: %s', (subscribe, userId, audio, video) => {
  const parsed = subscribeSchema.parse(subscribe)
  expect([isSubscribed(parsed, userId, ['audio']), isSubscribed(parsed, userId, ['video'])]).toEqual([audio, video])
})
