import { expect, test } from 'vitest'
import { replay } from './upload-log.ts'

const initiated = '{"event":"initiated","uploadId":"u1","holdbackBytes":10,"partBytes":20}'
const initiating = '{"event":"initiating"}'
const part = (number: number) => `{"event":"part","number":${number},"start":10,"end":30,"etag":"\\"e${number}\\"","crc64":"7"}`
const numbers = (text: string) => [...replay(text).parts.keys()]

test('an empty log knows nothing', () =>
  expect(replay('')).toEqual({ uploadId: undefined, plan: undefined, parts: new Map(), mayBeAbandoned: false }))

test('an upload and its parts are known again, with the sizes it was begun with', () => {
  const state = replay(['', initiated, part(2)].join('\n'))
  expect(state.uploadId).toBe('u1')
  expect(state.plan).toEqual({ holdbackBytes: 10, partBytes: 20 })
  expect(state.parts.get(2)).toMatchObject({ number: 2, start: 10, end: 30, etag: '"e2"', crc64: 7n })
})

test('a new upload voids what was before it, and so does starting over', () => {
  expect(numbers([initiated, part(2), initiated.replace('u1', 'u2'), part(3)].join('\n'))).toEqual([3])
  const startedOver = '{"event":"startedOver","reason":"gone"}'
  expect(replay([initiated, part(2), startedOver].join('\n')).uploadId).toBeUndefined()
})

test.each([
  ['an upload that is known', [initiating, initiated], false],
  ['a process that ended before it knew the id', [initiating], true],
  ['the same, and its successor', [initiating, initiating, initiated], true],
  ['one begun over', [initiating, initiated, '{"event":"startedOver","reason":"gone"}'], true],
])('an upload of which nobody knows the id may be left by %s: %j', (_, lines, expected) =>
  expect(replay(lines.join('\n')).mayBeAbandoned).toBe(expected),
)

test('torn, foreign and unknown lines are as if never written', () =>
  expect(numbers([initiated, part(2).slice(0, 30), 'not json', '{"event":"other"}', part(3)].join('\n'))).toEqual([3]))
