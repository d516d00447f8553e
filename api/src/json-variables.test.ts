import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonOfVariables, jsonVariables } from './json-variables.ts'

/** As Kubernetes fills in what it finds in the value of a variable. */
const expanded = (text: string) => text.replace(/\$(\$|\(([^)]*)\))/g, (_, what) => (what === '$' ? '$' : 'filled in'))

test('what it is given comes back, through Kubernetes and in variables that Linux takes', () =>
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('$', '$$', '$(HOME)', '😀', '"', 'ü'),
      fc.nat(70_000),
      (text, filling, count) => {
        const value = { text, filling: filling.repeat(count) }
        const variables = Object.entries(jsonVariables('JOB', value)).map(([name, part]) => [name, expanded(part)])
        for (const [name, part] of variables) expect(Buffer.byteLength(`${name}=${part}\0`)).toBeLessThanOrEqual(131_072)
        expect(JSON.parse(jsonOfVariables('JOB', Object.fromEntries(variables)) ?? '')).toEqual(value)
      },
    ),
    { numRuns: 30 },
  ))

test('what one variable takes is in one, as recorders of an earlier release read it, and nothing is in none', () => {
  expect(Object.keys(jsonVariables('JOB', { a: 1 }))).toEqual(['JOB'])
  expect(Object.keys(jsonVariables('JOB', { a: 'x'.repeat(129_000) }))).toEqual(['JOB'])
  expect(Object.keys(jsonVariables('JOB', { a: 'x'.repeat(131_000) }))).toEqual(['JOB', 'JOB_2'])
  expect(jsonOfVariables('JOB', { JOB_2: '1' })).toBeUndefined()
})
