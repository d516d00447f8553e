import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseCallers } from '../src/callers/directory.ts'
import { parseApplications } from '../src/events/applications.ts'
import { gatewayFor } from '../src/testing/harness.ts'
import { documents } from './documents.ts'

test('the tables in docs/ are what the code says: npm run generate writes them', () => {
  for (const { current, wanted } of documents()) expect(current).toBe(wanted)
})

const doc = (name: string) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')
/** A block of YAML, or the part of a command between its quotes. */
const found = (text: string, pattern: RegExp) => pattern.exec(text)?.[1] ?? `nothing like ${pattern}`

test('the examples in docs/ are taken: documents, and bodies of requests', async () => {
  const callers = found(doc('gateway'), /(# kubectl create secret generic gateway-callers[^`]*)```/)
  expect(parseCallers(callers).callers.map(({ name }) => name)).toEqual(['school'])
  const applications = found(doc('auto-record'), /(# kubectl create secret generic trtc-applications[^`]*)```/)
  expect([...parseApplications(applications.replace(/^ {3}/gm, '')).keys()]).toEqual(['1400000001'])
  for (const name of ['gateway', 'migrating']) {
    const { post } = gatewayFor()
    const body = found(doc(name), /-d '([^']*)'/)
    expect((await post(body)).body).toBe('Async run task submitted')
  }
})
