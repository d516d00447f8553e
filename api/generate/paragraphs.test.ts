import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  clipConditionTypes,
  clipReasons,
  clipTroubles,
  conditionReasons,
  conditionTypes,
  policyConditionTypes,
  policyReasons,
} from '../src/index.ts'
import { headingOf } from './tables.ts'

const operations = await readFile(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
/** Paragraphs by their heading. */
const paragraphs = new Map(
  [...operations.matchAll(/^### (.*)\n\n(.*)$/gm)].map(([, heading = '', text = '']) => [heading, text] as const),
)

const ofClips = (words: object) => Object.keys(words).map((word) => headingOf('clip', word))
const ofPolicies = (words: object) => Object.keys(words).map((word) => headingOf('policy', word))

test('each condition and each reason of all kinds has its paragraph', () => {
  const all = [
    ...[...Object.keys(conditionTypes), ...Object.keys(conditionReasons)],
    ...[...ofClips(clipConditionTypes), ...ofClips(clipReasons)],
    ...[...ofPolicies(policyConditionTypes), ...ofPolicies(policyReasons)],
  ]
  expect(all.filter((heading) => !paragraphs.has(heading))).toEqual([])
})

test('each reason says what its reader can do', () => {
  const reasons = [...Object.keys(conditionReasons), ...ofClips(clipReasons), ...ofPolicies(policyReasons)]
  for (const reason of reasons) expect(paragraphs.get(reason), reason).toMatch(/\*\*What you can do:\*\* .+\.$/)
})

test('each trouble of a clip is said under its reason, with what is done about it', () => {
  for (const [word, { condition, remedy }] of Object.entries(clipTroubles)) {
    const paragraph = paragraphs.get(headingOf('clip', condition))
    expect(paragraph, word).toContain(remedy)
    if (word !== condition) expect(paragraph, word).toContain(`\`${word}\``)
  }
})
