import { expect, test } from 'vitest'
import { documents } from './documents.ts'

test('the tables in docs/ are what the code says: npm run generate writes them', () => {
  for (const { current, wanted } of documents()) expect(current).toBe(wanted)
})
