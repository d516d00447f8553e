import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RefusedRequest } from '../errors.ts'
import { readJson } from './json.ts'

const problems = (text: string) => {
  try {
    readJson(Buffer.from(text))
    return []
  } catch (error) {
    return (error as RefusedRequest).problems.map(({ field, message }) => `${field} ${message}`)
  }
}

describe('a body', () => {
  test('is read as JSON.parse reads it, whatever texts and names hold', () => {
    const values = fc.jsonValue({ depthSize: 'small', maxDepth: 8 })
    const isRead = (value: unknown) => {
      const text = JSON.stringify(value)
      expect(readJson(Buffer.from(text))).toEqual(JSON.parse(text))
    }
    fc.assert(fc.property(values, isRead))
  })

  test.each([
    ['a name twice', '{"a":1,"b":{"a":2},"a":3}', 'a is given twice'],
    ['a name twice, once by its code', '{"b":1,"\\u0062":2}', 'b is given twice'],
    ['a name twice in a list', '[{"a":{},"a":[]}]', 'a is given twice'],
    ['half a character', '{"a":{"b":["\\ud800"]}}', 'a.b[0] has half a character (a lone surrogate)'],
    ['a name with half a character', '{"a":{"\\ud800":1}}', 'a has a name with half a character'],
    ['too deep a nest', `${'['.repeat(33)}${']'.repeat(33)}`, 'body is nested deeper than 32'],
    ['a mark at its beginning', '\ufeff{}', 'body must be a JSON object, in UTF-8'],
    ['half of JSON', '{"a":', 'body must be a JSON object, in UTF-8'],
  ])('with %s is refused by name', (_, text, problem) => {
    expect(problems(text)).toEqual([problem])
  })

  test.each([
    ['the same name in two objects', '[{"a":1},{"a":1}]'],
    ['braces, commas and quotes in texts', '{"a":"{\\"a\\":1,","b":"\\\\"}'],
    ['texts that are like names', '{"a":["a","a"],"b":"a"}'],
  ])('with %s is taken', (_, text) => {
    expect(problems(text)).toEqual([])
  })
})
