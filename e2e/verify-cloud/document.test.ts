import { expect, test } from 'vitest'
import { document } from './document.ts'

test('the table of docs/verified.md is what the assumptions say: npm run generate writes it', () => {
  const { current, wanted } = document()
  expect(current).toBe(wanted)
})
