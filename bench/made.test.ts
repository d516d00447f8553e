import { expect, test } from 'vitest'
import { notMade } from './made.ts'

test('a part that stored nothing, or not of everybody, has not been measured', () => {
  const counts = [
    { part: 'audioSlices' as const, stored: 5, waiting: 0, lost: 0 },
    { part: 'stills' as const, stored: 4, waiting: 0, lost: 1 },
  ]
  expect(notMade(['audioSlices', 'stills', 'hls'], counts, 5)).toEqual(['stills', 'hls'])
  expect(notMade(['audioSlices'], counts, 5)).toEqual([])
})
