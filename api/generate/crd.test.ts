import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { recordingSpecSchema } from '../src/index.ts'
import { clipSpecSchema } from './clip-crd.ts'
import { recordingCrd, schemaOf, specSchema } from './crd.ts'
import { policySpecSchema } from './policy-crd.ts'
import { freeze } from './rules.ts'
import { type Schema, structural } from './structural.ts'
import { documentationTables, insertTables } from './tables.ts'

const rulesOf = (schema: Schema | undefined) => schema?.['x-kubernetes-validations'] ?? []

/** Every schema node below and including this one, with its path. */
function nodes(schema: Schema, path = ''): [string, Schema][] {
  return [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => nodes(child, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : nodes(schema.items, `${path}[]`)),
  ]
}

describe('the spec', () => {
  const spec = specSchema()

  test('freezes every field but subscribe, desiredState and ttlSecondsAfterFinished', () => {
    const isFrozen = (field: Schema) =>
      rulesOf(field).some(({ rule }) => {
        // A rule that compares its parts one by one must know all of them.
        const parts = Object.keys(field.properties ?? {}).every((name) => rule.includes(`oldSelf.${name}`))
        return rule === 'self == oldSelf' || (rule.startsWith('self == oldSelf || ') && parts)
      })
    const open = Object.entries(spec.properties ?? {}).filter(([, field]) => !isFrozen(field))
    expect(open.map(([name]) => name)).toEqual(['subscribe', 'desiredState', 'ttlSecondsAfterFinished'])
  })

  test('says of each optional frozen field that it can neither appear nor go, and names it', () => {
    const guarded = rulesOf(spec).flatMap((rule) => (rule.rule.includes('oldSelf') ? [rule.fieldPath] : []))
    expect(guarded).toEqual(
      expect.arrayContaining(['.roomId', '.strRoomId', '.callback', '.networkProxy', '.resources', '.tolerations']),
    )
    expect(guarded).not.toContain('.mode')
    expect(guarded).not.toContain('.sdkAppId')
  })

  test('takes again what was applied before a stop', () => {
    expect(rulesOf(spec.properties?.desiredState)).toEqual([])
  })

  test('has a maximum on every string, list and map, or CEL is too expensive', () => {
    const unbounded = nodes(spec).filter(
      ([, node]) =>
        (node.type === 'string' && node.enum === undefined && (node as { maxLength?: number }).maxLength === undefined) ||
        (node.type === 'array' && node.maxItems === undefined) ||
        (node.additionalProperties !== undefined && node.maxProperties === undefined),
    )
    expect(unbounded.map(([path]) => path)).toEqual([])
  })

  test('has no reference to a Secret that the chart’s policy does not know', async () => {
    const policy = await readFile(new URL('../../charts/trtc-recorder/templates/policy.yaml', import.meta.url), 'utf8')
    const references = nodes(spec, 'spec').filter(([path]) => /(SecretRef|KeyRef)\.name$/.test(path))
    expect(references.length).toBeGreaterThan(3)
    for (const [path] of references) {
      expect(policy).toContain(`message: '${path.replace('spec', '{{ $at }}')}: must be one that the namespace lists`)
    }
  })

  test('describes every field', () => {
    expect(
      nodes(spec)
        .filter(([path, node]) => path !== '' && !path.endsWith('[]') && !node.description)
        .map(([path]) => path),
    ).toEqual([])
  })

  test('knows the same fields as the zod schema', () => {
    expect(Object.keys(spec.properties ?? {})).toEqual(Object.keys(recordingSpecSchema.shape))
  })
})

describe('the CRD', () => {
  const version = recordingCrd().spec.versions[0]!
  const schema = version.schema.openAPIV3Schema as Schema

  test('starts every object with a status that kstatus does not take for current', () => {
    expect(schema.properties?.status?.default).toEqual({ observedGeneration: -1 })
  })

  test('merges conditions by their type', () => {
    expect(schema.properties?.status?.properties?.conditions).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    })
  })

  test('has only structural nodes', () => {
    for (const [path, node] of nodes(schema)) {
      expect(node, path).not.toHaveProperty('anyOf')
      expect(node, path).not.toHaveProperty('immutable')
      expect(node.additionalProperties, path).not.toBe(false)
      expect(node.type, path).toBeDefined()
    }
  })

  test('tells the story in at most seven columns', () => {
    expect(
      version.additionalPrinterColumns.filter((column) => column.priority === undefined).map((column) => column.name),
    ).toEqual(['Succeeded', 'Reason', 'Started', 'Files', 'Recorded', 'Stop Reason', 'Age'])
  })
})

test.each([
  ['Recording', specSchema],
  ['RecordingPolicy', policySpecSchema],
  ['RecordingClip', clipSpecSchema],
])('no pattern of a %s means one thing to the API server and another to JavaScript', (_, spec) => {
  const patterns = nodes(spec()).flatMap(([path, node]) =>
    [node.pattern ?? '', ...rulesOf(node).map(({ rule }) => rule)].map((text) => `${path}: ${text}`),
  )
  expect(patterns.length).toBeGreaterThan(10)
  expect(patterns.filter((text) => /\\[sSbB]/.test(text))).toEqual([])
})

test('a required frozen field needs no rule on its parent', () => {
  const frozen = freeze(
    {
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'string', immutable: true }, b: { type: 'string', immutable: true }, c: { type: 'string' } },
    },
    'Recording',
  )
  expect(rulesOf(frozen).map((rule) => rule.fieldPath)).toEqual(['.b'])
  expect(rulesOf(frozen.properties?.c)).toEqual([])
})

test('what names in a map have to be is said by a rule, or not at all', () => {
  const schema = z.object({ tags: z.record(z.string().max(5), z.string().max(5)) })
  expect(() => schemaOf(schema, { isOfUsers: true })).toThrow(/names in a map/)
  expect(schemaOf(schema).properties?.tags).not.toHaveProperty('propertyNames')
})

test('a union of literals becomes an enum, any other union is refused', () => {
  expect(
    structural({
      anyOf: [
        { type: 'number', enum: [0] },
        { type: 'number', enum: [1] },
      ],
    }),
  ).toEqual({ type: 'integer', enum: [0, 1] })
  expect(() => structural({ anyOf: [{ type: 'string' }, { type: 'number', enum: [1] }] })).toThrow(/unions of literals/)
})

describe('documentation tables', () => {
  test('replace what stands between their markers and nothing else', () => {
    const text = 'before\n<!-- generated: a -->\nold\n<!-- end: a -->\nafter'
    const once = insertTables(text, { a: 'new' })
    expect(once).toBe('before\n<!-- generated: a -->\n\nnew\n\n<!-- end: a -->\nafter')
    expect(insertTables(once, { a: 'new' })).toBe(once)
  })

  test('have a row for a nested field, with its default', () => {
    expect(documentationTables().spec).toContain('| `spec.limits.idleTimeoutSeconds` | integer | `300` |')
  })

  test('are refused when the text has no place for them', () => {
    expect(() => insertTables('', { spec: '' })).toThrow(/no place for the table "spec"/)
  })
})
