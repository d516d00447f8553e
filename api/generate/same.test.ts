import { expect, test } from 'vitest'
import { sameMeaning, withoutMeanings } from './same.ts'
import type { Schema } from './structural.ts'

const list: Schema = { type: 'array', same: 'size(self) == size(oldSelf)' }

test.each<[string, Schema, string]>([
  ['a field like any other', { type: 'string' }, 'self == oldSelf'],
  ['an object like any other', { type: 'object', properties: { a: { type: 'string' } } }, 'self == oldSelf'],
  ['what has its own', list, 'size(self) == size(oldSelf)'],
  [
    'an object with one in it',
    { type: 'object', required: ['a'], properties: { a: list, b: { type: 'string', default: '' } } },
    '(size(self.a) == size(oldSelf.a)) && (self.b == oldSelf.b)',
  ],
  [
    'what may be left out',
    { type: 'object', properties: { a: list } },
    '(has(self.a) ? has(oldSelf.a) && (size(self.a) == size(oldSelf.a)) : !has(oldSelf.a))',
  ],
  [
    'what means something where it is left out',
    { type: 'object', properties: { a: { type: 'boolean', absent: 'false' } } },
    '((has(self.a) ? self.a : false) == (has(oldSelf.a) ? oldSelf.a : false))',
  ],
  [
    'one that lies deeper',
    { type: 'object', properties: { a: { type: 'object', default: {}, properties: { b: { ...list, default: [] } } } } },
    '((size(self.a.b) == size(oldSelf.a.b)))',
  ],
])('%s is the same by its parts', (_, schema, rule) => {
  expect(sameMeaning(schema)).toBe(rule)
})

test('nothing of it stands in a CRD', () => {
  const items: Schema = { type: 'object', properties: { a: { type: 'string', same: 's', absent: "''" } } }
  const schema: Schema = { type: 'object', absent: '{}', properties: { list: { ...list, items } }, additionalProperties: list }
  expect(JSON.stringify(withoutMeanings(schema))).not.toMatch(/same|absent/)
})
