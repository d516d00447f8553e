import fc from 'fast-check'
import { expect, test } from 'vitest'
import { secretValue } from './secret-value.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test.each([
  ['a line feed', 'sesame\n'],
  ['a line end of Windows', 'sesame\r\n'],
  ['a byte order mark', '\ufeffsesame'],
  ['all of that and blanks', '\ufeff  sesame \r\n\n'],
])('a value with %s is the value', (_, text) => {
  expect(secretValue(bytes(text))).toEqual(bytes('sesame'))
})

test('a key of random bytes is not touched, whatever its last byte is', () => {
  const key = Uint8Array.of(0xff, 0x0a, 0xef, 0x0a)
  expect(secretValue(key)).toBe(key)
})

test('what was trimmed once is trimmed', () => {
  fc.assert(fc.property(fc.uint8Array(), (any) => void expect(secretValue(secretValue(any))).toEqual(secretValue(any))))
})
