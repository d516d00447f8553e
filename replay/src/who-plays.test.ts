import { expect, test } from 'vitest'
import { type Candidate, whoPlays } from './who-plays.ts'

const candidate = (id: string, is: Partial<Candidate> = {}): Candidate => ({
  ...{ id, isLarge: false, isScreen: false, speaks: false, hasMicrophone: false, plays: false },
  ...is,
})
const ids = (candidates: Candidate[], most: number) => [...whoPlays(candidates, most)].sort()

test('everybody plays where all can', () => {
  expect(ids([candidate('a'), candidate('b')], 2)).toEqual(['a', 'b'])
  expect(ids([candidate('a'), candidate('b')], Number.POSITIVE_INFINITY)).toEqual(['a', 'b'])
})

test('else whoever is shown large, who speaks, what is shared, and whose microphone is on', () => {
  const all = [
    candidate('a'),
    candidate('microphone', { hasMicrophone: true }),
    candidate('screen', { isScreen: true }),
    candidate('speaks', { speaks: true, hasMicrophone: true }),
    candidate('large', { isLarge: true }),
  ]
  expect(ids(all, 1)).toEqual(['large'])
  expect(ids(all, 2)).toEqual(['large', 'speaks'])
  expect(ids(all, 3)).toEqual(['large', 'screen', 'speaks'])
  expect(ids(all, 4)).toEqual(['large', 'microphone', 'screen', 'speaks'])
})

test('and of those who are alike who plays already, then who came first', () => {
  expect(ids([candidate('a'), candidate('b'), candidate('c', { plays: true })], 2)).toEqual(['a', 'c'])
})
