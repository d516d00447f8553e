import { expect, test } from 'vitest'
import { z } from 'zod'
import { neededPolicySpecFields, recordingPolicySpecSchema } from './recording-policy.ts'
import { isScheduled, type Schedule } from './schedule.ts'
import { acceptedPolicies, leastPolicy, refusedPolicies } from './testing/policies.ts'

const pathOf = (path: PropertyKey[]) =>
  path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${String(part)}`), 'spec')

test.each(refusedPolicies)('$what is refused and the field is named', ({ over, field }) => {
  const parsed = recordingPolicySpecSchema.safeParse({ ...leastPolicy, ...over })
  expect(parsed.error?.issues.map(({ path }) => pathOf(path))).toContain(field)
})

test.each(acceptedPolicies)('$what is accepted', ({ over }) => {
  expect(recordingPolicySpecSchema.safeParse({ ...leastPolicy, ...over }).error).toBeUndefined()
})

test('all of a policy that may keep it from recording something is needed of a CRD', () => {
  interface Schema {
    properties?: Record<string, Schema>
    items?: Schema
  }
  const leaves = ({ properties, items }: Schema, at: string): string[] =>
    items?.properties !== undefined
      ? leaves(items, at)
      : properties === undefined
        ? [at]
        : Object.entries(properties).flatMap(([name, field]) => leaves(field, at === '' ? name : `${at}.${name}`))
  const { template, sdkAppId: _, recorderUserId: __, ...rest } = recordingPolicySpecSchema.shape
  const { subscribe } = template.shape
  const keeping = z.object({ ...rest, template: z.object({ subscribe }) })
  const schema = z.toJSONSchema(keeping, { io: 'input', unrepresentable: 'any' }) as Schema
  expect([...neededPolicySpecFields].toSorted()).toEqual(leaves(schema, '').toSorted())
})

const schedule = (over: Partial<Schedule['windows'][number]>, timeZone = 'Asia/Shanghai'): Schedule => ({
  timeZone,
  windows: [{ days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'], from: '08:00', to: '18:00', ...over }],
})

test.each([
  // 2026-03-02 is a Monday.
  ['the first minute', schedule({}), '2026-03-02T00:00:00Z', true],
  ['the minute before', schedule({}), '2026-03-01T23:59:59Z', false],
  ['the last second', schedule({}), '2026-03-02T09:59:59Z', true],
  ['the end', schedule({}), '2026-03-02T10:00:00Z', false],
  ['a Saturday there that is a Friday in UTC', schedule({ from: '00:00', to: '24:00' }), '2026-03-06T16:00:00Z', false],
  ['the last second of a whole day', schedule({ from: '00:00', to: '24:00' }), '2026-03-06T15:59:59Z', true],
  ['the night that Friday begins', schedule({ days: ['Fri'], from: '22:00', to: '02:30' }), '2026-03-06T18:29:00Z', true],
  ['the night that Thursday begins', schedule({ days: ['Fri'], from: '22:00', to: '02:30' }), '2026-03-05T18:00:00Z', false],
  ['summer time', schedule({ days: ['Mon'] }, 'Europe/Berlin'), '2026-03-30T06:00:00Z', true],
  ['winter time', schedule({ days: ['Mon'] }, 'Europe/Berlin'), '2026-03-23T06:00:00Z', false],
])('%s', (_, given, moment, expected) => {
  expect(isScheduled(given, new Date(moment))).toBe(expected)
})
