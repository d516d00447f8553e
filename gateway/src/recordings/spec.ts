import { admittedSpecSchema } from '@trtc-recorder/api'
import type { z } from 'zod'
import type { FieldProblem } from '../errors.ts'

export type SpecInput = Record<string, unknown>

/** The spec's own check, the same that the CRD has of what is there already: what means nothing in a grant is left out of what is made. */
const specSchema = admittedSpecSchema

/** What a request says, over what its grant gives every Recording. Lists are replaced whole. */
export function merged(defaults: SpecInput, over: SpecInput): SpecInput {
  const result = { ...defaults }
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue
    const former = result[name]
    result[name] = isMap(former) && isMap(value) ? merged(former, value) : value
  }
  return result
}

const isMap = (value: unknown): value is SpecInput => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is wrong with a spec, each with its path in it: `cos.bucket`, `subscribe.include[0]`. */
export function specProblems(spec: SpecInput): FieldProblem[] {
  const parsed = specSchema.safeParse(spec)
  return parsed.success ? [] : parsed.error.issues.map((issue) => problemOf(issue, spec))
}

/** Members that no Recording has: zod leaves them out, and the API server would drop them without a word. */
export function unknownMembers(spec: SpecInput): string[] {
  const parsed = specSchema.safeParse(spec)
  return parsed.success ? missingFrom(parsed.data as SpecInput, spec, '') : []
}

function missingFrom(known: unknown, given: unknown, path: string): string[] {
  if (Array.isArray(given) && Array.isArray(known)) {
    return given.flatMap((item, index) => missingFrom(known[index], item, `${path}[${index}]`))
  }
  if (!isMap(given) || !isMap(known)) return []
  return Object.entries(given).flatMap(([name, value]) => {
    const inner = path === '' ? name : `${path}.${name}`
    return name in known ? missingFrom(known[name], value, inner) : [inner]
  })
}

/** What zod says of a value, for a person. */
export function problemOf(issue: z.core.$ZodIssue, root: unknown): FieldProblem {
  const field = pathOf(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys
    return { field: field === '' ? key : `${field}.${key}`, kind: 'unknown', message: 'is no field of this request' }
  }
  if (field !== '' && valueAt(root, issue.path) === undefined) return { field, kind: 'missing', message: 'must be given' }
  return { field, kind: issue.code === 'invalid_type' ? 'type' : 'range', message: issue.message }
}

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, part) => (typeof value === 'object' && value !== null ? (value as SpecInput)[part as string] : undefined),
    root,
  )

const pathOf = (path: readonly PropertyKey[]) =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
